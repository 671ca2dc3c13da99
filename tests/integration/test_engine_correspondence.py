"""Signatures, notifications, VERP and reports, through a running engine and real sockets."""

import base64
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import aiosmtplib
import dkim
from answering import answering
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from small_engine import DOMAIN, accounted, engine, mailbox, send, until

from engine.mail.trace import own_trace
from engine.service import Running

SENDER = "news@sender.example"
NOBODY = f"nobody@{DOMAIN}"


def parsed(content: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(content)  # type: ignore[return-value]


def refusing(_peer: str, recipient: str) -> str:
    return "550 5.1.1 no such user here" if recipient == NOBODY else "250 ok"


async def submit(
    run: Running,
    recipient: str,
    content: bytes,
    sender: str = "",
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    """One message with parameters, or from the null sender, which aiosmtplib's `send` does not do."""
    host, port = run.smtp[0]
    async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as client:
        await client.ehlo()
        await client.mail(sender, options=list(mail))
        await client.rcpt(recipient, options=list(rcpt))
        await client.data(content)


async def send_with(run: Running, mail: Sequence[str], rcpt: Sequence[str]) -> None:
    await submit(run, NOBODY, b"Subject: x\r\n\r\nx\r\n", SENDER, mail, rcpt)


async def test_a_refused_recipient_is_told_to_the_sender_with_the_reply_verbatim(tmp_path: Path) -> None:
    async with answering(refusing) as peer, mailbox() as (home, letters):
        async with engine(tmp_path, {DOMAIN: peer.port, "sender.example": home}) as run:
            await send(run, NOBODY, f"good@{DOMAIN}", sender=SENDER)
            await until(lambda: len(letters) == 1 and run.engine.spool.size().messages == 0)
    (letter,) = letters
    assert (letter.sender, letter.recipients) == ("", (SENDER,))
    notice = parsed(letter.content)
    assert notice.get_content_type() == "multipart/report"
    assert notice["Auto-Submitted"] == "auto-replied"
    text, status, header = notice.iter_parts()
    assert "550 5.1.1 no such user here" in text.get_content()
    whole, about = status.get_payload()  # type: ignore[misc]
    assert whole["Reporting-MTA"] == "dns; mta.example"
    assert about["Final-Recipient"] == f"rfc822; {NOBODY}"
    assert (about["Action"], about["Status"]) == ("failed", "5.1.1")
    assert about["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user here"
    assert "127.0.0.1" in about["Remote-MTA"]
    assert header.get_content_type() == "text/rfc822-headers"
    assert "Subject: hello" in header.get_content()


async def test_nobody_is_told_who_did_not_want_to_hear_of_it(tmp_path: Path) -> None:
    async with answering(refusing) as peer, mailbox() as (home, letters):
        async with engine(tmp_path, {DOMAIN: peer.port, "sender.example": home}) as run:
            await send_with(run, [], ["NOTIFY=NEVER"])
            await submit(run, NOBODY, b"Subject: x\r\n\r\nx\r\n")
            await until(lambda: len(peer.asked) == 2 and run.engine.spool.size().messages == 0)
            assert run.engine.correspondence.returns.sent == 0
        assert len(accounted(tmp_path, "bounced")) == 2
    assert letters == []


async def test_a_notification_carries_what_the_submitter_gave_for_it(tmp_path: Path) -> None:
    async with answering(refusing) as peer, mailbox() as (home, letters):
        async with engine(tmp_path, {DOMAIN: peer.port, "sender.example": home}) as run:
            await send_with(
                run, ["RET=FULL", "ENVID=QQ+2B31"], ["NOTIFY=FAILURE", "ORCPT=rfc822;old@list.example"]
            )
            await until(lambda: len(letters) == 1)
    _, status, original = parsed(letters[0].content).iter_parts()
    whole, about = status.get_payload()  # type: ignore[misc]
    assert whole["Original-Envelope-Id"] == "QQ+31"
    assert about["Original-Recipient"] == "rfc822; old@list.example"
    assert original.get_content_type() == "message/rfc822"


async def test_a_success_is_told_by_us_where_the_peer_does_not_offer_dsn(tmp_path: Path) -> None:
    async with answering(lambda _peer, _rcpt: "250 ok") as peer, mailbox() as (home, letters):
        async with engine(tmp_path, {DOMAIN: peer.port, "sender.example": home}) as run:
            await send_with(run, [], ["NOTIFY=SUCCESS,FAILURE"])
            await until(lambda: len(letters) == 1 and run.engine.spool.size().messages == 0)
    _, status, _ = parsed(letters[0].content).iter_parts()
    assert status.get_payload()[1]["Action"] == "relayed"  # type: ignore[index]


async def test_a_peer_that_offers_dsn_is_asked_to_tell_itself(tmp_path: Path) -> None:
    async with mailbox() as (port, taken), mailbox() as (home, letters):
        async with engine(tmp_path, {DOMAIN: port, "sender.example": home}) as run:
            await send_with(run, ["ENVID=QQ31"], ["NOTIFY=SUCCESS"])
            await until(lambda: len(taken) == 1 and run.engine.spool.size().messages == 0)
            assert run.engine.correspondence.returns.waiting == 0
    assert taken[0].wishes is not None
    assert (taken[0].wishes.envid, taken[0].wishes.of(0).notify) == ("QQ31", "SUCCESS")
    assert letters == []


async def test_mail_is_signed_with_the_key_of_its_from_domain(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)
    more = {
        "dkim-keys": [{"domain": "sender.example", "selector": "s1", "key-file": str(file)}],
        "domains": {"unsigned.example": {"dkim-sign": False}},
    }
    content = b"From: News <news@mail.sender.example>\r\nSubject: hello  you\r\n\r\nText \r\n\r\n"
    async with (
        mailbox() as (port, taken),
        engine(tmp_path, {DOMAIN: port, "unsigned.example": port}, **more) as run,
    ):
        await send(run, f"c@{DOMAIN}", content=content)
        await until(lambda: len(taken) == 1)
        await send(run, "c@unsigned.example", content=content)
        await until(lambda: len(taken) == 2)
    signed, unsigned = taken
    assert dkim.verify(signed.content, dnsfunc=lambda _name, timeout=5: record)
    assert b"DKIM-Signature" not in unsigned.content


async def test_verp_sends_each_recipient_alone_with_its_own_sender(tmp_path: Path) -> None:
    more = {"domains": {"*": {"verp": True}}}
    async with mailbox() as (port, taken), engine(tmp_path, {DOMAIN: port}, **more) as run:
        await send(run, f"a@{DOMAIN}", f"b@{DOMAIN}", sender=SENDER)
        await until(lambda: len(taken) == 2)
    assert {(m.sender, m.recipients) for m in taken} == {
        (f"news+{name}={DOMAIN}@sender.example", (f"{name}@{DOMAIN}",)) for name in "ab"
    }


REPORTS = {
    "feedback-loop": {"addresses": "fbl@sender.example"},
    "bounce-processor": {"addresses": [SENDER]},
    "relay-from": ["127.0.0.0/8"],
    "virtual-mtas": {"default": {"source-ips": [{"address": "203.0.113.7", "bind": "127.0.0.1"}]}},
}


def arf(original: bytes) -> bytes:
    return (
        b"From: staff@provider.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n"
        b"Source-IP: 198.51.100.99\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        + original
        + b"\r\n--b--\r\n"
    )


def bounce(original: bytes) -> bytes:
    return (
        b"From: MAILER-DAEMON@peer.example\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; peer.example\r\n\r\n"
        b"Final-Recipient: rfc822; inner@peer.example\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        b"Diagnostic-Code: smtp; 552 full\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        + original.partition(b"\r\n\r\n")[0]
        + b"\r\n--b--\r\n"
    )


async def test_a_complaint_counts_once_for_the_source_ip_and_minute_of_its_original(tmp_path: Path) -> None:
    async with mailbox() as (port, taken):
        async with engine(tmp_path, {DOMAIN: port}, **REPORTS) as run:
            await send(run, f"c@{DOMAIN}", sender=SENDER)
            await until(lambda: len(taken) == 1 and run.engine.spool.size().messages == 0)
            before = run.engine.statistics.since(run.engine.started_at)
            for _ in range(2):
                await submit(run, "fbl@sender.example", arf(taken[0].content))
            after = run.engine.statistics.since(run.engine.started_at)
            counters = run.engine.correspondence.intake.counters
        (record,) = accounted(tmp_path, "complaint")
    assert own_trace(taken[0].content) is not None
    assert [(row.minute, str(row.source_ip), row.delivered, row.complaints) for row in after] == [
        (before[0].minute, "203.0.113.7", 1, 1)
    ]
    assert (counters.complaints, counters.repeated, counters.unattributed) == (2, 1, 0)
    assert (record["dlvSourceIp"], record["rcpt"]) == ("203.0.113.7", f"c@{DOMAIN}")
    assert len(taken) == 1, "a report is not relayed"


async def test_a_forged_complaint_counts_against_nobody(tmp_path: Path) -> None:
    forged = (
        b"Received: from x\r\n\tby mta.example with ESMTP id "
        + b"0a" * 12
        + b";\r\n\tnow\r\nSubject: x\r\n\r\n"
    )
    async with engine(tmp_path, {}, **REPORTS) as run:
        await submit(run, "fbl@sender.example", arf(forged))
        assert run.engine.statistics.since(run.engine.started_at) == []
        assert run.engine.correspondence.intake.counters.unattributed == 1


async def test_a_bounce_that_comes_later_is_booked_with_its_source_ip(tmp_path: Path) -> None:
    async with mailbox() as (port, taken):
        async with engine(tmp_path, {DOMAIN: port}, **REPORTS, domains={"*": {"verp": True}}) as run:
            await send(run, f"c@{DOMAIN}", sender=SENDER)
            await until(lambda: len(taken) == 1 and run.engine.spool.size().messages == 0)
            await submit(run, taken[0].sender, bounce(taken[0].content))
        (record,) = accounted(tmp_path, "remote-bounce")
    assert (record["rcpt"], record["dsnStatus"]) == (f"c@{DOMAIN}", "5.2.2")
    assert (record["dlvSourceIp"], record["dsnReportingMta"]) == ("203.0.113.7", "peer.example")


async def test_mail_that_is_no_report_goes_to_whom_it_concerns(tmp_path: Path) -> None:
    more = REPORTS | {
        "feedback-loop": {"addresses": "fbl@sender.example", "forward-unparsed-to": f"people@{DOMAIN}"}
    }
    async with mailbox() as (port, taken), engine(tmp_path, {DOMAIN: port}, **more) as run:
        await send(run, "fbl@sender.example", sender="provider@x.example")
        await until(lambda: len(taken) == 1)
        assert run.engine.correspondence.intake.counters.unparsed == 1
    assert taken[0].recipients == (f"people@{DOMAIN}",)


async def test_bounces_of_mail_whose_sender_is_read_here_are_not_mailed_to_ourselves(tmp_path: Path) -> None:
    async with answering(refusing) as peer, engine(tmp_path, {DOMAIN: peer.port}, **REPORTS) as run:
        await send(run, NOBODY, sender=SENDER)
        await until(lambda: run.engine.spool.size().messages == 0)
        assert run.engine.correspondence.returns.sent == 0
