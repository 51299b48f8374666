"""Which planted errors a doctor took out of a draft. Pure; told from the words, so any way of mending one counts.

When it can't be told, it was not caught: nobody should be told that a note was right while it may not be.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Container, Iterator

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.lexicon import plain_same_length
from transcribe.soep.note import Exercise, Judged, Line, Mistake, Note, Planted
from transcribe.soep.polarity import DENIAL, polarity

_WORDS = re.compile(r"\d+(?:,\d+)?|[^\W\d_]+")
_SIDE = {"links": r"\blink(?:s|er)", "rechts": r"\brecht(?:s|er)"}
#: So many letters of a word tell which one it is: "slikken", "slikt".
STEM = 5


def outcome(draft: Note, signed: Note, transcript: Transcript, doubted: Container[str]) -> Exercise:
    """Of an exercise. ``draft``: as it was given to the doctor; ``signed``: with the lines that were taken out.

    ``doubted``: lines of the draft that the check had something against; to change one of those is no harm.
    """
    ids = {one.wrong.id for one in draft.planted if one.wrong}
    signed_lines = {line.id: line for line in signed.lines()}
    return Exercise(
        judged=tuple(
            Judged(planted=one, caught=caught(one, draft, signed), said=_said(one, transcript)) for one in draft.planted
        ),
        touched=tuple(
            (line, signed_lines.get(line.id))
            for line in draft.lines()
            if line.id not in ids and line.id not in doubted and not _stands(line, signed)
        ),
    )


def caught(planted: Planted, draft: Note, signed: Note) -> bool:
    """Is the error gone from what was signed? What was left out must be there again, in whatever words."""
    right, wrong = planted.right, planted.wrong
    if planted.kind is Mistake.LEFT_OUT:
        assert right is not None
        return any(_brings(line, before, right, wrong) for line, before in _edited(draft, signed))
    assert wrong is not None
    return not any(_says(line, planted.kind, right, wrong) for line in _from(wrong, draft, signed))


def _said(planted: Planted, transcript: Transcript) -> tuple[tuple[Speaker, str], ...]:
    """What the line rested on as it was shown: of an error that reads well, the words it was made of too."""
    line = planted.wrong or planted.right
    assert line is not None
    heard = [transcript.utterances[i] for i in line.evidence if 0 <= i < len(transcript.utterances)]
    return tuple((utterance.speaker, utterance.text) for utterance in heard)


# --- lines through edits -------------------------------------------------------------------------------------------


def _from(line: Line, draft: Note, signed: Note) -> Iterator[Line]:
    """Where a line of the draft went: the line itself, what was split off it or typed again, what it was joined to."""
    drafted = {one.id: one.text for one in draft.lines()}
    removed = any(one.id == line.id for _, one in signed.removed)
    there = any(one.id == line.id for one in signed.lines())
    own = Counter(_words(line.text))
    for one in signed.lines():
        shared = (Counter(_words(one.text)) & own).total()
        if one.id == line.id:
            yield one
        elif one.id not in drafted:
            if 2 * shared > len(_words(one.text)):
                yield one
        elif not there and not removed and one.text != drafted[one.id] and 2 * shared > own.total():
            yield one


def _edited(draft: Note, signed: Note) -> Iterator[tuple[Line, str]]:
    """Lines with other words than in the draft, and the words they had there; new ones had none."""
    drafted = {line.id: line.text for line in draft.lines()}
    for line in signed.lines():
        if line.text != drafted.get(line.id):
            yield line, drafted.get(line.id, "")


def _stands(line: Line, signed: Note) -> bool:
    """Are its words there in its section, one behind the other? Splitting and joining lines change nothing in that."""
    own = _words(line.text)
    for report in signed.reports:
        there = [word for one in report.section(line.section) for word in _words(one.text)]
        if any(there[n : n + len(own)] == own for n in range(len(there) - len(own) + 1)):
            return True
    return False


# --- what a line says ----------------------------------------------------------------------------------------------


def _says(line: Line, kind: Mistake, right: Line | None, wrong: Line) -> bool:
    """Does a line still say what is wrong?"""
    if kind is Mistake.INVENTED:
        return _repeats(line.text, wrong.text)
    assert right is not None
    match kind:
        case Mistake.SPEAKER:
            return line.section is not right.section
        case Mistake.DENIAL_GONE | Mistake.DENIAL_NEW:
            return _turned(line.text, right.text, wrong.text, gone=kind is Mistake.DENIAL_GONE)
        case Mistake.SIDE:
            others = [name for name, side in _SIDE.items() if not re.search(side, right.text, re.IGNORECASE)]
            if not others:  # both were said: which of what
                return bool((_sided(wrong.text) - _sided(right.text)) & _sided(line.text))
            return re.search(_SIDE[others[0]], line.text, re.IGNORECASE) is not None
        case Mistake.NUMBER | Mistake.DOSE:
            return _mistaken(_numbers(line.text), _numbers(right.text), _numbers(wrong.text))
        case Mistake.TIME if _exchanged(_amounts(right.text), _amounts(wrong.text)):
            return _mistaken(_amounts(line.text), _amounts(right.text), _amounts(wrong.text))
        case _:
            strange = _more(line.text, right.text) & _more(wrong.text, right.text)
            missing = _more(right.text, line.text) & _more(right.text, wrong.text)
            return bool(strange) and bool(missing)


def _repeats(text: str, invented: str) -> bool:
    """Numbers tell most: a blood pressure that nobody measured is not there any more when it is another one."""
    numbers = _numbers(invented)
    if numbers:
        return bool(numbers & _numbers(text))
    own = Counter(_words(invented))
    return 2 * (own & Counter(_words(text))).total() >= own.total()


def _sided(text: str) -> set[tuple[str, str]]:
    """Each side with the beginning of what stands right behind it: "linkerknie", "linker knie"."""
    found = re.finditer(r"\b(link|recht)(?:s|er)[ -]?(\w*)", text, re.IGNORECASE)
    return {(match[1].lower(), match[2].lower()[:STEM]) for match in found}


def _amounts(text: str) -> Counter[str]:
    """Numbers with what they count: "2 weken" is not the two of "2dd" in a line that it was joined to."""
    return Counter(re.findall(r"\d+ ?[a-z]+", plain_same_length(text)))


def _exchanged(right: Counter[str], wrong: Counter[str]) -> bool:
    return bool(right - wrong) and bool(wrong - right)


def _mistaken(now: Counter[str], right: Counter[str], wrong: Counter[str]) -> bool:
    """The wrong number, or another wrong one in its place. No number at all is vague and not wrong."""
    strange, missing = now - right, (right - now) & (right - wrong)
    return bool(strange) and bool(missing)


def _turned(text: str, right: str, wrong: str, *, gone: bool) -> bool:
    """Is a thing still denied that is so, or the other way round? The thing is what follows the denial."""
    whole, without = (right, wrong) if gone else (wrong, right)
    thing = _after_denial(whole, without)
    places = [_polarity(one, thing) for one in (text, right, wrong)]
    if places[0] is None:
        return False
    if places[1] is not places[2]:
        return places[0] is places[2]
    now, before = (len(DENIAL.findall(plain_same_length(one))) for one in (text, wrong))
    return now <= before if gone else now >= before


def _after_denial(whole: str, without: str) -> str:
    """The word behind the denial that one of two texts has and the other has not."""
    have, miss = _words(whole), _words(without)
    matcher = difflib.SequenceMatcher(None, have, miss, autojunk=False)
    end = next(i2 for tag, _, i2, _, _ in matcher.get_opcodes() if tag != "equal")
    return (have[end:] or have[-1:])[0]


def _polarity(text: str, thing: str) -> object:
    """None: the thing is not in the text."""
    found = re.search(rf"\b{re.escape(thing)}", plain_same_length(text))
    return found and polarity(text, *found.span())


def _brings(line: Line, before: str, right: Line, wrong: Line | None) -> bool:
    """Does an edited line say what was left out: most of its words, or (of a whole line) what it rests on?"""
    if wrong is None and not before and set(line.evidence) & set(right.evidence):
        return True
    lost, new = _more(right.text, wrong.text if wrong else ""), _more(line.text, before)
    if _denials(lost) and not _denials(new):
        return False  # the thing is there, and said to be so
    wanted = _stems(lost - _denials(lost))
    return 2 * len(wanted & _stems(new - _denials(new))) > len(wanted)


def _denials(words: Counter[str]) -> Counter[str]:
    return Counter({word: count for word, count in words.items() if DENIAL.fullmatch(word)})


def _stems(words: Counter[str]) -> set[str]:
    """Of the words that tell something: long ones and numbers, or all when there are none."""
    telling = {word[:STEM] for word in words if len(word) >= 4 or word[0].isdigit()}
    return telling or set(words)


def _more(text: str, other: str) -> Counter[str]:
    return Counter(_words(text)) - Counter(_words(other))


def _numbers(text: str) -> Counter[str]:
    return Counter(word for word in _words(text) if word[0].isdigit())


def _words(text: str) -> list[str]:
    """Plain words and numbers; "3dd" is two."""
    return _WORDS.findall(re.sub(r"(?<=\d)\.(?=\d)", ",", plain_same_length(text)))
