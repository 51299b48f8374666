"""Copies of the wrapped data keys outside the database: what a back-up needs, and what an erasure must reach.

A back-up holds no data keys. They are in one living file beside it, ``sleutels.kopie``: the wrapped keys that there are
today and the certificates of those that are not, sealed. Each file of that name is a *place*, known in the table
``key_copy`` by the number in its label, so that two disks that are plugged in by turns are two places. Every erasure
writes each place anew that may hold the key; until then, or until the administrator has said that the place is no more,
the certificate is not complete. See docs/adr/0012-backup-without-keys.md for why.

Whether a place may hold a key is not a matter of clocks. ``log_seq`` is the newest row of the access log that its
writer saw: a key is made in the transaction that logs its consult, so a consult that was logged later is not in it.
``certificates`` is how many certificates its writer saw: they can only be added, so as many as there are now means that
no destroyed key is left in it. While a place is being written both say the worst: a crash errs on the safe side.
Only a place of which no file was ever whole gives its number to a disk that is empty: any other may lie in a cupboard.

The file names the installation that wrote it. After a restore two installations may know the same place: what another
one wrote, or what tells of consults that are not here, is never written over unless the administrator says that the
other is gone for good (``TakeOver``), and how many consults with it (``lost``). Nor is what says that something was
destroyed that can be read here: the key would be back in it. Such a consult is deleted on its page; where nobody can do
that any more, the take-over itself destroys what is left of it (``erased``).
"""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.pool import NullPool

from transcribe.consult import TRANSITIONS, Action, Actor, Certificate, KeyPurpose, Role, Status
from transcribe.errors import BackupProblem, DiskFull, TranscribeError, Unreadable
from transcribe.store.access_log import log_head
from transcribe.store.anchors import Anchor, Kept, read_line
from transcribe.store.answers import Answers
from transcribe.store.copying import bytea, copy_out, rows_in
from transcribe.store.database import translated
from transcribe.store.envelope import (
    Kind,
    Torn,
    end,
    members,
    open_envelope,
    put,
    read_label,
    torn,
    write_envelope,
)
from transcribe.store.impatient import LONG_WORK_S, impatient_engine
from transcribe.store.keys import MasterKey
from transcribe.store.lasting import check_master_key, opened
from transcribe.store.postgres import PostgresStore
from transcribe.store.tables import (
    access_log,
    access_log_start,
    certificate,
    consult,
    data_key,
    installation,
    key_copy,
    voice_profile,
)
from transcribe.writer import Writer

log = logging.getLogger(__name__)

NAME = "sleutels.kopie"
_FORMAT = 1
#: A disk that is asleep needs this long to answer.
ANSWER_S = 15.0

Found = TypeVar("Found")

_ABOUT, _KEYS, _PROOFS, _LASTING = "over", "sleutels", "bewijzen", "blijvend"
#: Of the tables in the file.
KEY_COLUMNS = ("consult_id", "purpose", "master", "wrapped")
LASTING_COLUMNS = ("name", "master", "wrapped")
PROOF_COLUMNS = ("id", "consult_id", "purpose", "why", "destroyed_at")

#: Nobody can delete such a consult on its page.
_ENDED = frozenset(status for status, to in TRANSITIONS.items() if not to & {Status.WITHDRAWN, Status.DISCARDED})

_ANY_KEY = 2**63 - 1  # as ``log_seq``: every key may be in it
_NO_PROOF = -1  # as ``certificates``: any destroyed key may be in it
_NEVER_WHOLE = -2  # as ``certificates``: so too, and no file with this number was ever finished


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a copy of the keys is."""

    id: UUID
    path: Path
    log_seq: int
    certificates: int
    updated_at: datetime
    missed_at: datetime | None  # since when it should have been written and could not be found
    ours: bool  # False: known from before a restore; only who takes it over makes it ours

    @property
    def name(self) -> str:
        """Short, for people; tells two disks with the same path apart."""
        return str(self.id)[:8]


@dataclass(frozen=True, kw_only=True)
class TakeOver:
    """What the administrator says of a copy that another installation wrote: that one is gone for good."""

    actor: str  # who says so
    lost: int = 0  # and just so many consults of which it tells with it: they were made after its newest back-up
    erased: int = 0  # what is left here of just so many ended consults, which it proves destroyed, is destroyed too


class NotOurs(BackupProblem):
    """Another installation needs this copy of the keys as it is."""


class KeyCopies:
    """All places. Thread-safe; several processes may be at it. Ends with ``close``."""

    def __init__(
        self,
        store: PostgresStore,
        url: str,
        master_key: MasterKey,
        *,
        patience_s: float = 60.0,
        answer_s: float = ANSWER_S,
    ) -> None:
        """``patience_s``: how long ``keep`` waits for another process that writes the same place, and for the disk to
        be written; ``answer_s``: how long any other place may keep us waiting.
        """
        self._store = store
        self._master_key = master_key
        self._patience_s = patience_s
        self._answer_s = answer_s
        self._answers = Answers()
        self._told: dict[UUID, str] = {}  # why a place could not be written, in the log: once, not at every round
        # of its own: the store's statements are cut off after a time that a slow disk may need
        self._engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)

    def close(self) -> None:
        self._engine.dispose()

    def places(self) -> list[Place]:
        with self._begin() as tx:
            rows = tx.execute(select(key_copy).order_by(key_copy.c.path, key_copy.c.updated_at)).all()
        return [Place(**(row._asdict() | {"path": Path(row.path)})) for row in rows]

    def trouble(self, place: Place) -> str | None:
        """A Dutch sentence for the administrator; None when all is well, or when it is away and nothing is missed."""
        this = f"De sleutelkopie {place.path} ({place.name})"
        gone = f"Is die schijf vernietigd, meld dat dan: transcribe key-copies forget {place.name}"
        replaced = self._replaced(place)
        if replaced is not None:
            gone = (
                f"Was zij beschadigd en is zij op diezelfde schijf vervangen door {replaced.name}, of is haar schijf "
                f"vernietigd, meld haar dan af: transcribe key-copies forget {place.name}"
            )
        if not place.ours and replaced is not None:
            return (
                f"{this} is van vóór het terugzetten; op die plaats is nu {replaced.name}. Ligt zij op een andere "
                "schijf, sluit die dan aan en neem haar over: transcribe backup "
                f"{place.path.with_name('NAAM.backup')} --take-over. {gone}"
            )
        if not place.ours:
            return (
                f"{this} is van vóór het terugzetten en wordt niet bijgehouden. Is dit een proef en loopt de oude "
                "installatie nog, laat dit dan zo. Is die er voorgoed niet meer, neem de sleutelkopie dan over: "
                f"transcribe backup {place.path.with_name('NAAM.backup')} --take-over. {gone}"
            )
        try:
            copy = self._touch(place, partial(self._found, place))
        except TimeoutError:
            return (
                f"{this} geeft geen antwoord: de schijf of het netwerk hangt. Zij wordt niet bijgehouden; wat "
                "intussen wordt gewist, kan er nog in staan. Herstel de verbinding of koppel de schijf los en weer "
                f"aan. {gone}"
            )
        except Torn:
            return f"{this} is beschadigd. Maak een nieuwe reservekopie naar die map."
        except (OSError, BackupProblem):
            copy = None
        if copy is not None and (self._of_another(copy) or self._strangers(copy)):
            return (
                f"{this} is door een andere installatie geschreven en wordt hier niet meer bijgehouden. Reservekopieën "
                "van hier in die map zijn misschien niet meer terug te zetten. Maak nu een nieuwe reservekopie in een "
                "andere map, en zoek uit welke installatie daar schrijft (een proef met terugzetten?). Wat hier is "
                f"gewist, kan er nog in staan. {gone}"
            )
        if place.missed_at is not None:
            behind = (
                f"{this} loopt achter sinds {place.missed_at:%d-%m-%Y %H:%M} (UTC): wat sindsdien is gewist, kan er "
                "nog in staan."
            )
            if copy is not None:
                return (
                    f"{behind} Zij is er weer en wordt binnen enkele minuten bijgewerkt als de dienst loopt. Blijft "
                    "dit staan, herstart dan de dienst. Helpt dat niet, dan is de schijf vol of alleen-lezen, of de "
                    "dienst mag er niet schrijven (docs/backup.md). Het logboek van de dienst noemt de fout."
                )
            return f"{behind} Sluit de schijf aan. {gone}"
        if copy is not None and copy.log_seq < place.log_seq < _ANY_KEY:
            return (
                f"{this} is door een oudere vervangen: er kunnen sleutels in staan van wat is gewist. Maak een nieuwe "
                "reservekopie naar die map."
            )
        return None

    def _replaced(self, place: Place) -> Place | None:
        """The place of ours that is found, whole, where this one was: another disk, or anew after a damage."""
        for other in self.places():
            if other.ours and other.path == place.path and other.id != place.id:
                with suppress(OSError, BackupProblem):  # TimeoutError too
                    if self._touch(other, partial(self._found, other)) is not None:
                        return other
        return None

    def behind(self) -> list[Place]:
        """Those of which the file is not sealed by the present master key, or can't be found now."""

        def ours(place: Place) -> bool:
            label = read_label(place.path, Kind.KEYS)
            return (label.id, label.master) == (place.id, self._master_key.id)

        return [place for place in self.places() if not self._seen(place, ours)]

    def there(self, place: Place) -> bool:
        """Is it this file that is found there now? An empty mount point is not, nor is another disk in its place."""
        return self._seen(place, lambda place: read_label(place.path, Kind.KEYS).id == place.id)

    def keep(self, folder: Path, said: TakeOver | None = None) -> Place:
        """Write the copy in this folder; from now on it is a place of ours.

        ``said``: also when another installation wrote what is there, for that one is gone for good.
        Raises ``BackupProblem`` when what is there belongs to another installation, tells of other consults, or of
        some that were erased there and not here, or when the disk does not answer; ``DiskFull``, ``OSError``.
        """
        path = folder.resolve() / NAME
        try:
            find = partial(self._place_at, path, said)
            place_id = self._answers.of(path.parent, find, limit_s=self._answer_s)
            deadline = time.monotonic() + self._patience_s
            write = partial(self._write, place_id, path, said)
            while not self._answers.of(path.parent, write, limit_s=self._patience_s):
                if time.monotonic() > deadline:
                    raise BackupProblem(
                        problem=f"{path} wordt door een ander proces geschreven. Probeer het zo opnieuw."
                    )
                time.sleep(0.1)
        except TimeoutError:
            raise BackupProblem(
                problem=f"{path} geeft geen antwoord: de schijf of het netwerk hangt. Er is geen reservekopie gemaakt. "
                "Kies een andere map, of koppel de schijf los en weer aan."
            ) from None
        return next(place for place in self.places() if place.id == place_id)

    def _place_at(self, path: Path, said: TakeOver | None) -> UUID:
        """Number of the place there, known to the database from now on."""
        known = {place.id: place for place in self.places()}
        damaged = False
        try:
            label = read_label(path, Kind.KEYS)
        except FileNotFoundError:
            label = None
        except Torn:  # nobody can open anything with it; of which disk it is, nobody knows either
            label, damaged = None, True
        if label is not None:
            if not self._master_key.opens(label.master):
                raise BackupProblem(
                    problem=f"{path} hoort bij een andere hoofdsleutel ({label.master}) dan die hier staat "
                    f"({self._master_key.id}): van een demonstratie of van een andere praktijk. Kies een andere map."
                )
            if label.id not in known and said is None:
                raise BackupProblem(
                    problem=f"{path} hoort bij een andere installatie, of is hier afgemeld. Kies een andere map. Is "
                    "die installatie er voorgoed niet meer, of vond u een afgemelde schijf terug, herhaal deze "
                    "opdracht dan met --take-over."
                )
            self._check_ours(path, said)
            if label.id not in known:
                self._know(label.id, path, certificates=_NO_PROOF)
            elif not (known[label.id].ours or said):
                raise _of_another(path)
            return label.id
        here = [one for one in known.values() if one.path == path]
        begun = [one.id for one in here if one.certificates == _NEVER_WHOLE]
        whole = [one for one in here if one.id not in begun]
        if whole and not damaged and _on_system_disk(path.parent):
            raise BackupProblem(
                problem=f"De sleutelkopie {path} is er niet, en die map staat nu op de schijf van het systeem: is "
                "de schijf wel aangesloten? Bestaat die sleutelkopie niet meer, meld dat dan (transcribe "
                f"key-copies forget {whole[0].name}) en probeer het opnieuw."
            )
        if begun:
            return begun[0]
        place_id = uuid4()
        self._know(place_id, path, certificates=_NEVER_WHOLE)
        return place_id

    def _know(self, place_id: UUID, path: Path, *, certificates: int) -> None:
        """Before it is written: a copy that nobody knows of can't be reached by an erasure."""
        row = {"id": place_id, "path": str(path), "log_seq": _ANY_KEY, "certificates": certificates, "ours": True}
        with self._begin() as tx:
            tx.execute(insert(key_copy).values(**row, updated_at=func.now()))

    def anchors(self) -> list[Kept]:
        """Of the access log, in the copies that can be read now."""
        found = []
        for place in self.places():
            with suppress(OSError, BackupProblem):  # TimeoutError too
                copy = self._touch(place, partial(self._found, place))
                if copy is not None and copy.anchor:
                    found.append(read_line(copy.anchor, str(place.path), self._master_key))
        return found

    def refresh(self) -> None:
        """Write all places anew that can be reached now."""
        for place in self.places():
            if place.ours:
                self._rewrite(place)

    def forget(self, certificates: Sequence[Certificate]) -> list[Certificate]:
        """Take destroyed keys out of every copy. Returns those that no copy holds any more.

        A place that can't be reached keeps only the certificates of keys that it may hold waiting. One that is back is
        written anew, also when there is nothing to take out.
        """
        for place in self.places():
            if place.ours and place.missed_at is not None and self.there(place):
                self._rewrite(place)
        if not certificates:
            return []
        with self._begin() as tx:
            proofs = tx.scalar(select(func.count()).select_from(certificate)) or 0
            made = _made(tx, {proof.consult_id for proof in certificates})
        waiting: set[UUID] = set()
        for place in self.places():
            held = {proof.id for proof in certificates if made.get(proof.consult_id, 0) <= place.log_seq}
            # also when another place keeps the same ones waiting: what can be erased now is erased now
            if held and place.certificates < proofs and not (place.ours and self._rewrite(place)):
                waiting |= held
        return [proof for proof in certificates if proof.id not in waiting]

    def forget_voices(self, scrub: Callable[[], bool]) -> int:
        """Take the keys of removed voice profiles out of every copy, and then, by ``scrub``, out of the database's own
        files. Returns how many are left nowhere: of those the last row goes too.
        """
        gone = voice_profile.c.removed_seq
        with self._begin() as tx:
            waiting = tx.execute(select(voice_profile.c.id, gone).where(gone.is_not(None))).all()
        if not waiting:
            return 0
        newest = max(row.removed_seq for row in waiting)
        for place in self.places():
            if place.ours and not _written_since(place, newest):
                self._rewrite(place)
        places = self.places()
        left = [row.id for row in waiting if all(_written_since(place, row.removed_seq) for place in places)]
        if not left or not scrub():
            return 0
        with self._begin() as tx:
            tx.execute(delete(voice_profile).where(voice_profile.c.id.in_(left)))
        return len(left)

    def remove(self, name: str) -> Place:
        """The place is no more: the administrator says so. By path, number or the start of the number.

        Raises ``BackupProblem`` when that names none, or more than one, or one that is there: what is erased from then
        on would stay in it, with a certificate that is complete.
        """
        found = [one for one in self.places() if str(one.path) == name or (name and str(one.id).startswith(name))]
        if len(found) != 1:
            known = ", ".join(f"{one.name} ({one.path})" for one in found or self.places()) or "geen"
            raise BackupProblem(problem=f"Noem één sleutelkopie, met haar nummer. Bekend: {known}.")
        if self.there(found[0]):
            raise BackupProblem(
                problem=f"De sleutelkopie {found[0].path} ({found[0].name}) is er nog en is niet afgemeld: wat hierna "
                "wordt gewist, zou erin blijven staan. Vernietig de schijf of verwijder dat bestand (de "
                "reservekopieën in die map zijn dan niet meer te lezen) en meld haar daarna af."
            )
        with self._begin() as tx:
            tx.execute(delete(key_copy).where(key_copy.c.id == found[0].id))
        return found[0]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _touch(self, place: Place, act: Callable[[], Found]) -> Found:
        """Raises ``TimeoutError`` when the disk does not answer."""
        return self._answers.of(place.path.parent, act, limit_s=self._answer_s)

    def _seen(self, place: Place, what: Callable[[Place], bool]) -> bool:
        try:
            return self._touch(place, partial(what, place))
        except (OSError, BackupProblem):
            return False

    def _found(self, place: Place) -> Copy | None:
        """None when another disk is in its place. Raises ``OSError`` and ``BackupProblem`` as reading does."""
        if read_label(place.path, Kind.KEYS).id != place.id:
            return None
        return read_copy(place.path, self._master_key)

    def _of_another(self, copy: Copy) -> bool:
        return copy.installation not in (None, self._store.installation())

    def _strangers(self, copy: Copy) -> int:
        """Of how many consults that are not here it tells. A newer back-up needs certificates as much as keys."""
        told = {consult_id for consult_id, _ in copy.held() | copy.destroyed()}
        with self._begin() as tx:
            return len(told.difference(tx.scalars(select(consult.c.id))))

    def _undone(self, copy: Copy) -> dict[UUID, tuple[Status, set[str]]]:
        """Consults of which it says that a key was destroyed that is here: how they stand, and the purposes."""
        query = select(data_key.c.consult_id, data_key.c.purpose, consult.c.status)
        destroyed, found = copy.destroyed(), dict[UUID, tuple[Status, set[str]]]()
        with self._begin() as tx:
            for row in tx.execute(query.join(consult, consult.c.id == data_key.c.consult_id)):
                if (row.consult_id, row.purpose) in destroyed:
                    found.setdefault(row.consult_id, (Status(row.status), set()))[1].add(row.purpose)
        return found

    def _erase_again(self, path: Path, actor: str) -> None:
        """What the copy proves destroyed is destroyed here as well. Only after ``_check_ours``."""
        writer = Writer(self._store)
        for consult_id, (_, purposes) in self._undone(read_copy(path, self._master_key)).items():
            proofs = tuple(
                Certificate(id=uuid4(), consult_id=consult_id, purpose=one, why="gewist", destroyed_at=writer.clock())
                for one in map(KeyPurpose, sorted(purposes))
            )
            writer.apply(
                Actor(name=actor, role=Role.SYSTEEM),
                self._store.consult(consult_id),
                Action.ERASED,
                detail="volgens de sleutelkopie",
                status=Status.ERASED,
                patient_ref="",
                destroy=proofs,
            )

    def _check_ours(self, path: Path, said: TakeOver | None) -> None:
        """After a restore, the copy on a disk may be the last that can open a back-up of another installation."""
        try:
            copy = read_copy(path, self._master_key)
        except Torn:
            return  # then nobody can open anything with it
        strangers = self._strangers(copy)
        if strangers and not (said and said.lost == strangers):
            raise NotOurs(
                problem=f"In {path} staan sleutels of vernietigingsbewijzen van consulten die hier niet zijn "
                f"({strangers}). Is er een nieuwere reservekopie dan hier is teruggezet, zet die dan terug in een lege "
                "gegevensmap: zonder dit bestand is zij nooit meer te lezen. Was dit de nieuwste en is de oude "
                "installatie er voorgoed niet meer, dan zijn die consulten van daarna en, als zij niet gewist waren, "
                f"verloren: herhaal deze opdracht dan met --take-over --lost {strangers}. Weet u het niet zeker, kies "
                "dan een andere, lege map."
            )
        if self._of_another(copy) and said is None:
            raise _of_another(path)
        undone = self._undone(copy)
        if deletable := sorted(one for one, (status, _) in undone.items() if status not in _ENDED):
            raise NotOurs(
                problem=f"Volgens {path} is gewist wat hier te lezen is: {', '.join(map(str, deletable))}. Is hier "
                "teruggezet met een oudere sleutelkopie, verwijder deze consulten dan op hun pagina "
                f"(/consult/NUMMER), of zet opnieuw terug in een lege gegevensmap, met --keys {path}. Wiste een proef "
                f"ze, verwijder dan {path} en maak de reservekopie opnieuw."
            )
        if undone and not (said and said.erased == len(undone)):
            raise NotOurs(
                problem=f"Volgens {path} is ook gewist wat hier van afgesloten consulten nog te lezen is, zoals het "
                f"patiëntkenmerk ({len(undone)}): {', '.join(map(str, sorted(undone)))}. Is dat nagezien en mag het "
                "hier ook weg, herhaal deze opdracht dan met "
                f"{f'--take-over --lost {strangers}' if strangers else '--take-over'} --erased {len(undone)}. Wiste "
                f"een proef ze, verwijder dan {path} en maak de reservekopie opnieuw."
            )

    def _rewrite(self, place: Place) -> bool:
        """False when it can't be done now. A place that is not there gets the moment at which that was noticed."""
        try:
            done = self._touch(place, partial(self._write_again, place))
            if done is not None:
                return done
        except (OSError, TranscribeError) as problem:
            if self._told.get(place.id) != _code(problem):
                self._told[place.id] = _code(problem)
                log.warning("copy of the keys %s not written (%s)", place.name, _code(problem))
        with self._begin() as tx:
            missed = func.coalesce(key_copy.c.missed_at, func.now())
            tx.execute(update(key_copy).where(key_copy.c.id == place.id).values(missed_at=missed))
        return False

    def _write_again(self, place: Place) -> bool | None:
        """False when another process is at it; None when it is not there: an empty mount point, or another disk."""
        if read_label(place.path, Kind.KEYS).id != place.id:
            return None
        return self._write(place.id, place.path)

    def _write(self, place_id: UUID, path: Path, said: TakeOver | None = None) -> bool:
        """False when another process is at it. Raises ``NotOurs``, and as ``write_envelope`` does."""
        this = update(key_copy).where(key_copy.c.id == place_id)
        with self._store.alone(f"key copy {place_id}") as ours:
            if not ours:
                return False
            if path.exists():
                self._check_ours(path, said)
                if said and said.erased:
                    self._erase_again(path, said.actor)
            worst = {"log_seq": _ANY_KEY, "certificates": func.least(key_copy.c.certificates, _NO_PROOF), "ours": True}
            with self._begin() as tx:
                tx.execute(this.values(path=str(path), **worst))
            with self._begin("REPEATABLE READ") as tx:
                # everything below is of the moment of the first query, and that is after the lock
                check_master_key(tx, self._master_key.id)  # else it could be read with neither of the two
                log_seq, log_hash = log_head(tx)
                ours_is = tx.execute(select(installation.c.id)).scalar_one()
                anchor = Anchor(installation=ours_is, seq=log_seq, hash=log_hash, at=datetime.now(UTC))
                proofs = tx.scalar(select(func.count()).select_from(certificate))
                places = tx.execute(select(key_copy.c.id, key_copy.c.path)).all()
                about = {
                    "format": _FORMAT,
                    "installation": str(ours_is),
                    "written_at": datetime.now(UTC).isoformat(),
                    "log_seq": log_seq,
                    "anchor": anchor.line(self._master_key),
                    "places": [{"id": str(one.id), "path": one.path} for one in places],
                }
                # read first: a disk that does not answer must not keep a transaction waiting
                keys = list(copy_out(tx, "data_key", KEY_COLUMNS))
                lasting = list(copy_out(tx, "lasting_key", LASTING_COLUMNS))
                certificates = list(copy_out(tx, "certificate", PROOF_COLUMNS))

            def whole() -> None:
                """From here on there may be such a file, also when we are stopped before it is said."""
                with self._begin() as tx:
                    tx.execute(this.values(certificates=_NO_PROOF))

            with write_envelope(path, Kind.KEYS, place_id, self._master_key, whole=whole) as file:
                put(file, _ABOUT, [json.dumps(about).encode()])
                put(file, _KEYS, keys)
                put(file, _PROOFS, certificates)
                put(file, _LASTING, lasting)
                end(file)
            with self._begin() as tx:
                current = {"log_seq": log_seq, "certificates": proofs, "missed_at": None, "ours": True}
                tx.execute(this.values(**current, updated_at=func.now()))
        return True

    @contextmanager
    def _begin(self, isolation: str = "READ COMMITTED") -> Iterator[Connection]:
        with translated(), self._engine.execution_options(isolation_level=isolation).begin() as connection:
            yield connection


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy of the keys, read."""

    log_seq: int
    places: tuple[tuple[UUID, str], ...]  # number and path of all that its writer knew, itself included
    keys: bytes  # rows as ``copy_out`` gives them
    proofs: bytes
    lasting: bytes  # empty: an old one, of before there were any
    written_at: datetime | None  # None: an old one, which does not say so
    installation: UUID | None  # that wrote it; None: an old one, which does not say so
    anchor: str  # of the access log; "": an old one, which has none

    def held(self) -> set[tuple[UUID, str]]:
        """Consult and purpose of each key."""
        return _pairs(KEY_COLUMNS, self.keys)

    def destroyed(self) -> set[tuple[UUID, str]]:
        """Consult and purpose of each certificate."""
        return _pairs(PROOF_COLUMNS, self.proofs)

    def opening(self, master_key: MasterKey) -> MasterKey:
        """The master key with which it was read, able to open files of before a rotation."""
        rows = rows_in(LASTING_COLUMNS, [self.lasting])
        return opened(master_key, {row["name"].decode(): bytea(row["wrapped"]) for row in rows})[0]


def _written_since(place: Place, seq: int) -> bool:
    """Did its writer see that row of the access log? While it is being written nobody knows."""
    return seq <= place.log_seq < _ANY_KEY


def _pairs(columns: Sequence[str], rows: bytes) -> set[tuple[UUID, str]]:
    return {(UUID(row["consult_id"].decode()), row["purpose"].decode()) for row in rows_in(columns, [rows])}


def read_copy(path: Path, master_key: MasterKey) -> Copy:
    """Raises ``BackupProblem``, ``OSError``."""
    try:
        _, stream = open_envelope(path, Kind.KEYS, master_key)
    except FileNotFoundError:
        raise BackupProblem(
            problem=f"De sleutelkopie {path} is er niet; zonder haar is geen reservekopie te lezen. Controleer of de "
            "schijf is aangesloten, of wijs haar aan met --keys."
        ) from None
    try:
        with stream:
            found = {name: b"".join(chunks) for name, chunks in members(stream)}
    except Unreadable:
        raise torn(path, Kind.KEYS) from None
    about = json.loads(found[_ABOUT])
    if about["format"] != _FORMAT:
        raise BackupProblem(
            problem=f"De sleutelkopie {path} is van een andere versie van transcribe. Installeer die versie."
        )
    return Copy(
        log_seq=about["log_seq"],
        places=tuple((UUID(place["id"]), place["path"]) for place in about["places"]),
        keys=found[_KEYS],
        proofs=found[_PROOFS],
        lasting=found.get(_LASTING, b""),
        written_at=datetime.fromisoformat(about["written_at"]) if "written_at" in about else None,
        installation=UUID(about["installation"]) if "installation" in about else None,
        anchor=about.get("anchor", ""),
    )


def _of_another(path: Path) -> NotOurs:
    return NotOurs(
        problem=f"De sleutelkopie {path} is van een andere installatie: die van vóór het terugzetten, of een die haar "
        "heeft overgenomen. Loopt die nog, kies dan een andere map: anders is haar reservekopie niet meer terug te "
        "zetten. Is zij er voorgoed niet meer, herhaal deze opdracht dan met --take-over."
    )


def _on_system_disk(folder: Path) -> bool:
    """Then it is no disk that is plugged in by turns: it may be the mount point of one that is away."""
    return folder.stat().st_dev == Path("/").stat().st_dev


def _code(problem: BaseException) -> str:
    """For the log: never the message, which may hold a path."""
    if isinstance(problem, DiskFull):
        problem = problem.__cause__ or problem
    name = errno.errorcode.get(problem.errno or 0) if isinstance(problem, OSError) else None
    return name or type(problem).__name__


def _made(tx: Connection, consults: set[UUID]) -> dict[UUID, int]:
    """The row of the access log with which each consult, and so its keys, began."""
    if not consults:
        return {}
    query = (
        select(access_log.c.consult_id, func.min(access_log.c.seq).label("made"))
        .where(access_log.c.consult_id.in_(consults))
        .group_by(access_log.c.consult_id)
    )
    # of a consult from before the oldest row that is left, every copy may hold the keys
    began = select(func.max(access_log_start.c.before)).scalar_subquery()
    old = set(tx.scalars(select(consult.c.id).where(consult.c.id.in_(consults), consult.c.created_at < began)))
    return {row.consult_id: row.made for row in tx.execute(query) if row.consult_id not in old}
