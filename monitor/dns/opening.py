"""Which DNS client is used: our own, or aiodns where the operator prefers it."""

import aiodns

from monitor.collectors.settings import ResolverClient, ResolverSettings
from monitor.dns.resolver import BuiltinResolver, PydnsblResolver
from monitor.resolver import AiodnsResolver, Resolver, open_channel


def open_resolver(settings: ResolverSettings, *, second: bool = False) -> Resolver:
    """A resolver that has cached nothing. Must be called inside the running loop, and closed."""
    if settings.client is ResolverClient.AIODNS:
        return AiodnsResolver(settings, second=second)
    return BuiltinResolver(settings, second=second)


def open_for_pydnsbl(settings: ResolverSettings) -> PydnsblResolver | aiodns.DNSResolver:
    """The same for pydnsbl's checker."""
    return open_channel(settings) if settings.client is ResolverClient.AIODNS else PydnsblResolver(settings)
