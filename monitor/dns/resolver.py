"""Our own DNS client in the two shapes that others expect: a Resolver, and what pydnsbl asks."""

from typing import Final

from aiodns import error as aiodns_error

from monitor.collectors.settings import ResolverSettings
from monitor.dns import message, servers
from monitor.dns.client import DnsClient
from monitor.dns.message import Address, MalformedError, Rcode, RecordType, Reply
from monitor.resolver import Answer, AnswerKind, answer_of_records

_NOERROR, _NXDOMAIN = int(Rcode.NOERROR), int(Rcode.NXDOMAIN)
_KINDS: Final[dict[int, AnswerKind]] = {
    Rcode.SERVFAIL: AnswerKind.SERVFAIL,
    Rcode.REFUSED: AnswerKind.REFUSED,
}
_STATUSES: Final[dict[int, int]] = {
    Rcode.SERVFAIL: aiodns_error.ARES_ESERVFAIL,
    Rcode.REFUSED: aiodns_error.ARES_EREFUSED,
    Rcode.NOTIMP: aiodns_error.ARES_ENOTIMP,
}


def open_client(settings: ResolverSettings, *, second: bool = False) -> DnsClient:
    """A client of the configured name servers, or of the machine's. Call it inside the running loop."""
    chosen = settings.second_nameservers if second and settings.second_nameservers else settings.nameservers
    peers = [(server.host, server.port) for server in chosen] or servers.of_this_machine()
    patience = settings.timeout.total_seconds() * settings.tries
    return DnsClient(peers, patience=patience, window=settings.window)


class BuiltinResolver:
    """The Resolver over our own client. It caches nothing."""

    def __init__(self, settings: ResolverSettings, *, second: bool = False) -> None:
        self._client = open_client(settings, second=second)

    async def addresses(self, name: str) -> Answer:
        try:
            found = await self._client.ask(message.question(name, RecordType.A))
            return _answer(found)
        except MalformedError:
            return Answer(AnswerKind.OTHER)
        except OSError:
            return Answer(AnswerKind.TIMEOUT)

    async def texts(self, name: str) -> tuple[str, ...]:
        try:
            found = await self._client.ask(message.question(name, RecordType.TXT))
            return message.texts(found) if found is not None and found.rcode == Rcode.NOERROR else ()
        except (MalformedError, OSError):
            return ()

    async def aclose(self) -> None:
        await self._client.aclose()


class PydnsblResolver:
    """What pydnsbl calls: `query(name, "A")` gives records or raises aiodns' DNSError.

    "No such name" is None: pydnsbl makes that of the error anyway, and it is what most answers say.
    """

    def __init__(self, settings: ResolverSettings) -> None:
        self._client = open_client(settings)

    async def query(self, name: str, _kind: str) -> list[Address] | None:
        """Raises aiodns.error.DNSError; its first argument is c-ares' word for what went wrong."""
        try:
            found = await self._client.ask(message.question(name, RecordType.A))
            if found is not None:
                if found.rcode == _NXDOMAIN:
                    return None
                if found.rcode == _NOERROR:
                    return message.addresses(found)
        except MalformedError as error:
            raise aiodns_error.DNSError(aiodns_error.ARES_EBADRESP, str(error)) from None
        except OSError as error:
            raise aiodns_error.DNSError(aiodns_error.ARES_ETIMEOUT, str(error)) from None
        if found is None:
            raise aiodns_error.DNSError(aiodns_error.ARES_ETIMEOUT, "no answer")
        raise aiodns_error.DNSError(_STATUSES.get(found.rcode, aiodns_error.ARES_EFORMERR), "no address")

    async def close(self) -> None:
        await self._client.aclose()


def _answer(found: Reply | None) -> Answer:
    if found is None:
        return Answer(AnswerKind.TIMEOUT)
    if found.rcode == Rcode.NOERROR:
        return answer_of_records(message.addresses(found))
    if found.rcode == Rcode.NXDOMAIN:
        return Answer(AnswerKind.NXDOMAIN, ttl=message.negative_ttl(found))
    return Answer(_KINDS.get(found.rcode, AnswerKind.OTHER))
