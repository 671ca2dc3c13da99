"""The questions of `tidegate init`: asked until they are answered, and not at all where nobody is there."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import OperatorError
from lab.ports import free_port
from tidegate.cli import run
from tidegate.config.load import load
from tidegate.first_run.answers import HostPort, SndsWay, WebWay
from tidegate.first_run.interview import Given, Interview, Verdict

FINE = Verdict(usable=True, said="Spamhaus answers its test entry")
REFUSED = Verdict(usable=False, said="Spamhaus refuses it: public resolver")


class Somebody:
    """Answers from a list, and remembers what was said."""

    def __init__(self, *words: str, agrees: bool = False) -> None:
        self.words = iter(words)
        self.will_agree = agrees
        self.questions: list[str] = []
        self.heard: list[str] = []

    def ask(self, question: str, default: str | None) -> str:
        self.questions.append(question)
        return next(self.words) or default or ""

    def agrees(self, question: str) -> bool:
        self.questions.append(question)
        return self.will_agree

    def hear(self, text: str) -> None:
        self.heard.append(text)


def test_everything_is_asked_and_defaults_are_taken() -> None:
    somebody = Somebody("203.0.113.7", "", "", "ops@example.com", "", "", "sign-in", "")
    found = Interview(somebody, "mta.example.com", lambda _: FINE).hold(Given())
    assert found.hostname == "mta.example.com"
    assert found.resolver == HostPort("127.0.0.1", 53)
    assert (found.recipients, found.mail_host) == (("ops@example.com",), HostPort("localhost", 25))
    assert (found.sender, found.snds) == ("tidegate@mta.example.com", SndsWay.SIGN_IN)
    assert found.web is WebWay.YES
    assert somebody.heard == ["Spamhaus answers its test entry"]


def test_a_mistake_is_told_and_asked_again() -> None:
    somebody = Somebody("mine", "203.0.113.7", "", "", "", "", "")
    assert len(Interview(somebody, "mta.example.com", None).hold(Given()).sources) == 1
    assert "'mine' is not an IP" in somebody.heard[0]


def test_a_resolver_that_lists_refuse_is_told_and_asked_for_again() -> None:
    somebody = Somebody("192.0.2.1", "192.0.2.2")
    given = Given(ips="203.0.113.7", hostname="mta.example.com", mail_to="", snds="no", web="no")
    tried: list[HostPort | None] = []

    def attempt(where: HostPort | None) -> Verdict:
        tried.append(where)
        return REFUSED if len(tried) == 1 else FINE

    assert Interview(somebody, "", attempt).hold(given).resolver == HostPort("192.0.2.2", 53)
    assert "Spamhaus refuses it" in somebody.heard[0]
    assert "unbound" in somebody.heard[0]


def test_a_resolver_that_lists_refuse_may_be_taken_all_the_same() -> None:
    somebody = Somebody("system", agrees=True)
    given = Given(ips="203.0.113.7", hostname="mta.example.com", mail_to="", snds="no", web="no")
    assert Interview(somebody, "", lambda _: REFUSED).hold(given).resolver is None


def test_what_options_say_is_not_asked() -> None:
    somebody = Somebody()
    given = Given(
        "203.0.113.7", "m.example", "system", "ops@example.com", "mail.example", "t@example.com", "no", "no"
    )
    Interview(somebody, "", lambda _: FINE).hold(given)
    assert somebody.questions == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Given(), "--ip is needed where nobody can be asked"),
        (Given(ips="mine"), "--ip: 'mine' is not an IP"),
        (Given(ips="203.0.113.7", web="perhaps"), "--web: 'perhaps' is neither yes nor no"),
        (Given(ips="203.0.113.7", resolver="dns"), "--resolver: 'dns' is not an address"),
    ],
)
def test_without_anybody_to_ask_the_option_is_named(given: Given, why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        Interview(None, "mta.example.com", None).hold(given)


def test_by_options_alone_a_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "config.yaml"
    words = ["init", str(target), "--ip", "203.0.113.7", "--hostname", "mta.example.com", "--yes"]
    assert run([*words, "--resolver", f"127.0.0.1:{free_port()}"]) == 0
    caught = capsys.readouterr()
    assert "gave no usable answer" in caught.err
    assert f"tidegate doctor --config {target}" in caught.out
    assert run(["check-config", str(target)]) == 0
    assert load(target).config.engine.hostname == "mta.example.com"
    assert run([*words, "--no-test"]) == 5
    assert run(["init", str(tmp_path / "b.yaml"), "--yes"]) == 2


@pytest.fixture
def quick(tmp_path: Path) -> list[str]:
    """`init` where nothing is asked and tried."""
    return ["init", str(tmp_path / "config.yaml"), "--ip", "203.0.113.7", "--yes", "--no-test"]


def test_the_place_of_the_token_is_told_and_never_the_token(
    tmp_path: Path, quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(quick) == 0
    out, err = capsys.readouterr()
    secret = tmp_path / "config.web-token"
    assert f"at http://127.0.0.1:8026; sign in with the token in {secret} (mode 0600)" in out
    assert len(secret.read_text().strip()) >= 43
    assert secret.read_text().strip() not in out + err
    assert run(["check-config", str(tmp_path / "config.yaml")]) == 0


def test_the_door_stays_shut_where_nobody_may_look(
    tmp_path: Path, quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*quick, "--web", "no"]) == 0
    assert "8026" not in capsys.readouterr().out
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]
    assert not load(tmp_path / "config.yaml").config.web.is_on


def test_a_token_of_before_is_told_before_anything_is_asked(
    tmp_path: Path, quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.web-token").write_text("mine")
    assert run(quick) == 5
    assert "config.web-token is there already" in capsys.readouterr().err
    assert run([*quick, "--web", "no"]) == 0


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    # a shell's background jobs ignore SIGINT, and so would their children
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    start = "from tidegate.cli import main; main()"
    program = [sys.executable, "-c", f"{begin}; {start}", "init", "--no-test"]
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path) as child:
        os.close(theirs)
        seen = b""
        while b"leave from" not in seen:
            seen += os.read(ours, 4096)
        os.write(ours, b"203.0.113.7\n")
        while b"greet with" not in seen:
            seen += os.read(ours, 4096)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
    assert list(tmp_path.iterdir()) == []
