"""TLS of connections to the broker: what is trusted, and who we are."""

import ssl

from shared.errors import WrongSetting
from shared.settings import TlsSettings


def context(settings: TlsSettings) -> ssl.SSLContext:
    """Return how to check the broker's certificate, and our own certificate; raises WrongSetting."""
    try:
        made = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("WIREROOM_TLS_CA", error) from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        try:
            made.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("WIREROOM_TLS_CERTIFICATE, WIREROOM_TLS_KEY", error) from None
    if not settings.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _unusable(names: str, error: OSError) -> WrongSetting:
    cause = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return WrongSetting(f"{names}: it cannot be used: {cause}. Name a PEM file, as `wireroom tls make-ca` writes it.")
