"""Sound made worse in known ways: what is measured of it, and what the recogniser makes of it.

    python -m benchmarks.sound_quality [--only KIND ...] [--seconds 75] [--out FILE.jsonl]

The demo consults as shipped, two channels, the first ``--seconds`` of each, through the service's own way (detector,
demo model, guards). A row for each kind: the figures of ``asr/quality`` (the worst channel; means over the consults),
what the review page would say, the word error rate, and of the words that were heard how many are below a probability:
wrong ones (``caught``) and right ones (``false``). Needs the extra ``dev``.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

from models.catalog import installed
from transcribe.app import make_transcriber
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.demo import CONSULTS
from transcribe.errors import NoSpeech
from transcribe.soep.hearing import weighty
from transcribe.soep.sound import faults

CHANNELS = (Speaker.HUISARTS, Speaker.PATIENT)
PROBABILITIES = (0.3, 0.4, 0.5, 0.6)
PACKET = RATE_HZ // 50

Sound = np.ndarray  # [n, 2], -1 to 1


def gain(db: float) -> Callable[[Sound], Sound]:
    """Louder than full scale is cut off."""
    return lambda sound: sound * 10 ** (db / 20)


def spoken_power(sound: Sound) -> float:
    return float(np.mean(sound[np.abs(sound) > 0.01] ** 2))


def white(ratio_db: float) -> Callable[[Sound], Sound]:
    def noisy(sound: Sound) -> Sound:
        hiss = np.random.default_rng(1).normal(0, 1, sound.shape)
        return sound + hiss * np.sqrt(spoken_power(sound) / 10 ** (ratio_db / 10))

    return noisy


def fan(ratio_db: float) -> Callable[[Sound], Sound]:
    """Noise that gets softer upwards, 6 dB an octave from 100 Hz on: an engine, air, traffic."""

    def noisy(sound: Sound) -> Sound:
        hum = sosfilt(
            butter(1, 100, "lowpass", fs=RATE_HZ, output="sos"), np.random.default_rng(2).normal(size=sound.shape), 0
        )
        hum /= np.sqrt(np.mean(hum**2))
        return sound + hum * np.sqrt(spoken_power(sound) / 10 ** (ratio_db / 10))

    return noisy


def voices(ratio_db: float) -> Callable[[Sound], Sound]:
    """A waiting room: the consult itself four times, shifted and mixed, behind it."""

    def noisy(sound: Sound) -> Sound:
        mono = sound.mean(axis=1)
        crowd = sum(np.roll(mono, shift * RATE_HZ) for shift in (7, 19, 31, 43))
        crowd = np.stack([crowd, np.roll(crowd, 11 * RATE_HZ)], 1)
        return sound + crowd * np.sqrt(spoken_power(sound) / spoken_power(crowd) / 10 ** (ratio_db / 10))

    return noisy


def telephone(sound: Sound) -> Sound:
    """300 to 3400 Hz, 8 kHz, eight bits that follow the loudness."""
    band = sosfilt(butter(6, (300, 3400), "bandpass", fs=RATE_HZ, output="sos"), sound, 0)
    half = np.clip(resample_poly(band, 1, 2), -1, 1)
    law = np.sign(half) * np.log1p(255 * np.abs(half)) / np.log(256)
    steps = np.round(law * 127) / 127
    return resample_poly(np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255, 2, 1)[: len(sound)]


def narrow(top_hz: float) -> Callable[[Sound], Sound]:
    return lambda sound: sosfilt(butter(10, top_hz, fs=RATE_HZ, output="sos"), sound, 0)


def lossy(share: float) -> Callable[[Sound], Sound]:
    """Packets of 20 ms that are lost, by one or two, with silence in their place."""

    def holed(sound: Sound) -> Sound:
        chance = np.random.default_rng(3)
        lost = chance.random(len(sound) // PACKET) < share / 1.5
        lost |= np.roll(lost, 1) & (chance.random(lost.size) < 0.5)
        mask = np.repeat(~lost, PACKET)
        return sound[: mask.size] * mask[:, None]

    return holed


def one_side(db: float) -> Callable[[Sound], Sound]:
    """The patient alone is far from the microphone: softer, and the noise of the room stays."""

    def far(sound: Sound) -> Sound:
        room = np.random.default_rng(4).normal(0, 10 ** (-60 / 20), sound.shape)
        return sound * np.array([1, 10 ** (db / 20)]) + room

    return far


KINDS: dict[str, Callable[[Sound], Sound]] = {
    "as shipped": lambda sound: sound,
    **{f"{db} dB softer": gain(-db) for db in (10, 20, 30)},
    **{f"clipped, {db} dB too loud": gain(db) for db in (12, 18, 24, 30)},
    **{f"white noise, {db} dB": white(db) for db in (30, 20, 15, 10, 5)},
    **{f"fan, {db} dB": fan(db) for db in (20, 10, 0)},
    **{f"voices behind, {db} dB": voices(db) for db in (20, 10)},
    "telephone": telephone,
    **{f"up to {hz} Hz": narrow(hz) for hz in (6000, 4000)},
    **{f"{share:.0%} of packets lost": lossy(share) for share in (0.01, 0.03, 0.1)},
    "patient 20 dB softer, room at -60 dB": one_side(-20),
}


def decoded(recording: Path, seconds: float) -> Sound:
    with recording.open("rb") as file, PyAvDecoder().decode(file, max_s=3600) as decoding:
        raw = b"".join(decoding)
    sound = np.frombuffer(raw, "<i2").reshape(-1, 2)[: round(seconds * RATE_HZ)]
    return sound.astype(np.float64) / 32768


def as_pcm(sound: Sound) -> Pcm:
    whole = np.round(np.clip(sound, -1, 32767 / 32768) * 32768)
    return Pcm(io.BytesIO(whole.astype("<i2").tobytes()), channels=2)


def words(text: str) -> list[str]:
    return re.sub(r"[^a-zà-ÿ' ]", " ", text.lower()).split()


def judged(truth: list[str], heard: Transcript) -> list[tuple[bool, float, bool]]:
    """Of every word that was heard: was it said, how sure was the recogniser, is it a number, a denial, a drug?"""
    found = [(one, word.probability) for u in heard.utterances for word in u.words for one in words(word.text)]
    if not found:
        return []
    aligned = jiwer.process_words(" ".join(truth), " ".join(one for one, _ in found)).alignments[0]
    right = {i for chunk in aligned if chunk.type == "equal" for i in range(chunk.hyp_start_idx, chunk.hyp_end_idx)}
    return [(i in right, sure, weighty(one)) for i, (one, sure) in enumerate(found)]


def measured(kind: str, transcriber: Any, seconds: float) -> dict[str, Any]:
    rates, figures, said, all_words = [], [], set(), []
    for path in sorted(CONSULTS.glob("*.json")):
        spoken = json.loads(path.read_text(encoding="utf-8"))["utterances"]
        cut_s = max(u["end"] for u in spoken if u["end"] <= seconds - 0.5) + 0.3
        truth = [word for u in spoken if u["end"] <= cut_s for word in words(u["text"])]
        pcm = as_pcm(KINDS[kind](decoded(path.with_suffix(".ogg"), cut_s)))
        try:
            heard = transcriber.transcribe(pcm, CHANNELS, progress=lambda _: None)
        except NoSpeech:
            rates.append(1.0)
            said.add("geen-spraak")
            continue
        text = " ".join(u.text for u in heard.utterances)
        rates.append(jiwer.wer(" ".join(truth), " ".join(words(text)) or "-"))
        figures.append(heard.sound)
        said |= {
            f"{one.fault.value} ({one.speaker})" if one.speaker else one.fault.value for one in faults(heard.sound)
        }
        all_words += judged(truth, heard)

    def mean(name: str, worst: Callable[..., float]) -> float | None:
        found = [[v for one in s.channels if (v := getattr(one, name)) is not None] for s in figures]
        values = [worst(one) for one in found if one]
        return round(statistics.mean(values), 4) if values else None

    row: dict[str, Any] = {
        "kind": kind,
        "wer": round(statistics.mean(rates), 4),
        "level_db": mean("level_db", min),
        "noise_db": mean("noise_db", max),
        "snr_db": mean("snr_db", min),
        "clipped": mean("clipped", max),
        "bandwidth_hz": mean("bandwidth_hz", min),
        "holes_s": mean("holes_s", max),
        "spoken_s": mean("spoken_s", min),
        "overlap": round(statistics.mean(s.overlap or 0 for s in figures), 3) if figures else None,
        "said": sorted(said),
        "words": len(all_words),
        "wrong": sum(not right for right, _, _ in all_words),
    }
    for least in PROBABILITIES:
        for weighing in (False, True):
            some = [(right, sure) for right, sure, weighs in all_words if weighs or not weighing]
            wrong, fine = [s for r, s in some if not r], [s for r, s in some if r]
            row[f"{'weighty ' if weighing else ''}below {least}"] = [
                sum(s < least for s in wrong), len(wrong), sum(s < least for s in fine), len(fine)
            ]  # fmt: skip
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument(
        "--out", type=Path, help="also as a line of JSON for each kind; kinds that are there are passed over"
    )
    args = parser.parse_args()
    known = set()
    if args.out and args.out.exists():
        known = {json.loads(line)["kind"] for line in args.out.read_text(encoding="utf-8").splitlines()}
    transcriber = make_transcriber(next(m for m in installed(Path()) if m.demo_only), device="cpu")
    for kind in args.only or KINDS:
        if kind in known:
            continue
        row = measured(kind, transcriber, args.seconds)
        if args.out:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
