"""Spoken Dutch numbers, doses and vital signs to the written form of the GP record. Pure text to text.

Written form (NHG style as in the house research, section 1.4): Dutch decimal comma, ``RR 142/86``, ``T 38,4``,
``sat 97%``, ``3dd`` for three times daily. RR is Riva-Rocci, blood pressure, and never a breathing rate. A number and
its unit are kept apart ("3dd 500 mg"): glued doses are misread more easily; ``compact`` gives the glued form of
practices that want it ("3dd500mg").

Whatever is not understood stays as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from transcribe.soep import counted
from transcribe.soep.counted import COUNTED
from transcribe.soep.memory import remembered

ONES = ("nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen")
TEENS = (
    "tien", "elf", "twaalf", "dertien", "veertien", "vijftien", "zestien", "zeventien", "achttien", "negentien",
)  # fmt: skip
TENS = {
    "twintig": 20, "dertig": 30, "veertig": 40, "vijftig": 50, "zestig": 60, "zeventig": 70, "tachtig": 80,
    "negentig": 90,
}  # fmt: skip

UNITS = {
    r"milligram(?:men)?": "mg", r"microgram": "mcg", r"milliliters?": "ml", r"centimeters?": "cm",
    r"millimeters?": "mm", r"millimol": "mmol", r"kilo(?:gram)?s?": "kg",
}  # fmt: skip

# What a spoken "een" counts in a prescription; elsewhere "een" is an article.
DOSE_FORMS = r"(?:tablet|capsule|zakje|puf|pufje|druppel|ampul|zetpil|ovule|spray|pleister)"
TIME_UNITS = r"(?:seconden?|minuten|minuut|uur|uren|dag|dagen|week|weken|maand|maanden|jaar|jaren)"

_WORD = re.compile(r"[^\W\d_]+(?:-en-[^\W\d_]+)?")


def plain(text: str) -> str:
    """Lower case without accents, for comparing."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("’", "'")


def _below_hundred() -> dict[str, int]:
    values = {word: n for n, word in enumerate((*ONES, *TEENS))} | dict(TENS)
    values |= {f"{ONES[n]}en{ten}": value + n for ten, value in TENS.items() for n in range(1, 10)}
    return values


_ONE = ("één", "éen", "eén")  # with accents it counts, without it is the article

_SMALL = _below_hundred()


@remembered
def number_word(word: str) -> int | None:
    """The value of one Dutch number word ("tweeënveertig", "vijfentwintighonderd"), None for any other word."""
    word = plain(word).replace("-", "")
    if word in _SMALL:
        return _SMALL[word]
    for name, size in (("duizend", 1000), ("honderd", 100)):
        head, found, tail = word.partition(name)
        if not found:
            continue
        many = 1 if not head else number_word(head)
        if many is None or not 0 < many < 100:
            return None
        if not tail:
            return many * size
        rest = number_word(tail)
        if rest is None and tail.startswith("en"):
            rest = number_word(tail[2:])
        return many * size + rest if rest is not None and 0 < rest < size else None
    return None


def _digits(text: str) -> str:
    """Number words as digits; "een" stays, it is an article more often than a number."""
    out: list[str] = []
    at = 0
    last: tuple[int, int] | None = None  # value and place in ``out`` of the number just written
    regards = counted.regards(text)
    for match in _WORD.finditer(text):
        word = match.group()
        between = text[at : match.start()]
        at = match.end()
        value = None if match.start() in regards else _value(word)
        joined = _joined(last[0], value) if last and value is not None and between in (" ", "-") else None
        if joined is not None and value is not None and last and not _counts(value, text, at):
            out[last[1]] = str(joined)
            last = (joined, last[1])
            continue
        out.append(between)
        out.append(word if value is None else str(value))
        last = None if value is None else (value, len(out) - 1)
    out.append(text[at:])
    return "".join(out)


def _value(word: str) -> int | None:
    return 1 if word.lower() in _ONE else None if word.lower() == "een" else number_word(word)


_PART = re.compile(r" en een hal(?:f|ve)\b| (?:honderd|duizend)\b", re.IGNORECASE)
_SECOND = re.compile(r",? ([^\W\d_]+|\d{1,2}\b)")


def _counts(value: int, text: str, at: int) -> bool:
    """Does a number that ends there count what follows, by itself or as the first of two ("drie, vier keer")?"""
    if value >= 100:
        return False  # "twee honderd keer"
    if counted.taken(text, at) or _PART.match(text, at):
        return True
    second = _SECOND.match(text, at)
    if second is None:
        return False
    other = int(second[1]) if second[1].isdecimal() else _value(second[1])
    return other is not None and 0 < other - value <= 2 and counted.taken(text, second.end())


def _joined(before: int, value: int) -> int | None:
    """Number words written apart: "honderd vijftig", "twee honderd", "negentienhonderd zesenzeventig"."""
    if before >= 100 and before % 100 == 0 and 0 < value < 100:
        return before + value
    if before >= 1000 and before % 1000 == 0 and 0 < value < 1000:
        return before + value
    if 1 < before < 10 and value in (100, 1000):
        return before * value
    return None


def _pressure(match: re.Match[str]) -> str:
    upper, lower = int(match[1]), int(match[2])
    return f"{upper}/{lower}" if 70 <= upper <= 280 and 30 <= lower <= 160 and lower < upper else match[0]


def _range(match: re.Match[str]) -> str:
    near = 0 < int(match[2]) - int(match[1]) <= 2
    return f"{match[1]}-{match[2]}" if near and not _two_things(match) else match[0]


def _next(match: re.Match[str]) -> str:
    return f"{match[1]}-{match[2]}" if int(match[2]) - int(match[1]) == 1 and not _two_things(match) else match[0]


_LASTS = re.compile(rf" ?{TIME_UNITS}\b", re.IGNORECASE)


def _two_things(match: re.Match[str]) -> bool:
    """ "3 maal daags 2, 3 dagen": how many, and how long. So is "HbA1c 6, 8 weken later"."""
    before, after = counted.clause(match.string, match.start(), match.end())
    return (counted.scored(before) or counted.measured(before)) and _LASTS.match(after) is not None


def _about(match: re.Match[str]) -> str:
    unit = match["unit"]
    plural = {"keer": "keer", "uur": "uur", "jaar": "jaar", "dag": "dagen", "week": "weken", "maand": "maanden"}
    minutes = {"minuut": "minuten"}
    return f"ca {match['n']} {(plural | minutes)[unit]}"


def _telephone(match: re.Match[str]) -> str:
    digits = match[0].replace(" ", "")
    return match[0] if len(digits) != 10 else f"06-{digits[2:]}" if digits.startswith("06") else digits


def _decimal(match: re.Match[str]) -> str:
    """ "38 komma 5", "38 punt 5": one number, or two with a mark between."""
    before, after = counted.clause(match.string, match.start(), match.end())
    left, right = (1 if part.lower() == "een" else int(part) for part in (match["left"], match["right"]))
    article = match["right"].lower() == "een" and counted.is_article(after)
    if article or not counted.is_decimal(before, left, match["mark"].lower(), right, after):
        return match[0]
    return f"{left},{1 if match['right'].lower() == 'een' else match['right']}"


def _fever(match: re.Match[str]) -> str:
    before, after = counted.clause(match.string, match.start(), match.end())
    return f"{match[1]},{match[2]}" if counted.is_fever(before, after) else match[0]


_TIMES = r"(?:x|keer|maal)"
_Written = str | Callable[[re.Match[str]], str]
_SPOKEN: tuple[tuple[str, _Written], ...] = (
    (r"\b0\d{0,3}(?: \d{1,3}){3,9}\b", _telephone),
    # a year in two parts
    (
        rf"\b(in|sinds|uit|van|anno|vanaf|tot) (19|20) (\d\d)\b(?![,/]?\d| ?%| ?(?:{counted.UNITS}|{COUNTED})\b)",
        r"\1 \2\3",
    ),
    # halves and decimals
    (r"\banderhal(?:f|ve)\b", "1,5"),
    (r"\b(\d{1,2}) en een hal(?:f|ve)\b", r"\1,5"),
    (r"\b(?P<left>een|\d+) (?P<mark>komma|punt) (?P<right>een|\d{1,2})\b(?!,\d)", _decimal),
    # decimals said one by one, where a unit tells that nothing is counted; "0,0" is no number by itself
    (rf"\b0,(\d) (\d)(?: (\d))?(?= ?(?:{counted.UNITS}\b|%))", r"0,\1\2\3"),
    (rf"\b0,0 (\d)\b(?![,/]?\d| {COUNTED}\b| \d\b(?! {counted.TAKEN}))", r"0,0\1"),
    # a point is a comma, but not in a time of day ("9.30 uur", "om 9.30")
    (
        r"(?<=\d)(?!(?<=\bom \d)\.[0-5]\d\b)(?!(?<=\bom \d\d)\.[0-5]\d\b)"
        r"\.(?=\d{1,2}\b(?!\.\d))(?!\d\d(?: ?(?:en|tot|-) ?\d\d?(?:[.:]\d\d)?)? ?(?:uur|u)\b)",
        ",",
    ),
    # how tall: "een meter tachtig", not "een meter twintig keer"
    (
        rf"\b(?:een|(?P<left>[12])) meter (?P<cm>\d\d)\b(?![,/]\d| ?%| (?:{counted.UNITS}|{COUNTED})\b)",
        lambda match: f"{match['left'] or 1},{match['cm']} m",
    ),
    # a hormone, no temperature
    (r"\b(vrije?|totaal) T ?([34])\b", r"\1 T\2"),
    # a temperature is often said without "komma": "achtendertig vier"
    (r"(?<![\d,/])\b(3[4-9]|4[0-2]) (\d)\b(?![,/]?\d)", _fever),
    # "een week of zes", "een keer of vier", also with a range behind it
    (r"\b(\d+), (\d+)\b(?=[ .]|$)(?![ ]?(?:mg|ml|mcg|%)|,\d)", _range),
    # ... and "twee drie weken"
    (rf"(?<![\d,/])(?<! [a-z] )\b(\d{{1,2}}) (\d{{1,2}})(?= {TIME_UNITS}\b)", _next),
    (r"\been (?P<unit>dag|week|maand|jaar|uur|minuut|keer) of (?P<n>\d+(?:-\d+)?)\b", _about),
    # the alarm number
    (
        r"\b((?:bel|belt|bellen|belde|gebeld|opbellen|alarmnummer|noodnummer)(?: [a-z]+){0,3} |(?:dan|direct|meteen) )"
        rf"(?:1|een)[ -](?:1|een)[ -]2\b(?! {COUNTED}\b)",
        r"\g<1>112",
    ),
    (r"\b(?:1|een)[ -](?:1|een)[ -]2(?= (?:bellen|gebeld|belt|belde)\b)", "112"),
    # units
    *((rf"(?<=\d) ?\b{word}\b", f" {short}") for word, short in UNITS.items()),
    (r"(?<=\d) ?procent\b", "%"),
    (r"(?<=\d) slagen per minuut\b", "/min"),
    # blood pressure
    (r"\b(\d{2,3}) over (\d{2,3})\b", _pressure),
    # how often
    (rf"\b(?:één|een|1) ?{_TIMES} ?(?:per|op een|in de|op de|op 1) dag\b|\beenmaal daags\b|\b1maal daags\b", "1dd"),
    (rf"\b(\d+(?:-\d+)?) ?{_TIMES} ?(?:per|op een|in de|op de|op 1) dag\b", r"\1dd"),
    (rf"\b(\d+) ?{_TIMES}? ?daags\b", r"\1dd"),
    (r"\b(\d+) (?:d d|dd)\b", r"\1dd"),
    (r"\b(?:één|een) keer (?=per\b|in de\b|op een\b)", "1x "),
    (r"\b(\d+(?:-\d+)?) ?(?:keer|maal)\b", r"\1x"),
    (r"(?<=\dx) (?:in de|op een|in een) (?=week|maand|jaar)", " per "),
    (rf"\been (?={DOSE_FORMS}\b)", "1 "),
)  # fmt: skip
#: A rule that asks for a digit ("\\d") is not tried on a text without one.
_RULES = tuple((re.compile(pattern, re.IGNORECASE), to, r"\d" in pattern) for pattern, to in _SPOKEN)
_DIGIT = re.compile(r"\d")

_GLUED = re.compile(rf"\b({'|'.join(('een', *ONES[2:], *TEENS))})(maal|daags|daagse)\b", re.IGNORECASE)


def _unglue(match: re.Match[str]) -> str:
    value = number_word(match[1])
    if match[2].lower() == "daagse":
        return match[0]
    return f"{value}x per dag" if match[2].lower() == "daags" else f"{value} maal"


_HALVES = re.compile(r"\b(twee|drie|vier|vijf|zes|zeven|acht|negen)(?:en|ën|ëneen|eneen)hal(?:f|ve)\b", re.IGNORECASE)


@remembered
def written(text: str) -> str:
    """Spoken numbers in the text as a GP writes them; everything else stays as it was."""
    text = _HALVES.sub(lambda m: f"{number_word(m[1])},5", text)
    text = _digits(_GLUED.sub(_unglue, text))
    for pattern, to, counts in _RULES:
        if not counts or _DIGIT.search(text):
            text = pattern.sub(to, text)
    return text


_DOSE = re.compile(r"\b(\d+dd) (\d+(?:,\d+)?) (mg|mcg|ml|g)\b")


def compact(text: str) -> str:
    """Doses glued as some practices write them: 3dd500mg."""
    return _DOSE.sub(r"\1\2\3", text)


_NUMBER = re.compile(r"\d+(?:,\d+)?")
_CLOCK = re.compile(r"(?<=\d)\.(?=\d\d\b(?!\.\d))")


def one_number(text: str) -> str:
    """Times of day as one number, for comparing: "17.45" as "17,45"."""
    return _CLOCK.sub(",", text)


def numbers_in(text: str) -> set[str]:
    """All numbers in a text, spoken or written, each as written ("38,4", "142", "86")."""
    return {number.removesuffix(",0") for number in _NUMBER.findall(one_number(written(text)))}
