import base64
import re

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import OperatorError
from engine.mail import canonical
from engine.mail.choices import Algorithm, Form
from engine.mail.dkim import Key, PrivateKey, keys_for, load_private_key, sign
from engine.smtp.data import normalise

RSA = rsa.generate_private_key(65537, 1024)
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


def record(key: PrivateKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        der = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)


DNS = {b"r._domainkey.example.com.": record(RSA), b"e._domainkey.example.com.": record(ED)}


def lookup(name: bytes | str, timeout: int = 5) -> bytes | None:
    return DNS.get(name.encode() if isinstance(name, str) else name)


def verdicts(content: bytes, count: int) -> list[bool]:
    """What dkimpy thinks of each of the signatures on top."""
    return [is_good(content, index) for index in range(count)]


def is_good(content: bytes, index: int) -> bool:
    try:
        good: bool = dkim.DKIM(content).verify(idx=index, dnsfunc=lookup)
    except dkim.ValidationError:
        return False
    return good


def both(header_form: Form = Form.RELAXED, body_form: Form = Form.RELAXED) -> tuple[Key, Key]:
    return (
        Key("example.com", "r", RSA, header_form, body_form),
        Key("example.com", "e", ED, header_form, body_form),
    )


_PIECES = st.sampled_from(
    [
        b"a",
        b" ",
        b"  ",
        b"\t",
        b"\r\n",
        b"\r\n\r\n",
        b" \r\n",
        b"\t\r\n \r\n",
        b".",
        b"\xc3\xa9",
        b"\xff",
        b"=",
        b"word",
    ]
)
_BODIES = st.lists(_PIECES, max_size=40).map(b"".join).map(normalise)
_TEXT = st.lists(
    st.sampled_from(
        [b"x", b" ", b"\t", b"\r\n ", b"\r\n\t", b"\xc3\xbc", b":", b";", b'"', b"word", b"\xff"]
    ),
    max_size=12,
).map(b"".join)
_NAMES = st.sampled_from(
    [b"Subject", b"sUBJECT", b"To", b"Cc", b"X-Other", b"Received", b"List-Id", b"Date", b"Message-ID"]
)
_SPACE = st.sampled_from([b"", b" ", b"  ", b"\t"])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    header = [
        name + b":" + space + text.replace(b"\r\n \r\n", b"\r\n ") + b"\r\n"
        for name, space, text in draw(st.lists(st.tuples(_NAMES, _SPACE, _TEXT), max_size=8))
    ]
    header = [line for line in header if not re.search(rb"\r\n[ \t]+(?=\r\n)", line)]
    place = draw(st.integers(0, len(header)))
    header.insert(place, b"From:" + draw(_SPACE) + b"A <a@example.com>\r\n")
    return b"".join(header) + b"\r\n" + draw(_BODIES)


@settings(max_examples=250, deadline=None)
@given(messages(), st.sampled_from(Form), st.sampled_from(Form))
def test_dkimpy_verifies_both_signatures_of_any_message(
    content: bytes, header_form: Form, body_form: Form
) -> None:
    signed = sign(content, both(header_form, body_form), 1_700_000_000) + content
    assert verdicts(signed, 2) == [True, True]


@settings(max_examples=100, deadline=None)
@given(messages(), st.integers(0, 1 << 30))
def test_a_change_in_the_body_that_is_not_white_space_breaks_the_signature(content: bytes, at: int) -> None:
    signed = sign(content, both(), 1_700_000_000) + content
    assert verdicts(signed + b"more\r\n", 2) == [False, False]


@given(_BODIES, st.integers(1, 7), st.sampled_from(Form))
def test_the_body_hash_does_not_depend_on_where_the_slices_are_cut(
    body: bytes, size: int, form: Form
) -> None:
    whole = canonical.body_hash(body, 0, form)
    usual = canonical._SLICE
    try:
        canonical._SLICE = size  # type: ignore[misc]
        assert canonical.body_hash(body, 0, form) == whole
    finally:
        canonical._SLICE = usual  # type: ignore[misc]


def test_a_second_from_field_breaks_the_signature() -> None:
    content = b"From: a@example.com\r\nSubject: s\r\n\r\nx\r\n"
    signed = sign(content, both(), 1) + content
    assert verdicts(signed, 2) == [True, True]
    forged = signed.replace(b"Subject: s", b"Subject: s\r\nFrom: evil@example.net")
    assert verdicts(forged, 2) == [False, False]


def test_every_instance_of_a_field_is_signed() -> None:
    content = b"From: a@example.com\r\nCc: one@x.test\r\nCc: two@x.test\r\n\r\n"
    field = sign(content, both()[:1], 1).decode()
    assert "h=cc:cc:from:from;" in field


def test_no_line_of_a_signature_is_long() -> None:
    content = b"".join(
        f"{name}: {'x' * 40}\r\n".encode() for name in ("From", "To", "List-Unsubscribe-Post") * 9
    )
    lines = sign(content + b"\r\n", both(), 1).split(b"\r\n")
    assert max(map(len, lines)) <= 100
    assert all(line.startswith((b"\t", b"DKIM-Signature:")) for line in lines if line)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("a@example.com", "example.com"),
        ("A <a@Example.COM>", "example.com"),
        ('"Fooled <x@evil.test>" <a@sub.example.com>', "sub.example.com"),
        ("(x@evil.test) a@example.com", "example.com"),
        ('"a b"@example.com', "example.com"),
        ("<a@bücher.example>", "xn--bcher-kva.example"),
    ],
)
def test_keys_are_chosen_by_the_domain_of_the_from_field(text: str, domain: str) -> None:
    keys = {domain: both()}
    assert keys_for(keys, f"To: z@other.test\r\nFrom: {text}\r\n\r\n".encode()) == both()


def test_a_parents_key_signs_for_its_subdomains_and_the_nearest_wins() -> None:
    near, far = both()
    content = b"From: a@x.news.example.com\r\n\r\n"
    assert keys_for({"example.com": (far,)}, content) == (far,)
    assert keys_for({"example.com": (far,), "news.example.com": (near,)}, content) == (near,)
    assert keys_for({"ample.com": (far,)}, content) == ()


def test_a_message_without_a_from_field_is_signed_by_nobody() -> None:
    assert keys_for({"example.com": both()}, b"Subject: x\r\n\r\nFrom: a@example.com\r\n") == ()


@pytest.mark.parametrize(
    ("text", "algorithm", "says"),
    [
        (b"nothing", Algorithm.AUTO, "no private key in PEM form"),
        (pem(RSA, b"secret"), Algorithm.AUTO, "without a passphrase"),
        (pem(ED), Algorithm.RSA_SHA256, "write algorithm: ed25519-sha256"),
        (pem(RSA), Algorithm.ED25519_SHA256, "write algorithm: rsa-sha256"),
        (pem(ec.generate_private_key(ec.SECP256R1())), Algorithm.AUTO, "RSA and Ed25519"),
    ],
)
def test_a_bad_key_is_refused_with_what_to_do_instead(text: bytes, algorithm: Algorithm, says: str) -> None:
    with pytest.raises(OperatorError, match=re.escape(says)) as told:
        load_private_key(text, algorithm, "engine.dkim-keys: k.pem")
    assert "k.pem" in str(told.value)


def test_good_keys_are_read_by_what_they_hold() -> None:
    assert isinstance(load_private_key(pem(RSA), Algorithm.AUTO, ""), rsa.RSAPrivateKey)
    assert isinstance(load_private_key(pem(ED), Algorithm.ED25519_SHA256, ""), ed25519.Ed25519PrivateKey)
