"""Recordings as video calls, telephones and recorders leave them: how well each kind is heard.

    python -m benchmarks.formats [--seconds 75] [--only KIND ...]

The bundled demo consults (the huisarts left, the patient right), as far as their first ``--seconds``, are put into each
kind of file with PyAV, and go through decoder, voice detection, the demo model and the telling apart of voices as a
recording of the service does. Printed for each kind: word error rate, true utterances whose words got the right role,
a wrong one or none, and seconds of the recording that could not be used.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import jiwer
import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

from scripts.bench import words
from transcribe.app import choose_model, make_drafter, make_transcriber
from transcribe.asr.evaluate import evaluate_file
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ
from transcribe.audio.together import head, shifted
from transcribe.demo import CONSULTS
from transcribe.settings import Settings

Sound = np.ndarray  # [samples, channels], -1..1, 16 kHz
BOTH, MIXED = (Speaker.HUISARTS, Speaker.PATIENT), (Speaker.ONBEKEND,)
FORMATS = {"m4a": "ipod", "mkv": "matroska"}  # FFmpeg's names, where they differ from the ending
PICTURES = {"mp4": "mpeg4", "mov": "mpeg4", "mkv": "mpeg4", "webm": "libvpx"}
BITS = 64_000  # a second, of compressed sound


@dataclass(frozen=True, kw_only=True)
class Track:
    sound: Sound
    rate: int = 48_000
    start_s: float = 0.0  # of its timestamps
    speed: float = 1.0  # of the clock that made it, against that of its timestamps
    hole: tuple[float, float] | None = None  # seconds of which no packet came


def file_of(ending: str, codec: str, tracks: Sequence[Track], *, video: bool = False) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=FORMATS.get(ending, ending)) as container:
        streams = [_stream(container, codec, track) for track in tracks]
        if video:
            _picture(container, ending, max(len(track.sound) / RATE_HZ for track in tracks))
        packets = [packet for stream, track in zip(streams, tracks, strict=True) for packet in _packets(stream, track)]
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            container.mux(packet)
    return out.getvalue()


def _stream(container: Any, codec: str, track: Track) -> Any:
    stream = container.add_stream(codec, rate=track.rate, layout=("mono", "stereo")[track.sound.shape[1] - 1])
    if not codec.startswith("pcm"):
        stream.bit_rate = BITS
    return stream


def _packets(stream: Any, track: Track) -> list[Any]:
    """``speed``: a clock that is slow makes fewer samples of the same talk, and its timestamps know."""
    samples = resample_poly(track.sound, round(track.rate * track.speed), RATE_HZ, axis=0)
    codec = stream.codec_context
    layout = ("mono", "stereo")[track.sound.shape[1] - 1]
    raw = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    frame = av.AudioFrame.from_ndarray(raw.reshape(1, -1), "s16", layout)
    frame.sample_rate, frame.pts, frame.time_base = track.rate, 0, Fraction(1, track.rate)
    if not codec.is_open:  # as it is when there is a picture
        codec.open()
    fitted = av.AudioResampler(format=codec.format, layout=layout, rate=track.rate, frame_size=codec.frame_size or 1024)
    frames = [*fitted.resample(frame), *fitted.resample(None)]
    packets = [packet for piece in frames for packet in stream.encode(piece)] + list(stream.encode(None))
    kept = []
    for packet in packets:
        at_s = float(packet.pts * packet.time_base)
        if track.hole and track.hole[0] <= at_s < track.hole[1]:
            continue
        moved = round((at_s / track.speed + track.start_s) / packet.time_base)
        packet.pts = packet.dts = moved
        kept.append(packet)
    return kept


def _picture(container: Any, ending: str, seconds: float) -> None:
    picture = container.add_stream(PICTURES[ending], rate=5)
    picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
    for index in range(round(seconds * 5)):
        image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 255, np.uint8), "rgb24")
        image.pts = index
        container.mux(picture.encode(image))
    container.mux(picture.encode(None))


def telephone(sound: Sound) -> Sound:
    return np.asarray(sosfilt(butter(6, (300, 3400), "bandpass", fs=RATE_HZ, output="sos"), sound, axis=0))


def mono(sound: Sound) -> Sound:
    return np.asarray(sound.mean(axis=1, keepdims=True))


def of(sound: Sound, channel: int, since_s: float = 0.0) -> Sound:
    return sound[round(since_s * RATE_HZ) :, channel : channel + 1]


def two_files(first: bytes, second: bytes, shift_s: float | None = None) -> bytes:
    return head(shifted([len(first), len(second)], shift_s)) + first + second


def two_tracks(sound: Sound, ending: str, codec: str, **second: Any) -> bytes:
    return file_of(ending, codec, [Track(sound=of(sound, 0)), Track(sound=of(sound, 1), **second)])


LATE_S = 1.5  # before the patient says anything
#: What is made of a consult, and who is said to be where.
KINDS: dict[str, tuple[Callable[[Sound], bytes], tuple[Speaker, ...]]] = {
    "wav, stereo": (lambda s: file_of("wav", "pcm_s16le", [Track(sound=s, rate=16_000)]), BOTH),
    "mp3, stereo": (lambda s: file_of("mp3", "libmp3lame", [Track(sound=s)]), BOTH),
    "m4a, stereo": (lambda s: file_of("m4a", "aac", [Track(sound=s)]), BOTH),
    "ogg, stereo": (lambda s: file_of("ogg", "libopus", [Track(sound=s)]), BOTH),
    "webm with video, stereo": (lambda s: file_of("webm", "libopus", [Track(sound=s)], video=True), BOTH),
    "mp4 with video, stereo": (lambda s: file_of("mp4", "aac", [Track(sound=s)], video=True), BOTH),
    "mov with video, stereo": (lambda s: file_of("mov", "aac", [Track(sound=s)], video=True), BOTH),
    "mkv with video, stereo": (lambda s: file_of("mkv", "aac", [Track(sound=s)], video=True), BOTH),
    "mp4, everybody mixed": (lambda s: file_of("mp4", "aac", [Track(sound=mono(s))]), MIXED),
    "mp3, everybody mixed": (lambda s: file_of("mp3", "libmp3lame", [Track(sound=mono(s))]), MIXED),
    "mkv, a track for each": (lambda s: two_tracks(s, "mkv", "libopus"), BOTH),
    "mp4, a track for each": (lambda s: two_tracks(s, "mp4", "aac"), BOTH),
    "mkv, a track for each, said to be mixed": (lambda s: two_tracks(s, "mkv", "libopus"), MIXED),
    "mkv, the second track begins 1.5 s later": (
        lambda s: file_of("mkv", "libopus", [Track(sound=of(s, 0)), Track(sound=of(s, 1, LATE_S), start_s=LATE_S)]),
        BOTH,
    ),
    "two files, m4a at 48 kHz and wav at 44.1 kHz": (
        lambda s: two_files(
            file_of("m4a", "aac", [Track(sound=of(s, 0))]),
            file_of("wav", "pcm_s16le", [Track(sound=of(s, 1), rate=44_100)]),
        ),
        BOTH,
    ),
    "two files, the second 1.5 s later by the list": (
        lambda s: two_files(
            file_of("m4a", "aac", [Track(sound=of(s, 0))]),
            file_of("m4a", "aac", [Track(sound=of(s, 1, LATE_S))]),
            LATE_S,
        ),
        BOTH,
    ),
    "two files, the second 1.5 s later by its timestamps": (
        lambda s: two_files(
            file_of("webm", "libopus", [Track(sound=of(s, 0))]),
            file_of("webm", "libopus", [Track(sound=of(s, 1, LATE_S), start_s=LATE_S)]),
        ),
        BOTH,
    ),
    "telephone band, wav at 16 kHz, stereo": (
        lambda s: file_of("wav", "pcm_s16le", [Track(sound=telephone(s), rate=16_000)]),
        BOTH,
    ),
    "telephone, wav at 8 kHz, stereo": (
        lambda s: file_of("wav", "pcm_s16le", [Track(sound=telephone(s), rate=8_000)]),
        BOTH,
    ),
    "telephone, wav at 8 kHz, mixed": (
        lambda s: file_of("wav", "pcm_s16le", [Track(sound=telephone(mono(s)), rate=8_000)]),
        MIXED,
    ),
    "webm, stereo, 3 s without packets": (
        lambda s: file_of("webm", "libopus", [Track(sound=s, hole=(20.0, 23.0))]),
        BOTH,
    ),
    "mkv, a track for each, the second clock 0.5 % slow": (
        lambda s: two_tracks(s, "mkv", "libopus", speed=0.995),
        BOTH,
    ),
    "mkv, a track for each, the second clock 0.5 % fast": (
        lambda s: two_tracks(s, "mkv", "libopus", speed=1.005),
        BOTH,
    ),
    "wav, stereo, the last third cut off": (lambda s: cut(s), BOTH),
}


def cut(sound: Sound) -> bytes:
    whole = file_of("wav", "pcm_s16le", [Track(sound=sound, rate=16_000)])
    return whole[: len(whole) * 2 // 3]


@dataclass(frozen=True, kw_only=True)
class Consult:
    sound: Sound
    utterances: list[dict[str, Any]]  # those that are whole in it


def consult(name: str, seconds: float) -> Consult:
    with PyAvDecoder().decode(io.BytesIO((CONSULTS / f"{name}.ogg").read_bytes()), max_s=900) as decoding:
        pcm = np.frombuffer(b"".join(decoding), "<i2").reshape(-1, 2)
    told = json.loads((CONSULTS / f"{name}.json").read_text(encoding="utf-8"))["utterances"]
    whole = [one for one in told if one["end"] <= seconds]
    return Consult(sound=pcm[: round((whole[-1]["end"] + 0.2) * RATE_HZ)] / 32768.0, utterances=whole)


def outcome(true: dict[str, Any], heard: Sequence[dict[str, Any]]) -> str:
    """Of an utterance, by the role that most of its time was given."""
    shares = Counter[str]()
    for one in heard:
        shares[one["speaker"]] += max(0.0, min(one["end"], true["end"]) - max(one["start"], true["start"]))
    if not shares.total():
        return "none"
    role = max(shares, key=shares.__getitem__)
    return "none" if role == Speaker.ONBEKEND else "right" if role == true["speaker"] else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND")
    args = parser.parse_args()
    settings = Settings.from_env(demo=True)
    model = choose_model(settings)
    if model is None:
        sys.exit("the demo model is not there")
    parts = {"decoder": PyAvDecoder(), "transcriber": make_transcriber(model), "drafter": make_drafter(settings)}
    consults = [consult(path.stem, args.seconds) for path in sorted(CONSULTS.glob("*.ogg"))]
    print("| kind | word errors | role right | wrong | none | seconds lost |\n|---|---|---|---|---|---|", flush=True)
    for kind in args.only or KINDS:
        make, channels = KINDS[kind]
        rates, roles, lost_s = [], Counter[str](), 0.0
        for one in consults:
            with tempfile.NamedTemporaryFile(suffix=".bin") as file:
                file.write(make(one.sound))
                file.flush()
                found = evaluate_file(Path(file.name), channels=channels, **parts)  # type: ignore[arg-type]
            if "error" in found:
                sys.exit(f"{kind}: {found['error']}")
            heard = found["transcript"]["utterances"]
            rates.append(jiwer.wer(*(words(" ".join(u["text"] for u in talk)) for talk in (one.utterances, heard))))
            roles.update(outcome(true, heard) for true in one.utterances)
            missing_s = sum(end - start for start, end in found["missing"])
            lost_s += max(missing_s, len(one.sound) / RATE_HZ - found["duration"])
        shares = " | ".join(f"{100 * roles[share] / roles.total():.1f}" for share in ("right", "wrong", "none"))
        print(f"| {kind} | {100 * statistics.mean(rates):.1f} | {shares} | {lost_s:.1f} |", flush=True)


if __name__ == "__main__":
    main()
