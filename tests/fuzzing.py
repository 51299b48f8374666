"""Recordings that somebody damaged on purpose: small real ones, mutated, through the decoder and its real child.

Whatever is in a file, a decode ends with sound or with an ``AudioProblem``, in time, in bounded memory, and leaves
nothing behind. The n-th round of a seed is always the same file, for one version of FFmpeg.
"""

from __future__ import annotations

import io
import math
import random
import re
import resource
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psutil

from tests.containers import media
from transcribe.audio.decode import MEMORY_BYTES, PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.errors import AudioProblem

#: Longest recording that is taken; those of the rounds last about a second.
MAX_S = 60.0
#: A child that says nothing for so long is stopped. One that goes on has so much processor time, and no more.
SILENT_S = 20.0
MOST_S = 120.0

EXTREMES = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
#: Names of boxes and chunks; a length stands before or behind them.
NAMES = re.compile(
    rb"ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|stbl|stsd|stts|stsc|stsz|stco|mp4a|esds|mdat|udta|meta"
    rb"|RIFF|WAVE|fmt |LIST|data|OggS|OpusHead|OpusTags|ID3|Xing|Info|LAME|fLaC"
    rb"|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\x1c\x53\xbb\x6b|\xae|\xa3"
)


class Broken(AssertionError):
    """The decoder did what it must not do. The message names no content."""


@cache
def seeds() -> dict[str, bytes]:
    return {
        "wav": media("wav", seconds=1.0),
        "mp3": media("mp3", seconds=1.0),
        "m4a": media("m4a", seconds=1.0),
        "ogg": media("ogg", seconds=1.0),
        "flac": media("flac", seconds=1.0),
        "webm": media("webm", seconds=1.0, video=True),
        "mp4": media("mp4", seconds=1.0, video=True),
        "mkv": media("mkv", seconds=1.0, channels=1, tracks=2),
    }


# --- mutations -----------------------------------------------------------------------------------------------------


def _place(data: bytearray, chance: random.Random) -> int:
    """Headers are short, and most that goes wrong goes wrong there."""
    return chance.randrange(min(len(data), 600) if chance.random() < 0.5 else len(data))


def _bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 20, 200))):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _bytes(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    piece = chance.choice((bytes(16), b"\xff" * 16, chance.randbytes(16), chance.randbytes(500)))
    data[at : at + len(piece)] = piece[: len(data) - at]


def _truncated(data: bytearray, chance: random.Random) -> None:
    del data[max(1, _place(data, chance)) :]


def _removed(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 4, 100, 4000))]


def _repeated(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = data[at : at + chance.choice((1, 4, 100, 4000))] * chance.choice((1, 2, 50))


def _spliced(data: bytearray, chance: random.Random) -> None:
    """Another recording from somewhere on."""
    other = seeds()[chance.choice(sorted(seeds()))]
    data[_place(data, chance) :] = other[chance.randrange(len(other)) :]


def _lengths(data: bytearray, chance: random.Random) -> None:
    """Around the name of a box: what stands there is a length, a count, a rate."""
    names = list(NAMES.finditer(bytes(data)))
    for _ in range(chance.choice((1, 2, 5))):
        if not names:
            return
        name = chance.choice(names)
        at = chance.choice((name.start() - 4, name.end(), name.end() + 4 * chance.randrange(8)))
        if 0 <= at <= len(data) - 4:
            old = int.from_bytes(data[at : at + 4], "big")
            value = chance.choice((*EXTREMES, old + 1, old - 1, 2 * old)) & 0xFFFFFFFF
            data[at : at + 4] = value.to_bytes(4, chance.choice(("big", "little")))


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _bits, _bytes, _truncated, _removed, _repeated, _spliced, _lengths, _lengths,
)  # fmt: skip


def round_of(seed: int, number: int) -> tuple[str, bytes]:
    """Which container it was, and what became of it."""
    chance = random.Random(f"{seed}-{number}")
    name = sorted(seeds())[number % len(seeds())]
    data = bytearray(seeds()[name])
    for _ in range(chance.choice((1, 1, 2, 3))):
        chance.choice(MUTATIONS)(data, chance)
        if not data:
            data = bytearray(1)
    return name, bytes(data)


# --- what must hold ------------------------------------------------------------------------------------------------


def outcome_of(data: bytes, *, silent_s: float = SILENT_S) -> str:
    """ "read", or the name of the ``AudioProblem``. Raises ``Broken``."""
    before, most = _held(), _largest()
    began = time.monotonic()
    try:
        found = _decoded(data, silent_s)
    except AudioProblem as problem:
        found = type(problem).__name__
    except Exception as error:
        raise Broken(f"{type(error).__name__} came out of the decoder") from error
    took_s = time.monotonic() - began
    if took_s > MOST_S or (found == "DecoderFailed" and took_s > silent_s):
        raise Broken(f"it took {took_s:.0f} s")
    if (after := _held()) != before:
        raise Broken(f"descriptors, threads, children: {before} before, {after} after")
    if _largest() > max(most, MEMORY_BYTES):
        raise Broken("the child had more memory than it may")
    return found


def _decoded(data: bytes, silent_s: float) -> str:
    with PyAvDecoder(silent_s=silent_s).decode(io.BytesIO(data), max_s=MAX_S) as decoding:
        size = sum(len(chunk) for chunk in decoding)
        result = decoding.result()
    if result.duration_s > MAX_S + 2 or size != round(result.duration_s * RATE_HZ) * SAMPLE_BYTES * result.channels:
        raise Broken(f"{size} bytes for {result.duration_s:.2f} s")
    if not all(math.isfinite(span.end_s) for span in result.missing):
        raise Broken("a stretch without an end is missing")
    return "read"


def _largest() -> int:
    """Bytes resident of the largest child so far; of address space they can't get more than the limit either."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _held() -> tuple[int, int, int]:
    """Open descriptors, threads, children."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), len(psutil.Process().children())
