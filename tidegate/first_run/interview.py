"""Asks for what the options do not say, tries the resolver, and gathers the answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from core.errors import OperatorError
from tidegate.first_run import answers
from tidegate.first_run.answers import Answers, HostPort

Value = TypeVar("Value")


class Person(Protocol):
    """Whoever answers."""

    def ask(self, question: str, default: str | None) -> str: ...

    def agrees(self, question: str) -> bool: ...

    def hear(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try of the resolver came to."""

    usable: bool
    said: str


@dataclass(frozen=True, slots=True)
class Question(Generic[Value]):
    """One thing to know: the option that says it, what is asked, and how the words are read."""

    option: str
    text: str
    default: str | None
    read: Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say; None where they say nothing."""

    ips: str | None = None
    hostname: str | None = None
    resolver: str | None = None
    mail_to: str | None = None
    mail_host: str | None = None
    mail_from: str | None = None
    snds: str | None = None
    web: str | None = None


_IPS = Question("--ip", "Which IPs does your mail leave from?", None, answers.sources)
_NAME = "Which name shall the engine greet with?"
_RESOLVER = Question(
    "--resolver",
    "Through which resolver are DNS lists asked? (an address, or system)",
    "127.0.0.1",
    answers.resolver,
)
_MAIL_TO = Question("--mail-to", "Who is told by mail? (empty: nobody)", "", answers.recipients)
_MAIL_HOST = Question(
    "--mail-host",
    "Which host takes that mail? Not one whose IPs it is about.",
    "localhost:25",
    lambda text: answers.host_port(text, 25),
)
_SNDS = Question("--snds", "Do you use Microsoft SNDS? (sign-in or no)", "no", answers.snds)
_WEB = Question(
    "--web", "May people look at the web monitor on this machine? (yes or no)", "yes", answers.web
)
_OWN = "Lists answer a recursing resolver of your own, such as unbound on this machine."

Try = Callable[[HostPort | None], Verdict]


@dataclass(frozen=True, slots=True)
class Interview:
    """Asks a person, or takes defaults where there is none."""

    person: Person | None
    machine: str
    """This machine's own name, the default for the greeting."""
    attempt: Try | None
    """Tries a resolver; None: it is taken at its word."""

    def hold(self, given: Given) -> Answers:
        """All answers. Raises OperatorError for an option that makes no sense or is missing."""
        sources = self._know(given.ips, _IPS)
        name = self._know(given.hostname, Question("--hostname", _NAME, self.machine, answers.hostname))
        resolver = self._resolver(given.resolver)
        recipients = self._know(given.mail_to, _MAIL_TO)
        mail_host, sender = HostPort("localhost", 25), f"tidegate@{name}"
        if recipients:
            mail_host = self._know(given.mail_host, _MAIL_HOST)
            asked = Question("--mail-from", "From which address?", sender, answers.mailbox)
            sender = self._know(given.mail_from, asked)
        snds = self._know(given.snds, _SNDS)
        web = self._know(given.web, _WEB)
        return Answers(sources, name, resolver, recipients, mail_host, sender, snds, web)

    def _know(self, given: str | None, question: Question[Value]) -> Value:
        if given is not None:
            try:
                return question.read(given)
            except OperatorError as error:
                raise OperatorError(f"{question.option}: {error}") from None
        if self.person is None:
            if question.default is None:
                raise OperatorError(f"{question.option} is needed where nobody can be asked")
            return question.read(question.default)
        while True:
            try:
                return question.read(self.person.ask(question.text, question.default))
            except OperatorError as error:
                self.person.hear(str(error))

    def _resolver(self, given: str | None) -> HostPort | None:
        while True:
            found = self._know(given, _RESOLVER)
            if self.attempt is None:
                return found
            verdict = self.attempt(found)
            if self.person is None or verdict.usable:
                self._tell(verdict)
                return found
            self.person.hear(f"{verdict.said}. {_OWN}")
            if given is not None or self.person.agrees("Take it all the same? (doctor will say so again)"):
                return found

    def _tell(self, verdict: Verdict) -> None:
        if self.person is not None:
            self.person.hear(verdict.said)
