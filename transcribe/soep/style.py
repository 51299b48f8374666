"""How a practice likes its notes: abbreviations, length and order of lines, and rules for single words. Pure.

Style is about form alone. A rule that names a number, a denial, a side or a drug is not taken (``check_rule``); a
change that would touch one in a line after all is left out of that line. The checker runs on the styled text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from transcribe.errors import N_, InvalidInput
from transcribe.soep.lexicon import WORD, any_of, mentions, table, words
from transcribe.soep.memory import forget
from transcribe.soep.note import Line, Note, Section
from transcribe.soep.numbers import numbers_in, plain

#: Words of the longest line; this many is how drafts are written anyway.
LONGEST = 24
SHORTEST = 6
MAX_RULE = 40
MAX_RULE_WORDS = 3


class Order(StrEnum):
    """The order of the lines within a section."""

    TALK = "gesprek"  # as it was said
    DENIED_LAST = "ontkend-laatst"  # what is there before what is not


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a practice set. The default leaves a draft as it is."""

    abbreviations: bool = True
    line_words: int = LONGEST
    order: Order = Order.TALK


@dataclass(frozen=True, kw_only=True)
class Rule:
    """ "Schrijf voortaan RR in plaats van bloeddruk." Of one doctor; does nothing before it is accepted."""

    id: UUID
    said: str
    written: str
    accepted: bool
    seen: int = 0  # in how many consults the doctor made this change


def apply_style(note: Note, style: Style, rules: Sequence[Rule] = ()) -> Note:
    """The same note in another form: abbreviations, words by accepted rules, order and length of lines."""
    try:
        return _styled(note, style, [rule for rule in rules if rule.accepted])
    finally:
        forget()


def _styled(note: Note, style: Style, taken: Sequence[Rule]) -> Note:
    reports = []
    count = note.next_line
    for report in note.reports:
        lines: list[Line] = []
        for section in Section:
            own = [_worded(line, style, taken) for line in report.section(section)]
            if style.order is Order.DENIED_LAST:
                own.sort(key=lambda line: _denied(line.text))
            for line in own:
                first, *more = _in_parts(line.text, style.line_words)
                lines.append(replace(line, text=first))
                for part in more:
                    lines.append(replace(line, id=f"L{count}", text=part))
                    count += 1
        reports.append(replace(report, lines=tuple(lines)))
    return replace(note, reports=tuple(reports), next_line=count)


def check_rule(said: str, written: str) -> tuple[str, str]:
    """The two sides of a rule, tidied. Raises ``InvalidInput`` with a sentence that says what is wrong."""
    said, written = (" ".join(text.split()) for text in (said, written))
    if not words(said) or not words(written):
        raise InvalidInput(problem=N_("Vul in wat er staat en wat u wilt schrijven."))
    if max(len(said), len(written)) > MAX_RULE or max(len(words(said)), len(words(written))) > MAX_RULE_WORDS:
        raise InvalidInput(problem=N_("Een stijlregel gaat over hoogstens drie woorden."))
    if said == written:
        raise InvalidInput(problem=N_("Beide kanten van de regel zijn hetzelfde."))
    if not (said + written).isprintable() or re.search(r"[<>{}|\\]", said + written):
        raise InvalidInput(problem=N_("Gebruik alleen letters en gewone leestekens."))
    if _content(said) or _content(written):
        raise InvalidInput(
            problem=N_("Een stijlregel mag geen getal, ontkenning, kant, onzekerheid of geneesmiddel bevatten.")
        )
    return said, written


def difference(before: str, after: str) -> tuple[str, str] | None:
    """The one change of words between two texts of a line, if it could be a rule; else None.

    On the left only words of the program's own tables are ever noticed, on the right nothing that looks like a name:
    what is kept of an edit must say nothing of a patient.
    """
    try:
        return _difference(before, after)
    finally:
        forget()


def _difference(before: str, after: str) -> tuple[str, str] | None:
    old, new = WORD.findall(before), WORD.findall(after)
    changes = [step for step in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes() if step[0] != "equal"]
    if len(changes) != 1 or changes[0][0] != "replace":
        return None
    _, a, b, c, d = changes[0]
    said, written = " ".join(old[a:b]), " ".join(new[c:d])
    if a == 0:  # the capital of a first word says nothing
        said = said[:1].lower() + said[1:]
        written = written if written.isupper() else written[:1].lower() + written[1:]
    plain_case = all(word.islower() or (word.isupper() and len(word) <= 5) for word in written.split())
    if not plain_case or not said.islower() or not all(any_of(KNOWN, word) for word in said.split()):
        return None
    try:
        return check_rule(said, written)
    except InvalidInput:
        return None


#: Kinds of words of which a change is noticed.
KNOWN = ("vitals", "symptoms", "dx", "body", "findings", "care", "advice", "note_words")


def same_content(before: str, after: str) -> bool:
    """Do two texts have the same numbers, denials, sides, doubts and drugs, in the same order where it matters?"""
    return (
        numbers_in(before) == numbers_in(after)
        and re.findall(r"\d+", before) == re.findall(r"\d+", after)
        and _protected_in(before) == _protected_in(after)
        and [plain(m.text) for m in mentions("drugs", before)] == [plain(m.text) for m in mentions("drugs", after)]
    )


def _worded(line: Line, style: Style, rules: Sequence[Rule]) -> Line:
    text = line.text
    if not style.abbreviations:
        for pattern, to in _written_out():
            text = _kept(text, pattern.sub(to, text))
    for rule in rules:
        text = _kept(text, _replaced(text, rule.said, rule.written))
    return replace(line, text=text[:1].upper() + text[1:])


def _kept(before: str, after: str) -> str:
    return after if same_content(before, after) else before


def _replaced(text: str, said: str, written: str) -> str:
    return re.sub(rf"(?<![\w-]){re.escape(said)}(?![\w-])", lambda _: written, text, flags=re.IGNORECASE)


def _in_parts(text: str, most: int) -> list[str]:
    """A line in sentences that together have at most so many words; a sentence is never cut."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-ZÀ-Ý'\d])", text)
    if len(words(text)) <= most or text.startswith("Heteroanamnese"):  # who told it counts for the whole line
        return [text]
    parts = [sentences[0]]
    for _, sentence in pairwise(sentences):
        if len(words(parts[-1])) + len(words(sentence)) <= most:
            parts[-1] += f" {sentence}"
        else:
            parts.append(sentence)
    return parts


def _denied(text: str) -> bool:
    return re.match(r"(?:geen|niet|nooit|no|not)\b", text.lower()) is not None


def _content(text: str) -> bool:
    return (
        bool(re.search(r"\d", text))
        or bool(_protected_in(text))
        or bool(mentions("drugs", text))
        or bool(numbers_in(text))
    )


def _protected_in(text: str) -> list[str]:
    return [word for word in words(text) if word in _protected()]


@functools.cache
def _protected() -> frozenset[str]:
    entries = table("style.toml")["protected"]
    assert isinstance(entries, list)
    return frozenset(plain(str(entry)) for entry in entries)


@functools.cache
def _written_out() -> tuple[tuple[re.Pattern[str], str], ...]:
    entries = table("style.toml")["written_out"]
    assert isinstance(entries, list)
    return tuple((re.compile(str(entry["from"])), str(entry["to"])) for entry in entries)
