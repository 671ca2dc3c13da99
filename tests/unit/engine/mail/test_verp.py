import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mail import verp
from engine.mail.verp import Verp
from engine.smtp import address

_ATEXT = "abzAZ09!#$%&'*+-/=?^_`{|}~."
_LOCALS = st.text(_ATEXT, min_size=1, max_size=30) | st.text("abé漢=+", min_size=1, max_size=8)
_DOMAINS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){0,2}", fullmatch=True)


@given(_LOCALS, _DOMAINS, _LOCALS, _DOMAINS)
def test_what_is_encoded_can_be_read_back(local: str, domain: str, name: str, host: str) -> None:
    sender, recipient = f"{local}@{domain}", f"{name}@{host}"
    assert verp.decode(verp.encode(sender, recipient)) == Verp(sender, recipient)


@given(_LOCALS, _DOMAINS, _LOCALS, _DOMAINS)
def test_the_encoded_sender_is_a_mailbox_wherever_the_sender_was_one(
    local: str, domain: str, name: str, host: str
) -> None:
    sender = f"{local}@{domain}"
    assert not address.is_mailbox(sender) or address.is_mailbox(verp.encode(sender, f"{name}@{host}"))


@given(st.text(max_size=60))
def test_reading_never_raises(text: str) -> None:
    verp.decode(text)


@pytest.mark.parametrize(
    ("sender", "recipient", "becomes"),
    [
        ("news@example.com", "jo@customer.test", "news+jo=customer.test@example.com"),
        ("news@example.com", "jo+x@customer.test", "news+jo=2Bx=customer.test@example.com"),
        ("a+b@example.com", '"j o"@customer.test', "a+b+=22j=20o=22=customer.test@example.com"),
        ("", "jo@customer.test", ""),
        ('"a b"@example.com', "jo@customer.test", '"a b"@example.com'),
        ("news@example.com", "jo@[192.0.2.1]", "news@example.com"),
    ],
)
def test_examples(sender: str, recipient: str, becomes: str) -> None:
    assert verp.encode(sender, recipient) == becomes
