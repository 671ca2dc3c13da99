"""Which of the engine's events somebody wants to see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Self

from core.provider import EVERY
from tidegate.cli.event_words import MISSED, WORDS, Happening, said
from tidegate.cli.exit_codes import UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to show; None and nothing: all."""

    ip: str | None = None
    domain: str | None = None
    provider: str | None = None
    kinds: tuple[str, ...] = ()

    @classmethod
    def typed(cls, ip: str | None, domain: str | None, provider: str | None, kinds: Sequence[str]) -> Self:
        """As somebody typed it. Raises UsageError."""
        if ip is not None:
            try:
                ip = str(ip_address(ip))
            except ValueError:
                raise UsageError(f"--ip {ip!r} is not an address; write it like 203.0.113.7") from None
        for kind in kinds:
            _check_kind(kind)
        return cls(ip, domain and domain.lower(), provider and provider.lower(), tuple(kinds))

    def takes(self, one: Happening) -> bool:
        """Whether to show it. That something was missed is always shown."""
        if one.kind == MISSED:
            return True
        return (
            not (self._is_told_already(one) and "audit" not in self.kinds)
            and (not self.kinds or one.kind in self.kinds or one.kind.partition(".")[0] in self.kinds)
            and (self.ip is None or self._names(one, "source_ip", self.ip))
            and (self.provider is None or self._is_at(one, self.provider))
            and (self.domain is None or _of_domain(one, self.domain))
        )

    def _is_at(self, one: Happening, provider: str) -> bool:
        return one.fields.get("provider") == EVERY or self._names(one, "provider", provider)

    @staticmethod
    def _is_told_already(one: Happening) -> bool:
        """The act that set a limit has an event of its own, with the same reason and more."""
        return one.kind == "audit" and said(one.fields.get("action")).startswith("lease.")

    @staticmethod
    def _names(one: Happening, key: str, word: str) -> bool:
        """An act by hand has no such field: its subject names what it changed."""
        if one.kind == "audit":
            return (
                re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", said(one.fields.get("subject")))
                is not None
            )
        return one.fields.get(key) == word


def _of_domain(one: Happening, domain: str) -> bool:
    named = said(one.fields.get("queue") or one.fields.get("subject"))
    return any(fnmatchcase(name.partition("/")[0], domain) for name in named.split() if "/" in name)


def _check_kind(kind: str) -> None:
    groups = {name.partition(".")[0] for name in WORDS}
    if kind in WORDS or kind in groups:
        return
    from tidegate.config.problems import did_you_mean  # noqa: PLC0415 - only for a mistake

    meant = did_you_mean(kind, {*WORDS, *groups})
    raise UsageError(f"--kind {kind!r} is not known{meant and f' ({meant})'}; there are {', '.join(WORDS)}")
