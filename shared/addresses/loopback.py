"""Which addresses only this machine reaches."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address; of a name only ``localhost`` counts."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
