"""A small private certificate authority: X.509 with keys on P-256, in PEM files that only their owner can read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.setup.credentials import write_private

CA, CA_KEY = "ca.pem", "ca.key"
_CA_AGE = timedelta(days=3650)
_EARLY = timedelta(minutes=5)  # for machines whose clocks differ


def make(folder: Path) -> bool:
    """Make the authority of a folder, and return whether it had none; the key is what nobody else may have."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / CA).exists() and (folder / CA_KEY).exists():
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Wireroom {datetime.now(UTC):%Y-%m-%d}")
    usage = x509.KeyUsage(**_usages(key_cert_sign=True, crl_sign=True))
    certificate = (
        _builder(name, name, key.public_key(), _CA_AGE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / CA_KEY, _pem(key))
    (folder / CA).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return True


def issue(folder: Path, name: str, hosts: Sequence[str], age: timedelta) -> Path:
    """Write ``name.pem`` with a certificate and its key, and return its path; one of that name is replaced.

    With ``hosts``, names or addresses that clients connect to, it is a server's; without, a client's. A server may be
    a client too, because members of a cluster connect to each other. Raises OSError where the authority is not there.
    """
    authority = x509.load_pem_x509_certificate((folder / CA).read_bytes())
    signer = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - `make` wrote it
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    usage = x509.KeyUsage(**_usages(digital_signature=True))
    builder = (
        _builder(_name(name), authority.subject, key.public_key(), age)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(_identifier_of(authority), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_alternative, hosts))), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    path = folder / f"{name}.pem"
    write_private(path, certificate.public_bytes(serialization.Encoding.PEM).decode() + _pem(key))
    return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, age: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + age)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _identifier_of(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _usages(**named: bool) -> dict[str, bool]:
    """Return every argument that the extension wants; what is not named is not allowed."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return {name: named.get(name, False) for name in names}


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
