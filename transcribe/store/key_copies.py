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
"""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.pool import NullPool

from transcribe.consult import Certificate
from transcribe.errors import BackupProblem, DiskFull, TranscribeError, Unreadable
from transcribe.store.copying import copy_out, rows_in
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
from transcribe.store.postgres import PostgresStore
from transcribe.store.tables import access_log, certificate, consult, key_copy

log = logging.getLogger(__name__)

NAME = "sleutels.kopie"
_FORMAT = 1

_ABOUT, _KEYS, _PROOFS = "over", "sleutels", "bewijzen"
#: Of the tables in the file.
KEY_COLUMNS = ("consult_id", "purpose", "master", "wrapped")
PROOF_COLUMNS = ("id", "consult_id", "purpose", "why", "destroyed_at")

_ANY_KEY = 2**63 - 1  # as ``log_seq``: every key may be in it
_NO_PROOF = -1  # as ``certificates``: any destroyed key may be in it


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a copy of the keys is."""

    id: UUID
    path: Path
    log_seq: int
    certificates: int
    updated_at: datetime
    missed_at: datetime | None  # since when it should have been written and could not be found
    ours: bool  # False: known from before a restore; only a back-up to that place makes it ours

    @property
    def name(self) -> str:
        """Short, for people; tells two disks with the same path apart."""
        return str(self.id)[:8]

    def trouble(self) -> str | None:
        """A Dutch sentence for the administrator; None when all is well."""
        gone = f"Is die schijf vernietigd, meld dat dan: transcribe key-copies forget {self.name}"
        if not self.ours:
            return (
                f"De sleutelkopie {self.path} ({self.name}) is van vóór het terugzetten en wordt niet bijgehouden. "
                f"Maak een nieuwe back-up naar die map. {gone}"
            )
        if self.missed_at is not None:
            behind = (
                f"De sleutelkopie {self.path} ({self.name}) loopt achter sinds {self.missed_at:%d-%m-%Y %H:%M} (UTC): "
                "wat sindsdien is gewist, kan er nog in staan."
            )
            if self.there():
                return (
                    f"{behind} Zij is er weer en wordt binnen enkele minuten bijgewerkt als de dienst loopt. Blijft "
                    "dit staan, dan is de schijf vol of alleen-lezen, of de dienst mag er niet schrijven "
                    "(docs/backup.md). Het logboek van de dienst noemt de fout."
                )
            return f"{behind} Sluit de schijf aan. {gone}"
        return None

    def there(self) -> bool:
        """Is it this file that is found there now? An empty mount point is not, nor is another disk in its place."""
        try:
            return read_label(self.path, Kind.KEYS).id == self.id
        except (OSError, BackupProblem):
            return False


class KeyCopies:
    """All places. Thread-safe; several processes may be at it. Ends with ``close``."""

    def __init__(self, store: PostgresStore, url: str, master_key: MasterKey, *, patience_s: float = 60.0) -> None:
        """``patience_s``: how long ``keep`` waits for another process that writes the same place."""
        self._store = store
        self._master_key = master_key
        self._patience_s = patience_s
        self._told: dict[UUID, str] = {}  # why a place could not be written, in the log: once, not at every round
        # of its own: the store's statements are cut off after a time that a slow disk may need
        self._engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)

    def close(self) -> None:
        self._engine.dispose()

    def places(self) -> list[Place]:
        with self._begin() as tx:
            rows = tx.execute(select(key_copy).order_by(key_copy.c.path, key_copy.c.updated_at)).all()
        return [Place(**(row._asdict() | {"path": Path(row.path)})) for row in rows]

    def keep(self, folder: Path) -> Place:
        """Write the copy in this folder; from now on it is a place of ours.

        Raises ``BackupProblem`` when what is there belongs to another installation or holds keys that we do not have,
        ``DiskFull``, ``OSError``.
        """
        path = folder.resolve() / NAME
        known = {place.id: place for place in self.places()}
        if path.exists():
            label = read_label(path, Kind.KEYS)
            label.open(self._master_key, path)
            if label.id not in known:
                raise BackupProblem(
                    problem=f"{path} hoort bij een andere installatie, of is hier afgemeld. Kies een andere map, of "
                    "verwijder dat bestand als u zeker weet dat niemand het nodig heeft."
                )
            self._check_nothing_lost(path)
            place_id = label.id
        else:
            # one that was never finished, else a new one
            here = [one for one in known.values() if one.path == path and one.ours]
            begun = [one.id for one in here if one.certificates == _NO_PROOF]
            if here and not begun and _on_system_disk(folder):
                raise BackupProblem(
                    problem=f"De sleutelkopie {path} is er niet, en die map staat nu op de schijf van het systeem: is "
                    "de schijf wel aangesloten? Bestaat die sleutelkopie niet meer, meld dat dan (transcribe "
                    f"key-copies forget {here[0].name}) en probeer het opnieuw."
                )
            place_id = begun[0] if begun else uuid4()
        if place_id not in known:
            # known before it is there: a copy that nobody knows of can't be reached by an erasure
            with self._begin() as tx:
                tx.execute(insert(key_copy).values(id=place_id, path=str(path), **_WORST, updated_at=func.now()))
        deadline = time.monotonic() + self._patience_s
        while not self._write(place_id, path):
            if time.monotonic() > deadline:
                raise BackupProblem(problem=f"{path} wordt door een ander proces geschreven. Probeer het zo opnieuw.")
            time.sleep(0.1)
        return next(place for place in self.places() if place.id == place_id)

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
            if place.ours and place.missed_at is not None and place.there():
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

    def remove(self, name: str) -> Place:
        """The place is no more: the administrator says so. By path, number or the start of the number.

        Raises ``BackupProblem`` when that names none, or more than one.
        """
        found = [one for one in self.places() if str(one.path) == name or (name and str(one.id).startswith(name))]
        if len(found) != 1:
            known = ", ".join(f"{one.name} ({one.path})" for one in found or self.places()) or "geen"
            raise BackupProblem(problem=f"Noem één sleutelkopie, met haar nummer. Bekend: {known}.")
        with self._begin() as tx:
            tx.execute(delete(key_copy).where(key_copy.c.id == found[0].id))
        return found[0]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _check_nothing_lost(self, path: Path) -> None:
        """After an older back-up was brought back, the copy on a disk may be the last that can open a newer one."""
        try:
            held = {consult_id for consult_id, _ in read_copy(path, self._master_key).held()}
        except Torn:
            return  # then nobody can open anything with it
        with self._begin() as tx:
            strangers = held.difference(tx.scalars(select(consult.c.id)))
        if strangers:
            raise BackupProblem(
                problem=f"In {path} staan sleutels van consulten die hier niet zijn ({len(strangers)}): er is een "
                "nieuwere reservekopie dan hier is teruggezet, en zonder dit bestand is die nooit meer te lezen. Zet "
                "de nieuwste reservekopie terug in een lege gegevensmap. Hebt u die consulten zeker niet meer nodig, "
                "maak de nieuwe reservekopie dan in een andere, lege map."
            )

    def _rewrite(self, place: Place) -> bool:
        """False when it can't be done now. A place that is not there gets the moment at which that was noticed."""
        try:
            # an empty mount point, or another disk in the same place, is not the place
            if read_label(place.path, Kind.KEYS).id == place.id:
                return self._write(place.id, place.path)  # False: another process is doing it
        except (OSError, TranscribeError) as problem:
            if self._told.get(place.id) != _code(problem):
                self._told[place.id] = _code(problem)
                log.warning("copy of the keys %s not written (%s)", place.name, _code(problem))
        with self._begin() as tx:
            missed = func.coalesce(key_copy.c.missed_at, func.now())
            tx.execute(update(key_copy).where(key_copy.c.id == place.id).values(missed_at=missed))
        return False

    def _write(self, place_id: UUID, path: Path) -> bool:
        """False when another process is at it."""
        this = update(key_copy).where(key_copy.c.id == place_id)
        with self._store.alone(f"key copy {place_id}") as ours:
            if not ours:
                return False
            with self._begin() as tx:
                tx.execute(this.values(path=str(path), **_WORST))
            with self._begin("REPEATABLE READ") as tx:
                # everything below is of the moment of the first query, and that is after the lock
                log_seq = tx.scalar(select(func.coalesce(func.max(access_log.c.seq), 0)))
                proofs = tx.scalar(select(func.count()).select_from(certificate))
                places = tx.execute(select(key_copy.c.id, key_copy.c.path)).all()
                about = {
                    "format": _FORMAT,
                    "written_at": datetime.now(UTC).isoformat(),
                    "log_seq": log_seq,
                    "places": [{"id": str(one.id), "path": one.path} for one in places],
                }
                with write_envelope(path, Kind.KEYS, place_id, self._master_key) as file:
                    put(file, _ABOUT, [json.dumps(about).encode()])
                    put(file, _KEYS, copy_out(tx, "data_key", KEY_COLUMNS))
                    put(file, _PROOFS, copy_out(tx, "certificate", PROOF_COLUMNS))
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
    written_at: datetime | None  # None: an old one, which does not say so

    def held(self) -> set[tuple[UUID, str]]:
        """Consult and purpose of each key."""
        return _pairs(KEY_COLUMNS, self.keys)

    def destroyed(self) -> set[tuple[UUID, str]]:
        """Consult and purpose of each certificate."""
        return _pairs(PROOF_COLUMNS, self.proofs)


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
        written_at=datetime.fromisoformat(about["written_at"]) if "written_at" in about else None,
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


_WORST = {"log_seq": _ANY_KEY, "certificates": _NO_PROOF, "ours": True}


def _made(tx: Connection, consults: set[UUID]) -> dict[UUID, int]:
    """The row of the access log with which each consult, and so its keys, began."""
    if not consults:
        return {}
    query = (
        select(access_log.c.consult_id, func.min(access_log.c.seq).label("made"))
        .where(access_log.c.consult_id.in_(consults))
        .group_by(access_log.c.consult_id)
    )
    return {row.consult_id: row.made for row in tx.execute(query)}
