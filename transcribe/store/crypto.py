"""Encryption at rest: sealed files that can be read from any place, and small sealed values.

A sealed file follows the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption
and its Nonce-Reuse Misuse-Resistance", 2015), in the shape Tink uses: a key of its own for each file, derived with a
random salt, and AES-256-GCM over pieces of 64 KiB::

    header = magic (8) | salt (16) | prefix (7)
    piece  = AES-GCM(file key, nonce = prefix | uint32 number | 1 if last else 0, aad = header | context)

The number makes moved pieces fail, the last flag a file that was cut off, the context (``context("audio", id, name)``)
a file that was put in another's place. A torn file is never continued: its nonces are spent.
"""

from __future__ import annotations

import io
import os
import struct
from collections import OrderedDict
from types import TracebackType
from typing import BinaryIO, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transcribe.errors import Unreadable
from transcribe.reading import RandomReader

KEY_BYTES = 32  # AES-256
CHUNK_BYTES = 64 * 1024  # plain bytes in every piece but the last
TAG_BYTES = 16
MAGIC = b"TSCRIBE1"
SALT_BYTES = 16
PREFIX_BYTES = 7
HEADER_BYTES = len(MAGIC) + SALT_BYTES + PREFIX_BYTES
MAX_CHUNKS = 2**32  # the number in the nonce; 256 TiB

_NONCE_BYTES = 12
_SEALED_V1 = b"\x01"
_CACHED_CHUNKS = 4  # enough for a player that jumps back and forth


def context(*parts: str | int | UUID) -> bytes:
    """Binds what is sealed to its place. Lengths go along, so that ("ab", "c") is not ("a", "bc")."""
    encoded = [str(part).encode() for part in parts]
    return b"".join(struct.pack(">I", len(part)) + part for part in encoded)


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """A small value: version | random nonce | AES-GCM. Good for 2^32 values a key (NIST SP 800-38D, 8.3)."""
    nonce = os.urandom(_NONCE_BYTES)
    return _SEALED_V1 + nonce + AESGCM(key).encrypt(nonce, plaintext, _SEALED_V1 + aad)


def open_sealed(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Raises ``Unreadable`` for another key, another place, or one changed bit."""
    start = len(_SEALED_V1)
    if len(sealed) < start + _NONCE_BYTES + TAG_BYTES or not sealed.startswith(_SEALED_V1):
        raise Unreadable
    nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, _SEALED_V1 + aad)
    except InvalidTag as problem:
        raise Unreadable from problem


class Pieces:
    """What writer and reader share: the file key, the nonces and the associated data.

    ``header``: magic, salt and prefix, and whatever else of it must be true (``spool.py``).
    """

    def __init__(self, key: bytes, header: bytes, place: bytes) -> None:
        salt = header[len(MAGIC) : len(MAGIC) + SALT_BYTES]
        self._prefix = header[len(MAGIC) + SALT_BYTES : HEADER_BYTES]
        self._aad = header + place
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"transcribe sealed file").derive(key)
        self._aes = AESGCM(derived)

    def _nonce(self, number: int, last: bool) -> bytes:
        return self._prefix + struct.pack(">I?", number, last)

    def encrypt(self, number: int, last: bool, plain: bytes) -> bytes:
        return self._aes.encrypt(self._nonce(number, last), plain, self._aad)

    def decrypt(self, number: int, last: bool, body: bytes) -> bytes:
        try:
            return self._aes.decrypt(self._nonce(number, last), body, self._aad)
        except InvalidTag as problem:
            raise Unreadable from problem


class Sink(Protocol):
    """What a sealed file is written to; takes all it is given."""

    def write(self, data: bytes, /) -> int: ...


class SealingWriter:
    """Writes a sealed file to ``target``. Only ``finish`` makes it whole: what was left before that reads as torn.

    As a context manager it finishes when the block ends well. ``target`` stays open: syncing it is the caller's.
    """

    def __init__(self, target: Sink, key: bytes, place: bytes) -> None:
        header = MAGIC + os.urandom(SALT_BYTES + PREFIX_BYTES)
        self._target = target
        self._pieces = Pieces(key, header, place)
        self._held = bytearray()
        self._number = 0
        self._finished = False
        self.plain_bytes = 0
        target.write(header)

    def write(self, data: bytes) -> None:
        if self._finished:
            raise ValueError("the file is finished")
        self.plain_bytes += len(data)
        self._held += data
        # strictly more: the last piece must be held back, because it carries the flag
        while len(self._held) > CHUNK_BYTES:
            self._put(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]

    def finish(self) -> None:
        self._put(bytes(self._held), last=True)
        self._finished = True

    def _put(self, plain: bytes, *, last: bool) -> None:
        if self._number >= MAX_CHUNKS:
            raise ValueError("the file is too long")
        self._target.write(self._pieces.encrypt(self._number, last, plain))
        self._number += 1

    def __enter__(self) -> SealingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()


class SealedReader(RandomReader):
    """The plain bytes of a sealed file, from any place. Owns ``source``. Not thread-safe.

    Opening checks the header and the last piece, so a torn file is refused before a byte of it is used.
    Raises ``Unreadable`` for whatever was not written this way with this key for this place.
    """

    def __init__(self, source: BinaryIO, key: bytes, place: bytes) -> None:
        super().__init__()
        self._source = source
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        header = source.read(HEADER_BYTES)
        body = size - HEADER_BYTES
        if not header.startswith(MAGIC) or body < TAG_BYTES:
            raise Unreadable
        self._pieces = Pieces(key, header, place)
        self._count = -(-body // (CHUNK_BYTES + TAG_BYTES))
        self.size = body - self._count * TAG_BYTES
        last = self._chunk(self._count - 1)
        # an empty last piece exists only in an empty file: there is one way to write each content
        if not last and self._count > 1:
            raise Unreadable

    def _chunk(self, number: int) -> bytes:
        plain = self._cache.get(number)
        if plain is None:
            self._source.seek(HEADER_BYTES + number * (CHUNK_BYTES + TAG_BYTES))
            body = self._source.read(CHUNK_BYTES + TAG_BYTES)
            if len(body) < TAG_BYTES:
                raise Unreadable
            plain = self._pieces.decrypt(number, number == self._count - 1, body)
            self._cache[number] = plain
            if len(self._cache) > _CACHED_CHUNKS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(number)
        return plain

    def piece(self, start: int, most: int) -> bytes:
        number, offset = divmod(start, CHUNK_BYTES)
        return self._chunk(number)[offset : offset + most]

    def close(self) -> None:
        self._cache.clear()
        self._source.close()
        super().close()


def open_file(source: BinaryIO, key: bytes, place: bytes) -> io.BufferedReader:
    """A buffered reader of the plain bytes; closes ``source`` when it can't be read."""
    try:
        return io.BufferedReader(SealedReader(source, key, place), CHUNK_BYTES)
    except Unreadable:
        source.close()
        raise
