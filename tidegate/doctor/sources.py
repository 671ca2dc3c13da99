"""The sources: whether the resolver is one that lists answer, and whether SNDS and Sender Score do."""

from collections.abc import Iterable, Sequence
from typing import Final

from monitor import source_advice
from monitor.collectors.collected import Collected
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.snds import SndsCollector
from monitor.dns.opening import open_resolver
from monitor.resolver import AnswerKind
from monitor.source_advice import Advice, Weight
from tidegate import spot_check
from tidegate.doctor.finding import Finding, Patient, Verdict, broken, fine

_NOBODY: Final = "no-such-name.invalid"
"""RFC 6761 section 6.4: does not exist, anywhere."""
_OWN_RESOLVER: Final = (
    "run a recursing resolver of your own (unbound, knot-resolver) on this machine and write "
    "monitor.resolver.nameservers: [127.0.0.1], or give a Data Query Service key (https://www.spamhaus.com/dqs/)"
)
_VERDICTS: Final = {
    Weight.FINE: Verdict.FINE,
    Weight.UNWISE: Verdict.UNWISE,
    Weight.BROKEN: Verdict.BROKEN,
}


async def resolver(patient: Patient) -> Sequence[Finding]:
    """Spamhaus' test entry, and a name that does not exist."""
    monitor = patient.config.monitor
    if not monitor.dnsbl.enabled and not monitor.sender_score.enabled:
        return [fine("resolver", "no DNS list is asked")]
    channel = open_resolver(monitor.resolver)
    try:
        nobody = await channel.addresses(_NOBODY)
    finally:
        await channel.aclose()
    if nobody.kind is AnswerKind.ADDRESSES:
        said = f"{_NOBODY} has the address {nobody.addresses[0]}: the resolver rewrites answers"
        return [broken("resolver", said, _OWN_RESOLVER)]
    word = await spot_check.resolver_word(monitor.resolver)
    match word.kind:
        case spot_check.ResolverKind.FINE:
            return [fine("resolver", word.said)]
        case spot_check.ResolverKind.SILENT:
            return [Finding("resolver", Verdict.UNKNOWN, word.said, _OWN_RESOLVER)]
        case _:
            return [broken("resolver", word.said, _OWN_RESOLVER)]


async def sender_score(patient: Patient) -> Sequence[Finding]:
    """Asks for the score of one source IP, and for that of the probe where one is given."""
    monitor = patient.config.monitor
    ips = [source.address for source in patient.config.source_ips if source.address.version == 4]
    found: Collected | None = None
    if monitor.sender_score.enabled and ips:
        collector = SenderScoreCollector(monitor.sender_score, monitor.resolver)
        found = await collector.collect(ips[:1], patient.now)
    return _findings(source_advice.sender_score(monitor.sender_score, len(ips), found))


async def snds(patient: Patient) -> Sequence[Finding]:
    """Fetches from every account once, as the monitor does."""
    settings = patient.config.monitor.snds
    found: Collected | None = None
    if settings.enabled:
        collector = SndsCollector(settings)
        try:
            ips = [source.address for source in patient.config.source_ips]
            found = await collector.collect(ips, patient.now)
        finally:
            await collector.aclose()
    return _findings(source_advice.snds(settings, found))


def _findings(advice: Iterable[Advice]) -> list[Finding]:
    return [Finding(one.about, _VERDICTS[one.weight], one.said, one.mend) for one in advice]
