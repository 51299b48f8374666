"""Rows of tables as text and back (COPY): the same on every version of PostgreSQL, and without its programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql
from sqlalchemy import Connection

from transcribe.store.database import driver


def copy_out(tx: Connection, table: str, columns: Sequence[str]) -> Iterator[bytes]:
    """All rows of a table, as the transaction sees them."""
    statement = _statement("COPY {} ({}) TO STDOUT", table, columns)
    with driver(tx).cursor() as cursor, cursor.copy(statement) as rows:
        for row in rows:
            yield bytes(row)


def copy_in(tx: Connection, table: str, columns: Sequence[str], chunks: Iterable[bytes]) -> int:
    """Add what ``copy_out`` gave, identity columns too. Returns the number of rows."""
    statement = _statement("COPY {} ({}) FROM STDIN", table, columns)
    with driver(tx).cursor() as cursor:
        with cursor.copy(statement) as rows:
            for chunk in chunks:
                rows.write(chunk)
        return cursor.rowcount


def rows_in(columns: Sequence[str], chunks: Iterable[bytes]) -> Iterator[dict[str, bytes]]:
    """The rows of what ``copy_out`` gave: each value as it stands there, with its escapes.

    A row ends with a line end and a value with a tab; those inside a value are written otherwise.
    """
    rest = b""
    for chunk in chunks:
        *rows, rest = (rest + chunk).split(b"\n")
        for row in rows:
            yield dict(zip(columns, row.split(b"\t"), strict=True))


def bytea(value: bytes) -> bytes:
    """A value of ``rows_in`` of a column of bytes: it stands there in hexadecimal, its backslash doubled."""
    return bytes.fromhex(value.removeprefix(rb"\\x").decode())


def _statement(pattern: str, table: str, columns: Sequence[str]) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    return sql.SQL(pattern).format(sql.Identifier(table), names)
