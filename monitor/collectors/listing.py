"""From a zone's verdict about an IP to a reading with the evidence that a person needs."""

from datetime import datetime
from typing import Any

from core.address import IpAddress
from core.reading import Reading, Source
from core.secret import Redactor
from core.text import printable
from monitor.catalogue import Zone
from monitor.collectors.answers import Verdict
from monitor.resolver import Answer


def reading(
    ip: IpAddress, zone: Zone, verdict: Verdict, now: datetime, evidence: dict[str, Any] | None = None
) -> Reading:
    """One zone's answer about one IP; `metric` is the zone's name with `{key}` written out literally."""
    return Reading(
        ip=ip,
        source=Source.DNSBL,
        metric=zone.zone,
        period_start=now,
        period_end=now,
        observed_at=now,
        status=verdict.status,
        quality=verdict.quality,
        detail=verdict.detail,
        evidence=evidence or {},
    )


def evidence(
    zone: Zone, verdict: Verdict, answer: Answer, texts: tuple[str, ...], redact: Redactor
) -> dict[str, Any]:
    """What was answered, what it means, how much it weighs, where to be delisted, when it ends."""
    facts: dict[str, Any] = {"zone": zone.zone, "zone_name": zone.name, "answer": list(answer.addresses)}
    if answer.ttl is not None:
        facts["ttl"] = answer.ttl
    if not verdict.is_listing:
        return facts
    return facts | {
        "codes": {code: zone.codes.get(code, "listed") for code in verdict.codes},
        "severity": str(verdict.severity),
        "tier": verdict.tier,
        "scope": zone.scope,
        "why": zone.why,
        "reason": printable(redact(" ".join(texts))),
        "delist_url": zone.delist_url,
        "lookup_url": zone.lookup_url,
        "expiry": zone.expiry,
    }
