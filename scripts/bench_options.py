"""Measure the recogniser's options: word error rate, processor time, and words made up over noise.

    python scripts/bench_options.py [--consults DIR] [--stretches 1000] [--noises 45] [--only NAME ...]

Hears the demo consults (and those of ``--consults``, rendered by benchmarks/render.py) in the stretches of the
detector, and the first seconds of the sounds of benchmarks/silence.py as if the detector had let them through. One row
of options a time; what differs from ``WhisperOptions`` is its name. "marked": words that the guards do not believe.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.silence import make  # noqa: E402  (beside this folder, not a package of the program)
from models.catalog import installed  # noqa: E402
from transcribe.asr.foreign import plain  # noqa: E402
from transcribe.asr.guards import marks  # noqa: E402
from transcribe.asr.transcript import HeardSegment  # noqa: E402
from transcribe.asr.whisper import WhisperOptions, WhisperRecogniser  # noqa: E402
from transcribe.asr.windows import split  # noqa: E402
from transcribe.audio.decode import PyAvDecoder  # noqa: E402
from transcribe.audio.pcm import RATE_HZ, Pcm, Samples, Span  # noqa: E402
from transcribe.audio.vad import SileroDetector  # noqa: E402
from transcribe.demo import CONSULTS  # noqa: E402

NOISE_S = 6
VARIANTS: dict[str, dict[str, Any]] = {
    "beam 5": {"beam_size": 5},
    "beam 1": {"beam_size": 1},
    "beam 2": {"beam_size": 2},
    "beam 5, patience 2": {"beam_size": 5, "patience": 2.0},
    "beam 5, length penalty 0.8": {"beam_size": 5, "length_penalty": 0.8},
    "beam 5, repetition penalty 1.1": {"beam_size": 5, "repetition_penalty": 1.1},
    "beam 5, no 3 words twice": {"beam_size": 5, "no_repeat_ngram_size": 3},
    "beam 5, nothing suppressed": {"beam_size": 5, "suppress_tokens": (), "suppress_blank": False},
    "beam 5, 100 tokens at most": {"beam_size": 5, "max_new_tokens": 100},
}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One channel: the stretches of its speech, and what was said."""

    stretches: tuple[Samples, ...]
    said: str


def voices(folder: Path, most: int) -> Iterator[Voice]:
    """At most so many stretches of each, with what was said until then."""
    for file in sorted(folder.glob("*.ogg")):
        with PyAvDecoder().decode(io.BytesIO(file.read_bytes()), max_s=3600) as decoding:
            recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
        said = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["utterances"]
        for channel in range(recording.channels):
            sound = recording.read(0, recording.duration_s, channel)
            ear = SileroDetector().listen()
            spans = [part for span in (*ear.more(sound), *ear.end()) for part in split(span, _middle)][:most]
            yield Voice(
                stretches=tuple(recording.read(span.start_s, span.end_s, channel) for span in spans),
                said=plain(
                    " ".join(
                        u["text"]
                        for u in said
                        if (u["speaker"] != "huisarts") == bool(channel) and u["start"] < spans[-1].end_s
                    )
                ),
            )


def _middle(span: Span) -> float:
    return (span.start_s + span.end_s) / 2


def believed(segments: list[HeardSegment]) -> tuple[int, int]:
    """Words, and those without a mark, of segments whose sound is all taken for speech."""
    whole: Callable[[float, float], float] = lambda start_s, end_s: end_s - start_s  # noqa: E731
    found = [mark for one in marks(segments, [whole] * len(segments), language="nl") for mark in one]
    return len(found), sum(mark is None for mark in found)


def measure(recogniser: WhisperRecogniser, heard: list[Voice], noises: list[Samples]) -> str:
    began, said, found, words, marked = time.process_time(), [], [], 0, 0
    for voice in heard:
        segments = [s for stretch in voice.stretches for s in recogniser.recognise(stretch, language="nl")]
        said.append(voice.said)
        found.append(plain(" ".join(segment.text for segment in segments)))
        every, kept = believed(segments)
        words, marked = words + every, marked + every - kept
    took = time.process_time() - began
    seconds = sum(stretch.size for voice in heard for stretch in voice.stretches) / RATE_HZ
    began = time.process_time()
    made_up = [believed([s for s in recogniser.recognise(noise, language="nl") if plain(s.text)]) for noise in noises]
    noise_took = time.process_time() - began
    cells = (
        f"{jiwer.wer(said, found):.3f}",
        f"{took / seconds:.3f}",
        f"{100 * marked / max(1, words):.1f} %",
        f"{sum(every for every, _ in made_up)}",
        f"{sum(kept for _, kept in made_up)} in {sum(kept > 0 for _, kept in made_up)}",
        f"{noise_took / max(1, len(noises) * NOISE_S):.3f}",
    )
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=Path, help="rendered consults to hear as well")
    parser.add_argument("--stretches", type=int, default=1000, help="of each voice, at most")
    parser.add_argument("--noises", type=int, default=45)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    heard = [voice for folder in (CONSULTS, args.consults) if folder for voice in voices(folder, args.stretches)]
    noises = [make(number, length_s=NOISE_S).samples[:, 0] for number in range(args.noises)]
    noises = [noise for noise in noises if np.abs(noise).max() > 0.01]  # a soft one is left alone by all
    demo = next(model for model in installed() if model.name == "demo-nl")
    titles = (
        "options",
        "WER",
        "cpu/s",
        "marked",
        f"words over {len(noises)} noises",
        "believed, in files",
        "cpu/s noise",
    )
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles), flush=True)
    for name in args.only:
        options = replace(WhisperOptions(), **VARIANTS[name])
        recogniser = WhisperRecogniser(demo.path, device="cpu", compute_type="int8", cpu_threads=1, options=options)
        print(f"| {name} | {measure(recogniser, heard, noises)} |", flush=True)


if __name__ == "__main__":
    main()
