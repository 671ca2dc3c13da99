"""Notifications, read back by the standard library's parser and by our own reader of bounces."""

from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.mail import reports
from engine.mail.notification import Action, Author, Original, RecipientReport, compose
from engine.mail.reports import RemoteStatus

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AUTHOR = Author("mta.example.com", "Mail Delivery System")
_TEXT = st.text(max_size=80)
_REPORTS = st.builds(
    RecipientReport,
    st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.test", fullmatch=True),
    st.just(Action.FAILED),
    st.sampled_from(["5.1.1", "5.0.0", "5.4.7"]),
    _TEXT,
    _TEXT,
    st.booleans(),
)


def made(report: RecipientReport, original: Original, author: Author = AUTHOR) -> bytes:
    return compose(author, original, (report,), NOW, "0123abc")


@settings(max_examples=200, deadline=None)
@given(_REPORTS, st.binary(max_size=200), _TEXT)
def test_whatever_a_peer_said_the_notification_is_well_formed(
    report: RecipientReport, header: bytes, name: str
) -> None:
    original = Original(
        "a@example.com", NOW, b"Subject: x\r\n" + header.replace(b"\r", b"").replace(b"\n", b"")
    )
    content = made(report, original, Author("mta.example.com", name))
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    mail = BytesParser(policy=policy.default).parsebytes(content)
    assert [part.get_content_type() for part in mail.iter_parts()] == [  # type: ignore[attr-defined]
        "text/plain", "message/delivery-status", "text/rfc822-headers",
    ]  # fmt: skip
    (status,) = reports.read(content)
    assert isinstance(status, RemoteStatus)
    assert (status.recipient, status.status, status.action) == (report.recipient, report.status, "failed")


def test_an_original_that_contains_the_boundary_of_another_notification_stays_whole() -> None:
    report = RecipientReport("b@x.test", Action.FAILED, "5.1.1", "550 5.1.1 no")
    inner = made(report, Original("a@example.com", NOW, b"Subject: deep\r\n\r\n"))
    outer = compose(AUTHOR, Original("a@example.com", NOW, inner, ret="FULL"), (report,), NOW, "9999")
    mail = BytesParser(policy=policy.default).parsebytes(outer)
    *_, last = mail.iter_parts()  # type: ignore[attr-defined]
    assert last.get_content_type() == "message/rfc822"


def test_a_huge_original_is_not_returned_whole() -> None:
    report = RecipientReport("b@x.test", Action.FAILED, "5.1.1", "550 5.1.1 no")
    content = b"Subject: x\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n" + b"x" * 5_000_000
    assert len(made(report, Original("a@example.com", NOW, content, ret="FULL"))) < 70_000


def test_an_address_beyond_ascii_is_written_as_rfc_6533_says() -> None:
    content = made(
        RecipientReport("jö@x.test", Action.FAILED, "5.1.1", "550 nö"), Original("a@b.test", NOW, b"")
    )
    assert rb"Final-Recipient: utf-8; j\x{F6}@x.test" in content
    assert "550 nö".encode() in content
