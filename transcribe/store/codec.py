"""Values to JSON and back, strictly: what is written can be read, and nothing else can.

The frozen dataclasses are the format. A field that is added needs a default; one that is renamed needs a migration.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}  # building one takes milliseconds


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def encode(value: object) -> bytes:
    """Raises ``ValueError`` for a value that would not come back equal: a NaN, a list in a tuple's place, ..."""
    document = _adapter(type(value)).dump_json(value, warnings="error")
    if decode(type(value), document) != value:
        raise ValueError(f"this {type(value).__name__} can't be stored as it is")
    return document


def decode(kind: type[Value], document: bytes | str) -> Value:
    """Raises ``pydantic.ValidationError`` (a ``ValueError``) for anything but what ``encode`` wrote."""
    value: Value = _adapter(kind).validate_json(document, strict=True, extra="forbid")
    return value
