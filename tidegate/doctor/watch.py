"""The watch process's own door, where there is one: whether anybody answers behind it."""

from collections.abc import Sequence
from typing import Final

import httpx

from core.text import printable
from tidegate.doctor.finding import Finding, Patient, broken, fine
from tidegate.web.settings import UNIX

_CHECK: Final = "watch"
_PATIENCE_SECONDS: Final = 5.0


def watch(patient: Patient) -> Sequence[Finding]:
    """Asks whether it lives; needs no token."""
    web = patient.config.web
    if not web.is_on:
        return [
            fine(_CHECK, "the web monitor is closed, and no other monitor's alerts are taken (web.tokens)")
        ]
    is_socket = web.listen.startswith(UNIX)
    transport = httpx.HTTPTransport(uds=web.listen.removeprefix(UNIX)) if is_socket else None
    base = "http://watch" if is_socket else f"http://{web.listen}"
    try:
        with httpx.Client(
            base_url=base, transport=transport, timeout=_PATIENCE_SECONDS, trust_env=False
        ) as client:
            client.get("/-/healthy").raise_for_status()
    except httpx.HTTPError as error:
        said = f"nobody answers at {web.listen}: {printable(str(error) or type(error).__name__, 160)}"
        return [broken(_CHECK, said, "start it: tidegate run, or tidegate watch")]
    return [fine(_CHECK, f"the web monitor is at {web.listen}; {len(web.tokens)} may sign in or post alerts")]
