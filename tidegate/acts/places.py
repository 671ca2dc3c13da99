"""Whether the configuration knows the IP and the provider that an order is about."""

from collections.abc import Collection, Iterable

from core.address import IpAddress, SourceIp
from core.errors import NotFoundError
from core.provider import EVERY, OTHER
from tidegate.config.problems import did_you_mean


def refuse_strangers(
    listed: Iterable[SourceIp], providers: Collection[str], ip: IpAddress | None, provider: str, file: str
) -> None:
    """A typing error must not become an order about nothing. Raises NotFoundError."""
    if ip is not None and not any(source.address == ip for source in listed):
        raise NotFoundError(f"{ip} is in no ip-list of {file}")
    known = {*providers, OTHER, EVERY}
    if provider not in known:
        meant = did_you_mean(provider, known) or f"it knows {', '.join(sorted(known - {EVERY}))}"
        raise NotFoundError(f"{file} knows no provider {provider!r}; {meant}")
