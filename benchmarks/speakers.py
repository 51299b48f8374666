"""Who said what when all voices are on one channel: the consults spoken by espeak-ng, mixed, told apart, scored.

    python -m benchmarks.speakers [--set develop|second|held] [--only KIND ...] [--model] [--no-stops]
        [--profile room|elsewhere|colleague] [--overlap]

``develop``: consults 001 to 012 and one half of the voices; all constants were chosen there. ``second``: consults 013
to 020 and ``unseen/development`` with the other half of the voices; one rule (the share of turns) came after a look at
it. ``held``: ``unseen/held`` with the other half of the voices; totals only (docs/speakers.md lists the looks). Words
are the true ones, at about their true times, cut into utterances as the service does; ``--model``: those of the demo
model, which knows the demo voices only. ``--profile``: the huisarts has a voice profile, of the text that the page
gives to read: recorded in the same room, or with no noise, echo or telephone at all; or it is a colleague's, and the
huisarts of the talk has none. ``--overlap``: every seventh turn begins up to 1.8 s before the other is done; told is
how many of the utterances that somebody speaks through are marked, and how many of the others. Needs espeak-ng and
the extra ``train``.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from benchmarks import score
from benchmarks.render import with_noise
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Heard, HeardSegment, HeardWindow, Speaker, Transcript, Utterance
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.audio.vad import SileroDetector
from transcribe.soep.bench import as_draft
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.speakers.profile import READ_ALOUD, Profile, profile_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models" / "demo-nl" / "train"))

from speech import CAST, Voice, speak  # noqa: E402  (a script beside its model, not a package)

SETS = ("develop", "second", "held")
ROLES = ("huisarts", "patient", "begeleider")
#: espeak-ng voices by sex, one half to develop on, the other to report on; the demo voices are in the second.
DEVELOP = {"m": ("nl+m1", "nl+m3", "nl+m5", "nl+m7"), "f": ("nl+f1", "nl+f3", "nl+f5")}
REPORT = {"m": ("nl", "nl+m2", "nl+m4", "nl+m6", "nl+m8"), "f": ("nl+f2", "nl+f4", "nl+linda", "nl+belinda")}
#: Those of ``--vary``: other voices and speeds for each role.
VARY = {
    "huisarts": ("nl", "nl+m3", "nl+m7"),
    "patient": ("nl+f2", "nl+f4", "nl+linda"),
    "begeleider": ("nl+f4", "nl+f2"),
}
#: In none of the talks.
COLLEAGUE = Voice("nl+m6", 150, 52)
PAUSE_S = (0.15, 0.9)
THROUGH, THROUGH_S = 0.15, (0.6, 1.8)  # turns that begin before the end of another, and how long
JITTER_S = 0.07  # at most, of a word's edge: attention is not exact
WINDOW_S = 24.0

Sound = np.ndarray


def telephone(sound: Sound, chance: np.random.Generator) -> Sound:
    """300 to 3400 Hz, and the hiss of a line."""
    band = sosfilt(butter(6, (300, 3400), "bandpass", fs=RATE_HZ, output="sos"), sound)
    return band + chance.normal(0, 1e-3, sound.shape)


def echoing(sound: Sound, chance: np.random.Generator) -> Sound:
    """A bare room: 0.5 s until the sound is 60 dB softer; as loud as the voice itself."""
    at_s = np.arange(round(0.5 * RATE_HZ)) / RATE_HZ
    tail = chance.normal(0, 1, at_s.size) * 10 ** (-3 * at_s / 0.5)
    tail *= 1 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return 0.7 * fftconvolve(sound, tail)[: sound.size]


def noisy(ratio_db: float) -> Callable[[Sound, np.random.Generator], Sound]:
    return lambda sound, chance: with_noise(sound, ratio_db, int(chance.integers(1 << 30)))


#: What is done to the sound, and who speaks: the demo voices, those of ``VARY``, or voices of these sexes.
KINDS: dict[str, tuple[str, Callable[[Sound, np.random.Generator], Sound] | None]] = {
    "demo voices": ("demo", None),
    "noise, 20 dB": ("demo", noisy(20)),
    "noise, 10 dB": ("demo", noisy(10)),
    "telephone band": ("demo", telephone),
    "echo": ("demo", echoing),
    "varied voices": ("vary", None),
    "woman and man": ("fmf", None),
    "two men": ("mmm", None),
    "two men, noise 10 dB": ("mmm", noisy(10)),
    "two men, telephone band": ("mmm", telephone),
    "two men, echo": ("mmm", echoing),
    "two women": ("fff", None),
    "two women, noise 10 dB": ("fff", noisy(10)),
    "two women, telephone band": ("fff", telephone),
    "two women, echo": ("fff", echoing),
    "one voice for all": ("same", None),
    "one voice, noise 10 dB": ("same", noisy(10)),
    "one voice, telephone band": ("same", telephone),
    "one voice, echo": ("same", echoing),
}


def voices_for(cast: str, pool: dict[str, tuple[str, ...]], chance: random.Random) -> dict[str, Voice]:
    def drawn(name: str) -> Voice:
        return Voice(name, chance.randint(135, 170), chance.randint(35, 60))

    if cast == "demo":
        return CAST
    if cast == "vary":
        return {role: drawn(chance.choice(VARY[role])) for role in ROLES}
    if cast == "same":
        return dict.fromkeys(ROLES, drawn(chance.choice(pool["m"] + pool["f"])))
    found: dict[str, Voice] = {}
    for role, sex in zip(ROLES, cast, strict=True):
        used = {voice.name for voice in found.values()}
        found[role] = drawn(chance.choice([name for name in pool[sex] if name not in used]))
    return found


def spoken(consult: dict[str, Any], cast: dict[str, Voice], chance: random.Random, *, through: float = 0.0) -> Sound:
    """The consult on one channel; ``start`` and ``end`` (seconds) are written into its utterances. ``through``: the
    share of turns that begin before the one before them has ended.
    """
    position, parts = round(0.3 * RATE_HZ), []
    for utterance in consult["utterances"]:
        samples = speak(utterance["text"], cast[utterance["speaker"]])
        parts.append((position, samples))
        utterance["start"], utterance["end"] = position / RATE_HZ, (position + samples.size) / RATE_HZ
        pause_s = chance.uniform(*PAUSE_S)
        if through and chance.random() < through:
            pause_s = -min(chance.uniform(*THROUGH_S), 0.6 * samples.size / RATE_HZ)
        position += samples.size + round(pause_s * RATE_HZ)
    sound = np.zeros(max(start + samples.size for start, samples in parts) + RATE_HZ // 2, np.float32)
    for start, samples in parts:
        sound[start : start + samples.size] += samples
    return sound


def as_pcm(sound: Sound) -> Pcm:
    return Pcm(io.BytesIO((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()), channels=1)


# --- the words, in the order and at the times that a recogniser would give them ------------------------------------


def _words(utterance: dict[str, Any], chance: random.Random, *, stops: bool) -> Iterator[Heard]:
    """In proportion to their letters, not quite at their place. ``stops``: full stops and question marks are heard."""
    texts = utterance["text"].split()
    letters = [len(text) + 1 for text in texts]
    step = (utterance["end"] - utterance["start"]) / sum(letters)
    at = utterance["start"]
    for text, length in zip(texts, letters, strict=True):
        start, end = sorted(edge + chance.uniform(-JITTER_S, JITTER_S) for edge in (at, at + length * step))
        yield Heard(text=text if stops else text.rstrip(".?!…"), start_s=start, end_s=end, probability=0.9)
        at += length * step


class NothingToHear:
    name = "true words"

    def recognise(self, *_: Any, **__: Any) -> list[HeardSegment]:
        return []


TRUE_WORDS = SpeechTranscriber(SileroDetector(), NothingToHear())


def with_true_words(
    consult: dict[str, Any], pcm: Pcm, chance: random.Random, *, stops: bool, profile: Profile | None = None
) -> Transcript:
    """Through the service's own way of cutting words into utterances, which knows nothing of who speaks."""
    windows: list[list[Heard]] = [[]]
    spoken_s = 0.0
    for utterance in consult["utterances"]:
        if windows[-1] and utterance["end"] - windows[-1][0].start_s > WINDOW_S:
            windows.append([])
        # of two at once a recogniser follows the one who was speaking
        heard = _words(utterance, chance, stops=stops)
        windows[-1] += [word for word in heard if word.start_s >= spoken_s - JITTER_S]
        spoken_s = max(spoken_s, utterance["end"])
    windows = [words for words in windows if words]
    return TRUE_WORDS.transcribe(
        pcm, [Speaker.ONBEKEND], heard=[_window(words) for words in windows], profile=profile, progress=lambda _: None
    )


def _window(words: Sequence[Heard]) -> HeardWindow:
    start, end = words[0].start_s, max(word.end_s for word in words)
    inside = tuple(replace(word, start_s=word.start_s - start, end_s=word.end_s - start) for word in words)
    text = " ".join(word.text for word in words)
    segment = HeardSegment(
        text=text, start_s=0, end_s=end - start, words=inside, no_speech=0, log_probability=-0.1, compression=1.5
    )
    return HeardWindow(model=NothingToHear.name, channel=0, start_s=start, end_s=end, segments=(segment,))


# --- scoring -------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    utterances: Counter[str] = field(default_factory=Counter)  # right, wrong, unknown
    of_two: Counter[str] = field(default_factory=Counter)  # the same where two people speak
    seconds: Counter[str] = field(default_factory=Counter)
    drafts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by whose roles
    marks: Counter[str] = field(default_factory=Counter)  # of utterances that both, or one, spoke in

    def add(self, consult: dict[str, Any], told: Transcript) -> None:
        of_two = len({utterance["speaker"] for utterance in consult["utterances"]}) == 2
        for utterance in consult["utterances"]:
            heard = Counter[str]()
            for one in told.utterances:
                heard[one.speaker] += max(0.0, min(one.end_s, utterance["end"]) - max(one.start_s, utterance["start"]))
            outcome = {role: self._outcome(role, utterance["speaker"]) for role in heard}
            for role, seconds in heard.items():
                self.seconds[outcome[role]] += seconds
            found = outcome[max(heard, key=heard.__getitem__)] if heard.total() else "unknown"
            self.utterances[found] += 1
            self.of_two[found] += of_two

    def add_overlap(self, consult: dict[str, Any], told: Transcript) -> None:
        """Utterances that hold half a second of two people, and those that hold nothing of it."""
        for one in told.utterances:
            both = 0.0
            for index, first in enumerate(consult["utterances"]):
                for other in consult["utterances"][index + 1 : index + 3]:
                    if first["speaker"] != other["speaker"]:
                        start = max(first["start"], other["start"], one.start_s)
                        both += max(0.0, min(first["end"], other["end"], one.end_s) - start)
            if both >= 0.5 or both < 0.05:
                self.marks[f"{'both' if both else 'one'}, {'marked' if one.overlapped else 'not'}"] += 1

    def overlap_row(self) -> list[str]:
        cells = []
        for who in ("both", "one"):
            marked, total = self.marks[f"{who}, marked"], self.marks[f"{who}, marked"] + self.marks[f"{who}, not"]
            cells += [str(total), f"{100 * marked / max(1, total):.1f}"]
        return cells

    @staticmethod
    def _outcome(role: str, true: str) -> str:
        return "unknown" if role == Speaker.ONBEKEND else "right" if role == true else "wrong"

    def draft(self, whose: str, consult: dict[str, Any], transcript: Transcript) -> None:
        note = ExtractiveDrafter().draft(transcript)
        self.drafts.setdefault(whose, []).append(score.score_one(consult, score.norm_draft(as_draft(note)), 2))

    def row(self) -> list[str]:
        shares = [
            100 * counter[outcome] / max(1e-9, counter.total())
            for counter in (self.of_two, self.utterances, self.seconds)
            for outcome in ("right", "wrong", "unknown")
        ]
        found = [score.summarise(rows)["recall_must"] for rows in self.drafts.values()]
        return [f"{value:.1f}" for value in (*shares, *found)]


def enrolled(of: str, cast: dict[str, Voice], kind: str, chance: random.Random) -> Profile:
    voice = COLLEAGUE if of == "colleague" else cast["huisarts"]
    sound, change = speak(" ".join(READ_ALOUD), voice), KINDS[kind][1]
    if change is not None and of != "elsewhere":
        sound = change(sound, np.random.default_rng(chance.randrange(1 << 30)))
    pcm = as_pcm(sound)
    return profile_of(lambda start_s, end_s: pcm.read(start_s, end_s, 0), pcm.duration_s)


def measured(
    kinds: Sequence[str], consults: Sequence[dict[str, Any]], pool: dict[str, tuple[str, ...]], args: Any
) -> dict[str, Tally]:
    """Kinds of one cast: each consult is spoken once."""
    tallies = {kind: Tally() for kind in kinds}
    cast = KINDS[kinds[0]][0]
    for consult in consults:
        chance = random.Random(f"{consult['id']}-{cast}")
        people = voices_for(cast, pool, chance)
        dry = spoken(consult, people, chance, through=THROUGH if args.overlap else 0.0)
        for kind in kinds:
            change = KINDS[kind][1]
            pcm = as_pcm(dry if change is None else change(dry, np.random.default_rng(int(consult["id"]))))
            own = enrolled(args.profile, people, kind, random.Random(consult["id"])) if args.profile else None
            if args.model:
                told = args.model.transcribe(pcm, [Speaker.ONBEKEND], profile=own, progress=lambda _: None)
            else:
                told = with_true_words(consult, pcm, chance, stops=not args.no_stops, profile=own)
            tallies[kind].add(consult, told)
            if args.overlap:
                tallies[kind].add_overlap(consult, told)
                continue
            tallies[kind].draft("unknown", consult, _nobody(told))
            tallies[kind].draft("guessed", consult, told)
            tallies[kind].draft("true", consult, _true(consult, told))
    return tallies


def _nobody(told: Transcript) -> Transcript:
    return replace(told, utterances=tuple(replace(u, speaker=Speaker.ONBEKEND) for u in told.utterances))


def _true(consult: dict[str, Any], told: Transcript) -> Transcript:
    """The same words with the true roles."""

    def role(one: Utterance) -> Speaker:
        return max(
            (min(one.end_s, u["end"]) - max(one.start_s, u["start"]), Speaker(u["speaker"]))
            for u in consult["utterances"]
        )[1]

    return replace(told, utterances=tuple(replace(u, speaker=role(u)) for u in told.utterances))


def _set(consult: Path) -> str:
    if consult.parent.name == "held":
        return "held"
    return "develop" if consult.stem <= "012" else "second"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, default="held")
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--no-stops", action="store_true", help="a recogniser that hears no full stops")
    parser.add_argument("--profile", choices=("room", "elsewhere", "colleague"), help="the huisarts has one")
    parser.add_argument("--overlap", action="store_true", help="every seventh turn begins before the other is done")
    args = parser.parse_args()
    if args.model:
        from models.catalog import installed
        from transcribe.app import make_transcriber

        args.model = make_transcriber(next(m for m in installed(HERE) if m.demo_only), device="cpu")
    paths = sorted(HERE.glob("consults/*.json")) + sorted(HERE.glob("unseen/*/*.json"))
    consults = [json.loads(path.read_text(encoding="utf-8")) for path in paths if _set(path) == args.set]
    consults = [c for c in consults if c["language"] == "nl" and c["kind"] != "dictaat"]
    shares = ("right", "wrong", "unknown")
    columns = [f"{of} {share}" for of in ("two voices:", "utterances", "seconds") for share in shares]
    columns += ["facts found, all unknown", "facts found, guessed", "facts found, true roles"]
    if args.overlap:
        columns = ["spoken by two at once", "of these marked %", "by one", "of these marked %", *columns[:6]]
    print(f"| {len(consults)} consults | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    wanted = args.only or (("demo voices",) if args.model else KINDS)
    for cast in dict.fromkeys(KINDS[kind][0] for kind in wanted):
        kinds = [kind for kind in wanted if KINDS[kind][0] == cast]
        for kind, tally in measured(kinds, consults, DEVELOP if args.set == "develop" else REPORT, args).items():
            row = [*tally.overlap_row(), *tally.row()[:6]] if args.overlap else tally.row()
            print(f"| {kind} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
