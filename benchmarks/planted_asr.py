"""Plants what a recogniser makes up in the talk of the benchmark's consults, and looks what reaches the draft.

    python -m benchmarks.planted_asr [--consults DIR] [-v]

Subtitle phrases, loops, counting, other languages, words over silence: each with the figures (probability, times) that
Whisper gives to them, which are good ones. Beside them what people really say and looks like it. Each goes into
every consult, some at a time, as windows of a recogniser; from there it goes as in the service: guards, utterances,
draft. What was planted must be marked and rest under no line, every true utterance must be believed, and the draft must
say what that of the consult without it says (where its lines are broken may differ).
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transcribe.asr.foreign import plain
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Heard, HeardSegment, HeardWindow, Speaker, Transcript
from transcribe.asr.windows import Piece
from transcribe.audio.pcm import RATE_HZ, Pcm, Span
from transcribe.audio.vad import SileroDetector
from transcribe.soep.bench import read_consult
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Note

CONSULTS = Path(__file__).parent / "consults"
MODEL = "planted"
LETTERS_PER_S = 15.0
PAUSE_S = 0.5
AT_A_TIME = 12


@dataclass(frozen=True, kw_only=True)
class Plant:
    """``texts``: a window each. What stands before ``|`` was really said."""

    kind: str
    texts: tuple[str, ...]
    probability: float = 0.85  # of each word
    log_probability: float = -0.35
    no_speech: float = 0.1
    length_s: float | None = None  # of the sound of one window; None: as long as it takes to say
    silent: bool = False  # it lies between two stretches of speech
    spoken: str = ""  # the language, when that is what is wrong


def _plants(kind: str, *texts: str, **figures: Any) -> Iterator[Plant]:
    for text in texts:
        yield Plant(kind=kind, texts=(text,), **figures)


#: Made up: never in the draft.
INVENTED = (
    *_plants(
        "subtitles, Dutch",
        "Ondertiteld door de Amara.org gemeenschap",
        "Ondertitels ingediend door de Amara.org gemeenschap.",
        "Ondertiteling door de Amara.org gemeenschap",
        "ONDERTITELD DOOR DE NPO",
        "Ondertiteling: TV Gelderland 2021",
        "TV GELDERLAND 2023",
        "Vertaling en ondertiteling: Jan de Vries.",
        "Ondertitels verzorgd door Sanne Bakker",
        "Bedankt voor het kijken!",
        "Dank u wel voor het kijken.",
        "Bedankt voor het kijken en tot de volgende keer!",
        "Bedankt voor het bekijken van deze video.",
        "Vergeet niet te abonneren op mijn kanaal!",
        "Like en abonneer.",
        "Abonneer je op ons kanaal voor meer video's.",
        "Tot de volgende video, doei!",
        "Muziek",
        "[Muziek]",
        "(Rustige muziek)",
        "♪ ♪ ♪",
        "*Applaus*",
        "GELACH",
    ),
    *_plants(
        "subtitles, English and German",
        "Subtitles by the Amara.org community",
        "Thanks for watching!",
        "Thank you so much for watching!",
        "Please subscribe to my channel.",
        "Don't forget to like and subscribe!",
        "I'll see you in the next video.",
        "Captions by GetTranscribed.com",
        "[Music]",
        "Untertitel der Amara.org-Community",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Untertitelung des ZDF, 2020",
        "Untertitel von Stephanie Geiges",
        "Vielen Dank fürs Zuschauen!",
        "SWR 2021",
        "Copyright WDR 2019",
    ),
    *_plants(
        "subtitles, other languages",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Sous-titrage Société Radio-Canada",
        "¡Gracias por ver el video!",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Sottotitoli e revisione a cura di QTSS",
        "Napisy stworzone przez społeczność Amara.org",
        "Altyazı M.K.",
        "İzlediğiniz için teşekkür ederim.",
        "Субтитры сделал DimaTorzok",
        "Продолжение следует...",
        "ご視聴ありがとうございました",
        "字幕由Amara.org社区提供",
        "MBC 뉴스 이덕영입니다.",
        "ترجمة نانسي قنقر",
    ),
    *_plants(
        "subtitles beside a true sentence",
        "Dan zie ik u over twee weken terug.| Ondertiteld door de Amara.org gemeenschap.",
        "Dat is goed, dokter.| Bedankt voor het kijken!",
        "Dat kan.| TV Gelderland 2021.",
        "Ik zal het opschrijven.| Untertitel der Amara.org-Community",
    ),
    *_plants(
        "loop of 1 word",
        "Ja " + "ja " * 11,
        "amlodipine, " * 9,
        "Nee. " * 9,
        "hahahahahahahaha",
        "pijnpijnpijnpijnpijnpijn",
    ),
    *_plants("loop of 2 words", "en dan " * 8, "Mijn knie, " * 6, "Heel erg. " * 7),
    *_plants("loop of 3 words", "Ik ben moe. " * 5, "op de borst " * 6),
    *_plants("loop of 4 words", "Ik heb geen koorts. " * 4, "dat weet ik niet " * 5),
    *_plants("loop of 5 words", "Ik neem eenmaal daags amlodipine. " * 4, "de pijn in mijn knie, " * 4),
    *_plants("loop of 6 words", "Ik heb pijn in mijn linkerarm. " * 3, "en dat is al drie weken " * 4),
    *_plants(
        "loop that changes a little",
        "En dan moet u dat doen. En dan moet je dat doen. En dan moet u dat doen. En dan moet u het doen. "
        "En dan moet je dat doen. En dan moet je dat doen.",
        "Ik heb pijn, ik heb wat pijn, ik heb pijn, ik heb pijn, ik heb wat pijn, ik heb pijn, ik heb wat pijn, "
        "ik heb pijn.",
    ),
    *_plants(
        "counting",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "een, twee, drie, vier, vijf, zes, zeven, acht, negen, tien, elf, twaalf, dertien, veertien",
        "1. 2. 3. 4. 5. 6. 7.",
        "10, 20, 30, 40, 50, 60, 70, 80",
        "one two three four five six seven eight nine ten",
    ),
    *_plants("loop after a true sentence", "De keel is rood.|" + " Geen beslag, geen beslag," * 3),
    Plant(kind="loop over windows", texts=("Ik slik eenmaal daags metoprolol.",) * 5),
    Plant(kind="loop over windows", texts=("Paracetamol.",) * 9),
    Plant(kind="loop over windows", texts=("Ik ben duizelig.", "Sinds gisteren al.") * 4),
    *_plants(
        "another language",
        "I have had a headache for three days and it is getting worse.",
        "Can you tell me when the pain started?",
        "We are going to look at the heart now.",
        spoken="en",
    ),
    *_plants("another language", "Thank you.", "Thank you very much.", "You", spoken="en"),
    *_plants(
        "another language",
        "Ich habe seit drei Tagen Kopfschmerzen und es wird immer schlimmer.",
        "Wann haben die Schmerzen angefangen?",
        "Das ist nicht so schlimm.",
        "Vielen Dank.",
        spoken="de",
    ),
    *_plants("another language", "Karnım çok ağrıyor doktor bey.", "Üç gündür başım ağrıyor ve geçmiyor.", spoken="tr"),
    *_plants("another language", "J'ai mal à la tête depuis trois jours et ça ne passe pas.", spoken="fr"),
    *_plants("another language", "Od trzech dni boli mnie głowa i jest coraz gorzej.", spoken="pl"),
    *_plants("another language", "Me duele la cabeza desde hace tres días y no se me pasa.", spoken="es"),
    *_plants("another language", "عندي صداع منذ ثلاثة أيام", spoken="ar"),
    *_plants("another language", "У мене болить голова вже три дні.", spoken="uk"),
    *_plants("another language", "Ik heb al drie dagen hoofdpijn en het wordt steeds erger.", spoken="nl"),
    *_plants("over silence", "Ik heb ook pijn op de borst.", "Amoxicilline, drie keer daags.", silent=True),
    *_plants("long text, short sound", "Ik slik al jaren elke dag metoprolol en simvastatine.", length_s=0.4),
    *_plants("goodbye over noise", "Bedankt.", "Tot ziens.", "Dank u wel.", no_speech=0.75),
    *_plants("goodbye over noise", "Tot de volgende keer.", "Doei!", length_s=14.0),
    *_plants("goodbye over noise", "Bedankt.", "Thank you.", probability=0.4),
    *_plants("very unlikely", "Ik heb koorts gehad.", log_probability=-1.8),
    *_plants("very unlikely", "Ik heb koorts gehad.", probability=0.2),
    *_plants("very unlikely", "Ik heb koorts gehad.", log_probability=-1.0, no_speech=0.9),
)  # fmt: skip

#: Really said, with the figures of that: always believed.
SAID = (
    *_plants(
        "goodbyes",
        "Tot ziens.",
        "Bedankt.",
        "Dank u wel, dokter.",
        "Bedankt voor het meekijken.",
        "Bedankt voor het kijken naar mijn knie.",
        "Doei!",
        "Fijne dag nog.",
    ),
    *_plants(
        "repeats",
        "Ja, ja, ja.",
        "Nee nee nee nee, dat niet.",
        "Heel, heel, heel erg moe.",
        "Soms links, soms rechts, soms links, soms rechts.",
        "Heeft u koorts? Heeft u pijn? Heeft u diarree? Heeft u bloed gezien? Heeft u gebraakt?",
        "Eén tablet 's ochtends, één tablet 's middags en één tablet 's avonds.",
    ),
    Plant(kind="repeats", texts=("Nee, dat heb ik niet.",) * 3),
    Plant(kind="repeats", texts=("Ja.",) * 9),
    *_plants(
        "numbers",
        "Honderd, drieënnegentig, zesentachtig, negenenzeventig, tweeënzeventig, vijfenzestig.",
        "Op drie. Eén, twee, drie.",
        "Het nummer is nul zes, een twee drie, acht acht, nul een.",
    ),
    *_plants(
        "words of elsewhere",
        "Wait and see.",
        "Ik zit met een burn-out thuis, zegt mijn coach.",
        "Dat is een second opinion bij de pijnpoli, to be sure.",
        "Kijkt u thuis met ondertiteling?",
        "Ik luister naar muziek om te slapen.",
        "Ik zag op YouTube een video over rugpijn.",
    ),
)


@dataclass
class Laid:
    """Windows of one talk, laid one after another."""

    windows: list[HeardWindow] = field(default_factory=list)
    invented: list[tuple[int, float, float, str]] = field(default_factory=list)  # channel, from, to, kind
    at_s: float = 0.3

    def say(self, channel: int, text: str, plant: Plant | None = None) -> None:
        """One window. ``text``: what stands behind ``|`` is made up, all of it when there is no ``|``."""
        segment = _segment(text.replace("|", ""), plant or Plant(kind="", texts=()))
        start_s, end_s = self.at_s, self.at_s + segment.end_s
        pieces: tuple[Piece, ...] = ()
        if plant is not None and plant.silent:  # as it lies between two packed stretches of a second
            segment = _moved(segment, 1.0)
            end_s = start_s + 4.0
            pieces = (
                Piece(span=Span(start_s=start_s, end_s=start_s + 1), at_s=0.0),
                Piece(span=Span(start_s=end_s - 1, end_s=end_s), at_s=1.0 + segment.end_s),
            )
        if plant in INVENTED:
            true = len(text.partition("|")[0].split()) if "|" in text else 0
            from_s = start_s + segment.words[true].start_s if not plant.silent else start_s
            self.invented.append((channel, from_s, end_s, plant.kind))
        self.windows.append(
            HeardWindow(model=MODEL, channel=channel, start_s=start_s, end_s=end_s, segments=(segment,), pieces=pieces)
        )
        self.at_s = end_s + PAUSE_S


def _segment(text: str, plant: Plant) -> HeardSegment:
    """Words of a length by their letters."""
    words = text.split()
    length_s = plant.length_s or sum(len(word) + 1 for word in words) / LETTERS_PER_S
    step = length_s / sum(len(word) + 1 for word in words)
    at, heard = 0.0, []
    for word in words:
        end = at + step * (len(word) + 1)
        heard.append(Heard(text=word, start_s=at, end_s=end, probability=plant.probability))
        at = end
    raw = text.encode()
    return HeardSegment(
        text=" ".join(words),
        start_s=0.0,
        end_s=at,
        words=tuple(heard),
        no_speech=plant.no_speech,
        log_probability=plant.log_probability,
        compression=len(raw) / len(zlib.compress(raw)),
    )


def _moved(segment: HeardSegment, by_s: float) -> HeardSegment:
    words = tuple(replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s) for w in segment.words)
    return replace(segment, start_s=segment.start_s + by_s, end_s=segment.end_s + by_s, words=words)


class Known:
    """A recogniser that has heard everything before."""

    name = MODEL

    def recognise(self, *_: Any, **__: Any) -> list[HeardSegment]:
        raise AssertionError("there is nothing left to hear")


def lay(talk: Transcript, plants: Sequence[Plant], chance: random.Random) -> Laid:
    """The talk, each plant somewhere between two utterances or at its end."""
    laid = Laid()
    places = [chance.randint(1, len(talk.utterances)) for _ in plants]
    for index, utterance in enumerate(talk.utterances, 1):
        channel = int(utterance.speaker is not Speaker.HUISARTS)
        laid.say(channel, utterance.text)
        for plant, place in zip(plants, places, strict=True):
            if place == index:
                voices = len({u.speaker is Speaker.HUISARTS for u in talk.utterances})
                voice = chance.randrange(voices)
                for text in plant.texts:
                    laid.say(voice, text, plant)
    return laid


def written(laid: Laid, talk: Transcript) -> tuple[Transcript, Note]:
    """From windows to the draft, by the way of the service; the sound itself is silence."""
    alone = all(u.speaker is Speaker.HUISARTS for u in talk.utterances)
    speakers = (Speaker.HUISARTS,) if alone else (Speaker.HUISARTS, Speaker.PATIENT)
    sound = bytes(2 * len(speakers) * round((laid.at_s + 1) * RATE_HZ))
    transcript = SpeechTranscriber(SileroDetector(), Known(), language=talk.language).transcribe(
        Pcm(io.BytesIO(sound), channels=len(speakers)), speakers, heard=laid.windows, progress=lambda _: None
    )
    return transcript, ExtractiveDrafter().draft(transcript)


@dataclass
class Tally:
    planted: Counter[str] = field(default_factory=Counter)
    believed: Counter[str] = field(default_factory=Counter)  # made up, and not marked
    used: Counter[str] = field(default_factory=Counter)  # made up, and in a line
    true: int = 0  # utterances
    marked: int = 0  # true utterances that are marked
    drafts: int = 0
    other_drafts: int = 0  # not what the draft of the talk without plants says


def measure(talks: Sequence[Transcript], *, seed: int = 0, verbose: bool = False) -> Tally:
    tally = Tally()
    for number, talk in enumerate(talks):
        chance = random.Random(f"{seed}-{number}")
        plants = [plant for plant in INVENTED if plant.spoken != talk.language]
        if talk.language == "nl":
            plants += SAID
        else:  # what is true in them is Dutch
            plants = [plant for plant in plants if "|" not in plant.texts[0]]
        chance.shuffle(plants)
        for first in range(0, len(plants), AT_A_TIME):
            some = plants[first : first + AT_A_TIME]
            real = [plant for plant in some if plant in SAID]
            state = chance.getstate()
            laid = lay(talk, some, chance)
            transcript, note = written(laid, talk)
            _count(tally, laid, transcript, note, verbose=verbose)
            # the same talk at the same places without what was made up
            chance.setstate(state)
            without = lay(talk, [replace(p, texts=p.texts if p in real else _said(p)) for p in some], chance)
            expected = written(without, talk)[1]
            tally.drafts += 1
            if _contents(note) != _contents(expected):
                tally.other_drafts += 1
                if verbose:
                    print("  another draft:", {x.text for x in expected.lines()} ^ {x.text for x in note.lines()})
    return tally


def _contents(note: Note) -> Counter[tuple[str, str]]:
    """Words by section."""
    return Counter((line.section.value, word) for line in note.lines() for word in plain(line.text).split())


def _said(plant: Plant) -> tuple[str, ...]:
    """What was really said of a plant."""
    return tuple(text.partition("|")[0] for text in plant.texts if "|" in text)


def _count(tally: Tally, laid: Laid, transcript: Transcript, note: Note, *, verbose: bool) -> None:
    used = {index for line in note.lines() for index in line.evidence}
    voices = (Speaker.HUISARTS, Speaker.PATIENT)
    tally.planted.update(kind for *_, kind in laid.invented)
    for index, utterance in enumerate(transcript.utterances):
        kinds = [
            kind
            for channel, from_s, to_s, kind in laid.invented
            if voices[channel] is utterance.speaker
            and any(from_s <= (word.start_s + word.end_s) / 2 <= to_s for word in utterance.words)
        ]
        believed = utterance.suspicion is None
        if not kinds:
            tally.true += 1
            tally.marked += not believed
        elif believed:
            tally.believed[kinds[0]] += 1
            tally.used[kinds[0]] += index in used
        if verbose and believed == bool(kinds):
            print(f"  {kinds or 'said'}, {utterance.suspicion or 'believed'}: {utterance.text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=Path, default=CONSULTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    talks = [read_consult(path)[1] for path in sorted(args.consults.glob("*.json"))]
    tally = measure(talks, seed=args.seed, verbose=args.verbose)
    print("| planted | windows | utterances believed | in a line |\n|---|---|---|---|")
    for kind in tally.planted:
        print(f"| {kind} | {tally.planted[kind]} | {tally.believed[kind]} | {tally.used[kind]} |")
    print(f"| all | {tally.planted.total()} | {tally.believed.total()} | {tally.used.total()} |")
    print(f"true utterances {tally.true}, marked {tally.marked}; drafts {tally.drafts}, others {tally.other_drafts}")
    sys.exit(bool(tally.believed or tally.used or tally.marked or tally.other_drafts))


if __name__ == "__main__":
    main()
