"""References that a HIS handed over, on PostgreSQL: whichever web process the browser reaches next can show them.

A reference is sealed with a key that is derived from the browser's own secret. The database holds no more of that than
a hash, so neither it nor a copy of it tells a reference.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from transcribe.store import tables
from transcribe.store.crypto import context, open_sealed, seal
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine

_CONNECT: dict[str, object] = {
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c log_parameter_max_length_on_error=0",
}
#: More than the server's own limit above.
_SILENCE_S = 8.0


class PostgresHandovers:
    """See ``ports.Handovers``. Methods raise ``StoreUnavailable`` when the database is away. Ends with its block."""

    def __init__(self, url: str) -> None:
        self._engine = impatient_engine(url, silence_s=_SILENCE_S, connect=_CONNECT, pool_pre_ping=True, pool_timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def keep(self, signature: bytes, handle: str, patient_ref: str, *, now: datetime, until: datetime) -> bool:
        table = tables.handover
        row = {
            "signature": sha256(signature).digest(),
            "handle": _digest(handle),
            "sealed": seal(_key(handle), patient_ref.encode(), _PLACE),
            "until": until,
        }
        with self._begin() as tx:
            tx.execute(delete(table).where(table.c.until <= now))
            new = insert_or_skip(table).values(row).on_conflict_do_nothing(index_elements=["signature"])
            return tx.scalar(new.returning(table.c.signature)) is not None

    def look(self, handle: str, now: datetime) -> str | None:
        table = tables.handover
        with self._begin() as tx:
            sealed = tx.scalar(
                select(table.c.sealed).where((table.c.handle == _digest(handle)) & (table.c.until > now))
            )
        return None if sealed is None else open_sealed(_key(handle), sealed, _PLACE).decode()

    def take(self, handle: str, now: datetime) -> str | None:
        table = tables.handover
        this = (table.c.handle == _digest(handle)) & (table.c.until > now)
        with self._begin() as tx:
            sealed = tx.scalar(select(table.c.sealed).where(this).with_for_update())
            if sealed is None:
                return None
            tx.execute(update(table).where(this).values(sealed=None))
        return open_sealed(_key(handle), sealed, _PLACE).decode()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as tx:
            yield tx


_PLACE = context("handover")


def _digest(handle: str) -> bytes:
    return sha256(handle.encode()).digest()


def _key(handle: str) -> bytes:
    """Of a handle with 256 random bits: a hash is as good as any derivation, as long as it is another one."""
    return hmac.digest(handle.encode(), b"transcribe handover", "sha256")
