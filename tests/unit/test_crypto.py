"""Sealed files and values: what comes out is what went in, or nothing does."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from itertools import pairwise
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.errors import Unreadable
from transcribe.store.crypto import (
    CHUNK_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    SealedReader,
    SealingWriter,
    context,
    new_key,
    open_file,
    open_sealed,
    seal,
)

KEY = bytes(range(32))
PLACE = context("audio", uuid4(), "upload")
PIECE = CHUNK_BYTES + TAG_BYTES
#: sizes around the borders of a piece, where mistakes live
sizes = st.one_of(
    st.integers(0, 300),
    st.builds(lambda pieces, more: max(0, pieces * CHUNK_BYTES + more), st.integers(0, 3), st.integers(-2, 2)),
)


def content(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def sealed_file(plain: bytes, key: bytes = KEY, place: bytes = PLACE) -> bytes:
    target = io.BytesIO()
    with SealingWriter(target, key, place) as writer:
        writer.write(plain)
    return target.getvalue()


def read(sealed: bytes, key: bytes = KEY, place: bytes = PLACE) -> bytes:
    with open_file(io.BytesIO(sealed), key, place) as file:
        return file.read()


@given(size=sizes, cuts=st.lists(st.integers(0, 3 * CHUNK_BYTES), max_size=4))
@settings(deadline=None, max_examples=40)
def test_however_it_is_written_it_comes_back(size: int, cuts: list[int]) -> None:
    plain = content(size)
    target = io.BytesIO()
    borders = [0, *sorted(min(cut, size) for cut in cuts), size]
    with SealingWriter(target, KEY, PLACE) as writer:
        for start, end in pairwise(borders):
            writer.write(plain[start:end])
    assert writer.plain_bytes == size
    assert read(target.getvalue()) == plain
    assert len(target.getvalue()) == HEADER_BYTES + size + TAG_BYTES * max(1, -(-size // CHUNK_BYTES))


@given(size=sizes, data=st.data())
@settings(deadline=None, max_examples=40)
def test_reading_from_any_place_is_reading_the_plain_file(size: int, data: st.DataObject) -> None:
    plain = content(size)
    reader = open_file(io.BytesIO(sealed_file(plain)), KEY, PLACE)
    model = io.BytesIO(plain)
    places = st.tuples(st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(0, size + 10))
    for whence, offset in data.draw(st.lists(places, max_size=6)):
        move = -min(offset, size) if whence == io.SEEK_END else offset
        assert reader.seek(move, whence) == model.seek(move, whence)
        length = data.draw(st.integers(0, CHUNK_BYTES + 100))
        assert reader.read(length) == model.read(length)
        assert reader.tell() == model.tell()


def test_a_seek_before_the_start_is_an_error() -> None:
    reader = SealedReader(io.BytesIO(sealed_file(b"abc")), KEY, PLACE)
    with pytest.raises(ValueError):
        reader.seek(-1)
    assert reader.tell() == 0


def test_the_format_as_it_is_written_down() -> None:
    """Built by hand from the module's description: files of today must open tomorrow."""
    salt, prefix = bytes(range(16)), bytes(7)
    header = b"TSCRIBE1" + salt + prefix
    file_key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"transcribe sealed file").derive(KEY)
    pieces = [content(CHUNK_BYTES), b"end"]
    sealed = header
    for number, piece in enumerate(pieces):
        nonce = prefix + number.to_bytes(4) + (b"\1" if number == 1 else b"\0")
        sealed += AESGCM(file_key).encrypt(nonce, piece, header + PLACE)
    assert read(sealed) == b"".join(pieces)


@given(size=sizes, data=st.data())
@settings(deadline=None, max_examples=60)
def test_one_flipped_bit_anywhere_is_refused(size: int, data: st.DataObject) -> None:
    sealed = bytearray(sealed_file(content(size)))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Unreadable):
        read(bytes(sealed))


@given(size=sizes, data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_file_cut_off_anywhere_is_refused_before_a_byte_is_read(size: int, data: st.DataObject) -> None:
    sealed = sealed_file(content(size))
    borders = st.integers(0, size // CHUNK_BYTES).map(lambda piece: HEADER_BYTES + piece * PIECE)
    cut = min(data.draw(st.one_of(st.integers(0, len(sealed) - 1), borders)), len(sealed) - 1)
    with pytest.raises(Unreadable):
        SealedReader(io.BytesIO(sealed[:cut]), KEY, PLACE)


def test_moved_repeated_added_and_mixed_pieces_are_refused() -> None:
    plain = os.urandom(3 * CHUNK_BYTES)
    one, other = sealed_file(plain), sealed_file(plain)
    header, first, second, third = one[:HEADER_BYTES], *(one[HEADER_BYTES + i * PIECE :][:PIECE] for i in range(3))
    assert read(header + first + second + third) == plain
    for wrong in (
        header + second + first + third,
        header + first + first + third,
        header + first + third,
        header + first + second + third + third,
        header + first + second + third + b"\0" * TAG_BYTES,
        header + other[HEADER_BYTES : HEADER_BYTES + PIECE] + second + third,
        other[:HEADER_BYTES] + first + second + third,
    ):
        with pytest.raises(Unreadable):
            read(wrong)


def test_another_key_or_another_place_is_refused() -> None:
    sealed = sealed_file(b"geheim")
    with pytest.raises(Unreadable):
        read(sealed, key=new_key())
    for place in (context("audio", uuid4(), "upload"), context("audio", "upload"), b""):
        with pytest.raises(Unreadable):
            read(sealed, place=place)


def test_what_was_never_sealed_is_refused() -> None:
    for other in (b"", b"RIFF" + bytes(100), bytes(HEADER_BYTES + TAG_BYTES), sealed_file(b"")[:-1]):
        with pytest.raises(Unreadable):
            read(other)


def test_an_unfinished_file_is_torn() -> None:
    target = io.BytesIO()
    with suppress(ZeroDivisionError), SealingWriter(target, KEY, PLACE) as writer:
        writer.write(content(3 * CHUNK_BYTES))
        raise ZeroDivisionError
    with pytest.raises(Unreadable):
        read(target.getvalue())


def test_nothing_can_be_written_after_the_end() -> None:
    with SealingWriter(io.BytesIO(), KEY, PLACE) as writer:
        writer.write(b"a")
    with pytest.raises(ValueError):
        writer.write(b"b")


def test_the_same_content_is_never_sealed_the_same_and_never_shows() -> None:
    plain = b"Keelpijn sinds gisteren." * 10
    one, other = sealed_file(plain), sealed_file(plain)
    assert one != other
    assert one[HEADER_BYTES:] != other[HEADER_BYTES:]
    assert b"Keelpijn" not in one
    assert seal(KEY, plain, b"") != seal(KEY, plain, b"")


def test_only_a_few_pieces_stay_in_memory() -> None:
    reader = SealedReader(io.BytesIO(sealed_file(content(12 * CHUNK_BYTES))), KEY, PLACE)
    while reader.read(CHUNK_BYTES):
        pass
    assert len(reader._cache) <= 4


def test_the_reader_closes_its_file() -> None:
    source = io.BytesIO(sealed_file(b"abc"))
    open_file(source, KEY, PLACE).close()
    assert source.closed
    foreign = io.BytesIO(b"abc")
    with pytest.raises(Unreadable):
        open_file(foreign, KEY, PLACE)
    assert foreign.closed


@given(plain=st.binary(max_size=200), aad=st.binary(max_size=20), data=st.data())
@settings(deadline=None)
def test_a_sealed_value_opens_whole_or_not_at_all(plain: bytes, aad: bytes, data: st.DataObject) -> None:
    sealed = seal(KEY, plain, aad)
    assert open_sealed(KEY, sealed, aad) == plain
    flipped = bytearray(sealed)
    flipped[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for key, wrong, place in (
        (KEY, bytes(flipped), aad),
        (KEY, cut, aad),
        (new_key(), sealed, aad),
        (KEY, sealed, b"x" + aad),
    ):
        with pytest.raises(Unreadable):
            open_sealed(key, wrong, place)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_two_contexts_are_equal_only_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (context(*one) == context(*other)) == (one == other)
