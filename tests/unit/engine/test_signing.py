"""Signing in threads: shared out, given back to whoever asked, one message's trouble its own."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from core.clock import ManualClock
from engine import signing
from engine.mail.dkim import Key
from engine.signing import Signer


@pytest.fixture
def signer() -> Signer:
    key = Key("example.com", "s1", ed25519.Ed25519PrivateKey.generate())
    return Signer({"example.com": (key,)}, ManualClock())


def mail(number: int, domain: str = "example.com") -> bytes:
    return f"From: a@{domain}\r\nSubject: {number}\r\n\r\nBody {number}\r\n".encode()


async def test_a_hundred_messages_at_once_each_come_back_signed_and_whole(signer: Signer) -> None:
    signed = await asyncio.gather(*(signer.signed(mail(number)) for number in range(100)))
    for number, content in enumerate(signed):
        assert content.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
        assert content.endswith(mail(number))
    signer.close()


async def test_mail_of_a_domain_without_a_key_goes_as_it_is(signer: Signer) -> None:
    ours, others = await asyncio.gather(signer.signed(mail(1)), signer.signed(mail(2, "other.test")))
    assert ours.startswith(b"DKIM-Signature:")
    assert others == mail(2, "other.test")
    signer.close()


async def test_somebody_who_goes_away_disturbs_nobody(signer: Signer) -> None:
    tasks = [asyncio.create_task(signer.signed(mail(number))) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [place for place, result in enumerate(done) if isinstance(result, BaseException)] == [3]
    signer.close()


async def test_a_message_that_cannot_be_signed_fails_alone(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = signing.dkim.sign

    def stumble(content: bytes, keys: tuple[Key, ...], at: int) -> bytes:
        if b"Subject: 5\r\n" in content:
            raise ValueError("no")
        return real(content, keys, at)

    monkeypatch.setattr(signing.dkim, "sign", stumble)
    done = await asyncio.gather(
        *(signer.signed(mail(number)) for number in range(10)), return_exceptions=True
    )
    assert [place for place, result in enumerate(done) if isinstance(result, ValueError)] == [5]
    signer.close()
