"""Secrets: read from the files that `-file` keys name, and found again so that nothing ever shows them."""

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, SecretStr

from core.errors import ConfigError
from tidegate.config import schema
from tidegate.config.caution import Caution
from tidegate.config.yaml_reader import Document, Path

_SUFFIX = "-file"
_LONGEST = 64 * 1024
_READABLE_BY_ALL = 0o004


def read_secret_files(document: Document, model: type[BaseModel]) -> list[Caution]:
    """Replace each `X-file: path` by `X: contents` where the model has a secret X. Returns warnings.

    Paths are relative to the configuration file. One newline at the end is not part of the secret.
    """
    warnings: list[Caution] = []
    for path, value, place in list(schema.places(document.data, (model,))):
        if not isinstance(value, dict):
            continue
        for key in [k for k in value if k.endswith(_SUFFIX)]:
            wanted = key.removesuffix(_SUFFIX)
            if schema.is_secret(schema.below(place, wanted)):
                warnings += _move(document, (*path, key), value, key, wanted)
    return warnings


def _move(document: Document, path: Path, mapping: dict[str, Any], key: str, wanted: str) -> list[Caution]:
    name = mapping.pop(key)
    if name is None:
        return []  # written out as the default
    if wanted in mapping and mapping[wanted] is not None:
        document.refuse(path, f"both {wanted} and {key} are given", "keep one of them")
        return []
    document.lines[(*path[:-1], wanted)] = document.line(path) or 1
    try:
        file, mapping[wanted] = _read(document, name)
    except ConfigError as error:
        document.refuse(path, error.problem, error.remedy)
        document.blind.add((*path[:-1], wanted))
        return []
    if file.stat().st_mode & _READABLE_BY_ALL:
        said = f"{document.file}:{document.line(path)}: {file} can be read by everybody (chmod 640 {file})"
        return [Caution(path[0], said)]
    return []


def _read(document: Document, name: Any) -> tuple[FilePath, str]:
    if not isinstance(name, str) or not name:
        raise ConfigError("not the name of a file", remedy="write the path of a file that holds it")
    file = FilePath(document.file).parent / name
    try:
        size = file.stat().st_size
        text = file.read_text(encoding="utf-8") if size <= _LONGEST else ""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(
            f"{file} cannot be read: {why}", remedy="check the path and who may read it"
        ) from None
    if size > _LONGEST:
        raise ConfigError(f"{file} is too long for a secret", remedy="name a file with the secret alone")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ConfigError(f"{file} is empty", remedy="put the secret into it")
    return file, secret


def raw_secrets(data: Any, model: type[BaseModel]) -> list[str]:
    """Secrets in a file that is not valid yet, so that its error messages do not show them."""
    found = (value for _, value, place in schema.places(data, (model,)) if schema.is_secret(place))
    return [value for value in found if isinstance(value, str)]


def secrets_of(value: Any) -> Iterator[SecretStr]:
    """Every secret inside a valid configuration."""
    if isinstance(value, SecretStr):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from secrets_of(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from secrets_of(one)
