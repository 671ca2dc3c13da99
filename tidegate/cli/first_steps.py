"""The work behind `tidegate init`: a person at the terminal, the resolver tried, the next steps told."""

import asyncio
import secrets
import socket
import sys
from pathlib import Path

import typer

from core.clock import SystemClock
from core.errors import OperatorError
from monitor.collectors.settings import ResolverSettings
from tidegate import spot_check
from tidegate.cli.exit_codes import UsageError
from tidegate.cli.invocation import Invocation
from tidegate.cli.output import emit, emit_json, note
from tidegate.cli.progress import progress
from tidegate.first_run import writing
from tidegate.first_run.answers import Answers, HostPort, SndsWay, WebWay
from tidegate.first_run.config_text import config_text
from tidegate.first_run.interview import Given, Interview, Verdict
from tidegate.web.settings import WebSettings

_TOKEN_BYTES = 32


class _AtTheTerminal:
    """Questions go to standard error, so that standard output stays data."""

    def ask(self, question: str, default: str | None) -> str:
        note(question)
        shown = f" [{default}]" if default else ""
        return str(
            typer.prompt(f" {shown}", default=default or "", show_default=False, prompt_suffix=" ", err=True)
        )

    def agrees(self, question: str) -> bool:
        return typer.confirm(question, default=False, err=True)

    def hear(self, text: str) -> None:
        note(f"  {text}")


def take(asked: Invocation, path: str, given: Given, *, asks: bool, tries: bool) -> None:
    """Ask, write, and say what comes next. Raises OperatorError."""
    target = Path(path)
    writing.refuse_to_overwrite(target)
    secret = writing.token_file(target)
    if given.web != WebWay.NO:
        writing.refuse_to_overwrite(secret)
    person = _AtTheTerminal() if asks and sys.stdin.isatty() else None
    interview = Interview(person, _machine(), _try_resolver if tries else None)
    try:
        answers = interview.hold(given)
    except OperatorError as error:
        raise UsageError(str(error)) from None
    token = secrets.token_urlsafe(_TOKEN_BYTES) if answers.web is WebWay.YES else None
    text = config_text(answers, SystemClock().now().date(), secret.name)
    warnings = writing.write(target, text, token)
    for warning in warnings:
        note(f"warning: {warning}")
    if asked.as_json:
        web = {"url": _url(), "token_file": str(secret)} if token else None
        document = {"file": path, "warnings": list(warnings), "next": _next(path, answers), "web": web}
        emit_json({"schema": "init/v1", **document})
        return
    emit(f"{path} is written: {len(answers.sources)} source IPs, the controller in mode advise. Next:")
    for line in _next(path, answers):
        emit(f"  {line}")
    if token:
        emit(f"While it runs the web monitor is at {_url()}; sign in with the token in {secret} (mode 0600).")


def _url() -> str:
    return f"http://{WebSettings().listen}"


def _next(path: str, answers: Answers) -> list[str]:
    config = "" if path == "config.yaml" else f" --config {path}"
    steps = [f"tidegate doctor{config}"]
    if answers.snds is SndsWay.SIGN_IN:
        steps.append(f"tidegate snds login{config}")
    if answers.recipients:
        steps.append(f"tidegate notify test{config}")
    return [*steps, f"tidegate run{config}"]


def _machine() -> str:
    name = socket.getfqdn()
    return name if "." in name and not name.endswith(".arpa") else "localhost"


def _try_resolver(where: HostPort | None) -> Verdict:
    servers = [str(where)] if where else []
    settings = ResolverSettings.model_validate({"nameservers": servers})
    with progress("trying the resolver"):
        word = asyncio.run(spot_check.resolver_word(settings))
    verdict = Verdict(word.kind is spot_check.ResolverKind.FINE, word.said)
    if not verdict.usable and not sys.stdin.isatty():
        note(f"warning: {word.said}")
    return verdict
