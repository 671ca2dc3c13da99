"""Passwords: compared at constant cost, kept as hashes, and told to nobody."""

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from core.errors import OperatorError
from engine import submitters
from engine.settings import EngineSettings
from engine.submitters import LOCKOUT_FAILURES, Lockouts, Submitter, Submitters, hashed

CANARY = "hunter2-canary"
PEER, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def users(**fields: object) -> Submitters:
    return Submitters([Submitter.model_validate({"name": "ann", **fields})])


@pytest.mark.parametrize("form", ["plain", "hashed", "file", "hash-file"])
def test_a_password_is_right_in_each_form_and_others_are_wrong(form: str, tmp_path: Path) -> None:
    text = CANARY if form in {"plain", "file"} else hashed(CANARY)
    fields: dict[str, object] = {"password": text}
    if "file" in form:
        (tmp_path / "secret").write_text(text + "\n")
        fields = {"password-file": tmp_path / "secret"}
    known = users(**fields)
    assert known.matches("ann", CANARY)
    assert not known.matches("ann", CANARY + " ")
    assert not known.matches("ann", "")
    assert not known.matches("bob", CANARY)
    assert not known.matches("ann", text) or text == CANARY


def test_two_hashes_of_one_password_differ_and_hold_no_trace_of_it() -> None:
    first, second = hashed(CANARY), hashed(CANARY)
    assert first != second
    assert first.startswith("scrypt:16384:8:1:")
    assert CANARY not in first


def test_an_unknown_name_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    known = users(password=CANARY)
    costs: list[tuple[object, ...]] = []
    real = submitters._derived

    def counting(password: str, salt: bytes, *numbers: int) -> bytes:
        costs.append(numbers)
        return real(password, salt, *numbers)

    monkeypatch.setattr(submitters, "_derived", counting)
    known.matches("ann", "wrong")
    known.matches("nobody", "wrong")
    assert len(costs) == 2
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"password": f"scrypt:{CANARY}"},
        {"password": f"scrypt:3:8:1:AAAA:{CANARY}"},
        {"password-file": "/nonexistent/secret"},
    ],
)
def test_what_is_no_password_is_refused_by_user_name_and_never_shown(fields: dict[str, object]) -> None:
    with pytest.raises(OperatorError, match="ann") as refused:
        users(**fields)
    assert CANARY not in str(refused.value)


def test_settings_never_show_a_password() -> None:
    settings = EngineSettings.model_validate({"submitters": [{"name": "ann", "password": CANARY}]})
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert CANARY not in shown


def test_a_peer_that_guesses_is_locked_out_for_a_while_and_no_other() -> None:
    lockouts = Lockouts()
    for second in range(LOCKOUT_FAILURES):
        assert not lockouts.holds(PEER, float(second))
        lockouts.failed(PEER, float(second))
    assert lockouts.holds(PEER, 10.0)
    assert not lockouts.holds(OTHER, 10.0)
    assert not lockouts.holds(PEER, 600.5)  # the first failure is too old by then


def test_a_success_forgives_and_memory_of_guessers_is_bounded() -> None:
    lockouts = Lockouts(failures=1)
    lockouts.failed(PEER, 0.0)
    lockouts.succeeded(PEER)
    assert not lockouts.holds(PEER, 0.0)
    for number in range(12_000):
        lockouts.failed(ip_address(number), 0.0)
    assert len(lockouts._wrong) == 10_000


def test_the_command_makes_a_hash_that_works() -> None:
    ask = f"import getpass, runpy; getpass.getpass = lambda: {CANARY!r}; runpy.run_module('engine.submitters', run_name='__main__')"
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ask], capture_output=True, text=True, check=True
    )
    assert users(password=made.stdout.strip()).matches("ann", CANARY)
