"""Reading at any place: what every reader of ours does that makes its bytes from something else."""

from __future__ import annotations

import io
from abc import abstractmethod


class RandomReader(io.RawIOBase):
    """A seekable file of ``size`` bytes, of which a subclass gives the piece at a place. Not thread-safe."""

    size: int

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    @abstractmethod
    def piece(self, start: int, most: int) -> bytes | memoryview:
        """At least one byte from ``start`` on, and at most ``most``. Never asked at or behind the end."""

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed: any Buffer
        if self._position >= self.size or not len(buffer):
            return 0
        piece = self.piece(self._position, min(len(buffer), self.size - self._position))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("before the start of the file")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
