"""The place of the sound bears a mark of the installation it belongs to.

A share that is not mounted is an empty folder, and a forgotten setting names another place. Neither is "no sound": a
recording must not be taken for lost, a certificate not for complete, and nothing may be written where nobody looks.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, NoReturn, Protocol
from uuid import UUID

from transcribe.errors import N_, NotFound
from transcribe.store.blobs import Blobs, BlobsUnavailable
from transcribe.store.crypto import Sink

log = logging.getLogger(__name__)

MARK = "merk"
TRY_S = 60.0


class NotOurPlace(BlobsUnavailable):
    text = N_(
        "De opslag van het geluid is niet die van deze installatie: de schijf is niet gekoppeld of er is een andere "
        "map ingesteld. Er is niets verloren. Waarschuw de beheerder (--blob-store)."
    )


def mark(blobs: Blobs, installation: UUID) -> None:
    """From now on this is the place of that installation, maybe of others too."""
    with blobs.write(installation, MARK) as target:
        target.write(b"transcribe\n")


def installations(blobs: Blobs) -> Iterator[UUID]:
    """Those that have their mark here."""
    return (found for found in blobs.consults() if MARK in blobs.names(found))


class Installation(Protocol):
    """What the database knows of it."""

    def installation(self) -> UUID: ...

    def has_place(self) -> bool:
        """Was a place ever marked?"""
        ...

    def first_place(self, mark: Callable[[], None]) -> bool:
        """Remember that a place has its mark, once and for all, when ``mark`` has put it there.

        False, and ``mark`` is not called, when there was one already: of many machines one is the first.
        """
        ...

    def expected_sound(self) -> list[UUID]:
        """Some consults whose sound must be in its place."""
        ...


class MarkedBlobs:
    """See ``Blobs``. What is not found, and every change, asks for the mark first; all may raise ``NotOurPlace``.

    A place without a mark is ours when it has sound of ours, or when there never was a place and no sound is expected:
    the first that is written to gets the mark. Else an administrator must put it there (docs/operations.md).
    """

    def __init__(self, blobs: Blobs, owner: Installation) -> None:
        self._blobs = blobs
        self._owner = owner
        self._installation = owner.installation()
        self._tried_at = -math.inf  # monotonic

    def marked(self) -> bool:
        return bool(self._blobs.names(self._installation))

    def check(self) -> None:
        self._check()

    def try_write(self) -> None:
        """``check``, and does it take objects? Its mark is written anew, once a minute at most. Raises as ``write``."""
        self.check()
        now = time.monotonic()
        if now - self._tried_at > TRY_S and self.marked():
            mark(self._blobs, self._installation)
            self._tried_at = now

    def _check(self, *, claim: bool = False) -> None:
        """``claim``: a place that may be the first becomes it. Looking alone never does that: it may be a mistake."""
        if self.marked():
            return
        expected = self._owner.expected_sound()
        known = any(self._blobs.names(consult_id) for consult_id in expected)
        if not known and (expected or self._owner.has_place()):
            self._refuse()
        if not (known or claim):
            return
        put = partial(mark, self._blobs, self._installation)
        if self._owner.first_place(put):
            return
        if known:
            put()
        elif not self.marked():  # another machine was the first just now, elsewhere
            self._refuse()

    def _refuse(self) -> NoReturn:
        log.error("the place of the sound has no mark of ours (%s/%s)", self._installation, MARK)
        raise NotOurPlace

    @contextmanager
    def write(self, consult_id: UUID, name: str) -> Iterator[Sink]:
        self._check(claim=True)
        try:
            with self._blobs.write(consult_id, name) as target:
                yield target
        except (NotFound, FileNotFoundError):
            self.check()  # was it taken away meanwhile?
            raise

    def open(self, consult_id: UUID, name: str) -> BinaryIO:
        try:
            return self._blobs.open(consult_id, name)
        except NotFound:
            self.check()
            raise

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        self.check()
        self._blobs.delete(consult_id, name)

    def consults(self) -> list[UUID]:
        self.check()
        return [found for found in self._blobs.consults() if found != self._installation]

    def names(self, consult_id: UUID) -> list[str]:
        found = self._blobs.names(consult_id)
        if not found:
            self.check()
        return found
