"""The engine over its control API, as the controller reaches it: there, willing, and with the same clock."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from controller.settings import Mode
from core.errors import EngineUnreachable, OperatorError, PeerError
from core.text import printable
from tidegate.cli.output import read_time
from tidegate.client import DeniedError, EngineClient
from tidegate.doctor.finding import Finding, Patient, broken, fine, unwise

_CHECK: Final = "engine"
_APART: Final = timedelta(seconds=5)


def engine(patient: Patient) -> Sequence[Finding]:
    """Asks what the controller asks, with its token."""
    access = patient.config.controller.engine
    url, token = access.url, access.token.get_secret_value() if access.token else None
    try:
        with EngineClient(url, token) as client:
            status = client.status()
            return [_alive(patient, url, status), *_ready(client)]
    except EngineUnreachable as error:
        return [broken(_CHECK, printable(str(error), 300), "start it: tidegate run, or tidegate engine")]
    except DeniedError as error:
        return [
            broken(
                _CHECK,
                printable(str(error), 300),
                "give controller.engine.token one of engine.control-api.tokens with scope operate",
            )
        ]


def _alive(patient: Patient, url: str, status: dict[str, Any]) -> Finding:
    theirs = read_time(status.get("now"))
    if patient.config.clock.speed == 1 and theirs is not None and abs(theirs - patient.now) > _APART:
        apart = abs(theirs - patient.now).total_seconds()
        return unwise(
            _CHECK,
            f"{url} answers; its clock is {apart:.0f} s from ours",
            "synchronise both machines' clocks",
        )
    mode = patient.config.controller.mode
    meaning = "" if mode is Mode.ENFORCE else f" (the controller only {mode.meaning})"
    return fine(_CHECK, f"{url} answers as {printable(str(status.get('hostname')), 80)}{meaning}")


def _ready(client: EngineClient) -> list[Finding]:
    try:
        warnings = client.ready().get("warnings", [])
    except (PeerError, OperatorError) as error:
        return [broken(_CHECK, printable(str(error), 300), "tidegate show status, and the engine's log")]
    return [unwise(_CHECK, printable(str(said), 300), "see the engine's log") for said in warnings]
