"""Sound at rest: sealed with the key of its consult, wherever the bytes lie. See ``ports.AudioStore``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO
from uuid import UUID

from transcribe.store.blobs import Blobs
from transcribe.store.crypto import SealingWriter, context, open_file


class SealedAudioStore:
    """Sealed sound in a folder or an object store. Raises ``BlobsUnavailable`` when that does not answer."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def write(self, consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        """Raises ``DiskFull``; in a folder also ``NotFound`` when the consult was deleted in the meantime."""
        with (
            self._blobs.write(consult_id, name) as target,
            SealingWriter(target, key, _place(consult_id, name)) as writer,
        ):
            for chunk in chunks:
                writer.write(chunk)
        return writer.plain_bytes

    def open(self, consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        """Also raises ``Unreadable`` for a damaged object or another key."""
        return open_file(self._blobs.open(consult_id, name), key, _place(consult_id, name))

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        self._blobs.delete(consult_id, name)


def _place(consult_id: UUID, name: str) -> bytes:
    return context("audio", consult_id, name)
