"""Mail for feedback-loop and bounce addresses: read instead of relayed, and booked where it belongs.

A report counts against a source IP only if it names a trace that we gave (engine.mail.trace): everybody
may send to these addresses, and nobody shall be able to slow our mail down by doing so.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from ipaddress import ip_address

from core.clock import Clock
from core.text import printable
from engine.accounting import Accounting, RecordKind
from engine.mail import reports, verp
from engine.mail.reports import Complaint, RemoteStatus
from engine.mail.settings import BounceProcessorSettings, FeedbackLoopSettings
from engine.sentlog import Sent, SentLog
from engine.statistics import Statistics

log = logging.getLogger(__name__)

_COUNTED = frozenset({"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"})
"""Feedback types (RFC 5965 section 7.3, RFC 6430) that say something bad; `not-spam` does not."""

_IN_THREAD = 20_000
"""Octets from which on a report is read in a thread."""


@dataclass(slots=True)
class IntakeCounters:
    """Since the start. `unattributed` reports named no mail that we know; `repeated` ones counted before."""

    complaints: int = 0
    remote_bounces: int = 0
    unattributed: int = 0
    repeated: int = 0
    unparsed: int = 0


@dataclass(slots=True)
class Intake:
    """Reads reports."""

    feedback: FeedbackLoopSettings
    bounces: BounceProcessorSettings
    sent_log: SentLog | None
    statistics: Statistics
    accounting: Accounting
    clock: Clock
    counters: IntakeCounters = field(default_factory=IntakeCounters)
    _feedback: frozenset[str] = frozenset()
    _bounces: frozenset[str] = frozenset()
    _domains: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._feedback = frozenset(address.lower() for address in self.feedback.addresses)
        self._bounces = frozenset(address.lower() for address in self.bounces.addresses)
        self._domains = frozenset(domain.lower() for domain in self.bounces.domains)

    @property
    def active(self) -> bool:
        """Whether there is any address to read."""
        return bool(self._feedback or self._bounces or self._domains)

    def takes(self, address: str) -> bool:
        """Whether mail for this address is a report."""
        low = address.lower()
        if low in self._feedback or low in self._bounces or low.rpartition("@")[2] in self._domains:
            return True
        if not self._bounces or "+" not in low:
            return False
        plain = verp.decode(address)
        return plain is not None and plain.sender.lower() in self._bounces

    async def take(self, address: str, content: bytes) -> str | None:
        """Book a report that came for this address; who gets it instead if it is none, or None."""
        about = verp.decode(address)
        if len(content) > _IN_THREAD:
            found = await asyncio.to_thread(reports.read, content)
        else:
            found = reports.read(content)
        if not found and about is not None and (notice := reports.plain_bounce(content)):
            found = [RemoteStatus(about.recipient, "failed", "5.0.0", (), diagnostic=notice)]
        for report in found:
            if isinstance(report, Complaint):
                await self._complaint(report)
            else:
                alone = about.recipient if about is not None and len(found) == 1 else ""
                await self._remote_bounce(report, alone or report.original_recipient or report.recipient)
        if found:
            return None
        return self._unparsed(address)

    def _unparsed(self, address: str) -> str | None:
        self.counters.unparsed += 1
        log.info(
            "Mail for a report address is no report",
            extra={"event": "intake.unparsed", "address": printable(address)},
        )
        is_feedback = address.lower() in self._feedback
        return (self.feedback if is_feedback else self.bounces).forward_unparsed_to

    async def _complaint(self, report: Complaint) -> None:
        now = self.clock.now()
        for recipient in report.recipients or ("",):
            match = None
            if self.sent_log is not None:
                match = await self.sent_log.complain(report.traces, recipient, now)
            sent = match.sent if match else None
            self.counters.complaints += 1
            if match is None:
                self.counters.unattributed += 1
            elif match.repeated:
                self.counters.repeated += 1
                continue
            elif report.feedback_type in _COUNTED:
                self._count(match.sent)
            self._book_complaint(report, recipient, sent)

    def _count(self, sent: Sent) -> None:
        self.statistics.complained(ip_address(sent.source), sent.provider, sent.at)

    def _book_complaint(self, report: Complaint, recipient: str, sent: Sent | None) -> None:
        self.accounting.add(
            RecordKind.COMPLAINT,
            self.clock.now(),
            repSourceIp=printable(report.source_ip),
            feedbackType=printable(report.feedback_type),
            format=report.format,
            userAgent=printable(report.user_agent),
            envId=printable(report.envelope_id),
            orig=printable(report.sender) or (sent.sender if sent else ""),
            rcpt=printable(recipient) or (sent.recipient if sent else ""),
            reportingMTA=printable(report.reporting_mta),
            reportedDomain=printable(report.reported_domain),
            **_sent_fields(sent),
        )

    async def _remote_bounce(self, report: RemoteStatus, recipient: str) -> None:
        if report.action != "failed":
            return  # delayed, delivered, relayed, expanded: no bounce
        sent = None
        if self.sent_log is not None:
            sent = await self.sent_log.find(report.traces, recipient, self.clock.now())
        self.counters.remote_bounces += 1
        self.counters.unattributed += sent is None
        self.accounting.add(
            RecordKind.REMOTE_BOUNCE,
            self.clock.now(),
            orig=sent.sender if sent else "",
            rcpt=printable(recipient),
            orcpt=printable(report.original_recipient),
            dsnStatus=printable(report.status),
            dsnDiag=printable(report.diagnostic),
            dsnMta=printable(report.remote_mta),
            dsnReportingMta=printable(report.reporting_mta),
            envId=printable(report.envelope_id),
            srcType="smtp",
            format="rfc3464" if report.reporting_mta or report.traces else "verp",
            **_sent_fields(sent),
        )


def _sent_fields(sent: Sent | None) -> dict[str, object]:
    if sent is None:
        return {"dlvSourceIp": "", "provider": "", "vmta": "", "jobId": ""}
    return {
        "dlvSourceIp": sent.source,
        "provider": sent.provider,
        "vmta": sent.vmta,
        "jobId": sent.job,
        "id": sent.message,
    }
