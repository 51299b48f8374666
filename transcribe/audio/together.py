"""Several files of one consult (each participant recorded apart) as one recording: a head that says where each begins,
then the files as they are. Nothing is decoded or changed for it: what is stored is what was made.

The head is ``MARK``, one line of JSON ``[{"bytes": 1234, "start_s": 2.5}, ...]`` and a newline. The page that uploads
writes the same (``web/static/batch.js``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MARK = b"transcribe: bestanden van een consult\n"
#: Files of one consult; and bytes of a head, the mark included.
MOST_PARTS, LONGEST_HEAD = 2, 1024
#: Nobody joins a consult later than this: a start beyond it is a mistake.
LATEST_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the files."""

    size: int  # bytes
    start_s: float | None = None  # after the beginning of the consult; None: as its own timestamps say
    offset: int = 0  # bytes from the beginning of the whole


def head(parts: Sequence[Part]) -> bytes:
    told = [{"bytes": part.size, "start_s": part.start_s} for part in parts]
    return MARK + json.dumps(told).encode("ascii") + b"\n"


def read_head(first: bytes) -> tuple[Part, ...]:
    """From the first ``LONGEST_HEAD`` bytes of a recording; empty when it is an ordinary file.

    Raises ``ValueError`` for a head that can't be.
    """
    if not first.startswith(MARK):
        return ()
    line, newline, _ = first[len(MARK) : LONGEST_HEAD].partition(b"\n")
    if not newline:
        raise ValueError("the head has no end")
    told = json.loads(line)
    if not isinstance(told, list) or not 2 <= len(told) <= MOST_PARTS:
        raise ValueError("not that many files")
    found, offset = [], len(MARK) + len(line) + 1
    for one in told:
        part = _part(one, offset)
        found.append(part)
        offset += part.size
    return tuple(found)


def _part(told: Any, offset: int) -> Part:
    size, start_s = (told.get("bytes"), told.get("start_s")) if isinstance(told, dict) else (None, None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ValueError("no size")
    if start_s is None:
        return Part(size=size, offset=offset)
    if not isinstance(start_s, int | float) or isinstance(start_s, bool) or not math.isfinite(start_s):
        raise ValueError("no moment")
    if not 0 <= start_s <= LATEST_S:
        raise ValueError("no such moment")
    return Part(size=size, start_s=float(start_s), offset=offset)


def shifted(sizes: Sequence[int], shift_s: float | None) -> tuple[Part, ...]:
    """``shift_s``: so much later than the first the second began (less than 0: earlier); None: not known."""
    starts: tuple[float | None, ...] = (None, None)
    if shift_s is not None:
        starts = (max(0.0, -shift_s), max(0.0, shift_s))
    return tuple(Part(size=size, start_s=start_s) for size, start_s in zip(sizes, starts, strict=True))


def together(digests: Sequence[bytes]) -> bytes:
    """Of several files, whichever comes first and whatever they are called: by it the same recording is known again."""
    return hashlib.sha256(MARK + b"".join(sorted(digests))).digest()


class Fingerprint:
    """The SHA-256 by which a recording is known again, while it passes by: of a file that of its bytes, of several
    files ``together``. When they began does not count: moved by a second it is the same recording.
    """

    def __init__(self) -> None:
        self._first = bytearray()
        self._sums: list[tuple[int, Any]] | None = None  # bytes that are still to come, and the sum so far
        self._whole = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Raises ``ValueError`` for several files whose head can't be."""
        if self._sums is None:
            self._first += piece
            if len(self._first) < LONGEST_HEAD:
                return
            piece = self._begin()
        self._add(piece)

    def digest(self) -> bytes:
        """Raises ``ValueError`` when the files are not as long as their head says."""
        if self._sums is None:
            self._add(self._begin())
        assert self._sums is not None
        if any(left for left, _ in self._sums):
            raise ValueError("files end too early")
        return together([made.digest() for _, made in self._sums]) if self._sums else self._whole.digest()

    def _begin(self) -> bytes:
        """What of the first bytes is sound."""
        first = bytes(self._first)
        self._first.clear()
        parts = read_head(first)
        self._sums = [(part.size, hashlib.sha256()) for part in parts]
        return first[parts[0].offset :] if parts else first

    def _add(self, piece: bytes) -> None:
        assert self._sums is not None
        if not self._sums:
            self._whole.update(piece)
            return
        for place, (left, made) in enumerate(self._sums):
            mine, piece = piece[:left], piece[left:]
            made.update(mine)
            self._sums[place] = (left - len(mine), made)
        if piece:
            raise ValueError("more than the head says")
