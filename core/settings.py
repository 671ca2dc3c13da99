"""The base of every settings model: frozen, hyphenated keys, unknown keys refused, a sentence for each."""

from pydantic import BaseModel, ConfigDict


def hyphenated(name: str) -> str:
    """`source_ip_max_msg_rate` as PowerMTA writes it: `source-ip-max-msg-rate`."""
    return name.replace("_", "-")


class Settings(BaseModel):
    """One mapping of the configuration file.

    Every field carries a description: it is the sentence that `config.example.yaml` prints above it.
    Code may build settings by Python name; the file loader accepts the hyphenated names alone.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=hyphenated,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        serialize_by_alias=True,
    )
