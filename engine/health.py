"""Whether the engine can do its work, in sentences."""

import shutil
from dataclasses import dataclass

from engine.engine import Engine

HOPELESS_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Health:
    """`blocking`: it cannot take mail or deliver; `warnings`: somebody should look."""

    blocking: tuple[str, ...]
    warnings: tuple[str, ...]


def spool_free(engine: Engine) -> int:
    """Bytes free on the spool's disk; -1 if that cannot be found out."""
    try:
        return shutil.disk_usage(engine.settings.spool).free
    except OSError:
        return -1


def check(engine: Engine) -> Health:
    """How the engine is now."""
    blocking: list[str] = []
    warnings = [*engine.accounting.problems, *([engine.audit.problem] if engine.audit.problem else [])]
    free = spool_free(engine)
    if engine.scheduler.stopping:
        blocking.append("the engine is stopping")
    if free < 0:
        blocking.append(f"the spool {engine.settings.spool} cannot be looked at")
    elif free < min(HOPELESS_BYTES, engine.settings.spool_low):
        blocking.append(f"the spool's disk is full: {free} bytes free")
    elif free < engine.settings.spool_low:
        warnings.append(f"the spool's disk is low: {free} bytes free")
    if engine.reloads.last_error:
        warnings.append(f"the last reload was refused: {engine.reloads.last_error}")
    return Health(tuple(blocking), tuple(warnings))
