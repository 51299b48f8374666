"""The place of the sound bears a mark of the installation it belongs to.

A share that is not mounted is an empty folder, and a forgotten setting names another place. Neither is "no sound": a
recording must not be taken for lost, a certificate not for complete, and nothing may be written where nobody looks.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol
from uuid import UUID

from transcribe.errors import N_, NotFound
from transcribe.store.blobs import Blobs, BlobsUnavailable
from transcribe.store.crypto import Sink

log = logging.getLogger(__name__)

MARK = "merk"


class NotOurPlace(BlobsUnavailable):
    text = N_(
        "De opslag van het geluid is niet die van deze installatie: de schijf is niet gekoppeld of er is een andere "
        "map ingesteld. Er is niets verloren. Waarschuw de beheerder (--blob-store)."
    )


def mark(blobs: Blobs, installation: UUID) -> None:
    """From now on this is the place of that installation, maybe of others too."""
    with blobs.write(installation, MARK) as target:
        target.write(b"transcribe\n")


class Installation(Protocol):
    """What the database knows of it."""

    def installation(self) -> UUID: ...

    def has_place(self) -> bool:
        """Was a place ever marked?"""
        ...

    def place_marked(self) -> None: ...

    def expected_sound(self) -> list[UUID]:
        """Some consults whose sound must be in its place."""
        ...


class MarkedBlobs:
    """See ``Blobs``. What is not found, and every change, asks for the mark first; all may raise ``NotOurPlace``.

    A place without a mark is ours when it has sound of ours, or when there never was a place and no sound is expected:
    at the first use of all. Else an administrator must put the mark there (docs/operations.md).
    """

    def __init__(self, blobs: Blobs, owner: Installation) -> None:
        self._blobs = blobs
        self._owner = owner
        self._installation = owner.installation()

    def marked(self) -> bool:
        return bool(self._blobs.names(self._installation))

    def check(self) -> None:
        if self.marked():
            return
        expected = self._owner.expected_sound()
        known = any(self._blobs.names(consult_id) for consult_id in expected)
        if not known and (expected or self._owner.has_place()):
            log.error("the place of the sound has no mark of ours (%s/%s)", self._installation, MARK)
            raise NotOurPlace
        mark(self._blobs, self._installation)
        self._owner.place_marked()

    def write(self, consult_id: UUID, name: str) -> AbstractContextManager[Sink]:
        self.check()
        return self._blobs.write(consult_id, name)

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
