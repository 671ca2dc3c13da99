"""Paths and parameters of MAIL and RCPT."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.smtp.address import (
    MailParameters,
    SyntaxRefused,
    is_mailbox,
    parse_forward_path,
    parse_mail_parameters,
    parse_rcpt_parameters,
    parse_reverse_path,
)

GOOD = [
    "a@b",
    "user@example.com",
    "first.last+tag@sub.example.co.uk",
    "!#$%&'*+-/=?^_`{|}~@example.com",
    "a..b@docomo.example",
    "a.@docomo.example",
    '"quoted local"@example.com',
    '"with \\"quote\\" and @ and >"@example.com',
    '""@example.com',
    "user@[192.0.2.1]",
    "user@[IPv6:2001:db8::1]",
    "user@xn--bcher-kva.example",
    "bücher@bücher.example",
    "用户@例え.example",
    "bounce-" + "x" * 100 + "@example.com",
    "a@" + "b" * 63 + ".example",
]
BAD = [
    "",
    "a",
    "@example.com",
    "a@",
    "a@b@c",
    "a b@example.com",
    "a@exam ple.com",
    "a@-b.example",
    "a@b-.example",
    "a@b..example",
    "a@.example",
    "a@b.",
    "a@b_c",
    "a@" + "b" * 64 + ".example",
    "a@" + ".".join(["b" * 50] * 6),
    '"unclosed@example.com',
    '"a"b@example.com',
    "a@[192.0.2.256]",
    "a@[IPv6:xyz]",
    "a@[]",
    "a@[tag:content]",
    "a>@b",
    "a<@b",
    "a,b@c",
    "a;b@c",
    "a:b@c",
    "a(c)@b",
    "a\\b@c",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_taken_verbatim(text: str) -> None:
    assert parse_forward_path(f"<{text}>") == (text, "")
    assert parse_reverse_path(f"<{text}> SIZE=1") == (text, " SIZE=1")
    assert is_mailbox(text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SyntaxRefused) as recipient:
        parse_forward_path(f"<{text}>")
    assert (recipient.value.code, recipient.value.enhanced) == (501, "5.1.3")
    if text:
        with pytest.raises(SyntaxRefused):
            parse_reverse_path(f"<{text}>")
    assert not is_mailbox(text)


CONTROLS = [chr(c) for c in (*range(32), *range(127, 160), 0x2028, 0x2029)]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: f"U+{ord(c):04X}")
@pytest.mark.parametrize("form", ["a{}b@c", '"a{}b"@c', '"a\\{}b"@c', "a@b{}c", "{}a@b", "a@b{}"])
def test_control_characters_are_refused_everywhere(form: str, control: str) -> None:
    text = form.format(control)
    assert not is_mailbox(text)
    with pytest.raises(SyntaxRefused):
        parse_forward_path(f"<{text}>")


def test_only_a_sender_may_be_null() -> None:
    assert parse_reverse_path("<>") == ("", "")
    assert parse_reverse_path("<> SIZE=5") == ("", " SIZE=5")
    with pytest.raises(SyntaxRefused):
        parse_forward_path("<>")


def test_a_source_route_is_read_and_dropped() -> None:
    assert parse_forward_path("<@one.example,@two.example:user@three.example>") == ("user@three.example", "")


def test_postmaster_needs_no_domain() -> None:
    assert parse_forward_path("<PostMaster>") == ("postmaster", "")


@pytest.mark.parametrize("text", ["a@b", "<a@b", "a@b>", "<a@b>x", " <a@b>", "<a@b>\tSIZE=1", "<<a@b>>"])
def test_a_path_needs_its_brackets_and_nothing_more(text: str) -> None:
    with pytest.raises(SyntaxRefused):
        parse_forward_path(text)


def test_parameters_are_read_whatever_their_case() -> None:
    assert parse_mail_parameters(" size=12 Body=8bitmime SMTPUTF8") == MailParameters(12, True, True)
    assert parse_mail_parameters(" BODY=7BIT ") == MailParameters(None, False, False)
    assert parse_mail_parameters("") == MailParameters()


@pytest.mark.parametrize("text", ["BY=120;R", "FOO", "HOLDFOR=1"])
def test_unknown_parameters_are_refused_as_such(text: str) -> None:
    for parse in (parse_mail_parameters, parse_rcpt_parameters):
        with pytest.raises(SyntaxRefused) as refused:
            parse(f" {text}")
        assert (refused.value.code, refused.value.enhanced) == (555, "5.5.4")


@pytest.mark.parametrize(
    "text",
    [
        "SIZE",
        "SIZE=",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=" + "9" * 21,
        "BODY=BINARYMIME",
        "SIZE=1 SIZE=2",
        "=",
        "A=b=c",
    ],
)
def test_bad_parameters_are_refused(text: str) -> None:
    with pytest.raises(SyntaxRefused) as refused:
        parse_mail_parameters(f" {text}")
    assert (refused.value.code, refused.value.enhanced) == (501, "5.5.4")


@given(st.text(max_size=60))
def test_whatever_passes_is_safe_between_angle_brackets(text: str) -> None:
    if is_mailbox(text):
        assert parse_forward_path(f"<{text}>") == (text, "")
        assert text.isascii() or not any(c in text for c in CONTROLS)
