"""What is typed at `tidegate init`, read; and what is refused, with what to write instead."""

import pytest

from core.errors import OperatorError
from tidegate.first_run import answers
from tidegate.first_run.answers import HostPort, SndsWay


def test_ips_come_alone_with_their_bind_and_as_networks() -> None:
    found = answers.sources("203.0.113.7, 203.0.113.8=10.0.0.8\n203.0.113.16/31 2001:db8::7")
    assert [(str(one.address), str(one.bind)) for one in found] == [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.8", "10.0.0.8"),
        ("203.0.113.16", "203.0.113.16"),
        ("203.0.113.17", "203.0.113.17"),
        ("2001:db8::7", "2001:db8::7"),
    ]


def test_an_ip_that_is_said_twice_is_one() -> None:
    assert len(answers.sources("203.0.113.7 203.0.113.7")) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no IP is given"),
        ("203.0.113", "is not an IP"),
        ("203.0.113.7=nat", "is not an IP"),
        ("203.0.113.17/30", "has host bits set"),
        ("10.0.0.0/16", "more than 256 addresses"),
        ("10.0.0.0/24 10.0.1.0/24", "512 IPs are too many"),
    ],
)
def test_what_is_no_ip_is_refused(text: str, why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        answers.sources(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1", HostPort("127.0.0.1", 53)),
        ("192.0.2.53:5353", HostPort("192.0.2.53", 5353)),
        ("2001:db8::1", HostPort("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", HostPort("2001:db8::1", 5353)),
        ("System", None),
    ],
)
def test_a_resolver_is_an_address_or_the_systems(text: str, found: HostPort | None) -> None:
    assert answers.resolver(text) == found


@pytest.mark.parametrize("text", ["dns.example.com", "127.0.0.1:0", "127.0.0.1:dns", ""])
def test_what_is_no_resolver_is_refused(text: str) -> None:
    with pytest.raises(OperatorError, match="write it like"):
        answers.resolver(text)


def test_mail_addresses_hosts_and_names_are_read() -> None:
    assert answers.recipients("ops@example.com, ann@example.com") == ("ops@example.com", "ann@example.com")
    assert answers.recipients("  ") == ()
    assert answers.host_port("mail.example.com:587", 25) == HostPort("mail.example.com", 587)
    assert answers.hostname("MTA.Example.com.") == "mta.example.com"
    assert [answers.snds(word) for word in ("yes", "sign-in", "no", "")] == [
        SndsWay.SIGN_IN,
        SndsWay.SIGN_IN,
        SndsWay.NO,
        SndsWay.NO,
    ]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (answers.recipients, "ops"),
        (answers.recipients, "ops@example.com <ann@example.com>"),
        (answers.hostname, "mta_1.example.com"),
        (answers.hostname, "-mta.example.com"),
        (answers.hostname, ""),
        (answers.snds, "perhaps"),
    ],
)
def test_what_makes_no_sense_is_refused(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(OperatorError):
        read(text)
