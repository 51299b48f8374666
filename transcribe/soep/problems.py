"""One contact, several problems: which sentence belongs to which (NHG guideline ADEPD: one report a problem).

Careful by design: a second problem is there only when somebody announces it ("ik heb nog iets anders", "ik kom voor
twee dingen") and names a complaint that the first one is not about. One that turns out to have no findings, conclusion
or plan of its own goes back into the report before it (``settled``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from transcribe.asr.transcript import Speaker
from transcribe.soep.claims import Claim
from transcribe.soep.lexicon import cue, has, mentions, plain_same_length, table, words
from transcribe.soep.note import Section
from transcribe.soep.numbers import plain
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import capital, telegram

#: A title longer than this is cut to the words that name the complaint.
TITLE_WORDS = 5
#: Sentences after an announcement in which the complaint must be named.
PATIENCE = 3

_ITEMS = re.compile(
    r"(?<=[\w)]),? (?=(?:en|and) (?:dan|ook|verder|daarnaast|ik|mijn|m'n|een|de|het|over|voor|dat|my|i)\b)"
    r"|(?<=\w), (?=(?:mijn|m'n|my) )",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Divided:
    """The sentences with their problem, and the title of each problem in words of the consult."""

    said: list[Sentence]
    titles: Mapping[int, str] = field(default_factory=dict)


@dataclass
class _Division:
    """One consult, read from front to back."""

    anchors: list[set[str]] = field(default_factory=lambda: [set()])
    learned: list[set[str]] = field(default_factory=lambda: [set()])
    titles: list[str] = field(default_factory=lambda: [""])
    current: int = 0
    patience: int = 0  # sentences in which an announced problem may still be named
    asked: bool = False  # the huisarts has just asked whether there is more
    told: bool = False  # there is a first problem
    patient: str = ""  # who it is about, in the words of who came along ("zoon")
    discussed: bool = False  # the huisarts has said something since it was told

    def read(self, said: list[Sentence]) -> list[Sentence]:
        result: list[Sentence] = []
        counted: set[int] = set()  # turns that were read as a list of problems
        for n, sentence in enumerate(said):
            if sentence.turn in counted:
                continue
            count = _match("counted", sentence.text)
            if count and not sentence.question and len(self.anchors) == 1:
                turn = [later for later in said[n:] if later.turn == sentence.turn]
                if listed := self._listed(turn, int(count["n"])):
                    counted.add(sentence.turn)
                    result += listed
                    continue
            result.append(self._placed(sentence))
        return result

    def _listed(self, turn: list[Sentence], count: int) -> list[Sentence]:
        """ "Ik kom voor 2 dingen: mijn knie, en ik heb een plekje op mijn rug."; empty when the items are not clear."""
        parts = [
            replace(sentence, text=capital(re.sub(r"^en\s+", "", part)) if n else part)
            for sentence in turn
            for n, part in enumerate(_ITEMS.split(_without_preface(sentence.text)))
            if words(part)
        ]
        raw = [part for sentence in turn for part in _ITEMS.split(_without_preface(sentence.text)) if words(part)]
        named = [topics_of(part.text) if not self._of_another(part) else set() for part in parts]
        first = next((n for n, topics in enumerate(named) if topics), None)
        if first is None:
            return []
        known = set(named[first])
        later = [n for n in range(first + 1, len(parts)) if named[n] and not _meet(named[n], known)]
        chosen = later if len(later) == count - 1 else [n for n in later if _match("next_item", raw[n])]
        if len(chosen) != count - 1:
            return []
        self.titles[0], self.anchors[0] = title_of(parts[first].text), named[first]
        placed = []
        for n, part in enumerate(parts):
            if n in chosen:
                self._open(part.text, named[n])
            placed.append(replace(part, problem=self.current))
        self.current, self.told = 0, True  # the talk mostly goes on about the first
        return placed

    def _placed(self, sentence: Sentence) -> Sentence:
        text = sentence.text
        doctor = sentence.speaker is Speaker.HUISARTS
        topics = topics_of(text)
        if sentence.speaker is Speaker.BEGELEIDER and not self.patient and (people := mentions("family", text)):
            self.patient = stem(people[0].text)
        announced = _match("different", text) is not None or (self.discussed and _match("another", text) is not None)
        announced = announced and not cue("answer", "no", text)
        if doctor and sentence.question and _match("asked", text):
            self.asked, self.patience = True, PATIENCE
            return replace(sentence, problem=self.current)
        if announced:
            self.patience = PATIENCE
            if doctor and not topics and len(self.anchors) == 2:
                self.current, self.patience = 1 - self.current, 0  # "En dan uw tweede klacht."
        elif self.patience and (doctor or (self.asked and cue("answer", "no", text))):
            self.patience = 0 if not doctor else self.patience - 1
        elif self.patience:
            self.patience -= 1
        mine = [n for n, anchors in enumerate(self.anchors) if _meet(anchors, topics)]
        if (announced or self.patience) and topics and not self._of_another(sentence):
            self.patience = 0
            if not mine and self.told and not (doctor and sentence.question and not announced):
                self._open(text, topics)
                self.asked = False
                return replace(sentence, problem=self.current)
        if len(mine) == 1:
            self.current = mine[0]
        elif not mine and len(self.anchors) > 1 and doctor:
            exclusive = [n for n, own in enumerate(self.learned) if own & _named(text)]
            if len(exclusive) == 1:
                self.current = exclusive[0]
        if len(self.anchors) == 1 and not doctor:
            if not self.anchors[0] and topics:
                self.titles[0] = title_of(text)
            self.anchors[0] |= topics
            self.told = self.told or bool(topics) or has("symptoms", text)
        self.discussed = self.discussed or (self.told and doctor and not sentence.question)
        self.learned[self.current] |= _named(text) - {
            w for n, own in enumerate(self.learned) if n != self.current for w in own
        }
        return replace(sentence, problem=self.current)

    def _of_another(self, sentence: Sentence) -> bool:
        """ "M'n vrouw is zwanger": no problem of this patient."""
        people = mentions("family", sentence.text)
        if not people or len(words(sentence.text[: people[0].start])) > 2:
            return False
        return not (self.patient and stem(people[0].text) == self.patient)

    def _open(self, text: str, topics: set[str]) -> None:
        self.anchors.append(set(topics))
        self.learned.append(set())
        self.titles.append(title_of(text))
        self.current = len(self.anchors) - 1


def divide(said: list[Sentence]) -> Divided:
    """Every sentence with its problem, counted from 0. One problem unless another one is announced."""
    division = _Division()
    placed = division.read(said)
    return Divided(said=placed, titles=dict(enumerate(division.titles)))


def settled(claims: list[Claim]) -> dict[int, list[Claim]]:
    """The claims of each problem that can stand by itself, in order of the problems; at least one, maybe empty.

    A report beside the first needs what was told and what was found, concluded or agreed; what has only one of them
    goes with the problem before it.
    """
    known = sorted({item.problem for item in claims}) or [0]
    whole = [n for n in known if n == known[0] or _whole(claims, n)]
    result: dict[int, list[Claim]] = {n: [] for n in whole}
    for item in claims:
        result[max((n for n in whole if n <= item.problem), default=whole[0])].append(item)
    return result


def problem_of(text: str, evidence: Iterable[int], divided: Divided) -> int:
    """Which problem a line is about that somebody else wrote: the one whose title it names, else where it was said."""
    cited = set(evidence)
    told = [sentence.problem for sentence in divided.said if cited & set(sentence.evidence)]
    topics = topics_of(text)
    named = [n for n in sorted(set(told)) if _meet(topics_of(divided.titles.get(n, "")), topics)]
    return named[0] if len(named) == 1 else max(sorted(set(told)), key=told.count, default=0)


def titles_of(claims: list[Claim]) -> dict[int, str]:
    """The title of each problem of a dictation: what its first claim that names a complaint calls it."""
    titles: dict[int, str] = {}
    for item in claims:
        if not titles.get(item.problem) and (title := title_of(item.text)):
            titles[item.problem] = title
    return titles


def announced(text: str) -> bool:
    """Does a dictating huisarts say that the next problem begins?"""
    return _match("dictated", text) is not None


def turns_to(text: str) -> bool:
    """ "Dan de moedervlek.": names what the talk is about now, and says nothing of it."""
    return _match("turning", text) is not None and len(words(text)) <= TITLE_WORDS and bool(topics_of(text))


def begins(text: str) -> bool:
    """Is the history named ("Subjectief.", "Anamnese:")?"""
    return _match("history", text) is not None


def without_announcement(text: str) -> str:
    found = _match("dictated", text)
    return text[found.end() :].strip() if found else text


def _whole(claims: list[Claim], problem: int) -> bool:
    sections = {item.section for item in claims if item.problem == problem}
    return Section.S in sections and len(sections) > 1


def topics_of(text: str) -> set[str]:
    """The complaints a sentence names, as stems that do not depend on the ending."""
    named = [m.text for kind in ("body", "symptoms", "dx") for m in mentions(kind, text)]
    named += [m.group() for m in _topics().finditer(plain_same_length(text))]
    stems = {stem(word) for phrase in named for word in words(phrase)}
    return {one for one in stems if len(one) > 2} - _generic()


def _meet(some: set[str], others: set[str]) -> bool:
    """Is one thing named in both? A knee is a right knee, and a nail a toenail."""
    return any(
        one == other or (min(len(one), len(other)) > 3 and (one.endswith(other) or other.endswith(one)))
        for one in some
        for other in others
    )


def stem(word: str) -> str:
    """A Dutch word without its ending: slaapt, slapen and slaap are one; so are plek, plekje and plekken."""
    word = re.sub(r"^(?:linker|rechter)(?=\w{3})", "", plain(word))
    word = re.sub(r"(?:etjes|etje|tjes|tje|jes|je)$", "", word) if len(word) > 5 else word
    word = re.sub(r"en$", "", word) if len(word) > 4 else word
    word = re.sub(r"[ts]$", "", word) if len(word) > 4 else word
    return re.sub(r"(.)\1", r"\1", word)


def title_of(text: str) -> str:
    """What a problem is called: the words that announced it, or, when they are many, those that name the complaint."""
    short = re.sub(_table()["no_title"][0], "", telegram(text), flags=re.IGNORECASE)
    short = re.split(r"[,.;:]", short)[0].strip()
    if 0 < len(words(short)) <= TITLE_WORDS and topics_of(short) and not _match("another", short):
        return capital(short)
    found = [*_topics().finditer(plain_same_length(text))]
    named = [text[m.start() : m.end()] for m in found] or [
        m.text for kind in ("symptoms", "dx", "body") for m in mentions(kind, text) if topics_of(m.text)
    ]
    return capital(named[0]) if named else ""


def _named(text: str) -> set[str]:
    return {stem(word) for kind in ("dx", "drugs") for m in mentions(kind, text) for word in words(m.text)}


def _without_preface(text: str) -> str:
    return re.sub(_table()["preface"][0], "", text, count=1, flags=re.IGNORECASE)


def _match(name: str, text: str) -> re.Match[str] | None:
    return _patterns(name).search(plain_same_length(text))


@functools.cache
def _table() -> dict[str, list[str]]:
    return {name: [str(entry) for entry in _entries(value)] for name, value in table("problems.toml").items()}


def _entries(value: object) -> Iterable[object]:
    assert isinstance(value, list)
    return value


@functools.cache
def _patterns(name: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{entry})" for entry in _table()[name]))


@functools.cache
def _generic() -> frozenset[str]:
    return frozenset(stem(word) for word in _table()["generic"])


@functools.cache
def _topics() -> re.Pattern[str]:
    entries = sorted(_table()["topics"], key=len, reverse=True)
    parts = [
        rf"{re.escape(entry[1:])}(?![\w])" if entry[0] == "=" else rf"{re.escape(entry)}[\w-]*" for entry in entries
    ]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})")
