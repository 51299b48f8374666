"""What the words beside a spoken number say of it: is it counted, a decimal, a temperature, a number at all? Pure.

The words are data: ``rules/numbers.toml``. In doubt two numbers stay two: that can be seen, a wrong one can not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from transcribe.soep.tables import table

_RULES = table("numbers.toml")


def _any(group: str, name: str = "") -> str:
    found = _RULES[group]
    if isinstance(found, dict):
        found = found[name]
    assert isinstance(found, list)
    return rf"(?:{'|'.join(map(str, found))})"


#: What is counted, in rules of others too.
COUNTED = _any("counted")
#: The same, and when something is taken.
TAKEN = rf"(?:{COUNTED}|{_any('taken')})(?!\w)"
#: Units of what is weighed or measured.
UNITS = _any("units")

_MARK = re.compile(r"[.;:!?()]|,(?!\d)")
_WORDS = re.compile(r"[^\s,.;:!?()]+")
_HOUR = re.compile(r"\d+(?: |[.:]\d\d )(uur)\b", re.IGNORECASE)
_DIGITS = re.compile(r"[\d,/]+%?")
_FAR = r"(?: (?:tot|à|a|of) [\w,]+)?"  # "drie tot vier keer"
_COUNTS = re.compile(rf"{_FAR} ?{COUNTED}(?!\w)", re.IGNORECASE)
_TAKEN = re.compile(rf"{_FAR} ?{TAKEN}", re.IGNORECASE)
_UNIT = re.compile(rf" ?(?:{UNITS}(?!\w)|%)", re.IGNORECASE)
_DEGREES = re.compile(r" ?(?:graden|kilo(?:gram)?|kg)\b", re.IGNORECASE)
_SCORED = re.compile(_any("scored"), re.IGNORECASE)
_WHOLE = re.compile(_any("whole"), re.IGNORECASE)
_MEASURED = re.compile(_any("measured"), re.IGNORECASE)
_NUMBER_BEFORE = re.compile(rf" ?(?:{_any('number_before')}|{_any('measured')}|{_any('whole')})(?!\w)", re.IGNORECASE)
_FEVER = re.compile(_any("fever", "behind"), re.IGNORECASE)
_FEVER_SAID = re.compile(_any("fever", "said"), re.IGNORECASE)
_FEVER_THEN = re.compile(rf"(?: {_any('fever', 'then')}(?!\w))", re.IGNORECASE)
_REGARD = re.compile(
    rf"(?<!\bom )(?<!\been )(?<!\bde )(?<!\btot )(?<!\bvan )(?<!\bhalf )(?<!\bover )(?<!\bvoor )\bacht"
    rf"(?= {_any('regard', 'who')}\b)"
    rf"|(?:(?<=\bik )|(?<=\bwij )|(?<=\bmen )|(?<=\bhij )|(?<=\bzij ))acht"
    rf"(?! (?:{COUNTED}|{UNITS})(?!\w))(?= [^.,;:!?]*\b{_any('regard', 'judged')}\b)"
    rf"|(?<!\bvan )(?<!\bom )(?<!\bpijn )(?<!\bscore )(?<!pijnscore )\bacht"
    rf"(?= {_any('regard', 'what')} [^.,;:!?]*\b{_any('regard', 'judged')}\b)"
    rf"|(?<=\bin )acht(?= (?:te )?{_any('regard', 'observed')}\b)"
    rf"|(?:(?<=\bin )|(?<=\bgeen )|(?<=\bgeef )|(?<=\bgeeft ))acht(?= ?(?:$|[.,;:!?]| (?:op|te)\b))",
    re.IGNORECASE,
)

#: Decimals with which people count: 2,5 jaar.
_HALVES = frozenset({5, 25, 75})
_MOST_HALVED = 9
#: Between these a bare "38 punt 5" is a temperature.
FEVER = range(34, 43)


def clause(text: str, start: int, end: int) -> tuple[str, str]:
    """What stands before and behind a place, up to a mark."""
    before = _MARK.split(text[:start])[-1]
    return before, _MARK.split(text[end:], maxsplit=1)[0]


def counts(after: str) -> bool:
    """Does a number before this text count what it begins with?"""
    return _COUNTS.match(after) is not None


def taken(text: str, at: int = 0) -> bool:
    """The same, also for when something is taken: "per dag", "'s avonds"."""
    return _TAKEN.match(text, at) is not None


def _last(text: str, number: int) -> list[str]:
    """So many words at most, none of them before another number: "pols 80 temperatuur" is about a temperature."""
    words = _WORDS.findall(_HOUR.sub(r"\1", text))
    begin = next((n + 1 for n in range(len(words) - 1, -1, -1) if _DIGITS.fullmatch(words[n])), 0)
    return words[max(begin, len(words) - number) :]


def _has(pattern: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(pattern.fullmatch(word) for word in words)


def scored(before: str) -> bool:
    """Is a number behind this text how often, or a score?"""
    return _has(_SCORED, _last(before, 3))


def measured(before: str) -> bool:
    """Is a number behind this text what was measured? Fever also lasts: "koorts, 2, 3 dagen"."""
    near = _last(before, 1)
    return _has(_MEASURED, near) and not _has(_FEVER, near)


def is_article(after: str) -> bool:
    """Is an "een" before this text an article? It is a number at an end, before a unit, another measurement, a verb."""
    return bool(after.strip()) and not _UNIT.match(after) and not _NUMBER_BEFORE.match(after)


def _whole(near: list[str]) -> bool:
    """Does the nearest word that tells it say that a number behind these has no decimals? "Over" is no more than the
    word right before it: "over 90", and not "over een week".
    """
    for back, word in enumerate(reversed(near)):
        if _MEASURED.fullmatch(word):
            return False
        if _WHOLE.fullmatch(word) and (back == 0 or word.lower() != "over"):
            return True
    return False


def is_decimal(before: str, left: int, mark: str, right: int, after: str) -> bool:
    """Are two numbers with "komma" or "punt" between one? ``before``, ``after``: the rest of the clause."""
    if left == 0:
        return True
    near = _last(before, 3)
    if _whole(near):
        return False
    if counts(after) or (taken(after) and not _has(_MEASURED, near)):
        return mark == "komma" and left <= _MOST_HALVED and right in _HALVES and not scored(before)
    if mark == "komma" or _DEGREES.match(after):
        return True
    small = right < 10
    if _has(_MEASURED, near) or (small and _UNIT.match(after)):
        return True
    return small and left in FEVER and not after.strip() and (not near or _has(_FEVER_SAID, near[-1:]))


def is_fever(before: str, after: str) -> bool:
    """Are two numbers ("38 4") a temperature that was said without a mark?"""
    if counts(after):
        return False
    if _UNIT.match(after):
        return re.match(r" ?graden\b", after) is not None
    if _has(_FEVER, _last(before, 4)) or not before.strip():
        return True
    return _has(_FEVER_SAID, _last(before, 1)) and (not after.strip() or _FEVER_THEN.match(after) is not None)


def regards(text: str) -> frozenset[int]:
    """Where "acht" is a verb or a noun: "dat acht ik", "in acht nemen"."""
    return frozenset(match.start() for match in _REGARD.finditer(text))
