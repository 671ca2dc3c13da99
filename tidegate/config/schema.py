"""What the settings models allow at a place: for suggestions, secrets in files, and the example."""

import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tidegate.config.yaml_reader import Path

Shape = tuple[Any, ...]
"""The types that a place may have, unions taken apart."""


def shape(annotation: Any) -> Shape:
    """Take Annotated, unions and type aliases apart."""
    annotation = getattr(annotation, "__value__", annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return tuple(part for one in get_args(annotation) for part in shape(one))
    return (annotation,)


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def options(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a mapping in the file, as the file spells them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def below(place: Shape, key: str | int) -> Shape:
    """The shape one step further in; empty when the models say nothing about it."""
    return tuple(part for one in place for part in _step(one, key))


def _step(annotation: Any, key: str | int) -> Shape:
    if is_model(annotation):
        info = options(annotation).get(str(key))
        return shape(info.annotation) if info else ()
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return shape(arguments[1])
    if isinstance(key, int) and arguments and origin is not Literal:
        return shape(arguments[0])
    return ()


def at(model: type[BaseModel], path: Path) -> Shape:
    """The shape of a place, from the root model."""
    place: Shape = (model,)
    for key in path:
        place = below(place, key)
    return place


def known_keys(place: Shape) -> list[str]:
    return [key for one in place if is_model(one) for key in options(one)]


def is_secret(place: Shape) -> bool:
    return SecretStr in place


def words(place: Shape) -> list[str]:
    """The words that a place accepts, when it accepts only some."""
    found: list[str] = []
    for one in place:
        origin: Any = get_origin(one)
        if origin is Literal:
            found += [str(word) for word in get_args(one)]
        elif isinstance(one, type) and issubclass(one, Enum):
            found += [str(member.value) for member in one]
    return found


def places(data: Any, place: Shape, path: Path = ()) -> Iterator[tuple[Path, Any, Shape]]:
    """Every value of the file with its shape, outermost first."""
    yield path, data, place
    if isinstance(data, dict):
        for key, value in list(data.items()):
            yield from places(value, below(place, key), (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from places(value, below(place, number), (*path, number))
