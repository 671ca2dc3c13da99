"""`${NAME}` in values: the environment's variables, so that no secret need stand in the file."""

import re
from collections.abc import Callable, Mapping

from core.errors import ConfigError

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def resolver(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that fills in variables. It raises ConfigError, without a place, for a missing one.

    `$${` stands for a literal `${`.
    """

    def one(match: re.Match[str]) -> str:
        whole, name = match[0], match[1]
        if whole.startswith("$$"):
            return whole[1:]
        if not whole.endswith("}") or not _NAME.match(name):
            raise ConfigError(
                f"{whole[:40]!r} does not name a variable",
                remedy="write ${NAME}, or $${ for the characters themselves",
            )
        if name not in environ:
            raise ConfigError(
                f"the environment variable {name} is not set",
                remedy=f"export {name}, or use a -file key that names a file with the value",
            )
        return environ[name]

    return lambda text: _REFERENCE.sub(one, text) if "${" in text else text
