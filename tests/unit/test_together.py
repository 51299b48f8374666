"""Several files as one recording: what is written is read back, and known again by what is in it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.audio.together import MARK, Fingerprint, Part, head, read_head, shifted, together


def fingerprint(whole: bytes, piece: int = 1 << 20) -> bytes:
    made = Fingerprint()
    for at in range(0, len(whole), piece):
        made.update(whole[at : at + piece])
    return made.digest()


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def whole(first: bytes, second: bytes, shift_s: float | None = None) -> bytes:
    return head(shifted([len(first), len(second)], shift_s)) + first + second


@given(st.binary(max_size=3000), st.integers(1, 1500))
def test_a_file_is_known_by_its_bytes(content: bytes, piece: int) -> None:
    assert fingerprint(content, piece) == sha256(content)


@given(st.binary(min_size=1, max_size=3000), st.binary(min_size=1, max_size=3000), st.integers(1, 1500))
def test_two_files_are_known_whichever_comes_first_and_whenever_they_began(a: bytes, b: bytes, piece: int) -> None:
    expected = together([sha256(a), sha256(b)])
    assert fingerprint(whole(a, b), piece) == expected
    assert fingerprint(whole(b, a, shift_s=2.5), piece) == expected
    assert expected != sha256(a)
    assert expected != fingerprint(whole(a, b + b"x"))


@pytest.mark.parametrize(
    ("shift_s", "starts"), [(None, (None, None)), (0.0, (0, 0)), (2.5, (0, 2.5)), (-2.5, (2.5, 0))]
)
def test_where_each_begins(shift_s: float | None, starts: tuple[float | None, ...]) -> None:
    parts = read_head(whole(b"one", b"and two", shift_s))
    assert [part.start_s for part in parts] == list(starts)
    made = whole(b"one", b"and two", shift_s)
    assert [made[part.offset : part.offset + part.size] for part in parts] == [b"one", b"and two"]


def test_an_ordinary_file_has_no_head() -> None:
    assert read_head(b"RIFF....WAVE") == ()
    assert read_head(MARK[:-1]) == ()


@pytest.mark.parametrize(
    "told",
    [
        b"", b"x" * 2000, b"[]\n", b"{}\n", b"[1, 2]\n", b'[{"bytes": 1}]\n', b'[{"bytes": 0}, {"bytes": 1}]\n',
        b'[{"bytes": true}, {"bytes": 1}]\n', b'[{"bytes": 1, "start_s": -1}, {"bytes": 1}]\n',
        b'[{"bytes": 1, "start_s": 1e9}, {"bytes": 1}]\n', b'[{"bytes": 1, "start_s": NaN}, {"bytes": 1}]\n',
        b'[{"bytes": 1}, {"bytes": 1}, {"bytes": 1}]\n',
    ],
)  # fmt: skip
def test_a_head_that_can_not_be_is_refused(told: bytes) -> None:
    with pytest.raises(ValueError):
        read_head(MARK + told)


@pytest.mark.parametrize("change", [-1, 1])
def test_files_that_are_not_as_long_as_the_head_says(change: int) -> None:
    made = head([Part(size=2000), Part(size=2000)]) + bytes(4000 + change)
    with pytest.raises(ValueError):
        fingerprint(made, 700)
