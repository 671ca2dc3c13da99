"""When a crashed program is started again."""

from tidegate.restarts import GiveUp, RestartIn, Restarts, describe


def test_the_whole_schedule_of_a_program_that_crashes_at_once() -> None:
    restarts, now, waits = Restarts(), 0.0, []
    while isinstance(verdict := restarts.after_exit(1, 0.1, now), RestartIn):
        waits.append(verdict.seconds)
        now += verdict.seconds
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert verdict == GiveUp("ended with exit code 1, the 10th time in 10 minutes")


def test_a_program_that_ran_for_a_while_starts_again_at_once_for_ever() -> None:
    restarts = Restarts()
    for n in range(100):
        assert restarts.after_exit(-11, 90, n * 91.0) == RestartIn(1, "killed by SIGSEGV")


def test_a_wrong_configuration_ends_it_at_once() -> None:
    assert Restarts().after_exit(2, 0.2, 0) == GiveUp("ended with exit code 2: its configuration is wrong")


def test_an_exit_is_said_in_words() -> None:
    assert describe(-9) == "killed by SIGKILL"
    assert describe(-200) == "killed by signal 200"
    assert describe(3) == "ended with exit code 3"
