"""What a record holds when it is written, and in which words."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.bounce_category import BounceCategory, bounce_category
from engine.accounting.encoding import CsvEncoding, JsonEncoding, guarded
from engine.accounting.records import Record, columns, completed
from engine.accounting.settings import RecordKind

AT = datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)
QUEUED = (AT - timedelta(seconds=65)).timestamp()


def attempt(kind: RecordKind = RecordKind.BOUNCED, **fields: Any) -> Record:
    return Record(
        kind,
        AT,
        {
            "timeQueued": QUEUED,
            "orig": "news@example.com",
            "rcpt": "ann@example.net",
            "dsnStatus": "5.1.1",
            "dsnDiag": "550 5.1.1 no such user",
            "dsnMta": "mx.example.net (192.0.2.1)",
            "dlvSourceIp": "203.0.113.7",
            "id": 33,
            **fields,
        },
    )


def rows(record: Record, *kinds: RecordKind) -> list[dict[str, str]]:
    encoding = CsvEncoding(kinds or (record.kind,))
    text = (encoding.header + encoding.encode([record])).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_bounce_names_the_source_ip_that_powermta_leaves_out() -> None:
    (row,) = rows(attempt())
    assert (row["type"], row["dlvSourceIp"]) == ("b", "203.0.113.7")


def test_every_kind_about_an_attempt_has_a_column_for_the_source_ip() -> None:
    for kind in RecordKind:
        wanted = "rcvSourceIp" if kind is RecordKind.RECEIVED else "dlvSourceIp"
        assert wanted in columns([kind])


def test_csv_speaks_powermta() -> None:
    (row,) = rows(attempt(RecordKind.DEFERRED, dsnDiag="421 4.7.0 [TSS04] deferred", dsnStatus="4.7.0"))
    assert row["timeLogged"] == "2026-11-23 08:00:05+0000"
    assert row["timeQueued"] == "2026-11-23 07:59:00+0000"
    assert row["totalSecondsQueued"] == "65"
    assert row["dsnDiag"] == "smtp;421 4.7.0 [TSS04] deferred"
    assert row["dlvDestinationIp"] == "192.0.2.1"
    assert row["dsnAction"] == "delayed"
    assert row["bounceCat"] == "spam-related"
    assert row["type"] == "t"


def test_the_header_of_a_shared_file_is_the_union_of_its_types() -> None:
    both = columns([RecordKind.DELIVERED, RecordKind.RECEIVED])
    assert set(both) == set(columns([RecordKind.DELIVERED])) | set(columns([RecordKind.RECEIVED]))
    assert len(both) == len(set(both))
    assert both[:2] == ("type", "timeLogged")
    received = Record(RecordKind.RECEIVED, AT, {"orig": "a@b.test", "rcpt": ["x@y.test"]})
    (row,) = rows(received, RecordKind.DELIVERED, RecordKind.RECEIVED)
    assert (row["type"], row["rcpt"], row["dlvSourceIp"]) == ("r", "x@y.test", "")


def test_a_message_for_several_is_one_record_each() -> None:
    record = Record(RecordKind.RECEIVED, AT, {"rcpt": ["a@x.test", "b@x.test"]})
    assert [row["rcpt"] for row in completed(record)] == ["a@x.test", "b@x.test"]


def test_json_keeps_words_and_iso_times() -> None:
    (line,) = JsonEncoding().encode([attempt(dlvTlsCipher=None)]).splitlines()
    row = json.loads(line)
    assert "dlvTlsCipher" not in row
    assert row["type"] == "bounced"
    assert row["timeQueued"] == "2026-11-23T07:59:00+00:00"
    assert row["id"] == "000011"
    assert row["bounceCat"] == "bad-mailbox"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    (row,) = rows(attempt(rcpt=cell, jobId=cell))
    assert row["rcpt"] == row["jobId"] == f"'{cell}"


@given(st.text(), st.text())
def test_csv_reads_back_as_one_row_whatever_strangers_write(reply: str, job: str) -> None:
    found = rows(attempt(dsnDiag=reply, jobId=job))
    assert len(found) == 1
    assert not found[0]["jobId"].startswith(("=", "+", "-", "@"))
    assert found[0]["orig"] == "news@example.com"


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        ("550 5.1.1 no such user", BounceCategory.BAD_MAILBOX),
        ("550 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using Spamhaus", BounceCategory.SPAM_RELATED),
        ("552 5.2.2 mailbox full", BounceCategory.QUOTA_ISSUES),
        ("550 5.2.1 account disabled", BounceCategory.INACTIVE_MAILBOX),
        ("550 5.1.2 nowhere.test does not exist", BounceCategory.BAD_MAILBOX),
        ("556 5.1.10 nowhere.test accepts no mail (null MX)", BounceCategory.BAD_DOMAIN),
        ("554 5.7.1 Relay access denied", BounceCategory.RELAYING_ISSUES),
        ("550 5.7.26 DMARC policy", BounceCategory.POLICY_RELATED),
        ("552 5.3.4 message too large", BounceCategory.CONTENT_RELATED),
        ("554 5.6.0 virus found", BounceCategory.VIRUS_RELATED),
        ("500 5.5.2 syntax error", BounceCategory.PROTOCOL_ERRORS),
        ("451 4.4.2 connection lost", BounceCategory.BAD_CONNECTION),
        ("451 4.4.1 connection refused", BounceCategory.NO_ANSWER_FROM_HOST),
        ("550 5.1.8 sender rejected", BounceCategory.INVALID_SENDER),
        ("450 4.4.7 message expired", BounceCategory.MESSAGE_EXPIRED),
        ("554 5.4.6 in circles", BounceCategory.ROUTING_ERRORS),
        ("554 5.3.5 local problem", BounceCategory.BAD_CONFIGURATION),
        ("554 no", BounceCategory.OTHER),
    ],
)  # fmt: skip
def test_a_reply_has_one_of_powermtas_categories(reply: str, category: BounceCategory) -> None:
    assert bounce_category(reply) is category


def test_a_word_that_is_no_unicode_does_not_hold_up_the_file() -> None:
    lines = JsonEncoding().encode([attempt(orig="half \ud800"), attempt()]).splitlines()
    odd, plain = map(json.loads, lines)
    assert odd == {**plain, "orig": "half \ud800"}
