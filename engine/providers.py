"""Mailbox providers as seen from their MX names: domains roll up to them by MX, not by name."""

import re
from collections.abc import Iterable, Mapping

from core.provider import OTHER

SHIPPED_PROVIDERS: dict[str, tuple[str, ...]] = {
    "microsoft": ("*.olc.protection.outlook.com",),
    "office365": ("*.mail.protection.outlook.com", "*.mx.microsoft"),
    "google": ("aspmx.l.google.com", "*.aspmx.l.google.com", "*.gmail-smtp-in.l.google.com",
               "gmail-smtp-in.l.google.com", "*.googlemail.com", "smtp.google.com"),
    "yahoo": ("*.yahoodns.net", "mx-aol.mail.gm0.yahoodns.net"),
    "apple": ("mx*.mail.icloud.com",),
    "comcast": ("mx*.comcast.net", "mx*.mxge.comcast.net"),
    "cox": ("cxr.mx.a.cloudfilter.net",),
    "spectrum": ("pkvw-mx.msg.pkvw.co.charter.net",),
    "gmx": ("mx0*.gmx.net", "mx0*.gmx.com", "mx0*.web.de"),
    "t-online": ("mx0*.t-online.de",),
    "orange": ("smtp-in.orange.fr", "smtp-in.wanadoo.fr"),
    "mailru": ("mxs.mail.ru",),
    "yandex": ("mx.yandex.ru", "mx.yandex.net"),
    "qq": ("mx*.qq.com",),
    "netease": ("*.mx.netease.com", "163mx*.mxmail.netease.com"),
    "proofpoint": ("*.pphosted.com", "*.ppe-hosted.com"),
    "mimecast": ("*.mimecast.com",),
    "barracuda": ("*.barracudanetworks.com",),
    "cisco": ("*.iphmx.com",),
}  # fmt: skip
"""Provider to MX patterns. Names from published MX records and `smtp_replies.yaml`; consumer Outlook
(`*.olc.`) and Microsoft 365 tenants are told apart because SNDS speaks about the former alone."""


class ProviderMap:
    """Finds the provider of a set of MX names."""

    def __init__(self, providers: Mapping[str, Iterable[str]]) -> None:
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for name, patterns in providers.items():
            for pattern in patterns:
                self._add(pattern.lower().rstrip("."), name)

    def _add(self, pattern: str, name: str) -> None:
        if "*" in pattern:
            expression = re.escape(pattern).replace(r"\*", ".*")
            self._patterns.append((re.compile(expression + r"\Z"), name))
        else:
            self._exact[pattern] = name

    def provider(self, mx_names: Iterable[str]) -> str:
        """The provider that the first recognised name belongs to; `other` if none is known."""
        for name in mx_names:
            host = name.lower().rstrip(".")
            found = self._exact.get(host) or next((p for rx, p in self._patterns if rx.match(host)), None)
            if found:
                return found
        return OTHER
