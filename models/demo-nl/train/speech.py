"""Speech from espeak-ng: the three voices the demo model knows, and a corpus of spoken lines on disk.

A corpus is a pair of files per part: ``STEM.<part>.pcm`` (signed 16-bit mono samples at 16 kHz, line after line
without gaps) and ``STEM.<part>.tsv`` with one row per line: offset in samples, length in samples, voice, text.
Parts are independent, so several processes can speak at the same time and an interrupted part is simply redone.
"""

from __future__ import annotations

import io
import random
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

RATE_HZ = 16_000
# How much sound is kept around the speech; training counts on it to know when the first word starts.
LEAD_S = 0.05
TAIL_S = 0.075
SILENT_BELOW = 0.01


@dataclass(frozen=True)
class Voice:
    """One espeak-ng voice: its name, speed in words per minute and pitch (0-99)."""

    name: str
    words_per_minute: int
    pitch: int


# Who speaks with which voice in a rendered consult. The model knows exactly these three.
CAST: dict[str, Voice] = {
    "huisarts": Voice("nl", 150, 45),
    "patient": Voice("nl+f2", 155, 50),
    "begeleider": Voice("nl+f4", 150, 55),
}
# The huisarts and the patient do most of the talking, so they get most of the training lines.
TRAINING_MIX: tuple[str, ...] = ("huisarts", "huisarts", "patient", "patient", "begeleider")


def speak(text: str, voice: Voice) -> np.ndarray:
    """Speak one line; returns float32 samples [n] at 16 kHz in -1..1, silence trimmed (empty when nothing sounds)."""
    wav = subprocess.run(
        [
            "espeak-ng",
            *("-v", voice.name),
            *("-s", str(voice.words_per_minute)),
            *("-p", str(voice.pitch)),
            "--stdout",
            "--stdin",
        ],
        input=text.encode(),
        capture_output=True,
        check=True,
    ).stdout
    samples, rate = sf.read(io.BytesIO(wav), dtype="float32")
    if samples.size == 0:
        return np.zeros(0, np.float32)
    samples = resample_poly(samples, RATE_HZ, rate).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > SILENT_BELOW)
    if loud.size == 0:
        return samples[:0]
    first = max(0, loud[0] - round(LEAD_S * RATE_HZ))
    return samples[first : loud[-1] + round(TAIL_S * RATE_HZ)]


def speak_corpus(lines: Iterable[str], stem: Path, part: int, seed: int) -> int:
    """Speak ``lines`` to ``stem.<part>.pcm`` and ``.tsv``; returns the number of lines that sounded.

    The table is put in place last, by renaming: a part without its table was interrupted and does not count.
    """
    chance = random.Random(f"{seed}-{part}")
    pcm, table = stem.with_name(f"{stem.name}.{part}.pcm"), stem.with_name(f"{stem.name}.{part}.tsv")
    table.unlink(missing_ok=True)
    rows: list[str] = []
    offset = 0
    with pcm.open("wb") as out:
        for line in lines:
            role = chance.choice(TRAINING_MIX)
            samples = speak(line, CAST[role])
            if samples.size == 0:
                continue
            out.write((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
            rows.append(f"{offset}\t{samples.size}\t{role}\t{line}\n")
            offset += samples.size
    fresh = table.with_suffix(".tmp")
    fresh.write_text("".join(rows), encoding="utf-8")
    fresh.replace(table)
    return len(rows)


@dataclass(frozen=True)
class Line:
    """A spoken line of the corpus: ``size`` samples from ``offset`` in part ``part``."""

    part: int
    offset: int
    size: int
    role: str
    text: str


class Spoken:
    """The spoken lines of all finished parts of a corpus, memory-mapped; parts finished later come with ``refresh``."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem
        self._tables: list[Path] = []
        self._pcm: list[np.memmap] = []
        self.lines: list[Line] = []
        self.refresh()

    def refresh(self) -> None:
        """Take in the parts that were finished since the last look."""
        for table in sorted(self._stem.parent.glob(f"{self._stem.name}.*.tsv"), key=_part_number):
            if table in self._tables:
                continue
            part = len(self._tables)
            self._tables.append(table)
            self._pcm.append(np.memmap(table.with_suffix(".pcm"), dtype="<i2", mode="r"))
            self.lines.extend(_rows(table, part))

    def samples(self, line: Line) -> np.ndarray:
        """The samples of a line, float32 [line.size] in -1..1."""
        return self._pcm[line.part][line.offset : line.offset + line.size].astype(np.float32) / 32768


def _part_number(table: Path) -> int:
    return int(table.suffixes[-2].lstrip("."))


def _rows(table: Path, part: int) -> Iterator[Line]:
    for row in table.read_text(encoding="utf-8").splitlines():
        offset, size, role, text = row.split("\t")
        yield Line(part, int(offset), int(size), role, text)
