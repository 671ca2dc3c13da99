"""Reports as providers write them, and as nobody should."""

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.mail import mime, reports
from engine.mail.reports import Complaint, RemoteStatus

TRACE = bytes.fromhex("6743a1b20011223344556677")
ORIGINAL = f"""\
Received: from mta.example.com (mta.example.com [203.0.113.7])
\tby mx.provider.test (8.14) with ESMTP id 12345ABC;
\tMon, 23 Nov 2026 08:00:02 +0000
Received: from app (\x5b10.0.0.5\x5d)
\tby mta.example.com with ESMTP
\t id {TRACE.hex()};
\tMon, 23 Nov 2026 08:00:00 +0000
From: News <news@example.com>
To: jo@customer.test
Subject: Hello
"""


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def multipart(kind: str, *parts: str) -> bytes:
    body = "".join(f"--b0undary\n{part}\n" for part in parts)
    return crlf(
        f"From: feedback@provider.test\nTo: fbl@example.com\nSubject: report\nMIME-Version: 1.0\n"
        f'Content-Type: {kind};\n boundary="b0undary"\n\nThis is MIME.\n{body}--b0undary--\n'
    )


ARF = multipart(
    "multipart/report; report-type=feedback-report",
    "Content-Type: text/plain\n\nThis is an email abuse report.\n",
    "Content-Type: message/feedback-report\n\n"
    "Feedback-Type: abuse\nUser-Agent: Yahoo!-Mail-Feedback/2.0\nVersion: 1\n"
    "Original-Mail-From: <news+x@example.com>\nOriginal-Rcpt-To: <jo@customer.test>\n"
    "Source-IP: 203.0.113.7\nReported-Domain: example.com\nReporting-MTA: dns; mx.provider.test\n",
    f"Content-Type: message/rfc822\nContent-Disposition: inline\n\n{ORIGINAL}\nBody text\n",
)
ARF_HEADER_ONLY = multipart(
    "multipart/report; report-type=feedback-report",
    "Content-Type: text/plain\n\nx\n",
    "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nSource-IP: 203.0.113.7\n",
    f"Content-Type: text/rfc822-headers\n\n{ORIGINAL}X-HmXmrOriginalRecipient: jo@hotmail.test\n",
)
JMRP = crlf(
    "From: staff@hotmail.test\nTo: fbl@example.com\nSubject: complaint about message from 203.0.113.7\n"
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=_x_\n\n"
    f"--_x_\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\n"
    f"X-HmXmrOriginalRecipient: <jo@hotmail.test>\nReturn-Path: <news@example.com>\n{ORIGINAL}\nHello\n--_x_--\n"
)
DSN = multipart(
    "multipart/report; report-type=delivery-status",
    "Content-Type: text/plain\n\nYour message could not be delivered.\n",
    "Content-Type: message/delivery-status\n\n"
    "Reporting-MTA: dns; exchange.customer.test\nOriginal-Envelope-Id: QQ31\n\n"
    "Original-Recipient: rfc822; jo@customer.test\nFinal-Recipient: RFC822; jo.smith@customer.test\n"
    "Action: failed\nStatus: 5.1.1 (unknown user)\nRemote-MTA: dns; inner.customer.test\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such\n\tuser here\n\n"
    "Final-Recipient: rfc822;li@customer.test\nAction: delayed\nStatus: 4.2.2\n",
    f"Content-Type: text/rfc822-headers\n\n{ORIGINAL}",
)


def only_complaint(content: bytes) -> Complaint:
    (found,) = reports.read(content)
    assert isinstance(found, Complaint)
    return found


def test_an_arf_report_is_read() -> None:
    assert only_complaint(ARF) == Complaint(
        format="arf",
        feedback_type="abuse",
        recipients=("jo@customer.test",),
        traces=(TRACE,),
        sender="news+x@example.com",
        source_ip="203.0.113.7",
        user_agent="Yahoo!-Mail-Feedback/2.0",
        reporting_mta="mx.provider.test",
        reported_domain="example.com",
    )


def test_an_arf_report_with_nothing_but_the_originals_header_is_read() -> None:
    found = only_complaint(ARF_HEADER_ONLY)
    assert found.traces == (TRACE,)
    assert found.recipients == ("jo@hotmail.test",)


def test_microsofts_older_form_is_read() -> None:
    found = only_complaint(JMRP)
    assert (found.format, found.recipients, found.traces) == ("jmrp", ("jo@hotmail.test",), (TRACE,))
    assert (found.source_ip, found.sender) == ("203.0.113.7", "news@example.com")


def test_microsofts_older_form_is_read_when_the_attachment_is_base64() -> None:
    head, _, rest = JMRP.partition(b"Content-Disposition: attachment\r\n\r\n")
    inner, _, tail = rest.partition(b"--_x_--")
    coded = base64.encodebytes(inner).replace(b"\n", b"\r\n")
    content = head + b"Content-Transfer-Encoding: base64\r\n\r\n" + coded + b"--_x_--" + tail
    assert only_complaint(content).traces == (TRACE,)


def test_a_bounce_that_comes_later_is_read_for_each_recipient() -> None:
    first, second = reports.read(DSN)
    assert first == RemoteStatus(
        recipient="jo.smith@customer.test",
        action="failed",
        status="5.1.1",
        traces=(TRACE,),
        original_recipient="jo@customer.test",
        diagnostic="smtp; 550 5.1.1 no such user here",
        remote_mta="inner.customer.test",
        reporting_mta="exchange.customer.test",
        envelope_id="QQ31",
    )
    assert isinstance(second, RemoteStatus)
    assert (second.recipient, second.action, second.status) == ("li@customer.test", "delayed", "4.2.2")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"just text",
        crlf("Subject: out of office\nAuto-Submitted: auto-replied\n\nI am away.\n"),
        crlf("Subject: complaint about message from 203.0.113.7\n\nno original attached\n"),
        crlf("Content-Type: multipart/report\n\nno boundary\n"),
        multipart("multipart/report", "Content-Type: message/delivery-status\n\n\n\n"),
    ],
)
def test_what_is_no_report_gives_none(content: bytes) -> None:
    assert reports.read(content) == []


def test_the_reports_own_received_fields_are_no_trace() -> None:
    own = b"Received: from x by y with ESMTP id " + (b"ab" * 12) + b"; today\r\n"
    assert only_complaint(own + ARF).traces == (TRACE,)


_PIECES = st.sampled_from(
    [ARF[:200], DSN[200:700], JMRP, b"--b0undary\r\n", b"--b0undary--", b"\r\n\r\n", b"\x00\xff", b"Content-Type: message/rfc822\r\n\r\n",
     b"Content-Type: multipart/mixed; boundary=b0undary\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n", b"=", b":", b"\n", b"\r"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES | st.binary(max_size=30), max_size=30).map(b"".join))
def test_garbage_never_raises(content: bytes) -> None:
    reports.read(content)
    assert len(mime.parts(content)) <= mime.MAX_PARTS


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
        b"A: b\r\n" * 200_000,
        b"Content-Type: message/feedback-report\r\n\r\n" + b" \t" * 400_000 + b"\r\n" * 50_000,
        b"Content-Type: multipart/x; boundary=b\r\n\r\n--b" + b" " * 900_000 + b"x",
        b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n \t" * 300_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n" + b"\t" * 900_000 + b"x",
        b"X: " + b"\r\n \t" * 300_000,
        b"Subject: " + b"(" * 500_000,
        b"Content-Type: text/plain; boundary" + b" " * 500_000,
        (b"Content-Type: message/feedback-report\r\n\r\n" + b"Original-Rcpt-To: " + b"a" * 3900 + b"\r\n")
        * 200,
        b"From: " + b'"' + rb"\"" * 300_000,
    ],
    ids=range(12),
)
def test_large_hostile_input_is_bounded(content: bytes) -> None:
    began = time.process_time()
    reports.read(content)
    assert time.process_time() - began < 1.0
