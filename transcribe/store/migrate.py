"""Bring the schema of a database up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from transcribe.errors import SetupProblem
from transcribe.store.database import database_url, translated

OLDEST_SERVER = 15


def migrate(url: str) -> None:
    """All or nothing; processes that start together wait for each other.

    Raises ``SetupProblem`` for a server that is too old, ``StoreUnavailable`` when it does not answer.
    """
    engine = create_engine(database_url(url), poolclass=NullPool, hide_parameters=True)
    with translated(), engine.begin() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
        if version < OLDEST_SERVER:
            raise SetupProblem(problem=f"PostgreSQL {version} is te oud; nodig is {OLDEST_SERVER} of nieuwer.")
        connection.execute(text("SELECT pg_advisory_xact_lock(23553, 2)"))  # the pair is ours, see postgres.py
        config = Config()
        # alembic reads this through configparser, to which a percent sign means something
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
