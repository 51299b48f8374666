"""Move the embedded database to a newer major version of PostgreSQL: dump, new cluster beside, compare, swap.

A server opens clusters of its own major version only. So the old programs run the old cluster once more, the new
programs' ``pg_dump`` reads it and ``pg_restore`` fills the new one, through a pipe: the wrapped keys that are in it are
never in a file. What happens when we are killed half-way is in ``EmbeddedPostgres.replace``.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from transcribe.errors import N_, SetupProblem
from transcribe.store.embedded import EmbeddedPostgres, Programs, environment, find_programs
from transcribe.store.tenancy import MAKE_ROLES

log = logging.getLogger(__name__)

#: The same text for the same value, whatever the server's settings.
_SESSION = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET extra_float_digits = 1"
_TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname <> ALL (%s) ORDER BY 1, 2"
_SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
_NOT_OURS = ["pg_catalog", "information_schema"]
_ROWS = "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) FROM {} AS t"


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    before: int  # major versions; equal when there was nothing to do
    after: int
    rows: int


def upgrade_database(
    data_dir: Path,
    *,
    os_user: str = "",
    bin_dir: str = "",
    old_bin_dir: str = "",
    fallback_user: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Upgraded:
    """To the newest programs that are found (or those in ``bin_dir``); those of the old version must be there as well.

    The service must be stopped. Raises ``SetupProblem``; the old database is then as it was.
    """
    server = EmbeddedPostgres(data_dir, os_user=os_user, bin_dir=old_bin_dir, fallback_user=fallback_user)
    before = server.major
    if before is None:
        raise SetupProblem(problem=f"in {data_dir} staat geen ingebouwde database. Wijs de map aan met --data-dir.")
    programs = find_programs(bin_dir)
    if programs.major <= before:
        return Upgraded(before=before, after=before, rows=0)
    rows = 0

    def make(url: str, new: EmbeddedPostgres) -> None:
        nonlocal rows
        progress(N_("De nieuwe database wordt gemaakt"))
        into = new.start()
        with _connect(into) as connection:
            connection.execute(MAKE_ROLES)  # a dump of a database grants them rights, and does not have them
        progress(N_("De gegevens worden overgezet"))
        _transfer(programs, url, into)
        progress(N_("Oud en nieuw worden vergeleken"))
        found = _fingerprint(url)
        if _fingerprint(into) != found:
            raise SetupProblem(
                problem="de nieuwe database is niet gelijk aan de oude en wordt niet gebruikt; de oude is er nog. "
                "Waarschuw de leverancier."
            )
        rows = sum(count for name, (count, _) in found.items() if not name.startswith(_SEQUENCE))
        with _connect(into) as connection:
            connection.execute("ANALYZE")
        progress(N_("De nieuwe database komt op haar plaats; de oude wordt verwijderd"))

    server.replace(make, programs)
    return Upgraded(before=before, after=programs.major, rows=rows)


def _transfer(programs: Programs, url: str, into: str) -> None:
    dump = [str(programs.bin_dir / "pg_dump"), "--format=custom", "--compress=0", "--no-password"]
    fill = [str(programs.bin_dir / "pg_restore"), "--exit-on-error", "--single-transaction", "--no-password"]
    target = _environment(into)
    fill.append(f"--dbname={target['PGDATABASE']}")
    with (
        subprocess.Popen(dump, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(url)) as reader,
        subprocess.Popen(fill, stdin=reader.stdout, stderr=subprocess.PIPE, env=target) as writer,
    ):
        assert reader.stdout is not None
        reader.stdout.close()  # the writer's now: when it ends, the reader must notice
        told = writer.communicate()[1] + reader.communicate()[1]
    if reader.returncode or writer.returncode:
        # the first line names the error; those after it may quote a row
        log.error("transfer to the new database failed: %s", told.decode(errors="replace").partition("\n")[0])
        raise SetupProblem(problem="het overzetten naar de nieuwe database is mislukt; de oude is er nog.")


_SEQUENCE = "sequence "


def _fingerprint(url: str) -> dict[str, tuple[int, object]]:
    """Of each table the number of rows and a sum over all of them, the log's hashes too; of each sequence the last."""
    found: dict[str, tuple[int, object]] = {}
    with _connect(url) as connection:
        connection.execute(_SESSION)
        for schema, table in connection.execute(_TABLES, [_NOT_OURS]).fetchall():
            query = sql.SQL(_ROWS).format(sql.Identifier(schema, table))
            row = connection.execute(query).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = (row[0], row[1])
        for schema, name, last in connection.execute(_SEQUENCES).fetchall():
            found[f"{_SEQUENCE}{schema}.{name}"] = (0, last)
    return found


def _connect(url: str) -> psycopg.Connection[TupleRow]:
    return psycopg.connect(_conninfo(url), autocommit=True)


def _environment(url: str) -> dict[str, str]:
    """For the programs: where the server is, and the password, which must not be on a command line."""
    parts = psycopg.conninfo.conninfo_to_dict(_conninfo(url))
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    return environment() | {variable: str(parts[name]) for name, variable in names.items()}


def _conninfo(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
