"""The table of the access log: one way to add a row, the chain that ties the rows together, and how they are read.

Each row carries the SHA-256 over the hash of the row before it and over its own fields, so that a row that is changed,
left out, put in or moved shows. That needs no key: anybody can compute it again, and so could whoever owns the database
compute a whole new chain. Against that, and against rows cut off at the end, are anchors (``anchors.py``).

Old rows may go, all up to some row at once (``prune``). Where the chain begins since then stands in
``access_log_start``, under a seal made with the master key: who has only the database can't make it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, literal, or_, select, text, tuple_

from transcribe import __version__
from transcribe.consult import Action, AuditEvent, LogFilter, Logged, Outcome, Role
from transcribe.errors import NotFound
from transcribe.logcodes import is_code
from transcribe.origin import Client
from transcribe.store import tables
from transcribe.store.keys import MasterKey

# Advisory locks by pairs of numbers, see postgres.py
_LOCKS, _LOG_LOCK = 23553, 1
_GENESIS = bytes(32)  # "the hash before" of the first row
#: Rows between two words about how far it is.
_STRIDE = 1000

#: What each version of the hash covers. Rows keep verifying by the version they were written with: a column that is
#: added makes a new version.
HASHED: dict[int, tuple[str, ...]] = {
    1: ("seq", "at", "actor", "role", "action", "consult_id", "detail"),
    2: (
        "version", "seq", "at", "actor", "role", "action", "consult_id", "detail", "whom", "outcome", "user_id",
        "responsible", "allowed_by", "client", "address", "request", "source", "product", "patient", "consent_id",
        "consent_version", "practice",
    ),
}  # fmt: skip
_NEWEST = max(HASHED)

Progress = Callable[[int, int], None]


def _silent(_: int, __: int) -> None:
    pass


# -- adding --------------------------------------------------------------------------------------------------------


def append_log(tx: Connection, event: AuditEvent, practice: str | None = None, *, patient: bytes | None = None) -> None:
    """The next row of the chain. Writers go one by one, until they commit.

    ``practice``: that acts; None: the system, and then the row is for the practice of the consult. ``patient``:
    pseudonym of whom it is about when there is no consult; that of a consult is looked up, and so is its consent.
    """
    tx.execute(select(func.pg_advisory_xact_lock(_LOCKS, _LOG_LOCK)))
    seq, before = log_head(tx)
    row = {
        "version": _NEWEST,
        "seq": seq + 1,
        **_fields(event),
        **_known(tx, event.consult_id),
        "product": __version__,
    }
    if practice is not None:
        row["practice"] = practice
    if patient is not None:
        row["patient"] = patient
    tx.execute(insert(tables.access_log).values(row | {"hash": row_hash(before, row)}))


def _fields(event: AuditEvent) -> dict[str, Any]:
    found = {field.name: getattr(event, field.name) for field in fields(event)}
    return {name: part.value if isinstance(part, Enum) else part for name, part in found.items()}


def _known(tx: Connection, consult_id: UUID | None) -> dict[str, Any]:
    """What the tables say of it at this moment, to whoever asks."""
    consult, consent = tables.consult, tables.consent
    ours = select(func.installation_id().label("source")).subquery()
    given = (
        select(consent.c.id, consent.c.version)
        .where(consent.c.consult_id == consult_id)
        .order_by(consent.c.seq.desc())
        .limit(1)
        .subquery()
    )
    found = tx.execute(
        select(ours.c.source, consult.c.practice, consult.c.patient_pseudonym, given.c.id, given.c.version).select_from(
            ours.outerjoin(consult, consult.c.id == consult_id).outerjoin(given, literal(True))
        )
    ).one()
    return dict(zip(("source", "practice", "patient", "consent_id", "consent_version"), found, strict=True))


def row_hash(before: bytes, row: Mapping[Any, Any]) -> bytes:
    """SHA-256 over the hash before and the row as JSON with sorted keys, times in UTC and bytes in hexadecimal."""
    canonical = {name: _canonical(row[name]) for name in HASHED[row["version"]]}
    return hashlib.sha256(before + json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode()).digest()


def _canonical(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


# -- the chain -----------------------------------------------------------------------------------------------------


def log_head(tx: Connection) -> tuple[int, bytes]:
    """Number and hash of the newest row; of the last one that was removed when there is none."""
    # not from the table: a practice does not see all of its rows
    seq, hash_ = tx.execute(text("SELECT seq, hash FROM log_head()")).one()
    return (0, _GENESIS) if seq is None else (seq, hash_)


def _start(tx: Connection) -> tuple[int, bytes, Row[Any] | None]:
    """Number and hash of the row before the first one that should be there, and the row that says so."""
    start = tables.access_log_start
    newest = tx.execute(select(start).order_by(start.c.seq.desc()).limit(1)).one_or_none()
    return (0, _GENESIS, None) if newest is None else (newest.seq, newest.hash, newest)


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What a walk along the chain found."""

    first: int  # number that the first row should have: what was before it was removed
    last: int  # the last row that fits the chain
    hash: bytes  # of that row
    broken: int | None  # the first row that does not fit, or is missing between others
    unsealed: bool  # where the chain begins does not bear our seal
    at: Mapping[int, bytes]  # hashes of the rows that were asked for
    brought_over: int | None  # the last row that came with a restore; None: this database was not restored
    since: datetime | None  # when this installation wrote its first row that is still there


def walk(tx: Connection, master_key: MasterKey, *, ask: Iterable[int] = (), progress: Progress = _silent) -> Walked:
    """Along the whole chain, in constant memory. ``progress``: rows done, and the number of the newest."""
    ours: UUID = tx.execute(select(tables.installation.c.id)).scalar_one()
    start, before, said = _start(tx)
    unsealed = said is not None and not hmac.compare_digest(said.seal, start_seal(master_key, start, before))
    newest = log_head(tx)[0]
    wanted, found = frozenset(ask), dict[int, bytes]()
    expected, broken, own, since, restored = start + 1, None, None, None, False
    query = select(tables.access_log).order_by(tables.access_log.c.seq)
    # by the thousand: the log of years does not fit in memory
    with tx.execute(query, execution_options={"yield_per": _STRIDE}) as rows:
        for row in rows:
            known = row.version in HASHED
            if row.seq != expected or not known or row.hash != row_hash(before, row._mapping):
                broken = expected
                break
            if row.source == ours:
                own, since = own or expected, since or row.at
                restored = restored or row.action == Action.RESTORED.value
            if expected in wanted:
                found[expected] = row.hash
            if expected % _STRIDE == 0:
                progress(expected, newest)
            before, expected = row.hash, expected + 1
    progress(expected - 1, newest)
    if start in wanted:
        found[start] = said.hash if said is not None else _GENESIS
    return Walked(
        first=start + 1,
        last=expected - 1,
        hash=before,
        broken=broken,
        unsealed=unsealed,
        at=found,
        brought_over=own - 1 if own is not None and restored else None,
        since=since,
    )


def verify_chain(tx: Connection, master_key: MasterKey) -> int | None:
    """None when it is whole, else the number of the first row that does not fit."""
    found = walk(tx, master_key)
    return found.first - 1 if found.unsealed else found.broken


# -- removing ------------------------------------------------------------------------------------------------------


def start_seal(master_key: MasterKey, seq: int, hash_: bytes) -> bytes:
    return master_key.anchor(f"begin {seq} {hash_.hex()}")


def prune(tx: Connection, master_key: MasterKey, before: datetime) -> int:
    """Remove all rows up to the first one that is not older than ``before``; returns how many.

    The database itself refuses rows younger than five years (``prune_access_log`` of migration 0012).
    """
    log = tables.access_log
    tx.execute(select(func.pg_advisory_xact_lock(_LOCKS, _LOG_LOCK)))
    kept = tx.scalar(select(func.min(log.c.seq)).where(log.c.at >= before))
    last = tx.execute(
        select(log.c.seq, log.c.hash)
        .where(log.c.seq < kept if kept is not None else literal(True))
        .order_by(log.c.seq.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return 0
    seal = start_seal(master_key, last.seq, last.hash)
    removed: int = tx.execute(select(func.prune_access_log(last.seq, before, seal))).scalar_one()
    return removed


# -- reading -------------------------------------------------------------------------------------------------------


def logged(
    tx: Connection,
    wanted: LogFilter,
    *,
    patient: bytes | None,
    after: int | None,
    limit: int,
    oldest_first: bool,
) -> list[Logged]:
    """See ``ports.Store.logged``. ``patient``: the pseudonym of ``wanted.patient_ref``."""
    log = tables.access_log.c
    place = tuple_(log.at, log.seq)
    query = select(tables.access_log).limit(limit)
    query = query.order_by(log.at, log.seq) if oldest_first else query.order_by(log.at.desc(), log.seq.desc())
    query = _narrowed(tx, query, wanted, patient)
    if after is not None:
        moment = tx.scalar(select(log.at).where(log.seq == after))
        if moment is None:
            raise NotFound
        last = tuple_(literal(moment), literal(after))
        query = query.where(place > last if oldest_first else place < last)
    return [_logged(row) for row in tx.execute(query)]


def _narrowed(tx: Connection, query: Select[Any], wanted: LogFilter, patient: bytes | None) -> Select[Any]:
    log = tables.access_log.c
    if patient is not None:
        query = query.where(_of_patient(tx, patient))
    if wanted.consult_id is not None:
        query = query.where(log.consult_id == wanted.consult_id)
    if wanted.since is not None:
        query = query.where(log.at >= wanted.since)
    if wanted.before is not None:
        query = query.where(log.at < wanted.before)
    if wanted.actor:
        query = query.where(log.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(log.action == wanted.action.value)
    return query


def _of_patient(tx: Connection, patient: bytes) -> ColumnElement[bool]:
    """Old rows do not say whose consult it was. The numbers are asked for first: one index for each half."""
    consults: Sequence[UUID] = tx.scalars(
        select(tables.consult.c.id).where(tables.consult.c.patient_pseudonym == patient)
    ).all()
    log = tables.access_log.c
    return or_(log.patient == patient, log.consult_id.in_(consults))


def actors(tx: Connection, practice: str | None) -> list[str]:
    """Everybody who is in it, by leaps along an index: not a look at every row."""
    log = tables.access_log.c
    leap = select(log.actor).order_by(log.actor).limit(1)
    if practice is not None:
        leap = leap.where(log.practice == practice)
    known = leap.subquery().select().cte("known", recursive=True)
    following = leap.where(log.actor > known.c.actor).correlate(known).scalar_subquery()
    everybody = known.union_all(select(following).where(known.c.actor.is_not(None)))
    return list(tx.scalars(select(everybody.c.actor).where(everybody.c.actor.is_not(None))))


def event_in(row: Row[Any]) -> AuditEvent:
    """Also of a row of before, and of one that was tampered with."""
    detail, whom = row.detail, row.whom
    if row.version == 1 and not is_code(detail):
        # names of colleagues stood in the detail
        whom, detail = detail.removeprefix("aan ").removeprefix("van "), ""
    return AuditEvent(
        at=row.at,
        actor=row.actor,
        role=Role(row.role),
        action=Action(row.action),
        consult_id=row.consult_id,
        detail=detail if is_code(detail) else "onleesbaar",
        whom=whom,
        outcome=Outcome(row.outcome),
        user_id=row.user_id,
        responsible=row.responsible,
        allowed_by=row.allowed_by,
        client=Client(row.client),
        address=row.address,
        request=row.request,
    )


def _logged(row: Row[Any]) -> Logged:
    return Logged(
        seq=row.seq,
        event=event_in(row),
        hash=row.hash,
        source=row.source,
        product=row.product,
        patient=row.patient,
        consent_id=row.consent_id,
        consent_version=row.consent_version,
        practice=row.practice,
    )
