"""IP addresses as this product uses them."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from pydantic import BaseModel, ConfigDict, model_validator

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


class SourceIp(BaseModel):
    """An address mail leaves from: `address` is what the world sees, `bind` what the socket binds to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: IpAddress
    bind: IpAddress

    @model_validator(mode="before")
    @classmethod
    def _bind_defaults_to_address(cls, value: object) -> object:
        if isinstance(value, str | IPv4Address | IPv6Address):
            return {"address": value, "bind": value}
        if isinstance(value, dict) and "address" in value:
            return {"bind": value["address"], **value}
        return value


def contains(networks: Iterable[IpNetwork], address: IpAddress) -> bool:
    """Whether any of the networks holds the address; families never match each other."""
    return any(address.version == net.version and address in net for net in networks)


def reversed_labels(address: IpAddress) -> str:
    """The address as a DNS list wants it (RFC 5782 section 2.1 and 2.4): `7.113.0.203`, or 32 nibbles."""
    if address.version == 4:
        bits = int(address)
        return f"{bits & 255}.{bits >> 8 & 255}.{bits >> 16 & 255}.{bits >> 24}"
    return address.reverse_pointer.removesuffix(".ip6.arpa")


def by_number(address: IpAddress) -> tuple[int, int]:
    """A key to sort by: IPv4 before IPv6, 203.0.113.9 before 203.0.113.10."""
    return address.version, int(address)


@lru_cache(maxsize=16_384)
def parse_ip(text: str) -> IpAddress:
    """Read an address. Raises ValueError with the text in it. A fleet's are read again with every page."""
    return ip_address(text.strip())
