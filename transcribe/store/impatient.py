"""Connections to PostgreSQL that do not wait for ever.

The server's own limits (``statement_timeout``) are no use when it is the server that hangs: a machine that is out of
memory, a frozen disk. And a network that was cut says nothing at all.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine, event

from transcribe.store.database import database_url

Found = TypeVar("Found")

#: A machine that lost its power or its network is noticed in half a minute, a server that takes no visitors in 5 s.
CONNECT: dict[str, object] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

#: For work that takes long, like a back-up: what gives no sign at all for so long is a server that hangs. One that
#: hangs from the start is found when the connection is made.
LONG_WORK_S = 600.0


class Impatient(psycopg.Connection[Any]):
    """A server that leaves a statement without a sign for ``silence_s`` seconds is given up, and the connection with
    it: ``psycopg.OperationalError``.
    """

    silence_s: float

    def wait(self, gen: PQGen[Found], *args: Any, **options: Any) -> Found:
        try:
            return super().wait(_listened_to(gen, self.silence_s), *args, **options)
        except _Silence:
            self.close()
            raise


def impatient_engine(url: str, *, silence_s: float, connect: dict[str, object] | None = None, **options: Any) -> Engine:
    """``silence_s``: more than the server's own limit for a statement. ``connect``: for the driver; ``options``: for
    the engine.
    """
    engine = create_engine(
        database_url(url), hide_parameters=True, connect_args={**CONNECT, **(connect or {})}, **options
    )

    def do_connect(_dialect: object, _record: object, args: list[Any], given: dict[str, Any]) -> Impatient:
        connection = Impatient.connect(*args, **given)
        connection.silence_s = silence_s
        return connection

    event.listen(engine, "do_connect", do_connect)
    return engine


class _Silence(psycopg.OperationalError):
    pass


def _listened_to(gen: PQGen[Found], silence_s: float) -> PQGen[Found]:
    """The driver's own steps; it wakes up now and then when nothing comes in."""
    heard = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > silence_s:
                raise _Silence("no answer")
            wanted = gen.send(ready)
    except StopIteration as end:
        found: Found = end.value
        return found
