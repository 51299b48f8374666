"""How the service of these settings is, for a person at the machine. Reads; starts, stops and changes nothing."""

from __future__ import annotations

import errno
import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from transcribe import outbound, policy
from transcribe.consult import STOPPING, Space, Status
from transcribe.errors import SetupProblem, StoreUnavailable
from transcribe.health import PROBLEM_TEXT, Examined, Problem, alive, examine
from transcribe.serving import address_of
from transcribe.settings import Settings
from transcribe.vitals import Vitals
from transcribe.web.views import STOPPED_TEXT

#: Of a web that runs, on this machine.
ANSWER_S = 3.0
#: One is made every night (docs/backup.md), by a machine that may be off for a long weekend.
BACKUP_DUE_S = 4 * 86_400.0
#: Workers that gave no sign of life for so long are counted and not listed any more.
GONE_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """``web`` is None when it is not to be expected on this machine."""

    address: str
    web: bool | None
    stopped: bool  # our own database does not run
    found: Examined
    oldest_draft: timedelta | None  # how long the oldest draft waits for a person
    copies: tuple[str, ...] = ()  # what is wrong with copies of the keys
    demo: bool = False

    @property
    def well(self) -> bool:
        """Is there nothing for a person to do? Drafts and approvals that wait for a doctor do not count."""
        return not (self.web is False or self.found.problems or self.copies or self.backup_due or self._stopped)

    @property
    def backup_due(self) -> bool:
        vitals = self.found.vitals
        return vitals is not None and not self.demo and (vitals.backup_s is None or vitals.backup_s > BACKUP_DUE_S)

    @property
    def _stopped(self) -> int:
        """Consults that go on when somebody has looked at them."""
        found = self.found.vitals.stopped if self.found.vitals is not None else {}
        return sum(found.get(reason, 0) for reason in STOPPING)


def look(settings: Settings) -> Standing:
    """Raises ``SetupProblem`` when there is nothing to look at."""
    from transcribe.store import disk
    from transcribe.store.embedded import EmbeddedPostgres

    if not settings.data_dir.is_dir():
        raise SetupProblem(problem=f"de map {settings.data_dir} is er niet; noem de goede met --data-dir.")
    web = _answers(settings)
    url = settings.database_url or EmbeddedPostgres(settings.data_dir).running()
    since: list[datetime] = []
    copies: list[str] = []
    marked: list[UUID] = []  # the installation, when the place of the sound must bear its mark

    def read() -> Vitals:
        from transcribe.store.key_copies import KeyCopies
        from transcribe.store.keys import load_master_key
        from transcribe.store.postgres import PostgresStore

        if url is None:
            raise StoreUnavailable
        master_key = load_master_key(settings, make=False)
        with (
            closing(PostgresStore(url, master_key)) as store,
            closing(KeyCopies(store, url, store.master_key)) as places,
        ):
            copies.extend(trouble for place in places.places() if (trouble := places.trouble(place)) is not None)
            oldest = store.older((Status.DRAFTED,), datetime.now(UTC), limit=1)
            since.extend(store.consult(consult_id).changed_at for consult_id in oldest)
            if store.has_place():
                marked.append(store.installation())
            return store.vitals()

    def space() -> Space:
        return disk.space(settings.data_dir)

    def sound() -> None:
        if url is not None:  # else nothing runs, and there may never have been any sound
            ask_sound(settings, *marked)

    return Standing(
        address=address_of(settings, port=settings.port),
        # of many machines this one may have no web at all
        web=web if web or not settings.database_url else None,
        stopped=url is None,
        found=examine(
            read,
            space,
            min_free_percent=settings.min_free_percent,
            ask_sound=sound,
            try_disk=lambda: _check_writable(settings.data_dir / "spool"),
        ),
        oldest_draft=datetime.now(UTC) - since[0] if since else None,
        copies=tuple(copies),
        demo=settings.demo,
    )


def ask_sound(settings: Settings, installation: UUID | None = None) -> None:
    """Raises ``SetupProblem`` or ``OSError`` when it does not answer, ``NotOurPlace`` without that one's mark."""
    from transcribe.store.blobs import folder_of, open_blobs
    from transcribe.store.marked import MARK, NotOurPlace

    default = settings.data_dir / "audio"
    if "://" in settings.blob_store:
        blobs = open_blobs(settings.blob_store, default, check=True)
        found = installation is None or bool(blobs.names(installation))
    else:  # opening a folder would make it
        folder = folder_of(settings.blob_store, default)
        next(folder.iterdir(), None)
        _check_writable(folder)
        found = installation is None or (folder / str(installation) / MARK).exists()
    if not found:
        raise NotOurPlace


def _check_writable(folder: Path) -> None:
    """Raises ``OSError``. Asked of the system and not tried: a look changes nothing."""
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def _answers(settings: Settings) -> bool:
    """Asked at the socket itself, whatever proxy stands before it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  (not listened on)
    outbound.permit_screens(host, settings.port)
    connection = http.client.HTTPConnection(host, settings.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health/live", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- for people ----------------------------------------------------------------------------------------------------

Say = Callable[[str], str]  # a marked sentence in the reader's language


def shown(standing: Standing, _: Say) -> Iterator[RenderableType]:
    """What is printed: the facts, the workers, and what has to be done."""
    table = Table(show_header=False)
    for name, value, good in _facts(standing, _):
        table.add_row(name, Text(value, style={True: "green", False: "red", None: ""}[good]))
    yield table
    if standing.found.vitals is not None and standing.found.vitals.workers:
        yield _workers(standing.found.vitals, _)
    for problem in standing.found.problems:
        if problem is not Problem.DATABASE or not standing.stopped:
            yield Text(_(PROBLEM_TEXT[problem]), style="red")
    if standing.web is False or standing.stopped:
        yield Text(_("De dienst loopt niet. Start hem: transcribe serve."), style="red")
    if standing.backup_due:
        never = _("Er is nog nooit een back-up gemaakt. Maak er een: transcribe backup BESTAND.")
        old = _("De laatste back-up is oud. Maak er een (transcribe backup BESTAND) en laat dat elke nacht doen.")
        yield Text(old if standing.found.vitals and standing.found.vitals.backup_s else never, style="yellow")
    for trouble in standing.copies:
        yield Text(trouble, style="yellow")


def _facts(standing: Standing, _: Say) -> Iterator[tuple[str, str, bool | None]]:
    """Name, value, and whether that is good (None: neither)."""
    found = standing.found
    vitals, space = found.vitals, found.space
    if standing.web is not None:
        answers = _("antwoordt op {address}") if standing.web else _("antwoordt niet op {address}")
        yield _("schermen"), answers.format(address=standing.address), standing.web
    if standing.stopped:
        yield _("database"), _("loopt niet"), False
    else:
        away = Problem.DATABASE in found.problems
        yield _("database"), _("niet bereikbaar") if away else _("loopt"), not away
    if space is not None:
        free = _("{percent} % vrij ({gigabytes} GB)").format(
            percent=policy.percent_free(space), gigabytes=f"{space.free / 1e9:.1f}"
        )
        yield _("schijf"), free, Problem.DISK_LOW not in found.problems
    if vitals is None:
        return
    for queue in vitals.queues:
        waits = _("{waiting} wacht, {running} bezig, oudste {age}").format(
            waiting=queue.waiting, running=queue.running, age=_age(queue.oldest_s, _)
        )
        yield _("wachtrij {name}").format(name=queue.name), waits, None if queue.name not in vitals.unserved else False
    drafts = str(vitals.consults.get(Status.DRAFTED, 0))
    if standing.oldest_draft is not None:
        drafts += _(", de oudste {age}").format(age=_age(standing.oldest_draft.total_seconds(), _))
    yield _("wacht op controle"), drafts, None
    for reason, count in vitals.stopped.items():
        if reason in STOPPING:
            yield _("gestopt: {reason}").format(reason=_(STOPPED_TEXT[reason])), str(count), False
    if (factor := vitals.real_time_factor) is not None:
        seconds = _("{factor} s per seconde geluid (laatste dag)").format(factor=f"{factor:.2f}")
        yield _("snelheid"), seconds, None
    last = _("nog nooit")
    if vitals.backup_s is not None:
        last = _("{age} geleden").format(age=_age(vitals.backup_s, _))
    yield _("laatste back-up"), last, False if standing.backup_due else None
    yield _("verloren geluid"), f"{vitals.lost_s:.0f} s", Problem.LOST_SOUND not in found.problems
    if vitals.uncleared:
        yield _("wissen nog niet afgerond"), str(vitals.uncleared), None


def _workers(vitals: Vitals, _: Say) -> Table:
    table = Table(_("verwerker"), _("voor"), _("apparaat"), _("model"), _("leeft"))
    living = alive(vitals)
    for worker in vitals.workers:
        if worker.beat_s >= GONE_S:
            continue
        beat = _("ja") if worker in living else _("al {age} niets gehoord").format(age=_age(worker.beat_s, _))
        table.add_row(f"{worker.host} {worker.pid}", worker.lane.value, worker.device, worker.model or "-", beat)
    if gone := sum(worker.beat_s >= GONE_S for worker in vitals.workers):
        table.caption = _("Langer dan {n} minuten niets gehoord van: {gone}.").format(n=int(GONE_S // 60), gone=gone)
    return table


def _age(seconds: float, _: Say) -> str:
    for size, text in ((86_400, _("{n} d")), (3600, _("{n} u")), (60, _("{n} min"))):
        if seconds >= size:
            return text.format(n=int(seconds // size))
    return _("{n} s").format(n=int(seconds))
