"""Which IP addresses are public: those that a request to an address of others may be sent to.

``ipaddress`` decides, with the ranges that it counts as global in some versions of Python and that lead elsewhere:
translation and tunnel prefixes with an IPv4 address inside (NAT64, 6to4, Teredo, mapped and compatible, ISATAP).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEVER = tuple(
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
        *("2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
_LOW_32_BITS = tuple(IPv6Network(each) for each in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})  # bits 64 to 95


@dataclass(frozen=True)
class AllowList:
    """Networks and host names that may be reached though they are not public, on any port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "AllowList":
        """Read CIDRs, addresses and host names; raises ValueError for what is neither."""
        networks, hosts = [], set()
        for entry in (each.strip().lower().rstrip(".") for each in entries):
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if not entry or "/" in entry or ":" in entry or " " in entry:
                    raise ValueError(f"{entry!r} is no network such as 10.0.0.0/8 and no host name") from None
                hosts.add(entry)
        return cls(tuple(networks), frozenset(hosts))

    def has(self, host: str, address: str) -> bool:
        """Tell whether a host, or the address it resolved to and those inside it, is listed."""
        if host.lower().rstrip(".") in self.hosts:
            return True
        found = _parsed(address)
        return found is not None and all(self._holds(each) for each in (found, *_embedded(found)))

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def is_public(address: str, allowed: AllowList | None = None) -> bool:
    """Tell whether an address, and the IPv4 address that may be inside it, is public or listed as allowed."""
    found = _parsed(address)
    listed = (allowed or AllowList())._holds  # noqa: SLF001 - of the same module
    return found is not None and all(_global(each) or listed(each) for each in (found, *_embedded(found)))


def _parsed(address: str) -> Address | None:
    try:
        return ip_address(address.partition("%")[0])  # without the zone of a link-local address
    except ValueError:
        return None


def _global(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in _NEVER)


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that a packet to this address may end at."""
    if isinstance(address, IPv4Address):
        return
    if any(address in network for network in _LOW_32_BITS) or int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
