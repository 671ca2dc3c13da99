"""Secrets never reach a log, a page, a mail or an error: they are cut out of any text on its way out."""

import re
from collections.abc import Iterable

from pydantic import SecretStr

MASK = "***"


class Redactor:
    """Cuts known secrets out of texts, those inside DNS names and URLs too."""

    def __init__(self, secrets: Iterable[SecretStr | str] = ()) -> None:
        words = {s.get_secret_value() if isinstance(s, SecretStr) else s for s in secrets}
        # longest first, so that a key that contains another leaves no tail behind
        known = sorted((re.escape(w) for w in words if w), key=len, reverse=True)
        self._pattern = re.compile("|".join(known), re.IGNORECASE) if known else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text
