"""The records that the command line works on, and in whose name."""

import getpass
import os

from core.address import IpAddress
from storage import database
from tidegate.acts import places
from tidegate.acts.records import Records
from tidegate.cli.invocation import Invocation
from tidegate.config import peek


def records(asked: Invocation) -> Records:
    """Open the database that the configuration names. Raises ConfigError or OperatorError."""
    found = peek.sections(asked.config_path, "database", "clock")
    engine = database.open_database(found["database"])
    database.upgrade(engine)
    return Records(
        lambda: database.session(engine),
        lambda: database.reading(engine),
        found["clock"].clock().now(),
        author(),
    )


def author() -> str:
    """Who types: the person behind sudo, if there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def refuse_strangers(asked: Invocation, ip: IpAddress | None, provider: str) -> None:
    """Raises NotFoundError for an IP that is in no ip-list, or a provider that the engine does not know."""
    found = peek.sections(asked.config_path, "ip_lists", "engine")
    listed = (source for one in found["ip_lists"].values() for source in one)
    places.refuse_strangers(listed, found["engine"].provider_map(), ip, provider, asked.config_path)
