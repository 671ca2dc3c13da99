"""What the engine takes back after a clean stop, a crash and a clock that jumped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import NANOSECONDS, ManualClock
from core.errors import SpoolError
from core.rate import Rate
from engine import persistence
from engine.shaping.limiters import Limiters, Start
from engine.state import Section, StateStore

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def stopped_cleanly(path: Path, at: datetime) -> None:
    """An engine that sent ten at 10/m and stopped."""
    clock, state = ManualClock(at), StateStore(path)
    limiters = persistence.load_limiters(state, clock)
    limiter = limiters.take("k", Rate(10, 60), 0)
    limiter.reserve(limiter.available(0), 0)
    persistence.save_limiters(state, limiters, clock)
    state.close()


def started_again(path: Path, at: datetime) -> Limiters:
    state = StateStore(path)
    try:
        return persistence.load_limiters(state, ManualClock(at))
    finally:
        state.close()


def test_the_first_start_has_its_bursts(tmp_path: Path) -> None:
    assert started_again(tmp_path / "state.db", NOON).start is Start.FRESH


def test_a_clean_stop_is_taken_back_less_the_time_away(tmp_path: Path) -> None:
    stopped_cleanly(tmp_path / "state.db", NOON)
    limiters = started_again(tmp_path / "state.db", NOON + timedelta(seconds=2))
    assert limiters.start is Start.RESTORED
    left = limiters.take("k", Rate(10, 60), 0).ready_at(0)
    assert 3.9 * NANOSECONDS < left < 4.1 * NANOSECONDS


def test_after_a_crash_nothing_is_free(tmp_path: Path) -> None:
    stopped_cleanly(tmp_path / "state.db", NOON)
    assert started_again(tmp_path / "state.db", NOON).start is Start.RESTORED
    # the second run never stopped cleanly
    limiters = started_again(tmp_path / "state.db", NOON + timedelta(days=3))
    assert limiters.start is Start.CRASHED
    assert limiters.take("k", Rate(10, 60), 0).available(0) == 0


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(days=1)])
def test_a_clock_that_went_back_is_treated_as_a_crash(tmp_path: Path, back: timedelta) -> None:
    stopped_cleanly(tmp_path / "state.db", NOON)
    assert started_again(tmp_path / "state.db", NOON - back).start is Start.CRASHED


def test_a_day_away_leaves_no_debt(tmp_path: Path) -> None:
    stopped_cleanly(tmp_path / "state.db", NOON)
    limiters = started_again(tmp_path / "state.db", NOON + timedelta(days=1))
    assert limiters.take("k", Rate(10, 60), 0).available(0) == 1


def test_state_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match=r"engine state .* cannot be opened"):
        StateStore(tmp_path / "no" / "such" / "folder" / "state.db")


def test_a_section_can_be_replaced_and_a_key_dropped(tmp_path: Path) -> None:
    state = StateStore(tmp_path / "state.db")
    state.save(Section.META, {"a": 1, "b": 2})
    state.save(Section.META, {"a": None})
    assert state.load(Section.META) == {"b": 2}
    state.save(Section.META, {"c": 3}, replace=True)
    assert state.load(Section.META) == {"c": 3}
    state.close()
