"""Scopes as people type them, and whether an engine knows them."""

from core.address import IpAddress, parse_ip
from core.errors import NotFoundError
from core.lease import Scope
from core.provider import EVERY
from tidegate.cli.exit_codes import UsageError
from tidegate.client import EngineClient
from tidegate.config.problems import did_you_mean


def scope_of(ip: str, provider: str | None) -> Scope:
    """The scope that the words name. Raises OperatorError."""
    try:
        address: IpAddress = parse_ip(ip)
    except ValueError:
        raise UsageError(f"{ip!r} is not an IP address; write it like 203.0.113.7") from None
    return Scope(source_ip=address, provider=provider or EVERY)


def refuse_strangers(client: EngineClient, scope: Scope) -> None:
    """A typing error must not become a limit on nothing. Raises NotFoundError."""
    there = client.scopes().get("scopes", [])
    ips = {str(one.get("source_ip")) for one in there}
    providers = {str(one.get("provider")) for one in there}
    if str(scope.source_ip) not in ips:
        raise NotFoundError(
            f"{scope.source_ip} is no source IP of this engine; it has {', '.join(sorted(ips))}"
        )
    if scope.provider not in providers | {EVERY}:
        meant = did_you_mean(scope.provider, providers) or f"it knows {', '.join(sorted(providers))}"
        raise NotFoundError(f"the engine knows no provider {scope.provider!r}; {meant}")
