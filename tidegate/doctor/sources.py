"""The sources: whether the resolver is one that lists answer, and whether SNDS and Sender Score do."""

from collections.abc import Sequence
from typing import Final

from monitor.collectors.collected import Collected
from monitor.collectors.sender_score import SenderScoreCollector
from monitor.collectors.snds import SndsCollector
from monitor.health import OutcomeKind, SourceOutcome
from monitor.resolver import AiodnsResolver, AnswerKind
from tidegate import spot_check
from tidegate.doctor.finding import Finding, Patient, Verdict, broken, fine, unwise

_NOBODY: Final = "no-such-name.invalid"
"""RFC 6761 section 6.4: does not exist, anywhere."""
_OWN_RESOLVER: Final = (
    "run a recursing resolver of your own (unbound, knot-resolver) on this machine and write "
    "monitor.resolver.nameservers: [127.0.0.1], or give a Data Query Service key (https://www.spamhaus.com/dqs/)"
)
_REGISTER: Final = (
    "register the address that your resolver asks from (not the sending IPs) at my.validity.com: since "
    "2026-02 others get 127.255.255.255"
)


async def resolver(patient: Patient) -> Sequence[Finding]:
    """Spamhaus' test entry, and a name that does not exist."""
    monitor = patient.config.monitor
    if not monitor.dnsbl.enabled and not monitor.sender_score.enabled:
        return [fine("resolver", "no DNS list is asked")]
    channel = AiodnsResolver(monitor.resolver)
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
    """Asks for the score of one source IP."""
    monitor = patient.config.monitor
    ips = [source.address for source in patient.config.source_ips if source.address.version == 4][:1]
    if not monitor.sender_score.enabled or not ips:
        return [fine("sender score", "not asked (monitor.sender-score.enabled)")]
    collector = SenderScoreCollector(monitor.sender_score, monitor.resolver)
    found = await collector.collect(ips, patient.now)
    said = f"{ips[0]}: {found.readings[0].detail}"
    return [_outcome("sender score", outcome, said, _REGISTER) for outcome in found.outcomes]


async def snds(patient: Patient) -> Sequence[Finding]:
    """Fetches from every account once, as the monitor does."""
    settings = patient.config.monitor.snds
    if not settings.enabled:
        return [fine("SNDS", "not asked (monitor.snds.enabled)")]
    collector = SndsCollector(settings)
    try:
        found: Collected = await collector.collect(
            [source.address for source in patient.config.source_ips], patient.now
        )
    finally:
        await collector.aclose()
    mend = "see the account at https://substrate.office.com/ip-domain-management-snds/SNDS"
    return [_outcome("SNDS", outcome, f"{outcome.name} answers", mend) for outcome in found.outcomes]


def _outcome(check: str, outcome: SourceOutcome, said: str, mend: str) -> Finding:
    if outcome.kind is not OutcomeKind.ANSWERED:
        return broken(check, f"{outcome.name}: {outcome.reason}", mend)
    return unwise(check, f"{said}: {outcome.reason}", mend) if outcome.reason else fine(check, said)
