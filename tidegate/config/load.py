"""From a file to a frozen configuration, or to every mistake in it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigError
from core.secret import Redactor
from tidegate.config import schema, secrets
from tidegate.config.caution import Caution
from tidegate.config.checks import check
from tidegate.config.environment import resolver
from tidegate.config.explain_errors import explain
from tidegate.config.ip_lists import expand
from tidegate.config.model import Config
from tidegate.config.problems import ConfigErrors
from tidegate.config.yaml_reader import MAX_BYTES, Document, Path, read_yaml


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration without mistakes, and what is unwise in it.

    `places` says in which line of the file a setting stands; those that it leaves out are not there.
    """

    config: Config
    redactor: Redactor
    cautions: tuple[Caution, ...] = ()
    places: Mapping[Path, str] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about all that is allowed yet unwise."""
        return tuple(caution.text for caution in self.cautions)


def load(path: str | FilePath, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read a configuration file. Raises ConfigErrors with all mistakes at once."""
    file = FilePath(path)
    return parse(read_file(file), str(file), os.environ if environ is None else environ)


def read_file(file: FilePath) -> str:
    """The text of a configuration file. Raises ConfigErrors."""
    try:
        if file.stat().st_size > 8 * MAX_BYTES:
            raise ConfigErrors([ConfigError("the file is far too long", file=str(file))])
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigErrors(
            [
                ConfigError(
                    f"the configuration cannot be read: {error.strerror}",
                    remedy="name it with --config or TIDEGATE_CONFIG; `tidegate init` writes a first one",
                    file=str(file),
                )
            ]
        ) from None
    except ValueError:
        raise ConfigErrors([ConfigError("the file is not UTF-8 text", file=str(file))]) from None


def parse(text: str, file: str = "config.yaml", environ: Mapping[str, str] | None = None) -> Loaded:
    """Read a configuration from text; `file` names it in messages and is where relative paths start.

    Raises ConfigErrors.
    """
    document = read_yaml(text, file, resolver(environ or {}))
    if document.data is None:
        document.data = {}
    if not isinstance(document.data, dict):
        document.refuse((), "the file must be a mapping", "begin with a key such as ip-lists:", 1)
        raise ConfigErrors(document.errors)
    cautions = secrets.read_secret_files(document, Config)
    hide = Redactor(secrets.raw_secrets(document.data, Config))
    expand(document)
    sections = validate(document, hide)
    cautions += check(document, sections)
    if document.errors:
        raise ConfigErrors(document.errors)
    config = Config(**sections)
    places = {path: f"{file}:{line}" for path, line in document.lines.items()}
    return Loaded(config, Redactor(secrets.secrets_of(config)), tuple(cautions), places)


def validate(document: Document, hide: Redactor) -> dict[str, Any]:
    """The sections without mistakes by Python name; the mistakes of the others go to the document."""
    try:
        config = Config.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        explain(error, document, Config, hide)
        return _valid_sections(document.data)
    return {name: getattr(config, name) for name in Config.model_fields}


def _valid_sections(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, info in schema.options(Config).items():
        name = key.replace("-", "_")
        try:
            found[name] = (
                TypeAdapter[Any](info.annotation or Any).validate_python(
                    data[key], by_alias=True, by_name=False
                )
                if key in data
                else info.get_default(call_default_factory=True)
            )
        except ValidationError:
            continue
    return found
