"""A bulletin for any of Apprise's services, where the library is installed."""

from collections.abc import Iterable
from typing import Any

from pydantic import SecretStr

from core.errors import OperatorError
from monitor.notifications.bulletin import Bulletin
from monitor.notifications.channels.slack import word
from monitor.notifications.courier import Postponed
from storage.outbox import ClaimedMail

_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


def library() -> Any:
    """The library. Raises OperatorError where it is not installed."""
    try:
        import apprise  # noqa: PLC0415 - an extra, and a fifth of a second
    except ImportError:
        raise OperatorError("channels of Apprise need its library; pip install 'tidegate[apprise]'") from None
    return apprise


class AppriseCourier:
    """One notice per bulletin to all addresses of a channel."""

    def __init__(self, urls: Iterable[SecretStr]) -> None:
        self._urls = [url.get_secret_value() for url in urls]

    async def carry(self, message: ClaimedMail) -> None:
        bulletin = Bulletin.model_validate_json(message.mime)
        services = library().Apprise()
        known = [services.add(url) for url in self._urls]
        if not all(known):
            raise Postponed("Apprise does not know one of the addresses")
        title, body = text(bulletin)
        kind = "success" if bulletin.is_over else _TYPES[bulletin.severity]
        if not await services.async_notify(body=body, title=title, notify_type=kind, body_format="text"):
            raise Postponed("Apprise could not hand it over")


def text(bulletin: Bulletin) -> tuple[str, str]:
    """Title and body, plain. Pure."""
    lines = [f"{bulletin.verdict} {bulletin.consequence}".strip()]
    lines += [f"{limit.scope}: {limit.before} to {limit.after}" for limit in bulletin.limits]
    lines += [*bulletin.evidence[:5], *bulletin.commands, bulletin.url]
    return f"[{word(bulletin)}] {bulletin.title}", "\n".join(filter(None, lines))
