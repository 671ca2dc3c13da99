"""Recurring work: on the clock, one at a time, and a failure of one leaves the others alone."""

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import ManualClock, ScaledClock, SystemClock
from tidegate.jobs import Jobs, _Cron, _Every, _Once, crontab

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_an_interval_starts_after_its_first_wait_and_keeps_to_its_grid_with_a_little_jitter() -> None:
    trigger = _Every(ManualClock(START), HOUR, timedelta(seconds=5), random.Random(1))
    now, times = START, []
    for _ in range(50):
        times.append(trigger.get_next_fire_time(None, now))
        now = times[-1]
    grid = [START + timedelta(seconds=5) + HOUR * n for n in range(50)]
    assert times[0] == grid[0]
    assert all(due <= time <= due + HOUR / 10 for due, time in zip(grid, times, strict=True))
    assert len({time - due for due, time in zip(grid, times, strict=True)}) > 40


def test_an_interval_that_was_missed_goes_on_at_the_next_place_of_its_grid() -> None:
    trigger = _Every(ManualClock(START), HOUR, timedelta(0), random.Random(1))
    trigger.get_next_fire_time(None, START)
    due = trigger.get_next_fire_time(None, START + timedelta(hours=3, minutes=30))
    assert START + timedelta(hours=4) <= due <= START + timedelta(hours=4, minutes=6)


def test_a_faster_clock_makes_intervals_shorter() -> None:
    trigger = _Every(ScaledClock(600, START), HOUR, timedelta(seconds=60), random.Random(1))
    first = trigger.get_next_fire_time(None, START)
    second = trigger.get_next_fire_time(None, first)
    assert first == START + timedelta(seconds=0.1)
    assert timedelta(seconds=6) <= second - first <= timedelta(seconds=6.6)


def test_one_moment_comes_once() -> None:
    trigger = _Once(ScaledClock(600, START), timedelta(minutes=5))
    assert trigger.get_next_fire_time(None, START) == START + timedelta(seconds=0.5)
    assert trigger.get_next_fire_time(None, START + timedelta(seconds=0.5)) is None


def test_cron_speaks_the_recipients_time_zone_over_the_change_to_summer_time() -> None:
    clock = ManualClock(datetime(2027, 3, 22, 5, 59, tzinfo=UTC))
    trigger = _Cron(clock, "0 7 * * mon", "Europe/Amsterdam")
    first = trigger.get_next_fire_time(None, clock.now())
    assert first == datetime(2027, 3, 22, 6, 0, tzinfo=UTC)
    clock.advance(60)
    second = trigger.get_next_fire_time(first, clock.now())
    assert second == datetime(2027, 3, 29, 5, 0, tzinfo=UTC)


def test_cron_never_names_one_moment_twice_although_the_timer_came_early() -> None:
    clock = ManualClock(datetime(2026, 11, 23, 5, 59, tzinfo=UTC))
    trigger = _Cron(clock, "0 7 * * mon", "Europe/Amsterdam")
    trigger.get_next_fire_time(None, clock.now())
    clock.advance(59.5)
    again = trigger.get_next_fire_time(None, clock.now())
    assert again == datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "weekdays"),
    [
        ("0 7 * * 1", {0}),
        ("0 7 * * 0", {6}),
        ("0 7 * * 7", {6}),
        ("0 7 * * 1-5", set(range(5))),
        ("0 7 * * mon,6", {0, 5}),
    ],
)
def test_weekday_numbers_mean_what_they_mean_in_crontab(expression: str, weekdays: set[int]) -> None:
    trigger, now, found = crontab(expression, "UTC"), START, set()
    for _ in range(14):
        now = trigger.get_next_fire_time(None, now) + timedelta(seconds=1)
        found.add(now.weekday())
    assert found == weekdays


@pytest.mark.parametrize("wrong", ["", "0 7 * *", "61 7 * * *", "0 7 * * someday", "@daily"])
def test_what_is_no_cron_expression_is_explained(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is not a cron expression.*write"):
        crontab(wrong, "UTC")


@pytest.mark.parametrize("wrong", ["Mars/Olympus", "", "../etc/passwd"])
def test_what_is_no_time_zone_is_explained(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        crontab("0 7 * * mon", wrong)


async def test_a_job_that_fails_is_logged_with_its_name_and_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran, thrice = [], asyncio.Event()

    async def well() -> None:
        ran.append("well")
        if len(ran) == 3:
            thrice.set()

    async def ill() -> None:
        raise RuntimeError("no such luck")

    jobs = Jobs(ScaledClock(100, SystemClock().now()))
    jobs.every("well", timedelta(seconds=20), well, first=timedelta(seconds=20))
    jobs.every("ill", timedelta(seconds=20), ill, first=timedelta(0))
    with caplog.at_level(logging.ERROR):
        jobs.start()
        async with asyncio.timeout(10):
            await thrice.wait()
        await jobs.stop()
    assert "The job ill failed" in caplog.text
    assert "well" not in caplog.text


def test_no_clock_is_so_fast_that_a_job_runs_more_than_five_times_a_second() -> None:
    trigger = _Every(ScaledClock(10_000, START), timedelta(seconds=5), timedelta(0), random.Random(1))
    times = [START]
    for _ in range(20):
        times.append(trigger.get_next_fire_time(None, times[-1]))
    assert times[-1] - times[1] >= timedelta(seconds=19 * 0.2)


async def test_a_job_is_never_run_beside_itself() -> None:
    running, most, runs, done = 0, 0, 0, asyncio.Event()

    async def slow() -> None:
        nonlocal running, most, runs
        running += 1
        most, runs = max(most, running), runs + 1
        await asyncio.sleep(0.25)
        running -= 1
        if runs == 3:
            done.set()

    jobs = Jobs(ScaledClock(1_000, SystemClock().now()))
    jobs.every("slow", timedelta(seconds=5), slow, first=timedelta(0))
    jobs.start()
    async with asyncio.timeout(10):
        await done.wait()
    await jobs.stop()
    assert most == 1


async def test_what_runs_is_finished_on_stop_and_what_takes_too_long_is_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said: list[str] = []
    both = asyncio.Event()

    async def short() -> None:
        await both.wait()
        await asyncio.sleep(0.05)
        said.append("finished")

    async def long() -> None:
        both.set()
        await asyncio.Event().wait()

    jobs = Jobs(SystemClock())
    jobs.once("short", timedelta(0), short)
    jobs.once("long", timedelta(0), long)
    jobs.start()
    async with asyncio.timeout(10):
        await both.wait()
        await jobs.stop(grace=0.3)
    assert said == ["finished"]
    assert "The job long was not finished in time" in caplog.text
    assert "Traceback" not in caplog.text
