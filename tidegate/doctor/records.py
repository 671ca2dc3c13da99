"""The database: whether it is there, whole and of this version; what waits in it that somebody should see."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, make_url

from core.errors import OperatorError
from core.text import printable
from monitor.health import SourceState
from storage import database, health, outbox
from tidegate.doctor.finding import Finding, Patient, broken, fine, unwise

_CHECK: Final = "database"
_HINTS: Final = {
    "dnsbl": "tidegate check an IP; a list needs your own recursing resolver, see monitor.resolver",
    "resolver": "name your own recursing resolver under monitor.resolver.nameservers",
    "sender-score": "see the sender-score line here",
    "snds": "see the SNDS line here",
    "engine": "see the engine line here",
}


def records(patient: Patient) -> Sequence[Finding]:
    """The database itself, then what it tells about sources and mail."""
    url = make_url(patient.config.database)
    named = url.render_as_string()
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return [_absent(Path(str(url.database)))]
    try:
        engine = database.open_database(patient.config.database)
    except OperatorError as error:
        return [broken(_CHECK, str(error), "see database: in the configuration")]
    try:
        return _look(engine, named)
    finally:
        engine.dispose()


def _absent(path: Path) -> Finding:
    return unwise(_CHECK, f"{path} is not there yet", "it is made when tidegate run or tidegate watch starts")


def _look(engine: Engine, named: str) -> list[Finding]:
    with closing(engine.connect()) as connection:
        if engine.dialect.name == "sqlite":
            said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
            if said != "ok":
                return [broken(_CHECK, f"{named} is damaged: {printable(said)}", "restore it from a backup")]
        have = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(database.alembic_config()).get_current_head()
    if have is None:
        return [
            unwise(_CHECK, f"{named} is empty", "it is filled when tidegate run or tidegate watch starts")
        ]
    if have != newest:
        return [
            unwise(
                _CHECK,
                f"{named} has schema {have}, this version has {newest}",
                "it is brought up to date at the next start",
            )
        ]
    return [fine(_CHECK, f"{named}, schema {have}"), *_waiting(engine), *_sources(engine)]


def _waiting(engine: Engine) -> list[Finding]:
    with database.reading(engine) as session:
        dead, waiting = outbox.dead(session), outbox.pending(session)
    late = [mail for mail in waiting if mail.attempts > 1]
    if dead:
        why = printable(dead[-1].last_error, 160)
        return [
            unwise("outbox", f"{len(dead)} mails were given up, the last: {why}", "see the mail line here")
        ]
    if late:
        why = printable(late[-1].last_error, 160)
        return [unwise("outbox", f"{len(late)} mails do not go out: {why}", "see the mail line here")]
    return [fine("outbox", f"{len(waiting)} mails wait")]


def _sources(engine: Engine) -> list[Finding]:
    with database.reading(engine) as session:
        found = health.load_all(session)
    bad = [s for s in found if s.state in {SourceState.BLIND, SourceState.QUARANTINED}]
    if not bad:
        return [fine("sources", f"{len(found)} were asked, none is blind or quarantined")]
    return [
        unwise(
            "sources",
            f"{one.name} is {one.state}: {printable(one.detail or one.last_error, 160)}",
            _HINTS.get(one.name.partition(":")[0], "tidegate show sources"),
        )
        for one in bad
    ]
