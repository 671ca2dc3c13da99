"""DNS on the wire: ours against dnspython's reading of the same bytes, and against bytes that mean harm."""

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.dns import message
from monitor.dns.message import Address, MalformedError, Rcode, RecordType, Reply

NAME = "7.113.0.203.zen.example"
ASKED = message.question(NAME, RecordType.A)

labels = st.text(st.sampled_from("abcXYZ0189-_"), min_size=1, max_size=63)
names = st.lists(labels, min_size=1, max_size=6).map(".".join).filter(lambda name: len(name) < 250)


def answering(
    *rrsets: dns.rrset.RRset, name: str = NAME, kind: str = "A", rcode: int = 0, tc: bool = False
) -> bytes:
    reply = dns.message.make_response(dns.message.make_query(name, kind))
    reply.set_rcode(rcode)  # type: ignore[arg-type]
    reply.answer.extend(rrsets)
    if tc:
        reply.flags |= dns.flags.TC
    return reply.to_wire(max_size=65_535)


def read(packet: bytes, asked: bytes = ASKED) -> Reply:
    found = message.reply(packet, asked)
    assert found is not None
    return found


@given(name=names, kind=st.sampled_from([RecordType.A, RecordType.TXT]), identity=st.integers(0, 65_535))
def test_a_query_says_to_dnspython_what_we_meant(name: str, kind: RecordType, identity: int) -> None:
    query = message.query(identity, message.question(name, kind))
    parsed = dns.message.from_wire(query)
    assert parsed.id == identity
    assert parsed.flags & dns.flags.RD
    assert not parsed.flags & dns.flags.QR
    (asked,) = parsed.question
    assert asked.name == dns.name.from_text(name)
    assert asked.rdtype == dns.rdatatype.from_text(kind.name)


@given(text=st.text(max_size=300))
def test_any_text_is_a_question_or_refused_by_name(text: str) -> None:
    try:
        asked = message.question(text, RecordType.A)
    except MalformedError:
        return
    dns.message.from_wire(message.query(1, asked))


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", ".a", f"{'a' * 64}.test", "ä.test", ".".join(["abcdefg"] * 32)]
)
def test_names_that_cannot_be_asked_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        message.question(name, RecordType.A)


def test_the_longest_name_can_be_asked() -> None:
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert dns.message.from_wire(message.query(1, message.question(name, RecordType.A))).question
    with pytest.raises(MalformedError):
        message.question(name + "d", RecordType.A)


@given(
    hosts=st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=20, unique=True),
    ttl=st.integers(0, 2**31 - 1),
)
def test_addresses_are_what_dnspython_put_there(hosts: list[str], ttl: int) -> None:
    packet = answering(dns.rrset.from_text(f"{NAME}.", ttl, "IN", "A", *hosts))
    assert sorted(message.addresses(read(packet))) == sorted(Address(host, ttl) for host in hosts)


@given(
    strings=st.lists(st.text(st.sampled_from("abc äß"), max_size=60), min_size=1, max_size=6),
)
def test_texts_are_what_dnspython_put_there(strings: list[str]) -> None:
    quoted = " ".join('"' + "".join(f"\\{b:03}" for b in s.encode()) + '"' for s in strings)
    asked = message.question(NAME, RecordType.TXT)
    packet = answering(dns.rrset.from_text(f"{NAME}.", 60, "IN", "TXT", quoted), kind="TXT")
    assert message.texts(read(packet, asked)) == ("".join(strings),)


def test_aliases_are_followed_and_strangers_left_out() -> None:
    packet = answering(
        dns.rrset.from_text(f"{NAME}.", 60, "IN", "CNAME", "b.test."),
        dns.rrset.from_text("c.test.", 60, "IN", "A", "127.0.0.4"),
        dns.rrset.from_text("b.test.", 60, "IN", "CNAME", "c.test."),
        dns.rrset.from_text("stranger.test.", 60, "IN", "A", "127.0.0.9"),
    )
    assert message.addresses(read(packet)) == [Address("127.0.0.4", 60)]


def test_aliases_in_a_circle_end() -> None:
    packet = answering(
        dns.rrset.from_text(f"{NAME}.", 60, "IN", "CNAME", "b.test."),
        dns.rrset.from_text("b.test.", 60, "IN", "CNAME", f"{NAME}."),
    )
    assert message.addresses(read(packet)) == []


def test_no_such_name_says_how_long_it_holds() -> None:
    reply = dns.message.make_response(dns.message.make_query(NAME, "A"))
    reply.set_rcode(dns.rcode.NXDOMAIN)
    soa = dns.rrset.from_text("zen.example.", 900, "IN", "SOA", "ns.test. root.test. 1 2 3 4 150")
    reply.authority.append(soa)
    found = read(reply.to_wire())
    assert found.rcode == Rcode.NXDOMAIN
    assert message.negative_ttl(found) == 150
    reply.authority[0] = dns.rrset.from_text(
        "zen.example.", 60, "IN", "SOA", "ns.test. root.test. 1 2 3 4 150"
    )
    assert message.negative_ttl(read(reply.to_wire())) == 60
    reply.authority.clear()
    assert message.negative_ttl(read(reply.to_wire())) is None


def test_a_name_in_another_case_is_the_same_name() -> None:
    packet = answering(dns.rrset.from_text(f"{NAME.upper()}.", 60, "IN", "A", "127.0.0.2"), name=NAME.upper())
    assert message.addresses(read(packet)) == [Address("127.0.0.2", 60)]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0" * 11,
        message.query(7, ASKED),
        answering(name="8.113.0.203.zen.example"),
        answering(kind="TXT"),
        answering()[:20],
    ],
    ids=["empty", "short", "a query", "another name", "another type", "cut off"],
)
def test_what_answers_another_question_is_no_reply(packet: bytes) -> None:
    assert message.reply(packet, ASKED) is None


def test_truncation_is_seen() -> None:
    assert read(answering(tc=True)).truncated
    assert not read(answering()).truncated


def crafted(*records: bytes, counts: tuple[int, int] | None = None) -> Reply:
    answers, authority = counts or (len(records), 0)
    head = message.HEADER.pack(1, 0x8180, 1, answers, authority, 0)
    return read(head + ASKED + b"".join(records))


def record(
    kind: int, data: bytes, ttl: int = 60, owner: bytes = b"\xc0\x0c", length: int | None = None
) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data) if length is None else length) + data


@pytest.mark.parametrize(
    "hostile",
    [
        crafted(record(1, b"\x7f\0\0", length=4)),
        crafted(record(1, b"\x7f\0\0")),
        crafted(record(1, b"\x7f\0\0\2\0")),
        crafted(record(1, b"\x7f\0\0\2", owner=b"\xff\xff")),
        crafted(record(1, b"\x7f\0\0\2", owner=b"\x40")),
        crafted(record(1, b"\x7f\0\0\2", owner=bytes((0xC0, 12 + len(ASKED))))),
        crafted(record(5, bytes((0xC0, 12 + len(ASKED) + 12)))),
        crafted(counts=(3, 0)),
    ],
    ids=["no room", "short", "long", "far pointer", "reserved label", "own tail", "alias to itself", "fewer"],
)
def test_records_that_lie_are_malformed(hostile: Reply) -> None:
    with pytest.raises(MalformedError):
        message.addresses(hostile)


def test_a_pointer_that_points_ahead_is_no_loop() -> None:
    first = 12 + len(ASKED)
    there, back = bytes((0xC0, first + 2)), bytes((0xC0, first))
    with pytest.raises(MalformedError):
        message.addresses(crafted(there + back, counts=(1, 0)))


def test_a_ttl_with_the_first_bit_set_is_zero() -> None:
    assert message.addresses(crafted(record(1, b"\x7f\0\0\2", ttl=0xFFFFFFFF))) == [Address("127.0.0.2", 0)]


def test_ten_thousand_strings_are_cut_short() -> None:
    asked = message.question(NAME, RecordType.TXT)
    many = record(16, b"\x05hello" * 10_000)
    found = read(message.HEADER.pack(1, 0x8180, 1, 1, 0, 0) + asked + many, asked)
    (text,) = message.texts(found)
    assert len(text) == message.MAX_TEXT


def test_ten_thousand_records_are_cut_short() -> None:
    asked = message.question(NAME, RecordType.TXT)
    many = b"".join(record(16, b"\x02hi") for _ in range(4_000))
    found = read(message.HEADER.pack(1, 0x8180, 1, 4_000, 0, 0) + asked + many, asked)
    assert len(message.texts(found)) == message.MAX_RECORDS


@given(
    tail=st.binary(max_size=300), counts=st.tuples(*[st.integers(0, 65_535)] * 3), rcode=st.integers(0, 15)
)
def test_no_bytes_at_all_do_more_than_be_malformed(
    tail: bytes, counts: tuple[int, int, int], rcode: int
) -> None:
    packet = message.HEADER.pack(1, 0x8180 | rcode, 1, *counts) + ASKED + tail
    found = read(packet)
    for reader in (message.addresses, message.texts, message.negative_ttl):
        try:
            reader(found)
        except MalformedError:
            continue


@given(data=st.data())
def test_a_damaged_reply_is_read_as_dnspython_reads_it_or_refused(data: st.DataObject) -> None:
    packet = bytearray(answering(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", "127.0.0.2", "127.0.0.9")))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(12 + len(ASKED), len(packet) - 1))
        packet[place] = data.draw(st.integers(0, 255))
    try:
        ours = {a.host for a in message.addresses(read(bytes(packet)))}
    except MalformedError:
        return
    try:
        theirs = dns.message.from_wire(bytes(packet), ignore_trailing=True, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError):
        return
    answers = [r for r in theirs.answer if r.rdclass == dns.rdataclass.IN]
    chain = {
        str(r.name).lower(): str(r[0].target).lower() for r in answers if r.rdtype == dns.rdatatype.CNAME
    }
    owner = f"{NAME}."
    for _ in range(len(chain)):
        owner = chain.get(owner, owner)
    listed = {str(r[0]) for r in answers if r.rdtype == dns.rdatatype.A and str(r.name).lower() == owner}
    assert ours == listed
