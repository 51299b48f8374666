"""A thousand recordings in which nobody speaks, through the whole path: decoder, detector, recogniser, guards, draft.

    python -m benchmarks.silence [--files 1000] [--keep RESULTS.jsonl] [--save FOLDER]

Every file follows from its number alone. Sounds last 2 to 40 s at levels from -60 dB to clipping; a third has two
channels. One channel is taken for a dictation of the huisarts, of which the drafter leaves nothing out: whatever is
believed becomes a line. ``--keep`` is read first and appended to, so that a run that was broken off goes on.
``--save`` writes the files as WAV and hears nothing. Ends with status 1 when a file gave a note.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.catalog import installed
from transcribe.asr.evaluate import evaluate_file
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import HeardSegment, Speaker, Transcript, Utterance
from transcribe.asr.whisper import WhisperRecogniser
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.audio.vad import SileroDetector
from transcribe.soep.extractive import ExtractiveDrafter

Chance = np.random.Generator
Sound = np.ndarray[Any, np.dtype[np.float64]]

SEED = 20261122
LENGTHS_S = (2, 4, 8, 15, 25, 40)
LEVELS_DB = (-60, -45, -30, -20, -12, -6, -1, 6)  # of the loudest sample; above 0 is clipped


def seconds(n: int) -> Sound:
    return np.arange(n) / RATE_HZ


def shaped(chance: Chance, n: int, power: Callable[[Sound], Sound]) -> Sound:
    """Noise with this power at each frequency in hertz."""
    hertz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum = np.fft.rfft(chance.normal(0, 1, n)) * np.sqrt(np.maximum(0, power(np.maximum(hertz, 1.0))))
    return np.fft.irfft(spectrum, n)


def band(chance: Chance, n: int, low: float, high: float, order: int = 4) -> Sound:
    """Noise around a band, falling off on both sides."""
    return shaped(chance, n, lambda f: 1 / (1 + (f / high) ** (2 * order)) / (1 + (low / f) ** (2 * order)))


def slow(chance: Chance, n: int, hertz: float) -> Sound:
    """A gentle rise and fall between 0 and 1, about so many times a second."""
    steps = chance.uniform(0, 1, max(4, round(n / RATE_HZ * hertz * 2) + 2))
    return np.interp(np.linspace(0, steps.size - 1, n), np.arange(steps.size), steps)


def put(sound: Sound, part: Sound, at: int) -> None:
    """Add a part, as far as it fits."""
    part = part[: max(0, sound.size - at)]
    sound[at : at + part.size] += part


def scattered(chance: Chance, n: int, per_s: float, part: Callable[[], Sound]) -> Sound:
    """Parts at moments of chance, at least one."""
    sound = np.zeros(n)
    for _ in range(max(1, chance.poisson(per_s * n / RATE_HZ))):
        put(sound, part() * chance.uniform(0.3, 1), int(chance.integers(0, n)))
    return sound


def click(chance: Chance, length_s: float, fall_s: float, low: float, high: float) -> Sound:
    """A short noise that dies away."""
    n = round(length_s * RATE_HZ)
    return band(chance, n, low, high) * np.exp(-seconds(n) / fall_s)


def tone(hertz: float | Sound, n: int, harmonics: Iterable[int] = (1,)) -> Sound:
    """A tone, its overtones falling as 1/k; of a course of frequencies: a glide."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, n)) / RATE_HZ
    top = float(np.max(hertz))
    return np.asarray(sum(np.sin(k * phase) / k for k in harmonics if top * k < 7500), np.float64)


def soft(n: int, edge_s: float = 0.02) -> Sound:
    """1 with soft edges."""
    t = seconds(n)
    return np.minimum(1, np.minimum(t, t[::-1]) / edge_s)


# --- noises of a room and of the street ---


def nothing(_: Chance, n: int) -> Sound:
    return np.zeros(n)


def offset(chance: Chance, n: int) -> Sound:
    return np.ones(n) + chance.normal(0, 0.002, n)


def last_bit(chance: Chance, n: int) -> Sound:
    return chance.integers(-1, 2, n) / 1.0


def white(chance: Chance, n: int) -> Sound:
    return chance.normal(0, 1, n)


def pink(chance: Chance, n: int) -> Sound:
    return shaped(chance, n, lambda f: 1 / f)


def brown(chance: Chance, n: int) -> Sound:
    return shaped(chance, n, lambda f: 1 / (f**2 + 400))


def as_loud_as_speech(chance: Chance, n: int) -> Sound:
    """Noise with the long-term spectrum of speech, steady or in waves as fast as syllables."""
    noise = shaped(chance, n, lambda f: 1 / (1 + (f / 500) ** 2.4) / (1 + (120 / f) ** 6))
    return noise * (slow(chance, n, 4) if chance.random() < 0.6 else 1)


def waves(chance: Chance, n: int) -> Sound:
    return white(chance, n) * (0.5 + 0.5 * np.sin(2 * np.pi * chance.uniform(0.5, 8) * seconds(n)))


def hum(chance: Chance, n: int) -> Sound:
    base = float(chance.choice([50, 50, 60, 100]))
    return tone(base, n, range(1, int(chance.integers(2, 20)))) + chance.uniform(0, 0.05) * white(chance, n)


def fan(chance: Chance, n: int) -> Sound:
    blades = chance.uniform(20, 140)
    return band(chance, n, 80, 1500, 1) * 0.3 * (1 + 0.4 * tone(blades / 3, n)) + 0.02 * tone(blades, n, range(1, 5))


def engine(chance: Chance, n: int) -> Sound:
    turns = chance.uniform(20, 60) * (1 + 0.3 * slow(chance, n, 0.3))
    return tone(turns, n, range(1, 25)) * (0.6 + 0.4 * slow(chance, n, 1)) + 0.3 * brown(chance, n)


def vacuum_cleaner(chance: Chance, n: int) -> Sound:
    whine = chance.uniform(200, 700) * (1 + 0.03 * slow(chance, n, 0.5))
    return white(chance, n) * 0.3 + 0.3 * tone(whine, n, range(1, 8))


def rain(chance: Chance, n: int) -> Sound:
    drops = scattered(chance, n, 40, lambda: click(chance, 0.02, 0.004, 1500, 6000))
    return 0.1 * band(chance, n, 800, 6000, 1) + drops * 4


def wind(chance: Chance, n: int) -> Sound:
    return band(chance, n, 40, 400, 1) * slow(chance, n, 0.7) ** 2 + 0.2 * band(chance, n, 300, 700, 3) * slow(
        chance, n, 1
    )


def traffic(chance: Chance, n: int) -> Sound:
    passing = scattered(chance, n, 0.3, lambda: band(chance, 4 * RATE_HZ, 60, 1200, 1) * np.hanning(4 * RATE_HZ))
    return 0.2 * brown(chance, n) / 20 + passing


def water(chance: Chance, n: int) -> Sound:
    bubbles = scattered(
        chance, n, 12, lambda: tone(np.linspace(chance.uniform(300, 900), 1400, 900), 900) * np.hanning(900)
    )
    return 0.3 * band(chance, n, 500, 5000, 1) * (0.5 + 0.5 * slow(chance, n, 3)) + 0.4 * bubbles


# --- what people and things on a desk do ---


def keyboard(chance: Chance, n: int) -> Sound:
    def key() -> Sound:
        down, up = click(chance, 0.03, 0.006, 900, 5000), click(chance, 0.03, 0.004, 1500, 6000) * 0.5
        return np.concatenate([down, np.zeros(round(chance.uniform(0.03, 0.08) * RATE_HZ)), up])

    return scattered(chance, n, chance.uniform(1, 9), key)


def mouse(chance: Chance, n: int) -> Sound:
    return scattered(chance, n, 0.8, lambda: click(chance, 0.02, 0.002, 2000, 7000))


def pen_and_paper(chance: Chance, n: int) -> Sound:
    return scattered(
        chance, n, 2, lambda: band(chance, 5000, 1000, 7000, 1) * np.hanning(5000) * slow(chance, 5000, 30)
    )


def door(chance: Chance, n: int) -> Sound:
    def slam() -> Sound:
        m = RATE_HZ
        creak = tone(150 + 250 * slow(chance, m, 5), m, range(1, 12)) * slow(chance, m, 12) * 0.3
        return np.concatenate([creak, click(chance, 0.8, 0.08, 40, 500) * 3])

    return scattered(chance, n, 0.2, slam)


def footsteps(chance: Chance, n: int) -> Sound:
    sound, gap = np.zeros(n), round(chance.uniform(0.4, 0.7) * RATE_HZ)
    for at in range(0, n, gap):
        put(sound, click(chance, 0.15, 0.03, 60, 900), at + int(chance.integers(0, 800)))
    return sound


def chair(chance: Chance, n: int) -> Sound:
    def squeak() -> Sound:
        m = round(chance.uniform(0.2, 0.9) * RATE_HZ)
        return (
            tone(chance.uniform(300, 1200) * (1 + slow(chance, m, 6)), m, range(1, 9)) * soft(m) * slow(chance, m, 20)
        )

    return scattered(chance, n, 0.5, squeak)


def breath(chance: Chance, n: int) -> Sound:
    """In through the nose, out through the mouth, a moment of nothing."""
    sound, at = np.zeros(n), 0
    while at < n:
        for low, high, length in ((500, 3500, 1.1), (300, 2200, 1.5)):
            m = round(length * chance.uniform(0.7, 1.3) * RATE_HZ)
            put(sound, band(chance, m, low, high, 2) * np.hanning(m) ** 1.5, at)
            at += m + round(chance.uniform(0.1, 0.6) * RATE_HZ)
    return sound


def snore(chance: Chance, n: int) -> Sound:
    sound, at = np.zeros(n), 0
    while at < n:
        m = round(chance.uniform(0.8, 1.5) * RATE_HZ)
        flutter = 0.5 + 0.5 * np.sign(tone(chance.uniform(25, 60), m))
        put(sound, band(chance, m, 80, 700, 1) * flutter * np.hanning(m), at)
        at += m + round(chance.uniform(0.8, 2) * RATE_HZ)
    return sound


def cough(chance: Chance, n: int) -> Sound:
    """Two or three bursts: a hard beginning, then noise that falls in pitch. No voice in it."""

    def fit() -> Sound:
        bursts = [
            np.concatenate([click(chance, 0.25, 0.05, 400, 3500), np.zeros(round(chance.uniform(0.05, 0.2) * RATE_HZ))])
            for _ in range(int(chance.integers(2, 4)))
        ]
        return np.concatenate(bursts)

    return scattered(chance, n, 0.3, fit)


def sniff(chance: Chance, n: int) -> Sound:
    return scattered(chance, n, 0.5, lambda: band(chance, 4000, 1500, 6000, 2) * np.linspace(0, 1, 4000) ** 2)


def cutlery(chance: Chance, n: int) -> Sound:
    def ping() -> Sound:
        m = RATE_HZ // 2
        return sum(tone(float(f), m) for f in chance.uniform(2000, 7000, 4)) * np.exp(-seconds(m) / 0.06)  # type: ignore[no-any-return]

    return scattered(chance, n, 1.5, ping)


# --- machines that call ---


def telephone(chance: Chance, n: int) -> Sound:
    ring = tone(425, n) if chance.random() < 0.4 else tone(440, n) + tone(480, n)
    if chance.random() < 0.4:  # an old bell
        ring = tone(1200 + 200 * np.sign(tone(20, n)), n, (1, 3, 5))
    return ring * ((seconds(n) % chance.choice([1.0, 3.0, 5.0])) < chance.choice([0.5, 1.0]))


def keys(chance: Chance, n: int) -> Sound:
    """Dial tones."""
    sound = np.zeros(n)
    for at in range(0, n, round(0.22 * RATE_HZ)):
        low, high = chance.choice([697, 770, 852, 941]), chance.choice([1209, 1336, 1477])
        put(sound, (tone(low, 1900) + tone(high, 1900)) * soft(1900, 0.005), at)
    return sound


def beeps(chance: Chance, n: int) -> Sound:
    """A monitor, an alarm, a till."""
    period = chance.uniform(0.3, 1.5)
    beep = tone(chance.uniform(400, 3000), n, (1, 2, 3)[: int(chance.integers(1, 4))])
    return beep * ((seconds(n) % period) < chance.uniform(0.05, 0.25))


def siren(chance: Chance, n: int) -> Sound:
    low, high = sorted(chance.uniform(350, 1600, 2))
    swing = np.sin(2 * np.pi * chance.uniform(0.2, 3) * seconds(n))
    return tone(low + (high - low) * (0.5 + 0.5 * (swing if chance.random() < 0.5 else np.sign(swing))), n, (1, 2, 3))


def chirps(chance: Chance, n: int) -> Sound:
    m = round(chance.uniform(0.1, 2) * RATE_HZ)
    return np.resize(tone(np.geomspace(*chance.uniform(100, 4000, 2), m), m) * soft(m), n)


def printer(chance: Chance, n: int) -> Sound:
    stroke = chance.uniform(1, 5)
    return band(chance, n, 400, 4000, 1) * (np.sin(2 * np.pi * stroke * seconds(n)) > 0.2) + 0.1 * tone(
        180 * stroke, n, range(1, 9)
    )


def clock(chance: Chance, n: int) -> Sound:
    sound = np.zeros(n)
    for at in range(0, n, RATE_HZ // int(chance.choice([1, 2, 4]))):
        put(sound, click(chance, 0.02, 0.003, 1200, 6000), at)
    return sound


def pulses(chance: Chance, n: int) -> Sound:
    sound = np.zeros(n)
    sound[:: max(40, round(RATE_HZ / chance.uniform(2, 300)))] = 1
    return sound


def radio_noise(chance: Chance, n: int) -> Sound:
    """Bursts of hiss, as of a bad connection."""
    return band(chance, n, 300, 3000) * (slow(chance, n, 3) > 0.5)


def bad_line(chance: Chance, n: int) -> Sound:
    """Few bits, and a sample held: what is left of noise after a bad codec."""
    return np.repeat(np.round(pink(chance, n)[::4] / 0.02) * 0.02, 4)[:n] + 0.0


# --- animals ---


def birds(chance: Chance, n: int) -> Sound:
    def song() -> Sound:
        parts = []
        for _ in range(int(chance.integers(2, 8))):
            m = round(chance.uniform(0.04, 0.2) * RATE_HZ)
            parts += [tone(np.linspace(*chance.uniform(2000, 6500, 2), m), m) * np.hanning(m), np.zeros(500)]
        return np.concatenate(parts)

    return scattered(chance, n, 0.8, song)


def crickets(chance: Chance, n: int) -> Sound:
    return tone(chance.uniform(3500, 5500), n) * (tone(chance.uniform(20, 40), n) > 0) * (slow(chance, n, 1) > 0.3)


def barking(chance: Chance, n: int) -> Sound:
    def bark() -> Sound:
        m = round(chance.uniform(0.12, 0.25) * RATE_HZ)
        pitch = chance.uniform(350, 700) * (1 + 0.6 * np.hanning(m))
        return (tone(pitch, m, range(1, 10)) + 0.7 * white(chance, m)) * np.hanning(m)

    return scattered(chance, n, 0.7, bark)


# --- music ---


def played(hertz: float, length_s: float, kind: str) -> Sound:
    """One note of an instrument."""
    n = round(length_s * RATE_HZ)
    t = seconds(n)
    if kind == "violin":  # vibrato
        return soft(n, 0.05) * sum(np.sin(2 * np.pi * hertz * k * t + 5 * k * np.sin(34 * t)) / k for k in range(1, 10))
    if kind == "bell":
        return tone(hertz, n) * np.exp(-3 * t) + 0.6 * tone(hertz * 2.76, n) * np.exp(-5 * t)
    overtones = {
        "sine": (1,),
        "saw": range(1, 12),
        "square": range(1, 20, 2),
        "organ": (1, 2, 3, 4, 6, 8),
        "flute": (1, 2),
    }
    held = kind in ("organ", "flute")
    return tone(hertz, n, overtones[kind]) * (soft(n, 0.05) if held else np.minimum(1, t / 0.01) * np.exp(-2 * t))


INSTRUMENTS = ("sine", "saw", "square", "organ", "flute", "violin", "bell")


def music(chance: Chance, n: int, *, chords: bool, drums: bool, kind: str = "") -> Sound:
    kind = kind or str(chance.choice(INSTRUMENTS))
    sound, at = np.zeros(n), 0
    while at < n:
        length_s = float(chance.choice([1.0, 2.0] if chords else [0.25, 0.25, 0.5, 1.0]))
        root = (110 if chords else 220) * 2 ** (chance.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
        for step in chance.choice([[0, 4, 7], [0, 3, 7], [0, 5, 9]]) if chords else [0]:
            put(sound, played(root * 2 ** (step / 12), length_s * 1.2, kind), at)
        at += round(length_s * RATE_HZ)
    for beat in range(0, n, RATE_HZ // 2) if drums else ():
        put(sound, 2 * click(chance, 0.1, 0.02, 50, 6000), beat)
    return sound


def melody(chance: Chance, n: int) -> Sound:
    return music(chance, n, chords=False, drums=False)


def chords(chance: Chance, n: int) -> Sound:
    return music(chance, n, chords=True, drums=False)


def rhythm(chance: Chance, n: int) -> Sound:
    sound = np.zeros(n)
    for beat in range(0, n, RATE_HZ // 4):
        part = click(chance, 0.2, 0.05, 40, 150) * 3 if chance.random() < 0.4 else click(chance, 0.1, 0.02, 2000, 7000)
        put(sound, part * chance.choice([0, 1, 1]), beat)
    return sound


def orchestra(chance: Chance, n: int) -> Sound:
    return music(chance, n, chords=True, drums=True) + 0.7 * music(chance, n, chords=False, drums=False)


def guitar(chance: Chance, n: int) -> Sound:
    """A plucked string: noise that runs round a delay and grows softer (Karplus and Strong)."""

    def pluck() -> Sound:
        period = round(RATE_HZ / (110 * 2 ** (chance.integers(0, 24) / 12)))
        ring, rounds = chance.uniform(-1, 1, period), []
        for _ in range(int(1.2 * RATE_HZ / period)):
            rounds.append(ring)
            ring = 0.498 * (ring + np.roll(ring, 1))
        return np.concatenate(rounds)

    return scattered(chance, n, 3, pluck)


KINDS: dict[str, Callable[[Chance, int], Sound]] = {
    f.__name__: f
    for f in (
        *(nothing, offset, last_bit, white, pink, brown, as_loud_as_speech, waves, hum, fan, engine, vacuum_cleaner),
        *(rain, wind, traffic, water, keyboard, mouse, pen_and_paper, door, footsteps, chair, breath, snore, cough),
        *(sniff, cutlery, telephone, keys, beeps, siren, chirps, printer, clock, pulses, radio_noise, bad_line),
        *(birds, crickets, barking, melody, chords, rhythm, orchestra, guitar),
    )
}
#: As they are: their level is what makes them.
EXACT = {"nothing", "last_bit"}


def leveled(sound: Sound, level_db: float) -> Sound:
    """The loudest sample at this level; clipped above 0."""
    return np.clip(sound / max(1e-9, float(np.abs(sound).max())) * 10 ** (level_db / 20), -1, 1)


@dataclass(frozen=True, kw_only=True)
class Made:
    name: str
    kind: str
    samples: Samples  # [n, channels], -1 to 1


def make(number: int, *, length_s: float | None = None) -> Made:
    """File ``number``: kinds in turn; one in five is two kinds at once, one in three has two channels."""
    chance = np.random.default_rng([SEED, number])
    kind = list(KINDS)[number % len(KINDS)]
    n = round((length_s or float(chance.choice(LENGTHS_S))) * RATE_HZ)

    def one(of: str) -> Sound:
        level = -90.3 if of == "last_bit" else float(chance.choice(LEVELS_DB))
        return leveled(KINDS[of](chance, n), level)

    sound = one(kind)
    if chance.random() < 1 / 5:
        other = str(chance.choice(list(KINDS)))
        sound, kind = np.clip(sound + one(other), -1, 1), f"{kind}+{other}"
    channels = [sound]
    if chance.random() < 1 / 3:
        other = str(chance.choice(list(KINDS)))
        channels.append(one(other))
        kind = f"{kind}|{other}"
    return Made(name=f"{number:04d}", kind=kind, samples=np.stack(channels, 1).astype(np.float32))


def write_wav(samples: Samples, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


@dataclass(frozen=True, kw_only=True)
class Found:
    """How far one file came."""

    name: str
    kind: str
    length_s: float
    windows: int  # that the detector takes for speech
    texts: tuple[str, ...]  # of the recogniser
    believed: tuple[str, ...]  # utterances without a mark
    lines: int  # of the note


class WholePath:
    """Decoder, detector, demo model, guards and drafter as the service has them, with an eye on the steps between."""

    def __init__(self, *, threads: int = 1) -> None:
        demo = next(model for model in installed() if model.name == "demo-nl")
        self._recogniser = _Recogniser(demo.path, device="cpu", compute_type="int8", cpu_threads=threads)
        self._transcriber = _Transcriber(SileroDetector(), self._recogniser, pack_s=demo.pack_s)
        self._decoder, self._drafter = PyAvDecoder(), ExtractiveDrafter()

    def hear(self, made: Made) -> Found:
        self._recogniser.heard.clear()
        self._transcriber.found = ()
        two = made.samples.shape[1] == 2
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{made.name}.wav"
            write_wav(made.samples, file)
            result = evaluate_file(
                file,
                decoder=self._decoder,
                transcriber=self._transcriber,
                drafter=self._drafter,
                channels=(Speaker.HUISARTS, Speaker.PATIENT) if two else (Speaker.HUISARTS,),
            )
        if "error" in result:
            raise RuntimeError(f"{made.name}: {result['error']}")
        return Found(
            name=made.name,
            kind=made.kind,
            length_s=made.samples.shape[0] / RATE_HZ,
            windows=len(self._recogniser.heard),
            texts=tuple(segment.text for window in self._recogniser.heard for segment in window),
            believed=tuple(u.text for u in self._transcriber.found if u.suspicion is None),
            lines=sum(len(lines) for lines in result["draft"].values()),
        )


class _Recogniser(WhisperRecogniser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.heard: list[list[HeardSegment]] = []  # window by window

    def recognise(self, *args: Any, **options: Any) -> list[HeardSegment]:
        self.heard.append(super().recognise(*args, **options))
        return self.heard[-1]


class _Transcriber(SpeechTranscriber):
    found: tuple[Utterance, ...] = ()

    def transcribe(self, *args: Any, **options: Any) -> Transcript:
        transcript = super().transcribe(*args, **options)
        self.found = transcript.utterances
        return transcript


def run(numbers: Iterable[int], keep: Path | None) -> list[Found]:
    """All files, those that ``keep`` knows from there."""
    known: dict[str, Found] = {}
    if keep is not None and keep.is_file():
        for row in keep.read_text(encoding="utf-8").splitlines():
            one = json.loads(row)
            known[one["name"]] = Found(**one | {"texts": tuple(one["texts"]), "believed": tuple(one["believed"])})
    path: WholePath | None = None
    found = []
    for number in numbers:
        name = f"{number:04d}"
        if name not in known:
            path = path or WholePath()
            known[name] = path.hear(make(number))
            if keep is not None:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(known[name]), ensure_ascii=False) + "\n")
        found.append(known[name])
    return found


def report(found: list[Found]) -> None:
    """Per kind of sound (the first of a file) and in all: how many files came how far."""
    steps: dict[str, Callable[[Found], bool]] = {
        "taken for speech": lambda f: f.windows > 0,
        "words made up": lambda f: bool(f.texts),
        "believed": lambda f: bool(f.believed),
        "a note": lambda f: f.lines > 0,
    }
    print(f"| sound | files | {' | '.join(steps)} |\n|{'---|' * (len(steps) + 2)}")
    kinds = sorted({f.kind.split("|")[0].split("+")[0] for f in found})
    for kind in kinds:
        those = [f for f in found if f.kind.split("|")[0].split("+")[0] == kind]
        if any(f.windows for f in those):
            print(f"| {kind} | {len(those)} | {' | '.join(str(sum(map(s, those))) for s in steps.values())} |")
    hours = sum(f.length_s for f in found) / 3600
    print(f"| all, {hours:.1f} h | {len(found)} | {' | '.join(str(sum(map(s, found))) for s in steps.values())} |")
    for one in found:
        if one.windows:
            print(f"  {one.name} {one.kind}: {one.windows} windows, {one.texts}, believed {one.believed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--keep", type=Path, metavar="RESULTS.jsonl")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the files, hear nothing")
    args = parser.parse_args()
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        for number in range(args.files):
            made = make(number)
            write_wav(made.samples, args.save / f"{made.name} {made.kind.replace('|', ' ')}.wav")
        return
    began = time.perf_counter()
    found = run(range(args.files), args.keep)
    report(found)
    print(f"{time.perf_counter() - began:.0f} s")
    sys.exit(any(one.lines for one in found))


if __name__ == "__main__":
    main()
