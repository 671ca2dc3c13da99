"""The demo's small parts: options, console, steps."""

import io
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import EngineUnreachable
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from tidegate.demo.acts import your_turn
from tidegate.demo.console import WIDTH, Console, Tone, folded, wrapped
from tidegate.demo.options import SPEED, Options, parse
from tidegate.demo.stage import names
from tidegate.demo.step import Step, StepFailed
from tidegate.reference.commands import commands

AT = datetime(2026, 11, 23, 14, 20, 7, tzinfo=UTC)


def printed(*, plain: bool = True) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(100.0, plain=plain, out=out), out


def test_no_options_are_the_usual_story() -> None:
    assert parse([]) == Options(headless=False, proof=False, speed=SPEED, seed=1, keep=None)


@pytest.mark.parametrize("speed", ["fast", "1", "1e9"])
def test_a_speed_out_of_range_is_refused_with_the_range(
    speed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--speed", speed])
    assert caught.value.code == 2
    assert "number" in (said := capsys.readouterr().err) or "from 60" in said


def test_a_line_tells_real_and_story_time_and_wraps_under_itself() -> None:
    console, out = printed()
    console.event(112.34, AT, "word " * 40)
    first, second, *_ = out.getvalue().splitlines()
    assert first.startswith("  12.3s  Mon 14:20:07   ✓ word")
    assert second.startswith(" " * 24 + "word")
    assert max(len(line) for line in out.getvalue().splitlines()) <= WIDTH


def test_a_quote_is_cut_in_length_and_width_and_keeps_columns() -> None:
    console, out = printed()
    console.quote("a    b\n" + "x" * 300 + "\n3\n4", most=3)
    lines = out.getvalue().splitlines()
    assert lines[0] == "    │ a    b"
    assert max(len(line) for line in lines) == WIDTH
    assert lines[-1] == "    │ … 4 more lines"


def test_a_card_closes_on_the_right_whatever_its_lines() -> None:
    console, out = printed()
    console.card("What happened", ["short", "long " * 50, ""])
    widths = {len(line) for line in out.getvalue().splitlines() if line}
    assert widths == {WIDTH}


def test_no_colour_leaves_a_pipe() -> None:
    console, out = printed(plain=False)
    console.event(100.0, AT, "x", Tone.FAILED)
    assert "\x1b" not in out.getvalue()


def test_escapes_in_foreign_text_do_not_reach_the_terminal() -> None:
    assert folded("  \x1b[31mred", 40) == ["   [31mred"]
    assert wrapped("a\x1b[31mb", 40) == ["a [31mb"]


def test_names_are_joined_as_people_do() -> None:
    assert [names(()), names(("a",)), names(("a", "b")), names(("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


async def test_a_step_ends_with_its_proof() -> None:
    looks = iter([None, None, "seen"])

    async def look() -> str | None:
        return next(looks)

    assert await Step("mail", "a mail comes", 5, look).observed(SystemClock()) == "seen"


async def test_a_step_that_does_not_happen_fails_by_name_with_the_last_trouble() -> None:
    async def look() -> str | None:
        raise EngineUnreachable("no engine answers")

    with pytest.raises(
        StepFailed, match=r"mail: did not happen within 0\.2 s: a mail comes .no engine answers"
    ):
        await Step("mail", "a mail comes", 0.2, look).observed(SystemClock())


def lease(provider: str, value: str, origin: Origin = Origin.CONTROLLER) -> Lease:
    return Lease(
        key=f"k:{provider}",
        scope=Scope(source_ip=ip_address("203.0.113.7"), provider=provider),
        directive=Directive.SOURCE_IP_MAX_MSG_RATE,
        value=Rate.parse(value),
        origin=origin,
        reason="listed",
        set_by="ann",
        set_at=AT,
        expires_at=AT,
    )


def test_what_becomes_of_limits_is_told() -> None:
    before = [lease("microsoft", "10/h"), lease("yahoo", "10/h")]
    after = [lease("yahoo", "15/h"), lease("google", "20/h", Origin.OPERATOR)]
    assert your_turn.changes(before, after) == [
        "203.0.113.7 × microsoft: 10/h is lifted",
        "203.0.113.7 × google: 20/h by ann: listed",
        "203.0.113.7 × yahoo: 10/h -> 15/h by the controller",
    ]
    assert your_turn.changes(before, before) == []


def test_the_commands_to_try_are_real(tmp_path: Path) -> None:
    names = {one.name for one in commands()}
    for line in your_turn.commands("tidegate", tmp_path / "config.yaml")[1:]:
        words = line.split()
        assert " ".join(words[:2]) in names or " ".join(words[:3]) in names, line
    assert parse(["--try"]).hands_on
