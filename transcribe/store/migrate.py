"""Bring the schema of a database up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from transcribe.errors import OtherSchema, SetupProblem
from transcribe.store.database import translated
from transcribe.store.impatient import LONG_WORK_S, impatient_engine
from transcribe.store.tenancy import WEB, check_web, make_roles

OLDEST_SERVER = 15


def migrate(url: str) -> bool:
    """All or nothing; processes that start together wait for each other. Returns whether a service was here before:
    then there is a master key that fits this database, and no other may be made.

    A user who does not own the tables (that of a web process, see ``tenancy``) changes nothing: they must be those of
    this version. Raises ``SetupProblem`` for that and for a server that is too old, ``OtherSchema`` for tables of a
    newer version, ``StoreUnavailable`` when it does not answer.
    """
    engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)
    with translated(), engine.begin() as connection:
        if not _owns(connection):
            _check_current(connection)
            check_web(connection)
            return True
        upgrade(connection)
        return bool(connection.scalar(text("SELECT EXISTS (SELECT 1 FROM master_key)")))


def owns(url: str) -> bool:
    """Are the tables this user's, or may he make them? Then he is the system, and no practice limits what he sees."""
    with translated(), impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool).connect() as connection:
        return _owns(connection)


def _owns(connection: Connection) -> bool:
    owner = text("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('alembic_version')")
    return connection.scalar(owner) is not False


def _check_current(connection: Connection) -> None:
    readable = bool(connection.scalar(text("SELECT has_table_privilege('alembic_version', 'SELECT')")))
    found = revision_of(connection) if readable else None
    if found is not None and not knows(found):
        raise OtherSchema
    if found != ScriptDirectory.from_config(_config()).get_current_head():
        raise SetupProblem(
            problem="de tabellen zijn nog van een eerdere versie, of deze gebruiker van de database is geen lid van de "
            f"rol {WEB}. Start eerst een worker van deze versie, als eigenaar van de database: die werkt ze bij."
        )


def is_current(url: str) -> bool:
    """Has this database the tables of this version? Raises ``SetupProblem``, ``StoreUnavailable``."""
    with translated(), impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool).connect() as connection:
        return revision_of(connection) == ScriptDirectory.from_config(_config()).get_current_head()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """``migrate`` in a transaction of the caller's, as far as ``revision``."""
    version = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
    if version < OLDEST_SERVER:
        raise SetupProblem(problem=f"PostgreSQL {version} is te oud; nodig is {OLDEST_SERVER} of nieuwer.")
    connection.execute(text("SELECT pg_advisory_xact_lock(23553, 2)"))  # the pair is ours, see postgres.py
    found = revision_of(connection)
    if found is not None and not knows(found):
        raise OtherSchema
    make_roles(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """None for a database without our tables."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def knows(revision: str) -> bool:
    """Is this a revision of ours, and not of a newer version of the program?"""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    # alembic reads this through configparser, to which a percent sign means something
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
