"""The other's voice in my channel, at once or later as over a call: what is heard of it, and what is lost of mine.

    python -m benchmarks.echo [--seconds 30] [--short]

The three demo consults, a channel for each side, as far as their first ``--seconds``, through the service's own way
(detector, demo model, guards). Each side's voice is put in the other's channel too, both ways: softer, later, and once
through a bare room with some noise. A row for each: utterances heard that are the other's (less than a third of their
time does somebody speak on that channel), true ones of which less than half is left, and the word error rate over both
channels. ``--short``: at -12 dB only. Needs the extra ``dev``.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from scipy.signal import fftconvolve

from models.catalog import installed
from scripts.bench import words
from transcribe.app import make_transcriber
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.demo import CONSULTS

CHANNELS = (Speaker.HUISARTS, Speaker.PATIENT)
LEVELS_DB = (-6, -12, -20)
DELAYS_MS = (0, 60, 150, 250, 400)
TAIL_S = 0.3  # of the bare room, until 60 dB softer; as loud as the voice itself

Sound = np.ndarray  # [n, 2], -1 to 1


@dataclass(frozen=True, kw_only=True)
class Kind:
    db: float | None = None  # None: no echo
    delay_ms: int = 0
    one_way: bool = False  # of the huisarts in the patient's channel only
    room: bool = False

    @property
    def title(self) -> str:
        if self.db is None:
            return "no echo"
        of = "one way" if self.one_way else "both ways"
        return f"{self.db:g} dB, {self.delay_ms} ms, {of}{', bare room, noise' if self.room else ''}"

    def of(self, sound: Sound) -> Sound:
        if self.db is None:
            return sound
        late, other = round(self.delay_ms * RATE_HZ / 1000), sound[:, ::-1]
        chance = np.random.default_rng(1)
        if self.room:
            at_s = np.arange(round(TAIL_S * RATE_HZ)) / RATE_HZ
            tail = chance.normal(0, 1, at_s.size) * 10 ** (-3 * at_s / TAIL_S)
            tail[0] = np.sqrt(np.sum(tail[1:] ** 2))
            other = fftconvolve(other, tail[:, None] / np.sqrt(np.sum(tail**2)))[: len(sound)]
        echo = np.pad(other, ((late, 0), (0, 0)))[: len(sound)] * 10 ** (self.db / 20)
        if self.one_way:
            echo[:, 0] = 0
        return sound + echo + (chance.normal(0, 1e-3, sound.shape) if self.room else 0)


def load(name: str, seconds: float) -> tuple[Sound, list[dict[str, Any]]]:
    with PyAvDecoder().decode(io.BytesIO((CONSULTS / f"{name}.ogg").read_bytes()), max_s=900) as decoding:
        sound = np.frombuffer(b"".join(decoding), "<i2").reshape(-1, 2) / 32768
    truth = json.loads((CONSULTS / f"{name}.json").read_text(encoding="utf-8"))["utterances"]
    spoken = [one for one in truth if one["end"] + 0.2 <= seconds]
    return sound[: round((spoken[-1]["end"] + 0.2) * RATE_HZ)], spoken


def shared(one: tuple[float, float], others: list[tuple[float, float]]) -> float:
    """Of its time: how much the others share."""
    together = sum(max(0.0, min(one[1], end) - max(one[0], start)) for start, end in others)
    return together / max(one[1] - one[0], 1e-3)


def figures(sound: Sound, spoken: list[dict[str, Any]], transcriber: Any) -> tuple[int, int, float]:
    """Utterances of the other, own ones lost, word error rate."""
    frames = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    heard = transcriber.transcribe(Pcm(io.BytesIO(frames), channels=2), CHANNELS, progress=lambda _: None).utterances
    wrong = lost = 0
    said, got = [], []
    for speaker in CHANNELS:
        mine = [one for one in heard if one.speaker is speaker]
        true = [one for one in spoken if one["speaker"] == speaker.value]
        times, true_times = [(u.start_s, u.end_s) for u in mine], [(u["start"], u["end"]) for u in true]
        wrong += sum(shared(one, true_times) < 1 / 3 for one in times)
        lost += sum(shared(one, times) < 1 / 2 for one in true_times)
        said.append(words(" ".join(u["text"] for u in true)))
        got.append(words(" ".join(u.text for u in mine)))
    return wrong, lost, float(jiwer.wer(said, got))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    transcriber = make_transcriber(next(m for m in installed(Path()) if m.demo_only), device="cpu")
    consults = [load(path.stem, args.seconds) for path in sorted(CONSULTS.glob("*.json"))]
    print(f"{sum(len(spoken) for _, spoken in consults)} utterances")
    print("| echo | of the other | lost | WER % |\n|---|---|---|---|")
    kinds = [Kind(), *(Kind(db=db, delay_ms=ms) for db in LEVELS_DB for ms in DELAYS_MS if db == -12 or not args.short)]
    kinds += [Kind(db=-12, delay_ms=150, one_way=True), Kind(db=-12, delay_ms=150, room=True)]
    for kind in kinds:
        wrong, lost, rates = zip(
            *(figures(kind.of(sound), spoken, transcriber) for sound, spoken in consults), strict=True
        )
        print(f"| {kind.title} | {sum(wrong)} | {sum(lost)} | {100 * float(np.mean(rates)):.1f} |", flush=True)


if __name__ == "__main__":
    main()
