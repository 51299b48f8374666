"""What a huisarts says to steer a dictation: "subjectief", "punt", "nieuwe regel", "wis laatste zin". Pure.

Every word that was said is in a line of the result, in the order said, or belongs to a command, or is in ``wiped``. The
recogniser writes marks and capitals of its own around commands ("Hoest, punt. Nieuwe regel."); those beside a command
give way to it. Commands and the sentences in which the same words are none are data: ``rules/spoken.toml``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from transcribe.soep import counted
from transcribe.soep.lexicon import table, terms
from transcribe.soep.note import Section
from transcribe.soep.numbers import number_word, plain

#: Marks said aloud from which on the huisarts is taken to dictate all of them, where nobody said that he dictates.
ALL_MARKS = 4
#: Words beside a number that tell what it is.
WINDOW = 6

_CORE = re.compile(r"(?P<lead>[^\w]*)(?P<core>.*?)(?P<tail>[^\w]*)", re.DOTALL)
_HEARD = ".,:;?!…"
_ENDS = re.compile(r"[.?!…]+[)\"'”]*$")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One word of the dictation, with the marks the recogniser put on it."""

    text: str
    utterance: int
    spaced: bool = True  # a space before it
    closed: bool = False  # the huisarts said the mark behind it

    @property
    def core(self) -> str:
        return plain(self.text.strip("()[]{}\"'“”‘’" + _HEARD))

    @property
    def tail(self) -> str:
        return _parts(self.text)["tail"]

    @property
    def marked(self) -> bool:
        """Is there a mark of the recogniser behind it?"""
        return any(c in _HEARD for c in self.tail)


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One line as dictated. ``section`` None: no section was named yet."""

    section: Section | None
    problem: int  # of the contact, counted from 0
    sentences: tuple[tuple[Said, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Dictated:
    lines: tuple[Spoken, ...]
    wiped: tuple[tuple[int, str], ...]  # an utterance, and what the huisarts took back of it
    literal: bool  # the huisarts dictates marks and lines: nothing is to be changed but the written form


@dataclass(frozen=True, kw_only=True)
class Command:
    does: str
    phrases: tuple[tuple[str, ...], ...]
    writes: str = ""
    literal: bool = False
    marked: str = ""  # a command only with one of these marks behind it

    @property
    def group(self) -> str:
        """Whose lists of words tell it from the same words in a sentence."""
        if self.does in ("section", "line", "problem"):
            return self.does
        return "wipe" if self.does.startswith("wipe") or self.does == "nothing" else "mark"


def text_of(words: Iterable[Said]) -> str:
    return "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()


def dictated_by(heard: Iterable[tuple[int, str]], *, begun: bool = False) -> Dictated:
    """The dictation in lines. ``heard``: utterances with their index, in order. ``begun``: it was begun as a dictation,
    in which one spoken mark says that the huisarts dictates them."""
    said = [
        Said(text=word, utterance=index)
        for index, text in heard
        for word in text.replace("’", "'").split()
        if not _sound(word)
    ]
    page = _Page()
    strong = marks = at = 0
    behind = True  # right behind a command
    while at < len(said):
        command, size = _command(said, at, page.current, behind=behind)
        if command is None:
            page.word(said[at])
            at, behind = at + 1, False
            continue
        strong += command.literal
        marks += command.does == "mark"
        page.obey(command, said[at : at + size], said[at + size : at + size + 1])
        at, behind = at + size, True
    literal = strong > 0 or marks >= (1 if begun else ALL_MARKS)
    return Dictated(lines=page.spoken(), wiped=tuple(page.wiped.items()), literal=literal)


@dataclass
class _Line:
    section: Section | None
    problem: int
    words: list[Said] = field(default_factory=list)


@dataclass
class _Page:
    """What was dictated so far. Lives for one dictation."""

    lines: list[_Line] = field(default_factory=lambda: [_Line(None, 0)])
    wiped: dict[int, str] = field(default_factory=dict)
    opened: str = ""  # brackets that wait for a word
    glued: bool = False  # the next word follows without a space
    begins: bool | None = None  # the next word begins a sentence, goes on with one, or stands as it was heard

    @property
    def current(self) -> Section | None:
        return self.lines[-1].section

    def word(self, said: Said) -> None:
        text = said.text
        if self.begins is not None:
            text = _capital(text) if self.begins else _small(text)
        glued = self.glued and bool(self.lines[-1].words)
        self.lines[-1].words.append(replace(said, text=self.opened + text, spaced=not glued))
        self.opened, self.glued, self.begins = "", False, None

    def obey(self, command: Command, said: Sequence[Said], following: Sequence[Said]) -> None:
        match command.does:
            case "section":
                self._section(Section(command.writes))
            case "problem":
                self._problem()
            case "line":
                self._line(self.current)
            case "mark" | "close":
                self._mark(command.writes, said[-1])
            case "open":
                self._bare()
                self.opened += command.writes
                self._goes_on(said[-1])
            case "join":
                self._join(command.writes)
            case "dash":
                self._dash(command.writes, said[-1], following)
            case "wipe_sentence" | "wipe_word" | "wipe_line":
                self._wipe(command.does)

    def spoken(self) -> tuple[Spoken, ...]:
        return tuple(
            Spoken(section=line.section, problem=line.problem, sentences=tuple(map(tuple, _sentences(line.words))))
            for line in self.lines
            if line.words
        )

    def _line(self, section: Section | None, *, problem: int | None = None) -> None:
        problem = self.lines[-1].problem if problem is None else problem
        self.opened, self.glued, self.begins = "", False, None
        if self.lines[-1].words:
            self.lines.append(_Line(section, problem))
        else:
            self.lines[-1] = _Line(section, problem)

    def _section(self, section: Section) -> None:
        done = {line.section for line in self.lines if line.words and line.problem == self.lines[-1].problem}
        again = section is Section.S and bool(done & {Section.E, Section.P})
        self._line(section, problem=self.lines[-1].problem + again)

    def _problem(self) -> None:
        problem = self.lines[-1].problem
        said = any(line.words for line in self.lines if line.problem == problem)
        self._line(Section.S, problem=problem + said)

    def _bare(self) -> bool:
        """The last word of the line without what the recogniser wrote behind it. False when there is none."""
        words = self.lines[-1].words
        if words and not words[-1].closed:
            words[-1] = replace(words[-1], text=words[-1].text.rstrip(_HEARD) or words[-1].text)
        return bool(words)

    def _goes_on(self, said: Said) -> None:
        """Behind a comma, a bracket: a capital is the recogniser's when it heard the end of a sentence there."""
        self.begins = False if _ENDS.search(said.text) else None

    def _mark(self, mark: str, said: Said) -> None:
        if not self._bare():
            return
        words = self.lines[-1].words
        last = words[-1]
        heard = _ENDS.search(said.text) if mark == ")" else None  # behind a bracket the recogniser may know better
        ended = mark + heard[0][0] if heard else mark
        text = last.text.rstrip(_HEARD) if last.closed and mark != ")" else last.text
        words[-1] = replace(last, text=(text or last.text) + ended, closed=mark != ")")
        if ended[-1] in ".?!":
            self.begins = True
        else:
            self._goes_on(said)

    def _join(self, mark: str) -> None:
        if self._bare():
            last = self.lines[-1].words[-1]
            self.lines[-1].words[-1] = replace(last, text=last.text + mark)
            self.glued = True

    def _dash(self, mark: str, said: Said, following: Sequence[Said]) -> None:
        words = self.lines[-1].words
        if words and following and _number(words[-1].core) is not None and _number(following[0].core) is not None:
            self._join(mark)
            return
        self._bare()
        words.append(Said(text=mark, utterance=said.utterance, closed=True))
        self._goes_on(said)

    def _wipe(self, what: str) -> None:
        line = next((line for line in reversed(self.lines) if line.words), None)
        if line is None:
            return
        size = {
            "wipe_word": 1,
            "wipe_line": len(line.words),
            "wipe_sentence": len(_sentences(line.words)[-1]),
        }[what]
        gone = line.words[-size:]
        del line.words[-size:]
        for word in gone:
            before = self.wiped.get(word.utterance)
            self.wiped[word.utterance] = f"{before} {word.text}" if before else word.text
        self.opened, self.glued = "", False
        self.begins = True if not line.words or _ENDS.search(line.words[-1].text) else None


def _sentences(words: Sequence[Said]) -> list[list[Said]]:
    """A line in its sentences. A dot inside one ("m.n. links") ends none."""
    result: list[list[Said]] = []
    for n, word in enumerate(words):
        ended = n == 0 or (
            _ENDS.search(words[n - 1].text) is not None and (words[n - 1].closed or not word.text[:1].islower())
        )
        if ended:
            result.append([])
        result[-1].append(word)
    return result


def _command(said: Sequence[Said], at: int, current: Section | None, *, behind: bool) -> tuple[Command | None, int]:
    """The command that begins at a word, the longest one, and how many words it takes."""
    for size in range(min(_longest(), len(said) - at), 0, -1):
        command = _phrases().get(tuple(word.core for word in said[at : at + size]))
        if command is not None and _meant(command, said, at, size, current, behind=behind):
            return command, size
    return None, 0


def _meant(
    command: Command, said: Sequence[Said], at: int, size: int, current: Section | None, *, behind: bool
) -> bool:
    """Is it a command here, or the same words in a sentence?"""
    first, last = said[at], said[at + size - 1]
    previous = said[at - 1] if at else None
    bound = behind or previous is None or previous.marked
    if not bound and _listed("before", command.group, [_bare(word) for word in said[max(0, at - 2) : at]], end=True):
        return False
    following = [word.core for word in said[at + size : at + size + 2]]
    if not last.marked and _listed("behind", command.group, following, end=False):
        return False
    if command.marked and last.tail[:1] not in tuple(command.marked) and not _command_at(said, at + size):
        return False
    if command.does == "nothing" and not _edge(said, at, size, bound=bound):
        return False
    if command.does == "section" and not bound:
        starts = previous is not None and previous.utterance != first.utterance
        heard = [word for word in said if word.utterance == first.utterance]
        unmarked = not any(word.marked for word in heard) and Section(command.writes) is not current
        return starts or first.text[:1].isupper() or unmarked
    return not (command.does == "mark" and command.writes in ",." and _decimal(said, at))


def _bare(word: Said) -> str:
    """With accents "één" counts: it is no article, as in "een komma vergeten"."""
    return "1" if word.core == "een" and not word.text.isascii() else word.core


def _edge(said: Sequence[Said], at: int, size: int, *, bound: bool) -> bool:
    """Is it said by itself; or where the dictation begins, or in so many words where an utterance ends?"""
    last = said[at + size - 1]
    ends = at + size == len(said) or said[at + size].utterance != last.utterance
    starts = at == 0 or said[at - 1].utterance != said[at].utterance
    if (bound or starts) and (ends or last.marked):
        return True
    return at == 0 or (ends and size > 1)


def _command_at(said: Sequence[Said], at: int) -> bool:
    """Does a mark that is said follow?"""
    return any(
        command is not None and command.does in ("mark", "line")
        for size in (1, 2)
        for command in [_phrases().get(tuple(word.core for word in said[at : at + size]))]
    )


def _decimal(said: Sequence[Said], at: int) -> bool:
    """ "38 komma 5": said between two numbers that make one."""
    if not 0 < at < len(said) - 1 or said[at - 1].marked or said[at].marked:
        return False
    left, right = _number(said[at - 1].core), _number(said[at + 1].core)
    if left is None or right is None or right > 99:
        return False
    before, after = _clause(said, at - 1, at + 2)
    if said[at + 1].text.lower() == "een" and not _command_at(said, at + 2) and counted.is_article(after):
        return False
    return counted.is_decimal(before, left, said[at].core, right, after)


def _clause(said: Sequence[Said], start: int, end: int) -> tuple[str, str]:
    """The words before and behind a place, as far as no mark is between."""
    first = next((n + 1 for n in range(start - 1, -1, -1) if said[n].marked), 0)
    last = next((n for n in range(end - 1, len(said)) if said[n].marked or _command_at(said, n + 1)), len(said))
    before = " ".join(_figure(word.core) for word in said[max(first, start - WINDOW) : start])
    return before, "".join(f" {word.core}" for word in said[end : min(last + 1, end + WINDOW)])


def _figure(word: str) -> str:
    value = None if word == "een" else _number(word)
    return word if value is None else str(value)


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() and len(word) < 6 else 1 if word == "een" else number_word(word)


def _capital(text: str) -> str:
    return re.sub(r"[^\W\d_]", lambda found: found[0].upper(), text, count=1)


def _small(text: str) -> str:
    """Without a capital that only began a sentence: no name, no abbreviation."""
    core = _parts(text)["core"]
    if (
        len(core) < 2
        or not core[1:].islower()
        or plain(core) in terms("names")
        or plain(core).startswith(terms("proper"))
    ):
        return text
    return text.replace(core, core[0].lower() + core[1:], 1)


def _parts(text: str) -> re.Match[str]:
    found = _CORE.fullmatch(text)
    assert found is not None  # it matches anything
    return found


def _sound(word: str) -> bool:
    return plain(word.strip(_HEARD)) in _words("sounds", "say")


def _listed(place: str, group: str, near: Sequence[str], *, end: bool) -> bool:
    entries = _words(place, group)
    one = near[-1:] if end else near[:1]
    return bool(near) and (one[0] in entries or " ".join(near) in entries)


@functools.cache
def _words(place: str, group: str) -> frozenset[str]:
    lists = table("spoken.toml")[place]
    assert isinstance(lists, dict)
    return frozenset(plain(str(entry)) for entry in lists[group])


@functools.cache
def commands() -> tuple[Command, ...]:
    """All of them, in the order of the rules."""
    entries = table("spoken.toml")["command"]
    assert isinstance(entries, list)
    return tuple(_read(entry) for entry in entries)


def _read(entry: Mapping[str, object]) -> Command:
    say = entry["say"]
    assert isinstance(say, list)
    return Command(
        does=str(entry["does"]),
        phrases=tuple(dict.fromkeys(spelled for phrase in say for spelled in _spelled(str(phrase)))),
        writes=str(entry.get("writes", "")),
        literal=bool(entry.get("literal", False)),
        marked=str(entry.get("marked", "")),
    )


def _spelled(phrase: str) -> list[tuple[str, ...]]:
    """ "wis de? laatste/vorige zin" in all its forms."""
    choices = [(word[:-1], "") if word.endswith("?") else tuple(word.split("/")) for word in phrase.split()]
    return [tuple(word for word in one if word) for one in product(*choices)]


@functools.cache
def _phrases() -> Mapping[tuple[str, ...], Command]:
    result: dict[tuple[str, ...], Command] = {}
    for command in commands():
        for phrase in command.phrases:
            result.setdefault(phrase, command)
    return result


@functools.cache
def _longest() -> int:
    return max(map(len, _phrases()))
