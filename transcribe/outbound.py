"""What may leave this machine, and the guard that refuses the rest: promise 6, nothing leaves.

``ALLOWED`` names are few and exact: a host, or a host and a port. No wildcard, no suffix, no address that merely looks
like one of them. Empty, which it is by default, nothing but this machine itself can be reached.

``GUARD`` holds that for every library in the process that opens connections through Python: once closed it refuses each
look-up and each connection to anything but this machine, the database, the store of the sound and the allowed hosts. It
can't see what native code does by itself (libpq, the S3 client, FFmpeg); for those there is ``transcribe proof``, which
takes the network away. ``TALLY`` counts what went out, for ``/metrics`` and for the report.

Our own connections go through ``outbound_client``, which also looks at what a name turns out to be.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from transcribe.errors import SetupProblem

if TYPE_CHECKING:
    from transcribe.settings import Settings

log = logging.getLogger(__name__)

#: A proxy of the environment would get everything, and decide where it goes.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY")
#: In the data folder.
TALLY_FILE = "outbound.json"
_HOST_MOST = 253  # characters of a name in the DNS


class Purpose(StrEnum):
    """What a connection is for, as it stands in the log and in the figures."""

    LANGUAGE_MODEL = "taalmodel"
    MODELS = "modellen"
    LOGIN = "inloggen"
    DATABASE = "database"
    SOUND = "geluid"
    SCREENS = "schermen"
    VAULT = "kluis"
    UNKNOWN = "onbekend"


class Outcome(StrEnum):
    DONE = "gelukt"
    FAILED = "mislukt"
    REFUSED = "geweigerd"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One host that may be reached; ``port`` None is any port."""

    host: str
    port: int | None
    purpose: Purpose

    def fits(self, host: str, port: int | None) -> bool:
        """``port`` None: a name is only looked up."""
        return self.host == host and (self.port is None or port is None or self.port == port)


class OutboundRefused(PermissionError):
    """A connection that is not on the list. Says nothing of where it would have gone: that could be content too."""

    def __init__(self) -> None:
        super().__init__("outbound connection refused")


# --- names ----------------------------------------------------------------------------------------------------------


def allow_list(given: str, purpose: Purpose) -> list[Place]:
    """``host`` or ``host:port``, with commas. Raises ``SetupProblem`` for anything else: a pattern, a URL, a range."""
    return [_place(entry.strip(), purpose) for entry in given.split(",") if entry.strip()]


def _place(entry: str, purpose: Purpose) -> Place:
    wrong = SetupProblem(
        problem=f"“{entry[:80]}” in TRANSCRIBE_ALLOWED_HOSTS kan niet. Noem één machine: naam of naam:poort, zonder "
        "https://, sterretje of pad."
    )
    address = _address(entry.strip("[]"))
    if address is not None:
        return Place(host=str(address), port=None, purpose=purpose)
    try:
        parts = urlsplit(f"//{entry}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    plain = entry.rpartition(":")[0] if port is not None else entry
    if not host or plain.strip("[]").lower() != host or not _is_name(host) or port == 0:
        raise wrong
    return Place(host=normal(host), port=port, purpose=purpose)


def _is_name(host: str) -> bool:
    """A DNS name (an international one in its xn-- form), or an address."""
    if _address(host) is not None:
        return True
    labels = host.removesuffix(".").split(".")
    return len(host) <= _HOST_MOST and all(
        label
        and len(label) <= 63
        and label.isascii()
        and label.replace("-", "").replace("_", "").isalnum()
        and not label.startswith("-")
        for label in labels
    )


def normal(host: str) -> str:
    """One way to write it: lower case, no dot at the end, an address in its short form."""
    host = host.strip().lower().removesuffix(".").strip("[]")
    address = _address(host)
    return host if address is None else str(address)


def this_machine(host: str) -> bool:
    """``localhost``, or an address of the loopback interface."""
    address = _address(host)
    return normal(host) == "localhost" if address is None else _loopback(address)


def fit(address: str) -> bool:
    """Whether a name may turn out to be this address: never one that only has a meaning on the wire itself, such as the
    addresses at which a cloud hands out its keys.
    """
    found = _address(address)
    if found is None:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return not (found.is_link_local or found.is_multicast or found.is_unspecified or _reserved(found))


def _reserved(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_reserved and not address.is_loopback  # ::1 lies in a reserved block


def _loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def named(settings: Settings) -> list[Place]:
    """Every machine that these settings name, in the order of the report. This machine itself is not among them."""
    found = [*_of_database(settings.database_url), *_of_sound(settings.blob_store)]
    found += allow_list(settings.allowed_hosts, _purpose(settings))
    return [place for place in found if not this_machine(place.host)]


def _purpose(settings: Settings) -> Purpose:
    """Of the allowed hosts. With several uses it can't be told which host is for which."""
    uses = [
        *([Purpose.LANGUAGE_MODEL] if settings.drafter == "server" else []),
        *([Purpose.LOGIN] if settings.oidc_issuer else []),
    ]
    return uses[0] if len(uses) == 1 else Purpose.UNKNOWN


def _of_database(url: str) -> Iterator[Place]:
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        hosts = [parts.hostname or "", *asked.get("host", []), *asked.get("hostaddr", [])]
        port = parts.port or int(asked.get("port", ["5432"])[0].split(",")[0])
    except ValueError:
        return  # ``store.database`` says what is wrong with it
    for host in ",".join(hosts).split(","):
        name, _, own_port = host.rpartition(":") if host.count(":") == 1 else (host, "", "")
        if name and not name.startswith("/"):
            yield Place(host=normal(name), port=int(own_port) if own_port.isdigit() else port, purpose=Purpose.DATABASE)


def _of_sound(blob_store: str) -> Iterator[Place]:
    if "://" not in blob_store:
        return
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        with contextlib.suppress(ValueError):
            parts = urlsplit(os.environ.get(name, ""))
            if parts.hostname:
                port = parts.port or (80 if parts.scheme == "http" else 443)
                yield Place(host=normal(parts.hostname), port=port, purpose=Purpose.SOUND)
                return
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        yield Place(host=f"s3.{region}.amazonaws.com", port=443, purpose=Purpose.SOUND)


# --- the figures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Connections of one kind. ``host`` is "" for those that were refused: where to is told to nobody."""

    host: str
    port: int
    purpose: Purpose
    outcome: Outcome
    connections: int = 0
    sent: int = 0  # bytes of what was asked, without headers
    received: int = 0


class Tally:
    """Counts, of this process or (``keep_in``) of all processes that share a file. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: list[Counted] = []
        self._since = datetime.now(UTC)
        self._file: Path | None = None

    def keep_in(self, file: Path) -> None:
        """From here on the counts of this machine's processes are together in that file; they outlive a restart."""
        with self._lock:
            if file != self._file:
                early, self._rows, self._file = self._rows, [], file
                self._merge(early)

    def add(
        self, host: str, port: int, purpose: Purpose, outcome: Outcome, *, sent: int = 0, received: int = 0
    ) -> None:
        """One more connection, to the log and to the figures. ``host`` is one that was named. The rest: bytes."""
        row = Counted(
            host=host, port=port, purpose=purpose, outcome=outcome, connections=1, sent=sent, received=received
        )
        fields = {"host": host, "port": port, "purpose": purpose, "outcome": outcome}
        log.info("outbound connection", extra={**fields, "sent": sent, "received": received})
        with self._lock:
            self._merge([row])

    def refuse(self, port: int, purpose: Purpose = Purpose.UNKNOWN) -> None:
        """One that is not on the list. Who tried is told, and not where to: a name can be made of what was said."""
        log.warning("outbound connection refused", extra={"at": _who(), "port": port, "purpose": purpose})
        row = Counted(host="", port=port, purpose=purpose, outcome=Outcome.REFUSED, connections=1)
        with self._lock:
            self._merge([row])

    def rows(self) -> list[Counted]:
        with self._lock:
            self._read()
            return list(self._rows)

    def since(self) -> datetime:
        with self._lock:
            self._read()
            return self._since

    def _merge(self, new: list[Counted]) -> None:
        """Figures that can't be written keep nobody from working."""
        try:
            with _locked(self._file):
                self._read()
                for row in new:
                    self._rows = _added(self._rows, row)
                self._write()
        except OSError as error:
            log.warning("the figures of what went out can't be kept (%s)", type(error).__name__)

    def _read(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            self._rows, self._since = read_tally(self._file)

    def _write(self) -> None:
        if self._file is None:
            return
        content = {"since": self._since.isoformat(), "rows": [asdict(row) for row in self._rows]}
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump(content, target)
        draft.replace(self._file)


@contextlib.contextmanager
def _locked(file: Path | None) -> Iterator[None]:
    """One process at a time."""
    if file is None or os.name != "posix":
        yield
        return
    import fcntl

    with os.fdopen(os.open(file.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_tally(file: Path) -> tuple[list[Counted], datetime]:
    """The counts and since when. Raises ``OSError`` or ``ValueError`` for a file that is not there or not whole."""
    content = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        Counted(**{**row, "purpose": Purpose(row["purpose"]), "outcome": Outcome(row["outcome"])})
        for row in content["rows"]
    ]
    return rows, datetime.fromisoformat(content["since"])


def _added(rows: list[Counted], new: Counted) -> list[Counted]:
    def kind(row: Counted) -> tuple[object, ...]:
        return row.host, row.port, row.purpose, row.outcome

    same = next((row for row in rows if kind(row) == kind(new)), None)
    if same is None:
        return [*rows, new]
    more = Counted(
        host=new.host,
        port=new.port,
        purpose=new.purpose,
        outcome=new.outcome,
        connections=same.connections + new.connections,
        sent=same.sent + new.sent,
        received=same.received + new.received,
    )
    return [more if row is same else row for row in rows]


TALLY = Tally()


# --- the guard ------------------------------------------------------------------------------------------------------

_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getnameinfo"})
#: Between processes and with the kernel of this machine.
_LOCAL = frozenset(int(getattr(socket, name, -1)) for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG"))


class Guard:
    """Refuses what is not named, for the whole process and for good: an audit hook can't be taken away. Thread-safe."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._places: frozenset[Place] = frozenset()
        self._turned_out: dict[str, frozenset[str]] = {}  # address: the allowed names that it was found under
        self._lock = threading.Lock()
        self._ours = threading.local()
        self.closed = False

    def close(self) -> None:
        """From here on nothing but this machine can be reached, and what ``permit`` names."""
        if not self.closed:
            self.closed = True
            sys.addaudithook(self._heard)

    def permit(self, places: Iterable[Place]) -> None:
        with self._lock:
            self._places |= frozenset(places)

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _LOOK_UPS:
            self._look_up(args[0])
        elif event in _CONNECTIONS:
            if event == "socket.getnameinfo":
                self._connect(args[0])
            elif int(args[0].family) not in _LOCAL:
                self._connect(args[1])

    def _look_up(self, asked: object) -> None:
        host = _text(asked)
        if not host or this_machine(host) or getattr(self._ours, "asking", False):
            return
        host = normal(host)
        if host in self._turned_out:
            return  # an address that is known
        if not any(place.fits(host, None) for place in self._places):
            self._refuse(0)
        self._remember(host)

    def _remember(self, host: str) -> None:
        """What the name turns out to be now: the connection that follows names the address alone."""
        self._ours.asking = True
        try:
            found = {str(row[4][0]).partition("%")[0] for row in socket.getaddrinfo(host, None)}
        except (OSError, UnicodeError):
            return  # whoever asked hears it as well
        finally:
            self._ours.asking = False
        with self._lock:
            for address in filter(fit, found):
                self._turned_out[address] = self._turned_out.get(address, frozenset()) | {host}

    def _connect(self, address: object) -> None:
        if address is None:
            return  # on a connection that was let through
        if not isinstance(address, tuple) or len(address) < 2:
            self._refuse(0)
            return
        host, port = _text(address[0]), address[1] if isinstance(address[1], int) else 0
        if this_machine(host):
            return
        host = normal(host.partition("%")[0])
        names = self._turned_out.get(host, frozenset()) | {host}
        if not any(place.fits(name, port) for place in self._places for name in names):
            self._refuse(port)

    def _refuse(self, port: int) -> None:
        self._tally.refuse(port)
        raise OutboundRefused


def _text(host: object) -> str:
    if isinstance(host, bytes | bytearray):
        return bytes(host).decode("ascii", errors="replace")
    return host if isinstance(host, str) else ""


def _who() -> str:
    """File and line of whoever tried: the first on the way up that is neither ours nor Python's own."""
    own = {Path(__file__).name, "outbound_client.py", "socket.py", "ssl.py", "client.py", "request.py"}
    places = [(Path(frame.f_code.co_filename).name, line) for frame, line in traceback.walk_stack(sys._getframe(1))]
    name, line = next((place for place in places if place[0] not in own), places[0])
    return f"{name.strip('<>')}:{line}"


GUARD = Guard(TALLY)


def permit_screens(host: str, port: int) -> None:
    """Our own web may listen on an address of the network; a look whether it answers is no connection to another."""
    GUARD.permit([Place(host=normal(host), port=port, purpose=Purpose.SCREENS)])


def close_up() -> None:
    """For a process of ours, first of all: no proxy of the environment, and nothing but this machine."""
    for name in _PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.lower(), None)
    GUARD.close()
