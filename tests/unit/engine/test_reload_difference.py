"""What a reload says of two configurations, and which of it holds at once."""

from typing import Any

import pytest

from engine.reload import AT_ONCE, Difference, Outcome, difference, taken
from engine.settings import EngineSettings


def settings(**sections: Any) -> EngineSettings:
    return EngineSettings.model_validate({name.replace("_", "-"): value for name, value in sections.items()})


def said(old: EngineSettings, new: EngineSettings) -> list[str]:
    return [str(change) for change in difference(old, new)]


def vmta(*sources: str, **more: Any) -> dict[str, Any]:
    return {"default": {"source-ips": list(sources), **more}}


def test_equal_settings_do_not_differ() -> None:
    assert difference(settings(), settings()) == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            {"domains": {"a.test": {"max-smtp-out": 20}}},
            {"domains": {"a.test": {"max-smtp-out": 5}}},
            "domains a.test max-smtp-out: 20 → 5",
        ),
        (
            {"domains": {"a.test": {"max-smtp-out": 20}}},
            {"domains": {"a.test": {"max-smtp-out": 20, "max-msg-rate": "100/h"}}},
            "domains a.test max-msg-rate: not set → 100/h",
        ),
        (
            {"virtual_mtas": vmta("203.0.113.7", "203.0.113.8")},
            {"virtual_mtas": vmta("203.0.113.8", "203.0.113.9")},
            "virtual-mtas default source-ips: without 203.0.113.7 → with 203.0.113.9",
        ),
        (
            {"domains": {"a.test": {"retry-after": ["10m"]}}},
            {"domains": {"a.test": {"retry-after": ["10m", "1h"]}}},
            "domains a.test retry-after: as it was → with 1h",
        ),
        ({}, {"hostname": "mta.test"}, "hostname: localhost → mta.test"),
        (
            {"smtp_pattern_lists": {"x": [{"reply": "/a/", "actions": "mode=backoff"}]}},
            {"smtp_pattern_lists": {"x": []}},
            "smtp-pattern-lists x: without /a/ → nothing new",
        ),
    ],
)
def test_a_change_is_a_sentence(before: dict[str, Any], after: dict[str, Any], sentence: str) -> None:
    assert said(settings(**before), settings(**after)) == [sentence]


def test_a_secret_that_changes_is_not_shown() -> None:
    def api(secret: str) -> EngineSettings:
        return settings(control_api={"tokens": [{"name": "ops", "token": secret}]})

    (change,) = difference(api("one-sesame"), api("two-sesame"))
    assert "sesame" not in str(change)
    assert not change.needs_restart


def test_the_summary_counts_what_changed_and_names_what_waits() -> None:
    old = settings(
        domains={"a.test": {"max-smtp-out": 2, "max-msg-rate": "1/s"}, "b.test": {"max-smtp-out": 2}}
    )
    new = settings(
        domains={"a.test": {"max-smtp-out": 3, "max-msg-rate": "2/s"}, "b.test": {"max-smtp-out": 3}},
        listen=["127.0.0.1:2626"],
        spool="elsewhere",
    )
    outcome = Outcome(tuple(difference(old, new)))
    assert outcome.summary == "2 domains changed; a restart is needed for listen, spool"
    assert Outcome(()).summary == "nothing has changed"


def test_what_needs_a_restart_stays_as_it_was() -> None:
    old = settings(virtual_mtas={**vmta("203.0.113.7"), "gone": {"source-ips": ["203.0.113.9"]}})
    new = settings(
        virtual_mtas=vmta("203.0.113.8"),
        listen=["127.0.0.1:2626"],
        control_api={"listen": "127.0.0.1:1", "tokens": [{"name": "new", "token": "x"}]},
    )
    merged = taken(old, new)
    assert merged.listen == old.listen
    assert merged.control_api.listen == old.control_api.listen
    assert merged.control_api.tokens == new.control_api.tokens
    assert set(merged.virtual_mtas) == {"default", "gone"}
    assert merged.virtual_mtas["default"] == new.virtual_mtas["default"]
    later = {change.path[:2] for change in difference(old, new) if change.needs_restart}
    assert later == {("virtual_mtas", "gone"), ("listen",), ("control_api", "listen")}


def test_every_section_is_either_taken_at_once_or_named() -> None:
    """A new section of the settings counts as one that needs a restart until somebody teaches it to reload."""
    assert set(AT_ONCE) <= set(EngineSettings.model_fields)
    for name in set(EngineSettings.model_fields) - set(AT_ONCE):
        change = Difference((name,), "a", "b", name not in AT_ONCE)
        assert change.needs_restart
