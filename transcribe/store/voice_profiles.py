"""The voices of doctors on PostgreSQL. Each is sealed with a key of its own, which goes when the profile goes.

The key is one of those that last (``lasting.py``): a rotation wraps it anew, a back-up does not have it, and the copies
of the keys do. What is left of a profile that was removed is a row that says when, as a row of the access log: until
no copy of the keys is older than that (``KeyCopies.forget_voices``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from transcribe.consult import AuditEvent
from transcribe.errors import Conflict
from transcribe.speakers.profile import Enrolled
from transcribe.store import codec, tables
from transcribe.store.access_log import append_log, log_head
from transcribe.store.crypto import context, new_key, open_sealed, seal
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.keys import MasterKey
from transcribe.store.lasting import key_id, voice_key, wrapped_row
from transcribe.store.tenancy import act_for

_CONNECT: dict[str, object] = {
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c log_parameter_max_length_on_error=0"
}
#: More than the server's own limit above.
_SILENCE_S = 8.0


class PostgresVoiceProfiles:
    """See ``ports.VoiceProfiles``. All methods raise ``StoreUnavailable`` when the database is away.

    Ends with its block; those made by ``of`` end with it.
    """

    def __init__(self, url: str, master_key: MasterKey, practice: str = "", *, engine: Engine | None = None) -> None:
        self._url = url
        self._master_key = master_key
        self._practice = practice
        self._engine = engine or impatient_engine(
            url, silence_s=_SILENCE_S, connect=_CONNECT, pool_pre_ping=True, pool_timeout=5
        )

    def of(self, practice: str) -> PostgresVoiceProfiles:
        return PostgresVoiceProfiles(self._url, self._master_key, practice, engine=self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def find(self, owner: str) -> Enrolled | None:
        table = tables.voice_profile
        with self._begin() as tx:
            row = tx.execute(select(table).where(self._living(owner))).one_or_none()
            if row is None:
                return None
            name = voice_key(row.id)
            key = tables.lasting_key
            wrapped = tx.execute(select(key.c.wrapped).where(key.c.name == name)).scalar_one_or_none()
            if wrapped is None:
                return None  # removed just now
        opened = open_sealed(self._master_key.unwrap(wrapped, key_id(name)), row.sealed, self._place(row.id))
        return codec.decode(Enrolled, opened)

    def keep(self, owner: str, enrolled: Enrolled, event: AuditEvent) -> None:
        new, key = uuid4(), new_key()
        sealed = seal(key, codec.encode(enrolled), self._place(new))
        try:
            with self._begin() as tx:
                append_log(tx, event, self._practice)
                self._destroy(tx, owner)
                row = {"id": new, "practice": self._practice, "owner": owner, "sealed": sealed}
                tx.execute(insert(tables.voice_profile).values(row))
                tx.execute(insert(tables.lasting_key).values(wrapped_row(self._master_key, voice_key(new), key)))
        except IntegrityError as problem:  # of two at the same moment one is kept
            raise Conflict from problem

    def remove(self, owner: str, event: AuditEvent) -> bool:
        with self._begin() as tx:
            found = tx.execute(select(tables.voice_profile.c.id).where(self._living(owner)).with_for_update())
            if found.one_or_none() is None:
                return False
            append_log(tx, event, self._practice)
            self._destroy(tx, owner)
        return True

    def _destroy(self, tx: Connection, owner: str) -> None:
        """After the row of the access log that says so."""
        seq, _ = log_head(tx)
        profile, key = tables.voice_profile, tables.lasting_key
        gone = update(profile).where(self._living(owner)).values(sealed=None, removed_seq=seq).returning(profile.c.id)
        for removed in tx.scalars(gone).all():
            tx.execute(delete(key).where(key.c.name == voice_key(removed)))

    def _living(self, owner: str) -> ColumnElement[bool]:
        table = tables.voice_profile
        return and_(table.c.practice == self._practice, table.c.owner == owner, table.c.removed_seq.is_(None))

    def _place(self, profile_id: UUID) -> bytes:
        return context("voice", self._practice, profile_id)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as tx:
            act_for(tx, self._practice)
            yield tx
