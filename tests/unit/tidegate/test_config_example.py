"""config.example.yaml holds every setting with its default, and stays so."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic.fields import FieldInfo

from core.settings import Settings
from tidegate.config import schema
from tidegate.config.example import example
from tidegate.config.load import load
from tidegate.config.model import Config

COMMITTED = Path(__file__).parents[3] / "config.example.yaml"


def inside(annotation: object) -> Iterator[type[Settings]]:
    for one in schema.shape(annotation):
        if isinstance(one, type) and issubclass(one, Settings):
            yield one
        for argument in get_args(one):
            yield from inside(argument)


def every_field(model: type[Settings], seen: set[type[Settings]]) -> Iterator[tuple[str, str, FieldInfo]]:
    if model in seen:
        return
    seen.add(model)
    for key, info in schema.options(model).items():
        yield model.__name__, key, info
        for inner in inside(info.annotation):
            yield from every_field(inner, seen)


FIELDS = list(every_field(Config, set()))


def test_the_committed_example_is_the_generated_one() -> None:
    assert COMMITTED.read_text() == example(Config), "run: tidegate config example > config.example.yaml"


def test_the_example_loads_as_the_defaults() -> None:
    assert load(COMMITTED, environ={}).config == Config()


def test_the_defaults_are_safe() -> None:
    config = Config()
    assert config.controller.mode == "advise"
    assert config.clock.speed == 1
    assert all(listen.startswith("127.") for listen in config.engine.listen)
    assert config.engine.control_api.listen.startswith("unix:")


@pytest.mark.parametrize(("model", "key", "info"), FIELDS, ids=[f"{m}.{k}" for m, k, _ in FIELDS])
def test_every_setting_is_in_the_example_with_its_sentence(model: str, key: str, info: FieldInfo) -> None:
    lines = [line.lstrip(" #>-").replace('"', "") for line in COMMITTED.read_text().splitlines()]
    assert info.description, f"{model}.{key} has no description"
    first_words = " ".join(info.description.split()[:4])
    described = [n for n, line in enumerate(lines) if line.startswith(first_words)]
    after = [lines[n : n + 6] for n in described]
    assert any(line.startswith(f"{key}:") for block in after for line in block)


def test_by_default_the_controller_asks_where_the_engine_listens() -> None:
    config = Config()
    assert config.controller.engine.url == config.engine.control_api.listen
