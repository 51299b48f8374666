"""The embedded cluster moves to a newer major version; killed at any moment, one of the two is there whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.consult import Action, AuditEvent, Change, Consult, Role, Status
from transcribe.errors import NotFound, SetupProblem
from transcribe.store import embedded
from transcribe.store import upgrade as upgrade_module
from transcribe.store.embedded import EmbeddedPostgres, Programs, find_programs
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore
from transcribe.store.upgrade import Upgraded, upgrade_database

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MASTER = MasterKey.of(bytes(range(32)))
TRANSCRIPT = Transcript(utterances=(Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text="Ik heb keelpijn."),))
CONSULT = UUID(int=1)
as_root = os.geteuid() == 0


def old_programs(major: int) -> Programs:
    try:
        return find_programs(major=major)
    except SetupProblem:
        pytest.skip(f"PostgreSQL {major} is not installed")


@pytest.fixture(scope="module", params=[15, 16])
def made_before(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data folder that was made with an older version (15: Debian's, 16: the wheel's), with a consult in it."""
    programs = old_programs(request.param)
    with throwaway_data_dir() as path:
        with EmbeddedPostgres(path, bin_dir=str(programs.bin_dir), fallback_user=as_root) as url:
            with connected(url) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # that is for power cuts, and takes most of the time
            migrate(url)
            store = PostgresStore(url, MASTER)
            consult = Consult(
                id=CONSULT, patient_ref="P-1", status=Status.NEW, created_at=NOW, changed_at=NOW, version=1
            )
            event = AuditEvent(
                at=NOW, actor="Jansen", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=CONSULT
            )
            store.apply(Change(consult=consult, audit=event, transcript=TRANSCRIPT))
            store.close()
        yield path


@pytest.fixture
def data_dir(made_before: Path) -> Iterator[Path]:
    with throwaway_data_dir() as path:
        subprocess.run(["cp", "-a", str(made_before / "postgres"), str(path)], check=True)
        shutil.rmtree(path / "postgres/socket", ignore_errors=True)
        yield path


def upgrade(data_dir: Path) -> Upgraded:
    return upgrade_database(data_dir, fallback_user=as_root)


def check(data_dir: Path, major: int) -> None:
    """The service starts, on that version, and everything is there."""
    server = EmbeddedPostgres(data_dir, fallback_user=as_root)
    with server as url:
        assert server.major == major
        assert version(url) == major
        store = PostgresStore(url, MASTER)
        try:
            assert store.transcript(CONSULT) == TRANSCRIPT
            assert store.consult(CONSULT).patient_ref == "P-1"
            assert store.of("").transcript(CONSULT) == TRANSCRIPT
            with pytest.raises(NotFound):
                store.of("Zuid").consult(CONSULT)
            assert store.verify_log() is None
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connected(url) as connection:
                connection.execute("DELETE FROM access_log")
            store.log(AuditEvent(at=NOW, actor="Jansen", role=Role.HUISARTS, action=Action.LOGGED_IN))
            assert store.verify_log() is None
        finally:
            store.close()
    left = {path.name for path in (data_dir / "postgres").iterdir()}
    assert {name for name in left if not name.startswith("programs-")} <= {
        "cluster",
        "in-use",
        "password",
        "server.log",
        "socket",
        "start.lock",
    }


def connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    parts = make_url(url)
    return psycopg.connect(
        host=str(parts.query["host"]),
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
        autocommit=True,
    )


def version(url: str) -> int:
    with connected(url) as connection:
        row = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]


def test_everything_is_there_on_the_new_version(data_dir: Path) -> None:
    before = EmbeddedPostgres(data_dir).major
    done = upgrade(data_dir)
    assert (done.before, done.after) == (before, find_programs().major)
    assert done.rows > 5
    assert not servers(data_dir)
    check(data_dir, done.after)
    assert upgrade(data_dir) == Upgraded(before=done.after, after=done.after, rows=0)  # nothing to do


def test_the_old_programs_may_be_named_and_are_the_only_old_ones(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of the old version only: they can't start what takes the place of the old database."""
    major = EmbeddedPostgres(data_dir).major
    assert major is not None
    named, newest = find_programs(major=major), find_programs()
    monkeypatch.setattr(embedded, "_places", lambda: [[newest.bin_dir]])
    with pytest.raises(SetupProblem, match=rf"hier staat alleen .*{newest.version}.*--old-programs MAP"):
        upgrade(data_dir)
    done = upgrade_database(data_dir, fallback_user=as_root, old_bin_dir=str(named.bin_dir))
    assert (done.before, done.after) == (major, newest.major)
    check(data_dir, newest.major)


def servers(data_dir: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if "postgres" in (process.info["name"] or "") and Path(process.cwd()).is_relative_to(data_dir):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_while_the_service_runs_it_is_refused(data_dir: Path) -> None:
    major = EmbeddedPostgres(data_dir).major
    assert major is not None
    with EmbeddedPostgres(data_dir, fallback_user=as_root), pytest.raises(SetupProblem, match="Stop eerst de dienst"):
        upgrade(data_dir)
    check(data_dir, major)


def test_a_new_database_that_differs_is_not_used(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major = EmbeddedPostgres(data_dir).major
    assert major is not None
    transfer = upgrade_module._transfer

    def lossy(programs: Programs, url: str, into: str) -> None:
        transfer(programs, url, into)
        with connected(into) as connection:
            connection.execute("UPDATE consult SET created_at = created_at + interval '1 microsecond'")

    monkeypatch.setattr(upgrade_module, "_transfer", lossy)
    with pytest.raises(SetupProblem, match="niet gelijk aan de oude"):
        upgrade(data_dir)
    check(data_dir, major)


def test_a_transfer_that_fails_leaves_the_old_one(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major = EmbeddedPostgres(data_dir).major
    assert major is not None
    transfer = upgrade_module._transfer

    def stumble(programs: Programs, url: str, into: str) -> None:
        with connected(into) as connection:
            connection.execute("CREATE TABLE consult ()")
        transfer(programs, url, into)

    monkeypatch.setattr(upgrade_module, "_transfer", stumble)
    with pytest.raises(SetupProblem, match=r"overzetten .* is mislukt"):
        upgrade(data_dir)
    check(data_dir, major)


def test_without_the_old_programs_it_says_what_to_install(data_dir: Path) -> None:
    newest = find_programs()
    old = EmbeddedPostgres(data_dir, fallback_user=as_root, bin_dir=str(newest.bin_dir))
    with pytest.raises(SetupProblem, match=rf"postgresql-{old.major}.*transcribe upgrade-database"):
        old.start()


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="staat geen ingebouwde database"):
        upgrade(tmp_path)


# -- killed --------------------------------------------------------------------------------------------------------

KILLED = """
import os, sys, threading
from pathlib import Path
from transcribe.store import embedded, upgrade

folder, root, moment = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), 9)

def progress(step):
    if moment == step.split()[0] + " " + step.split()[-1]:
        die()
    if moment == "transfer" and "overgezet" in step:
        threading.Timer(0.1, die).start()

if moment == "swap":
    embedded.sync_folder = lambda path: die() if (path / "cluster-before").is_dir() else None
if moment == "swapped":
    start = embedded.EmbeddedPostgres._start
    embedded.EmbeddedPostgres._start = lambda self, deadline: (
        die() if (self._folder / "cluster-before").is_dir() else start(self, deadline)
    )
if moment == "removing":
    embedded.shutil.rmtree = lambda path, remove=embedded.shutil.rmtree: (
        die() if path.name == "cluster-before" else remove(path)
    )
upgrade.upgrade_database(Path(folder), fallback_user=root == "True", progress=progress)
"""


@pytest.mark.slow
@pytest.mark.parametrize("made_before", [16], indirect=True)
@pytest.mark.parametrize(
    ("moment", "moved"),
    [
        ("De gemaakt", False),
        ("De overgezet", False),
        ("transfer", False),
        ("Oud vergeleken", False),
        ("De verwijderd", False),
        ("swap", False),
        ("swapped", True),
        ("removing", True),
    ],
)
def test_killed_at_any_moment_one_of_the_two_is_whole(data_dir: Path, moment: str, moved: bool) -> None:
    before = EmbeddedPostgres(data_dir).major
    assert before is not None
    done = subprocess.run([sys.executable, "-c", KILLED, str(data_dir), str(as_root), moment], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    check(data_dir, find_programs().major if moved else before)
    assert not servers(data_dir)
