"""Log-in sessions on PostgreSQL: the web may be killed and start again, on any machine, and nobody logs in anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, Row, Uuid, cast, delete, func, insert, select, update

from transcribe.ports import Entry, Session
from transcribe.store import tables
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine

#: Every request waits for these queries: a server that does not answer must become an error soon.
_CONNECT: dict[str, object] = {
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c log_parameter_max_length_on_error=0",
}
_SILENCE_S = 8.0


class PostgresSessions:
    """See ``ports.Sessions``. All methods raise ``StoreUnavailable`` when the database is away. Ends with its block."""

    def __init__(self, url: str) -> None:
        self._engine = impatient_engine(url, silence_s=_SILENCE_S, connect=_CONNECT, pool_pre_ping=True, pool_timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def add(self, session: Session) -> None:
        row = {
            "digest": session.digest,
            "token": session.token,
            "last_seen": session.last_seen,
            "heard": sorted(session.heard),
            "began": session.began,
            "stage": session.stage.value,
            "account_id": session.account_id,
            "epoch": session.epoch,
            "recording": session.recording,
            "sounded": session.sounded,
        }
        with self._begin() as tx:
            tx.execute(insert(tables.session).values(row))

    def find(self, digest: bytes) -> Session | None:
        with self._begin() as tx:
            row = tx.execute(select(tables.session).where(tables.session.c.digest == digest)).one_or_none()
        return None if row is None else _session(row)

    def seen(self, digest: bytes, at: datetime) -> None:
        session = tables.session
        with self._begin() as tx:
            tx.execute(update(session).where(session.c.digest == digest).values(last_seen=at))

    def heard(self, digest: bytes, consult_id: UUID) -> None:
        session = tables.session
        unknown = (session.c.digest == digest) & ~session.c.heard.contains([consult_id])
        one_more = func.array_append(session.c.heard, cast(consult_id, Uuid))
        with self._begin() as tx:
            tx.execute(update(session).where(unknown).values(heard=one_more))

    def sounded(self, digest: bytes, consult_id: UUID, at: datetime) -> None:
        session = tables.session
        with self._begin() as tx:
            tx.execute(update(session).where(session.c.digest == digest).values(recording=consult_id, sounded=at))

    def remove(self, digest: bytes) -> None:
        with self._begin() as tx:
            tx.execute(delete(tables.session).where(tables.session.c.digest == digest))

    def forget(self, before: datetime) -> None:
        with self._begin() as tx:
            tx.execute(delete(tables.session).where(tables.session.c.last_seen < before))

    def of(self, account_id: UUID) -> list[Session]:
        session = tables.session
        wanted = select(session).where(session.c.account_id == account_id).order_by(session.c.began.desc())
        with self._begin() as tx:
            return [_session(row) for row in tx.execute(wanted)]

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as tx:
            yield tx


def _session(row: Row[Any]) -> Session:
    return Session(
        digest=row.digest,
        token=row.token,
        began=row.began,
        last_seen=row.last_seen,
        heard=frozenset(row.heard),
        stage=Entry(row.stage),
        account_id=row.account_id,
        epoch=row.epoch,
        recording=row.recording,
        sounded=row.sounded,
    )
