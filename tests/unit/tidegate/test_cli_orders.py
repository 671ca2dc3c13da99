"""Orders to the controller: what is written down, what is printed, and that each can be taken back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from core.clock import SystemClock
from storage import audit, database, orders
from storage.orders import NewOrder, Order, OrderKind
from tidegate.cli import run


@dataclass
class Desk:
    """A configuration and its database, and the command line in front of them."""

    file: str
    engine: Engine
    capsys: pytest.CaptureFixture[str]

    def type(self, line: str, *more: str) -> int:
        return run([*line.split(), *more, "-c", self.file])

    def said(self) -> str:
        return self.capsys.readouterr().out

    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.said()))

    def standing(self) -> list[Order]:
        with database.reading(self.engine) as session:
            return orders.standing(session, SystemClock().now())

    def audited(self) -> list[tuple[str, str, str]]:
        with database.reading(self.engine) as session:
            return [(e.action, e.subject, e.reason) for e in reversed(audit.entries(session))]

    def guard_asks(self, subject: str = "dnsbl:zen.test") -> int:
        now = SystemClock().now()
        new = NewOrder(
            kind=OrderKind.GUARD, subject=subject, author="controller", reason="named 9 of 20", created_at=now
        )
        with database.session(self.engine) as session:
            return orders.give(session, new).id


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    file = tmp_path / "c.yaml"
    file.write_text(f"database: sqlite:///{tmp_path}/t.db\nip-lists: {{a: [203.0.113.7, 203.0.113.8]}}\n")
    engine = database.open_database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade(engine)
    yield Desk(str(file), engine, capsys)
    engine.dispose()


WHY = ("--reason", "audit 7")


@pytest.mark.parametrize(
    ("line", "kind", "said", "undo"),
    [
        ("hold 203.0.113.7 microsoft --for 2h", "FREEZE", "changes nothing on 203.0.113.7 × microsoft for 2h.", "withdraw 1"),
        ("freeze --for 3h", "FREEZE", "changes nothing on every IP for 3h; what it holds stays held.", "thaw"),
        ("freeze --provider google", "FREEZE", "changes nothing on every IP × google for 2h", "thaw"),
        ("override 203.0.113.7 microsoft --ignore snds-red --for 1d", "OVERRIDE",
         "ignores snds-red about 203.0.113.7 × microsoft for 1d.", "withdraw 1"),
        ("override --everything --ignore dnsbl:zen.test", "OVERRIDE", "ignores dnsbl:zen.test about every IP for 1d.", "withdraw 1"),
        ("set-mode enforce 203.0.113.8", "MODE", "on 203.0.113.8 × all providers the controller does it for 1d.", "withdraw 1"),
        ("kill-switch on", "STOP", "decides, sends and renews nothing.", "kill-switch off"),
    ],
)  # fmt: skip
def test_an_order_is_written_down_with_its_reason_and_the_command_that_takes_it_back(
    desk: Desk, line: str, kind: str, said: str, undo: str
) -> None:
    assert desk.type(line, *WHY) == 0
    out = desk.said()
    assert said in out
    (order,) = desk.standing()
    assert (order.kind.name, order.reason) == (kind, "audit 7")
    assert [(action, reason) for action, _, reason in desk.audited()] == [
        (f"order.{kind.lower()}", "audit 7")
    ]
    assert f'undo  tidegate {undo} --reason "…"' in out
    assert desk.type(f"{undo}", "--reason", "done") == 0
    assert f"Withdrew order 1: {order.kind}" in desk.said()
    assert desk.standing() == []
    assert desk.audited()[-1] == ("order.withdrawn", f"order 1: {kind.lower()}", "done")


@pytest.mark.parametrize(
    "line",
    [
        "hold 203.0.113.7",
        "freeze",
        "override 203.0.113.7 --ignore snds-*",
        "set-mode observe --everything",
        "kill-switch on",
        "approve 1",
        "deny 1",
        "withdraw 1",
    ],
)
def test_a_dry_run_says_what_would_be_and_changes_nothing(desk: Desk, line: str) -> None:
    desk.guard_asks()
    before = desk.standing()
    assert desk.type(line, "--dry-run", *WHY) == 0
    assert desk.said().startswith("Would ")
    assert desk.type(line, "--dry-run", "--json", *WHY) == 0
    assert "would" in desk.document()
    assert (desk.standing(), desk.audited()) == (before, [])


def test_what_the_guard_asks_is_answered_by_approving(desk: Desk) -> None:
    number = desk.guard_asks()
    assert desk.type("show orders") == 0
    shown = desk.said()
    assert "the controller asks: dnsbl:zen.test named 9 of 20" in shown
    assert f'tidegate approve {number} --reason "…"' in shown
    assert desk.type(f"approve {number}", *WHY) == 0
    assert "Order 2: dnsbl:zen.test is believed for 6h." in desk.said()
    assert [(o.kind, o.subject) for o in desk.standing()] == [(OrderKind.APPROVE, "dnsbl:zen.test")]


def test_what_the_guard_asks_is_answered_by_denying(desk: Desk) -> None:
    assert desk.type(f"deny {desk.guard_asks()}", *WHY) == 0
    assert [(o.kind, o.subject) for o in desk.standing()] == [(OrderKind.OVERRIDE, "dnsbl:zen.test")]


def test_denying_that_the_fleet_is_in_trouble_takes_every_slow_source_out(desk: Desk) -> None:
    assert desk.type(f"deny {desk.guard_asks('fleet')}", *WHY) == 0
    assert [o.subject for o in desk.standing()] == ["alert*", "dnsbl*", "sender-score*", "snds*"]


def test_orders_are_listed_with_their_end_and_their_undo(desk: Desk) -> None:
    assert desk.type("show orders") == 0
    assert desk.said() == "No orders: the controller does as it is configured.\n"
    desk.type("hold 203.0.113.7 google", *WHY)
    desk.said()
    assert desk.type("show orders") == 0
    shown = desk.said()
    assert "   1  the controller changes nothing on 203.0.113.7 × google\n" in shown
    assert "reason  audit 7\n" in shown
    assert desk.type("show orders --json") == 0
    document = desk.document()
    assert (document["schema"], document["orders"][0]["kind"]) == ("orders/v1", "freeze")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("hold 203.0.113.9", 4, "203.0.113.9 is in no ip-list"),
        ("hold 203.0.113.7 microsfot", 4, "knows no provider 'microsfot'; did you mean microsoft?"),
        ("override 203.0.113.7 --ignore snds-rde", 2, "--ignore=snds-rde is no signal; did you mean snds-red?"),
        ("override 203.0.113.7 --ignore INC-9", 4, "there is no incident INC-9"),
        ("override 203.0.113.7 --rate 5/h", 2, "to hold a rate write tidegate pin 203.0.113.7 --rate 5/h"),
        ("override --ignore snds-red", 2, "name one IP, or write --everything"),
        ("set-mode enforced --everything", 2, "'enforced' is no mode; did you mean enforce?"),
        ("kill-switch of", 2, "'of' is neither on nor off"),
        ("kill-switch off", 4, "the kill switch is not on"),
        ("thaw", 4, "the fleet is not frozen"),
        ("withdraw 5", 4, "no order 5 stands"),
        ("approve 5", 4, "no order 5 stands"),
        ("freeze --for 0s", 2, "--for must be longer than nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_ordered_is_explained(desk: Desk, line: str, code: int, said: str) -> None:
    assert desk.type(line, *WHY) == code
    assert said in desk.capsys.readouterr().err
    assert desk.standing() == []


def test_only_the_guards_questions_are_answered(desk: Desk) -> None:
    desk.type("hold 203.0.113.7", *WHY)
    assert desk.type("approve 1", *WHY) == 5
    assert "order 1 is a freeze" in desk.capsys.readouterr().err
