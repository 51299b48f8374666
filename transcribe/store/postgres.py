"""The Store on PostgreSQL 15 or newer. See ``ports.Store`` for what it promises.

Everything a person said is sealed before it goes to the server, so neither the server, nor its log, nor a back-up of
it holds clinical text. Destroying a data key is what erases; see ``PostgresStore.apply``.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Table,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from consent import Consent
from transcribe import policy
from transcribe.asr.transcript import HeardWindow, Speaker, Transcript
from transcribe.audio.pcm import Decoded
from transcribe.consult import (
    STOPPING,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    KeyPurpose,
    Lane,
    Lease,
    LedgerEntry,
    LogFilter,
    Logged,
    Part,
    PartSize,
    Reason,
    Role,
    Search,
    Stage,
    Status,
    Typed,
    Typing,
    name_key,
)
from transcribe.contact import Contact, ContactType, Tariff
from transcribe.errors import Conflict, Erased, NotFound, TranscribeError, Unreadable
from transcribe.ports import MOST_COUNTED, Growing, Kept, Piece
from transcribe.soep.check import Flags
from transcribe.soep.note import Checked, Note
from transcribe.store import access_log, codec, jobs, tables, vitals
from transcribe.store.access_log import Walked
from transcribe.store.anchors import Anchor
from transcribe.store.crypto import context, new_key, open_sealed, seal
from transcribe.store.database import SESSION_NAME, translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.keys import MasterKey
from transcribe.store.lasting import check_master_key, open_keys
from transcribe.store.migrate import migrate
from transcribe.store.tenancy import act_for
from transcribe.video import Video
from transcribe.vitals import Vitals

__all__ = ["PostgresStore", "migrate"]

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

# Advisory locks by pairs of numbers: (23553, 1) the log, (23553, 2) migrations, (23554, task) ``alone``. Leases of jobs
# are of one number, a space of its own (lease.py).
_LOCKS = 23553
_TRANSCRIPT, _NOTE, _VIDEO, _TYPING, _MESSAGE = "transcript", "note", "video", "typing", "message"
_DECODED, _GROWING, _FLAGS = "decoded", "growing", "flags"
_LOCKED, _NOT_PERMITTED = "55P03", "42501"  # SQLSTATE

#: Of every connection. A server that is stuck or gone must become an error, not a screen that waits.
_SESSION = (
    """
    SET TIME ZONE 'UTC';
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s';
    SET log_parameter_max_length_on_error = 0;
    SET application_name = '"""
    + SESSION_NAME
    + """';
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""
)
#: Newest consults among which those who work in a practice are looked for.
_LATELY = 1000
#: A little more than the time-out of a statement: by then the server has something to say, if only that.
SILENCE_S = 35.0


class PostgresStore:
    """Thread-safe. The schema must be there: ``migrate`` first. Ends with ``close``, and so do those made by ``of``.

    This is the system's: it sees the consults of all practices. Who acts for one uses that of the practice (``of``):
    PostgreSQL itself then holds the others apart, whatever is asked. See ``tenancy``.
    """

    def __init__(self, url: str, master_key: MasterKey) -> None:
        """Raises ``SetupProblem`` when the database's keys were wrapped with another master key."""
        self._practice: str | None = None
        # READ COMMITTED: after waiting for a lock, a statement sees what the one before it committed
        self._engine = impatient_engine(url, silence_s=SILENCE_S, pool_pre_ping=True, isolation_level="READ COMMITTED")
        # ``alone`` holds a connection for as long as the task takes; those must not come out of the pool for requests.
        self._alone = impatient_engine(url, silence_s=SILENCE_S, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        event.listen(self._engine, "connect", _set_session)
        event.listen(self._alone, "connect", _set_session)
        try:
            with self._begin() as tx:
                self.master_key, self.lasting = open_keys(tx, master_key)
        except TranscribeError:
            self.close()
            raise

    def of(self, practice: str) -> PostgresStore:
        """On the same connections."""
        found = copy(self)
        found._practice = practice
        return found

    def close(self) -> None:
        self._engine.dispose()
        self._alone.dispose()

    # -- writing ---------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """See ``ports.Store.apply``.

        Destroying a key: its row is deleted in the same transaction and VACUUM then clears the dead row out of the
        table. Bytes of it stay in pages and in WAL until ``scrub`` (the keeper calls it before a certificate is
        complete), and in copies of the database's files that others made before. They are wrapped, so useless without
        the master key; hence: never keep that with such copies.
        """
        consult, destroyed = change.consult, {certificate.purpose for certificate in change.destroy}
        if self._practice not in (None, consult.practice):
            raise NotFound
        with self._begin() as tx:
            # jobs before the consult: workers and people lock in the same order
            if change.lease is not None:
                jobs.fence(tx, change.lease)
            if change.cancel_jobs:
                jobs.cancel(tx, consult.id)
            if consult.version == 1:
                keys = self._create(tx, consult)
            else:
                # read before the version is checked: whoever destroys a key in between makes that check fail
                keys = self._keys(tx, consult.id)
                self._update(tx, consult, keys, destroyed)
            if change.consent is not None:
                document = json.loads(codec.encode(change.consent))
                row = {"id": change.consent.id, "version": change.consent.version, "consult_id": consult.id}
                tx.execute(insert(tables.consent).values(row | {"document": document}))
            if change.transcript is not None:
                self._put(tx, consult.id, _TRANSCRIPT, change.transcript, KeyPurpose.SOURCE, keys)
                _forget_pieces(tx, consult.id)
                _forget_typing(tx, consult.id)
            if change.decoded is not None:
                self._put_piece(tx, consult.id, consult.upload, change.decoded, keys)
            self._put_note(tx, change, keys)
            if change.approval is not None:
                tx.execute(insert(tables.approval).values(_fields(change.approval)))
                if (typing := _typing(tx, consult.id, keys)).texts:  # words of a page that did not sign
                    _put_only(tx, consult.id, _TYPING, typing, {KeyPurpose.RECORD: keys[KeyPurpose.RECORD]})
            if change.delivery is not None:
                tx.execute(insert(tables.delivery).values(_fields(change.delivery)))
            if change.message is not None:
                _put_message(tx, consult.id, change.message, keys)
            if change.ledger is not None:
                document = json.loads(codec.encode(change.ledger.checked))
                row = {name: getattr(change.ledger, name) for name in ("day", "practice", "drafter", "model")}
                tx.execute(insert(tables.ledger).values(row | {"document": document}))
            for certificate in change.destroy:
                row = _fields(certificate)
                del row["cleared_at"]
                tx.execute(insert(tables.certificate).values(row))
                _destroy(tx, consult.id, certificate.purpose)
            for job in change.jobs:
                jobs.enqueue(tx, job)
            # last: all writers wait for the log's lock
            access_log.append_log(tx, change.audit, self._practice)
        if destroyed:
            self._vacuum()

    def log(self, event: AuditEvent, *, patient_ref: str = "") -> None:
        patient = self.lasting.pseudonym(patient_ref) if patient_ref else None
        with self._begin() as tx:
            access_log.append_log(tx, event, self._practice, patient=patient)

    def progress(self, consult_id: UUID, done_s: float, lease: Lease) -> None:
        """Raises ``NotFound``, ``LeaseLost``."""
        with self._begin() as tx:
            jobs.fence(tx, lease)
            this = update(tables.consult).where(tables.consult.c.id == consult_id).values(progress_s=done_s)
            if tx.scalar(this.returning(tables.consult.c.id)) is None:
                raise NotFound

    def keep(self, consult_id: UUID, piece: Piece, of: Lease | str) -> None:
        consult = tables.consult.c
        with self._begin() as tx:
            if isinstance(of, Lease):
                jobs.fence(tx, of)
            # held until we are done: a recording that ends meanwhile ends behind this piece
            found = tx.execute(
                select(consult.upload, consult.status).where(consult.id == consult_id).with_for_update(read=True)
            ).one_or_none()
            if found is None:
                raise NotFound
            # a follower's while it is recorded, an attempt's after the end: never of two at a time
            recorded = Status(found.status) in policy.RUNNING
            if recorded is isinstance(of, Lease) or (isinstance(of, str) and found.upload != of):
                raise Conflict
            self._put_piece(tx, consult_id, found.upload, piece, self._keys(tx, consult_id))

    def keep_typing(self, consult_id: UUID, typed: Typed) -> None:
        with self._begin() as tx:
            # the consult's row is locked: two tabs write one after the other, and no key is destroyed meanwhile
            this = select(tables.consult.c.id).where(tables.consult.c.id == consult_id).with_for_update()
            if tx.scalar(this) is None:
                raise NotFound
            keys = self._keys(tx, consult_id)
            _put_only(tx, consult_id, _TYPING, _typing(tx, consult_id, keys).typed(typed), keys)

    def keep_video(self, consult_id: UUID, seen: int, video: Video, audit: AuditEvent) -> None:
        consult = tables.consult.c
        with self._begin() as tx:
            # locked: of two people one is first, and the draft comes before this or after it
            status = tx.scalar(select(consult.status).where(consult.id == consult_id).with_for_update())
            if status is None:
                raise NotFound
            newest = _newest_version(tx, consult_id, _VIDEO) or 0
            if Status(status) not in policy.BEFORE_NOTE or newest != seen:
                raise Conflict
            self._put(tx, consult_id, _VIDEO, video, KeyPurpose.SOURCE, self._keys(tx, consult_id))
            access_log.append_log(tx, audit, self._practice)

    def clear(self, certificates: Sequence[Certificate], at: datetime) -> None:
        rows = [{"certificate_id": certificate.id, "cleared_at": at} for certificate in certificates]
        if rows:
            with self._begin() as tx:
                tx.execute(insert_or_skip(tables.clearance).on_conflict_do_nothing(), rows)

    def measured(self, stage: Stage, audio_s: float, work_s: float) -> None:
        with self._begin() as tx:
            tx.execute(
                insert(tables.measurement).values(at=func.now(), stage=stage.value, audio_s=audio_s, work_s=work_s)
            )

    def prune(self, *, jobs_before: datetime) -> int:
        with self._begin() as tx:
            tx.execute(delete(tables.worker).where(tables.worker.c.beat_at < func.now() - text("interval '1 hour'")))
            tx.execute(
                delete(tables.measurement).where(tables.measurement.c.at < func.now() - text("interval '8 days'"))
            )
        pruned = 0
        while True:  # a piece at a time: one statement for a backlog of weeks would run into its time-out
            with self._begin() as tx:
                found = vitals.prune_jobs(tx, jobs_before)
            pruned += found
            if found < vitals.PRUNED_AT_ONCE:
                return pruned

    @contextmanager
    def alone(self, task: str) -> Iterator[bool]:
        """Is nobody else at this task, in any process? A session-level advisory lock on a connection of its own."""
        number = int.from_bytes(hashlib.sha256(task.encode()).digest()[:4], signed=True)
        with translated():
            connection = self._alone.connect()
        with connection:
            with translated():
                ours = bool(connection.scalar(select(func.pg_try_advisory_lock(_LOCKS + 1, number))))
            try:
                yield ours
            finally:
                if ours:
                    self._release(connection, number)

    # -- reading ---------------------------------------------------------------------------------------------------

    def consult(self, consult_id: UUID) -> Consult:
        with self._begin() as tx:
            row = tx.execute(_WITH_RECORD_KEY.where(tables.consult.c.id == consult_id)).one_or_none()
        if row is None:
            raise NotFound
        return self._consult(row)

    def search(self, wanted: Search, *, after: UUID | None = None, limit: int = 100) -> list[Consult]:
        consult = tables.consult
        place = tuple_(consult.c.created_at, consult.c.id)
        query = _WITH_RECORD_KEY.order_by(consult.c.created_at.desc(), consult.c.id.desc()).limit(limit)
        query = query.where(self._own())
        if wanted.patient_ref:
            query = query.where(consult.c.patient_pseudonym == self.lasting.pseudonym(wanted.patient_ref))
        if wanted.since:
            query = query.where(consult.c.created_at >= wanted.since)
        if wanted.before:
            query = query.where(consult.c.created_at < wanted.before)
        with self._begin() as tx:
            if wanted.part:
                query = query.where(_in_part(wanted.part, _spellings(tx, wanted.person, self._own())))
            if after is not None:
                last = tx.execute(select(consult.c.created_at, consult.c.id).where(consult.c.id == after)).one_or_none()
                if last is None:
                    raise NotFound
                query = query.where(place < tuple_(literal(last.created_at), literal(last.id)))
            rows = tx.execute(query).all()
        return [self._consult(row) for row in rows]

    def sizes(self, person: str = "") -> dict[Part, PartSize]:
        consult = tables.consult
        with self._begin() as tx:
            spellings = _spellings(tx, person, self._own())
            return {
                part: PartSize(
                    count=tx.scalar(select(func.count()).select_from(of_it.limit(MOST_COUNTED).subquery())) or 0,
                    oldest=tx.scalar(select(func.min(consult.c.created_at)).where(self._own(), here)),
                )
                for part in Part
                for here in [_in_part(part, spellings)]
                for of_it in [select(consult.c.id).where(self._own(), here)]
            }

    def consent(self, consult_id: UUID) -> Consent | None:
        row = self._newest(tables.consent, consult_id)
        return None if row is None else _consent(row)

    def consents(self, consult_id: UUID) -> list[Consent]:
        return [_consent(row) for row in self._all(tables.consent, consult_id)]

    def transcript(self, consult_id: UUID) -> Transcript | None:
        found = self._content(consult_id, _TRANSCRIPT, Transcript)
        return None if found is None else found[1]

    def note(self, consult_id: UUID, version: int | None = None) -> tuple[int, Note] | None:
        return self._content(consult_id, _NOTE, Note, version)

    def approval(self, consult_id: UUID) -> Approval | None:
        row = self._newest(tables.approval, consult_id)
        return None if row is None else _approval(row)

    def approvals(self, consult_id: UUID) -> list[Approval]:
        return [_approval(row) for row in self._all(tables.approval, consult_id)]

    def deliveries(self, consult_id: UUID) -> list[Delivery]:
        return [
            Delivery(
                id=row.id,
                consult_id=row.consult_id,
                approval_id=row.approval_id,
                part=row.part,
                delivered_by=row.delivered_by,
                delivered_at=row.delivered_at,
            )
            for row in self._all(tables.delivery, consult_id)
        ]

    def typing(self, consult_id: UUID) -> Typing:
        try:
            found = self._content(consult_id, _TYPING, Typing)
        except Erased:
            return Typing()
        return Typing() if found is None else found[1]

    def message(self, consult_id: UUID) -> str:
        try:
            found = self._content(consult_id, _MESSAGE, str)
        except Erased:
            return ""
        return "" if found is None else found[1]

    def colleagues(self, practice: str) -> list[str]:
        consult, approval = tables.consult, tables.approval
        newest = select(consult.c.id).where(consult.c.practice == practice).order_by(consult.c.created_at.desc())
        lately = newest.limit(_LATELY).subquery()
        signed = select(approval.c.approved_by).join(lately, lately.c.id == approval.c.consult_id)
        waiting = select(consult.c.waits_for, consult.c.passed_by)
        waiting = waiting.where(consult.c.waits_for != "", consult.c.practice == practice).limit(_LATELY)
        with self._begin() as tx:
            names = set(tx.scalars(signed.distinct()))
            for row in tx.execute(waiting):
                names |= {row.waits_for, row.passed_by}
        return sorted(names - {""})

    def video(self, consult_id: UUID) -> tuple[int, Video]:
        try:
            return self._content(consult_id, _VIDEO, Video) or (0, Video())
        except Erased:
            return 0, Video()

    def ledger(self, since: date) -> list[LedgerEntry]:
        ledger = tables.ledger
        with self._begin() as tx:
            rows = tx.execute(select(ledger).where(ledger.c.day >= since).order_by(ledger.c.seq)).all()
        return [
            LedgerEntry(
                day=row.day,
                practice=row.practice,
                drafter=row.drafter,
                model=row.model,
                checked=codec.decode(Checked, json.dumps(row.document)),
            )
            for row in rows
        ]

    def certificates(self, consult_id: UUID) -> list[Certificate]:
        query = _CERTIFICATES.where(tables.certificate.c.consult_id == consult_id)
        with self._begin() as tx:
            return [_certificate(row) for row in tx.execute(query.order_by(tables.certificate.c.seq))]

    def destroyed(self, since: datetime, before: datetime) -> list[Certificate]:
        at = tables.certificate.c.destroyed_at
        query = _CERTIFICATES.where(at >= since, at < before).order_by(at, tables.certificate.c.seq)
        with self._begin() as tx:
            return [_certificate(row) for row in tx.execute(query)]

    def uncleared(self, *, skip: int = 0, limit: int = 1000) -> list[Certificate]:
        query = _CERTIFICATES.where(tables.clearance.c.cleared_at.is_(None))
        with self._begin() as tx:
            return [
                _certificate(row)
                for row in tx.execute(query.order_by(tables.certificate.c.seq).offset(skip).limit(limit))
            ]

    def kept(self, consult_id: UUID) -> Kept:
        decoded: Decoded | None = None
        windows: list[HeardWindow] = []
        for name, plain in self._pieces(consult_id, tables.piece.c.name.not_in([_GROWING, _FLAGS])):
            if name == _DECODED:
                decoded = codec.decode(Decoded, plain)
            else:
                windows.append(codec.decode(HeardWindow, plain))
        return Kept(decoded=decoded, windows=tuple(windows))

    def growing(self, consult_id: UUID) -> Growing | None:
        for _, plain in self._pieces(consult_id, tables.piece.c.name == _GROWING):
            return codec.decode(Growing, plain)
        return None

    def flags(self, consult_id: UUID) -> Flags | None:
        try:
            for _, plain in self._pieces(consult_id, tables.piece.c.name == _FLAGS):
                return codec.decode(Flags, plain)
        except (Unreadable, ValueError):
            logger.warning(
                "consult %s: what was found in its draft is found anew", consult_id
            )  # of another version, say
        return None

    def _pieces(self, consult_id: UUID, which: ColumnElement[bool]) -> Iterator[tuple[str, bytes]]:
        """Name and plain bytes, in order of names: windows in order of channel and time."""
        piece, keys = tables.piece, tables.data_key
        of_it = (piece.c.consult_id == tables.consult.c.id) & (piece.c.upload == tables.consult.c.upload)
        source = (keys.c.consult_id == tables.consult.c.id) & (keys.c.purpose == KeyPurpose.SOURCE.value)
        with self._begin() as tx:
            rows = tx.execute(
                select(piece.c.name, piece.c.upload, piece.c.blob, keys.c.wrapped)
                .select_from(tables.consult.join(piece, of_it).join(keys, source))
                .where(tables.consult.c.id == consult_id, which)
                .order_by(piece.c.name)
            ).all()
        key = self.master_key.unwrap(rows[0].wrapped, data_key_id(consult_id, KeyPurpose.SOURCE)) if rows else b""
        for row in rows:
            yield row.name, open_sealed(key, row.blob, _piece_place(consult_id, row.upload, row.name))

    def idle(self) -> list[UUID]:
        consult = tables.consult
        query = (
            select(consult.c.id)
            .where(consult.c.status.in_([status.value for status in policy.STAGES]))
            .where(consult.c.reason.is_(None) | consult.c.reason.not_in([reason.value for reason in STOPPING]))
            .where(text(jobs.without("consult.id")))
            .order_by(consult.c.created_at)
            .limit(1000)
        )
        with self._begin() as tx:
            return list(tx.scalars(query))

    def older(self, statuses: Sequence[Status], before: datetime, *, limit: int = 1000) -> list[UUID]:
        consult = tables.consult
        query = (
            select(consult.c.id)
            .where(consult.c.status.in_([status.value for status in statuses]), consult.c.changed_at < before)
            .order_by(consult.c.changed_at)
            .limit(limit)
        )
        with self._begin() as tx:
            return list(tx.scalars(query))

    def notice(self, statuses: Sequence[Status], now: datetime, *, untouched: timedelta, warned: timedelta) -> int:
        consult = tables.consult
        quiet = consult.c.changed_at < func.least(func.now(), now) - untouched
        until = func.greatest(func.now(), now) + warned
        # a moment further ahead was set by a clock that was wrong then
        unset = consult.c.expires_at.is_(None) | (consult.c.expires_at > until + timedelta(hours=1))
        these = consult.c.status.in_([status.value for status in statuses]) & quiet
        with self._begin() as tx:
            return tx.execute(update(consult).where(these, unset).values(expires_at=until)).rowcount

    def tended(self, *, off: timedelta) -> None:
        consult, installation = tables.consult, tables.installation
        with self._begin() as tx:
            last = tx.execute(select(installation.c.tended_at).with_for_update()).scalar_one()
            now: datetime = tx.execute(select(func.now())).scalar_one()
            expiring = update(consult).where(consult.c.expires_at.is_not(None))
            if last is None:
                tx.execute(expiring.values(expires_at=None))
            elif now - last > off:
                tx.execute(expiring.values(expires_at=func.greatest(consult.c.expires_at, last) + (now - last)))
            else:
                passed = (consult.c.expires_at > last) & (consult.c.expires_at < now)
                tx.execute(expiring.where(passed).values(expires_at=now))
            tx.execute(update(installation).values(tended_at=now))

    def expired(self, statuses: Sequence[Status], now: datetime, *, limit: int = 1000) -> list[UUID]:
        consult = tables.consult
        query = (
            select(consult.c.id)
            .where(consult.c.status.in_([status.value for status in statuses]))
            .where(consult.c.expires_at < func.least(func.now(), now))
            .order_by(consult.c.expires_at)
            .limit(limit)
        )
        with self._begin() as tx:
            return list(tx.scalars(query))

    def practices_of(self, consult_ids: Sequence[UUID]) -> set[str]:
        """Whose these are, for the system: a disk holds sound of several practices."""
        consult = tables.consult.c
        with self._begin() as tx:
            return set(tx.scalars(select(consult.practice).where(consult.id.in_(consult_ids)).distinct()))

    def installation(self) -> UUID:
        """Made with the tables: by this the place of the sound knows whose it is."""
        with self._begin() as tx:
            found: UUID = tx.execute(select(tables.installation.c.id)).scalar_one()
        return found

    def has_place(self) -> bool:
        """Was a place of the sound ever marked?"""
        with self._begin() as tx:
            return tx.execute(select(tables.installation.c.marked_at)).scalar_one() is not None

    def first_place(self, mark: Callable[[], None]) -> bool:
        """See ``marked.Installation``. Others wait for it, and it is not so when ``mark`` raises."""
        this = update(tables.installation).where(tables.installation.c.marked_at.is_(None))
        with self._begin() as tx:
            first = tx.execute(this.values(marked_at=func.now())).rowcount == 1
            if first:
                mark()
        return first

    def expected_sound(self) -> list[UUID]:
        """Some consults whose sound must be in its store, newest first."""
        consult, keys = tables.consult, tables.data_key
        stored = [status.value for status in policy.STORED]
        query = select(consult.c.id).join(keys, keys.c.consult_id == consult.c.id)
        query = query.where(keys.c.purpose == KeyPurpose.SOURCE.value, consult.c.status.in_(stored))
        with self._begin() as tx:
            return list(tx.scalars(query.order_by(consult.c.created_at.desc()).limit(10)))

    def scrub(self) -> bool:
        """Take destroyed keys out of the files of a database that is ours alone: table and write-ahead log.

        A deleted row stays in its page, and in the log, until something else is written there: in a small practice that
        takes weeks. False when somebody uses the table just now: try again later. Somebody else's server may not allow
        it at all; then it is a matter of its own care, see docs/backup.md.
        """
        done = True
        with translated(), self._alone.connect() as connection:
            # who waits for the table keeps everybody else waiting for it too
            connection.execute(text("SET lock_timeout = '200ms'"))
            for statement in (
                "VACUUM (FULL) data_key",
                "VACUUM (FULL) lasting_key",
                "SELECT pg_switch_wal()",
                "CHECKPOINT",
            ):
                try:
                    connection.execute(text(statement))
                except DBAPIError as problem:
                    state = getattr(problem.orig, "sqlstate", None)
                    if state not in (_LOCKED, _NOT_PERMITTED):
                        raise
                    done = done and state != _LOCKED
                    logger.warning("destroyed keys are not cleared out of the files (%s)", state)
        return done

    def recording_id(self, digest: bytes, nth: int) -> UUID:
        of = json.dumps(["recording", self._practice, digest.hex(), nth])
        return UUID(bytes=self.lasting.pseudonym(of)[:16], version=4)

    def vitals(self) -> Vitals:
        with self._begin() as tx:
            return vitals.read(tx)

    def events(self, consult_id: UUID | None = None, *, limit: int = 1000) -> list[AuditEvent]:
        """The newest ``limit`` of them, oldest first."""
        log = tables.access_log
        query = select(log).order_by(log.c.seq.desc()).limit(limit)
        if consult_id is not None:
            query = query.where(log.c.consult_id == consult_id)
        with self._begin() as tx:
            rows = tx.execute(query).all()
        return [access_log.event_in(row) for row in reversed(rows)]

    def logged(
        self, wanted: LogFilter, *, after: int | None = None, limit: int = 100, oldest_first: bool = False
    ) -> list[Logged]:
        patient = self.lasting.pseudonym(wanted.patient_ref) if wanted.patient_ref else None
        with self._begin() as tx:
            return access_log.logged(tx, wanted, patient=patient, after=after, limit=limit, oldest_first=oldest_first)

    def log_actors(self) -> list[str]:
        with self._begin() as tx:
            return access_log.actors(tx, self._practice)

    def log_anchor(self) -> Anchor:
        """The newest row of the access log."""
        with self._begin() as tx:
            seq, found = access_log.log_head(tx)
            ours: UUID = tx.execute(select(tables.installation.c.id)).scalar_one()
        return Anchor(installation=ours, seq=seq, hash=found, at=datetime.now(UTC))

    def walk_log(
        self, ask: Iterable[int] = (), progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> Walked:
        """Along the whole chain of the access log; hashes of the rows in ``ask`` come along."""
        one_moment = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(), one_moment.begin() as tx:
            return access_log.walk(tx, self.master_key, ask=ask, progress=progress)

    def verify_log(self) -> int | None:
        """None when the chain of the access log is whole, else the number of the first row that does not fit."""
        with self._begin() as tx:
            return access_log.verify_chain(tx, self.master_key)

    def prune_log(self, before: datetime, event: Callable[[int], AuditEvent]) -> int:
        """Remove the rows of before that moment, and log it in the same transaction; returns how many.

        The database refuses rows that are younger than five years.
        """
        with self._begin() as tx:
            removed = access_log.prune(tx, self.master_key, before)
            if removed:
                access_log.append_log(tx, event(removed))
        return removed

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        keys = tables.data_key
        joined = tables.consult.outerjoin(
            keys, (keys.c.consult_id == tables.consult.c.id) & (keys.c.purpose == purpose.value)
        )
        with self._begin() as tx:
            row = tx.execute(
                select(keys.c.wrapped).select_from(joined).where(tables.consult.c.id == consult_id)
            ).one_or_none()
        if row is None:
            raise NotFound
        if row.wrapped is None:
            raise Erased
        return self.master_key.unwrap(row.wrapped, data_key_id(consult_id, purpose))

    # -- inside ----------------------------------------------------------------------------------------------------

    def check_master_key(self) -> None:
        """Raises ``SetupProblem`` when the database's keys are wrapped with another master key by now."""
        with self._begin() as tx:
            check_master_key(tx, self.master_key.id)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as connection:
            if self._practice is not None:
                act_for(connection, self._practice)
            yield connection

    def _own(self) -> ColumnElement[bool]:
        """The policy of the table says the same. But of that the planner does not know how many consults it leaves."""
        return true() if self._practice is None else tables.consult.c.practice == self._practice

    def _create(self, tx: Connection, consult: Consult) -> dict[KeyPurpose, bytes]:
        keys = {purpose: new_key() for purpose in KeyPurpose}
        values = _consult_values(consult) | self._patient_values(consult, keys)
        new = insert_or_skip(tables.consult).values(id=consult.id, **values).on_conflict_do_nothing()
        if tx.scalar(new.returning(tables.consult.c.id)) is None:
            raise Conflict
        for purpose, key in keys.items():
            wrapped = self.master_key.wrap(key, data_key_id(consult.id, purpose))
            row = {
                "consult_id": consult.id,
                "purpose": purpose.value,
                "master": self.master_key.id,
                "wrapped": wrapped,
            }
            tx.execute(insert(tables.data_key).values(row))
        return keys

    def _update(
        self, tx: Connection, consult: Consult, keys: Mapping[KeyPurpose, bytes], destroyed: set[KeyPurpose]
    ) -> None:
        values = _consult_values(consult)
        if KeyPurpose.RECORD in destroyed or KeyPurpose.RECORD not in keys:
            values["patient_sealed"] = None  # the pseudonym stays, see tables.py
        elif consult.patient_ref:  # else there was none, or it could not be read: what is there stays
            values |= self._patient_values(consult, keys)
        seen = (tables.consult.c.id == consult.id) & (tables.consult.c.version == consult.version - 1)
        if tx.scalar(update(tables.consult).where(seen).values(values).returning(tables.consult.c.id)) is None:
            raise Conflict

    def _patient_values(self, consult: Consult, keys: Mapping[KeyPurpose, bytes]) -> dict[str, object]:
        reference = consult.patient_ref
        return {
            "patient_sealed": seal(keys[KeyPurpose.RECORD], reference.encode(), _patient_place(consult.id)),
            "patient_pseudonym": self.lasting.pseudonym(reference) if reference else None,
        }

    def _keys(self, tx: Connection, consult_id: UUID) -> dict[KeyPurpose, bytes]:
        """Those that are left."""
        keys = tables.data_key
        rows = tx.execute(select(keys.c.purpose, keys.c.wrapped).where(keys.c.consult_id == consult_id))
        return {
            KeyPurpose(row.purpose): self.master_key.unwrap(row.wrapped, data_key_id(consult_id, row.purpose))
            for row in rows
        }

    def _put(
        self,
        tx: Connection,
        consult_id: UUID,
        kind: str,
        value: object,
        purpose: KeyPurpose,
        keys: Mapping[KeyPurpose, bytes],
    ) -> int:
        """Add the next version; returns its number. Raises ``Erased`` when the key is gone."""
        if purpose not in keys:
            raise Erased
        version = (_newest_version(tx, consult_id, kind) or 0) + 1
        blob = seal(keys[purpose], codec.encode(value), _content_place(consult_id, kind, version))
        row = {"consult_id": consult_id, "kind": kind, "version": version, "purpose": purpose.value, "blob": blob}
        tx.execute(insert(tables.content).values(row))
        return version

    def _put_note(self, tx: Connection, change: Change, keys: Mapping[KeyPurpose, bytes]) -> None:
        consult_id, approval = change.consult.id, change.approval
        if change.note is None and approval is None:
            return
        for_record = approval is not None or KeyPurpose.SOURCE not in keys
        if change.note is not None:
            purpose = KeyPurpose.RECORD if for_record else KeyPurpose.SOURCE
            version: int | None = self._put(tx, consult_id, _NOTE, change.note, purpose, keys)
        else:
            version = _newest_version(tx, consult_id, _NOTE)
            if approval is not None and version is not None:
                self._keep_for_record(tx, consult_id, version, keys)
        if approval is not None and approval.note_version != version:
            raise ValueError(f"approval of note version {approval.note_version}, while the newest is {version}")

    def _keep_for_record(
        self, tx: Connection, consult_id: UUID, version: int, keys: Mapping[KeyPurpose, bytes]
    ) -> None:
        """An approved note outlives the SOURCE key, also when the approval came without its text."""
        content = tables.content
        this = (content.c.consult_id == consult_id) & (content.c.kind == _NOTE) & (content.c.version == version)
        row = tx.execute(select(content.c.purpose, content.c.blob).where(this)).one()
        if row.purpose == KeyPurpose.RECORD.value:
            return
        if row.blob is None or KeyPurpose.RECORD not in keys:
            raise Erased
        place = _content_place(consult_id, _NOTE, version)
        blob = seal(keys[KeyPurpose.RECORD], open_sealed(keys[KeyPurpose.SOURCE], row.blob, place), place)
        tx.execute(update(content).where(this).values(purpose=KeyPurpose.RECORD.value, blob=blob))

    def _content(
        self, consult_id: UUID, kind: str, of: type[Value], version: int | None = None
    ) -> tuple[int, Value] | None:
        """The newest version, or the one named, and its number. Also raises ``NotFound`` for an unknown consult."""
        content, keys = tables.content, tables.data_key
        this = (content.c.consult_id == consult_id) & (content.c.kind == kind)
        if version is not None:
            this &= content.c.version == version
        key_of_it = (keys.c.consult_id == content.c.consult_id) & (keys.c.purpose == content.c.purpose)
        with self._begin() as tx:
            # one statement, so that row and key are of one moment
            row = tx.execute(
                select(content.c.version, content.c.purpose, content.c.blob, keys.c.wrapped)
                .select_from(content.outerjoin(keys, key_of_it))
                .where(this)
                .order_by(content.c.version.desc())
                .limit(1)
            ).one_or_none()
        if row is None:
            self.data_key(consult_id, KeyPurpose.SOURCE)  # destroyed before there was any: Erased too
            return None
        if row.blob is None or row.wrapped is None:
            raise Erased
        key = self.master_key.unwrap(row.wrapped, data_key_id(consult_id, row.purpose))
        place = _content_place(consult_id, kind, row.version)
        return row.version, codec.decode(of, open_sealed(key, row.blob, place))

    def _put_piece(
        self,
        tx: Connection,
        consult_id: UUID,
        upload: str,
        piece: Piece,
        keys: Mapping[KeyPurpose, bytes],
    ) -> None:
        if KeyPurpose.SOURCE not in keys:
            raise Erased
        name = _piece_name(piece)
        blob = seal(keys[KeyPurpose.SOURCE], codec.encode(piece), _piece_place(consult_id, upload, name))
        new = insert_or_skip(tables.piece).values(consult_id=consult_id, upload=upload, name=name, blob=blob)
        same = [tables.piece.c.consult_id, tables.piece.c.upload, tables.piece.c.name]
        tx.execute(new.on_conflict_do_update(index_elements=same, set_={"blob": blob}))

    def _newest(self, table: Table, consult_id: UUID) -> Row[Any] | None:
        with self._begin() as tx:
            return tx.execute(
                select(table).where(table.c.consult_id == consult_id).order_by(table.c.seq.desc()).limit(1)
            ).one_or_none()

    def _all(self, table: Table, consult_id: UUID) -> Sequence[Row[Any]]:
        with self._begin() as tx:
            return tx.execute(select(table).where(table.c.consult_id == consult_id).order_by(table.c.seq)).all()

    def _release(self, connection: Connection, number: int) -> None:
        try:
            # by name: the server notices a closed connection a moment later, and the next claim would fail
            connection.scalar(select(func.pg_advisory_unlock(_LOCKS + 1, number)))
        except DBAPIError:
            logger.warning("a connection was lost; its lock ended with it")

    def _vacuum(self) -> None:
        """Clear destroyed keys out of the table. When it can't be done now, autovacuum does it within minutes."""
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM (SKIP_LOCKED) data_key"))
        except DBAPIError:
            # the keys are destroyed and the change is made: an error now would tell the caller otherwise
            logger.warning("data_key not vacuumed; left to autovacuum")

    def _consult(self, row: Row[Any]) -> Consult:
        reference = ""
        if row.patient_sealed is not None and row.wrapped is not None:
            try:
                key = self.master_key.unwrap(row.wrapped, data_key_id(row.id, KeyPurpose.RECORD))
                reference = open_sealed(key, row.patient_sealed, _patient_place(row.id)).decode()
            except Unreadable:  # one that is damaged must not hide all others, nor itself
                logger.error("consult %s: the patient's reference can't be read", row.id)
        return Consult(
            id=row.id,
            patient_ref=reference,
            status=Status(row.status),
            created_at=row.created_at,
            changed_at=row.changed_at,
            version=row.version,
            reason=None if row.reason is None else Reason(row.reason),
            channels=tuple(Speaker(channel) for channel in row.channels),
            upload=row.upload,
            audio_s=row.audio_s,
            missing_s=row.missing_s,
            progress_s=row.progress_s,
            stumbles=row.stumbles,
            expires_at=row.expires_at,
            lost_s=row.lost_s,
            lane=Lane(row.lane),
            practice=row.practice,
            contact=Contact(
                kind=None if row.contact_kind is None else ContactType(row.contact_kind),
                began=row.contact_began,
                ended=row.contact_ended,
                tariff=None if row.contact_tariff is None else Tariff(row.contact_tariff),
                day=row.contact_day,
            ),
            waits_for=row.waits_for,
            passed_by=row.passed_by,
            exercise=row.exercise,
            readers=tuple(row.readers),
        )


_CERTIFICATES = select(tables.certificate, tables.clearance.c.cleared_at).select_from(
    tables.certificate.outerjoin(tables.clearance, tables.clearance.c.certificate_id == tables.certificate.c.id)
)


def _consent(row: Row[Any]) -> Consent:
    # as text: the strict rules for JSON know dates and sets, those for a dict do not
    return codec.decode(Consent, json.dumps(row.document))


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        id=row.id,
        consult_id=row.consult_id,
        note_version=row.note_version,
        sha256=row.sha256,
        approved_by=row.approved_by,
        role=Role(row.role),
        approved_at=row.approved_at,
    )


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        id=row.id,
        consult_id=row.consult_id,
        purpose=KeyPurpose(row.purpose),
        why=row.why,
        destroyed_at=row.destroyed_at,
        cleared_at=row.cleared_at,
    )


#: The consult's row with its wrapped RECORD key, null when that is destroyed.
_WITH_RECORD_KEY = select(tables.consult, tables.data_key.c.wrapped).select_from(
    tables.consult.outerjoin(
        tables.data_key,
        (tables.data_key.c.consult_id == tables.consult.c.id) & (tables.data_key.c.purpose == KeyPurpose.RECORD.value),
    )
)


def _set_session(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(_SESSION)
    cursor.close()
    connection.commit()  # a SET ends with a transaction that is rolled back


def data_key_id(consult_id: UUID, purpose: str) -> str:
    """To which a wrapped data key is bound."""
    return f"{consult_id}/{purpose}"


def _patient_place(consult_id: UUID) -> bytes:
    return context("patient", consult_id)


def _piece_name(piece: Piece) -> str:
    if isinstance(piece, HeardWindow):
        return f"{piece.channel}-{round(piece.start_s * 1000):010}"
    return {Decoded: _DECODED, Growing: _GROWING, Flags: _FLAGS}[type(piece)]


def _piece_place(consult_id: UUID, upload: str, name: str) -> bytes:
    return context("piece", consult_id, upload, name)


def _content_place(consult_id: UUID, kind: str, version: int) -> bytes:
    return context("content", consult_id, kind, version)


def _fields(value: Approval | Delivery | Certificate) -> dict[str, object]:
    """A flat value as the columns of its table."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: part.value if isinstance(part, StrEnum) else part for name, part in found.items()}


def _consult_values(consult: Consult) -> dict[str, object]:
    """All columns but the id and the patient."""
    return {
        "status": consult.status.value,
        "part": policy.part_of(consult).value,
        "reason": None if consult.reason is None else consult.reason.value,
        "created_at": consult.created_at,
        "changed_at": consult.changed_at,
        "version": consult.version,
        "channels": [speaker.value for speaker in consult.channels],
        "upload": consult.upload,
        "audio_s": consult.audio_s,
        "missing_s": consult.missing_s,
        "progress_s": consult.progress_s,
        "stumbles": consult.stumbles,
        "expires_at": consult.expires_at,
        "lost_s": consult.lost_s,
        "lane": consult.lane.value,
        "practice": consult.practice,
        "contact_kind": None if consult.contact.kind is None else consult.contact.kind.value,
        "contact_began": consult.contact.began,
        "contact_ended": consult.contact.ended,
        "contact_tariff": None if consult.contact.tariff is None else consult.contact.tariff.value,
        "contact_day": consult.contact.day,
        "waits_for": consult.waits_for,
        "passed_by": consult.passed_by,
        "exercise": consult.exercise,
        "readers": list(consult.readers),
    }


def _spellings(tx: Connection, person: str, own: ColumnElement[bool]) -> list[str]:
    """How drafts that wait spell the name of this person. PostgreSQL's own lower() depends on its locale.

    From one name to the next by the index: DISTINCT would read every draft that waits.
    """
    waits_for = tables.consult.c.waits_for

    def next_to(name: ColumnElement[str]) -> ScalarSelect[str]:
        return (
            select(waits_for)
            .where(own, waits_for != "", waits_for > name)
            .order_by(waits_for)
            .limit(1)
            .scalar_subquery()
        )

    names = select(next_to(literal("")).label("name")).cte("names", recursive=True)
    names = names.union_all(select(next_to(names.c.name)).where(names.c.name.is_not(None)))
    found = tx.scalars(select(names.c.name).where(names.c.name.is_not(None)))
    return [name for name in found if name_key(name) == name_key(person)]


def _in_part(part: Part, spellings: list[str]) -> ColumnElement[bool]:
    """The column does not know whose worklist it is: ``OTHERS`` stands there for all that wait for somebody."""
    consult = tables.consult.c
    handed = (consult.part == Part.OTHERS.value) & (consult.waits_for != "")
    if part is Part.MINE:
        return handed & (consult.waits_for.in_(spellings))
    if part is Part.OTHERS:
        return handed & (consult.waits_for.not_in(spellings))
    return consult.part == part.value


def _of_draft(keys: Mapping[KeyPurpose, bytes]) -> KeyPurpose:
    """Of the key that a draft is sealed with now. Raises ``Erased``."""
    if not keys:
        raise Erased
    return KeyPurpose.SOURCE if KeyPurpose.SOURCE in keys else KeyPurpose.RECORD


def _put_only(tx: Connection, consult_id: UUID, kind: str, value: object, keys: Mapping[KeyPurpose, bytes]) -> None:
    """In the place of what there was of this kind."""
    purpose = _of_draft(keys)
    blob = seal(keys[purpose], codec.encode(value), _content_place(consult_id, kind, 1))
    row = {"consult_id": consult_id, "kind": kind, "version": 1, "purpose": purpose.value, "blob": blob}
    new = insert_or_skip(tables.content).values(row)
    same = ["consult_id", "kind", "version"]
    tx.execute(new.on_conflict_do_update(index_elements=same, set_={"purpose": purpose.value, "blob": blob}))


def _put_message(tx: Connection, consult_id: UUID, message: str, keys: Mapping[KeyPurpose, bytes]) -> None:
    content = tables.content
    if message:
        _put_only(tx, consult_id, _MESSAGE, message, keys)
    else:
        tx.execute(delete(content).where(content.c.consult_id == consult_id, content.c.kind == _MESSAGE))


def _newest_version(tx: Connection, consult_id: UUID, kind: str) -> int | None:
    content = tables.content
    newest: int | None = tx.scalar(
        select(func.max(content.c.version)).where(content.c.consult_id == consult_id, content.c.kind == kind)
    )
    return newest


def _forget_pieces(tx: Connection, consult_id: UUID) -> None:
    tx.execute(delete(tables.piece).where(tables.piece.c.consult_id == consult_id))


def _typing(tx: Connection, consult_id: UUID, keys: Mapping[KeyPurpose, bytes]) -> Typing:
    content, purpose = tables.content, _of_draft(keys)
    same = (content.c.consult_id == consult_id) & (content.c.kind == _TYPING) & (content.c.version == 1)
    old = tx.scalar(select(content.c.blob).where(same, content.c.purpose == purpose.value))
    if old is None:
        return Typing()
    return codec.decode(Typing, open_sealed(keys[purpose], old, _content_place(consult_id, _TYPING, 1)))


def _forget_typing(tx: Connection, consult_id: UUID) -> None:
    """Typed beside lines that are not those of the next draft."""
    content = tables.content
    tx.execute(delete(content).where(content.c.consult_id == consult_id, content.c.kind == _TYPING))


def _destroy(tx: Connection, consult_id: UUID, purpose: KeyPurpose) -> None:
    """The key, and what only it could open; the rows stay to say that there was something."""
    keys, content = tables.data_key, tables.content
    tx.execute(delete(keys).where(keys.c.consult_id == consult_id, keys.c.purpose == purpose.value))
    tx.execute(
        update(content).where(content.c.consult_id == consult_id, content.c.purpose == purpose.value).values(blob=None)
    )
    if purpose is KeyPurpose.SOURCE:
        _forget_pieces(tx, consult_id)
