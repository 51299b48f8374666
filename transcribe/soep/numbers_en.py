"""Spoken English numbers to the written form of the record, for consults in English. Pure text to text.

The written form is that of ``numbers.py``: decimal comma, ``RR 142/86``, ``3dd``. Whatever is not understood stays.
"""

from __future__ import annotations

import re

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: n for n, word in enumerate(_ONES)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_SIZES = {"hundred": 100, "thousand": 1000}
_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_NUMBER = re.compile(
    rf"\b(?:a (?=hundred|thousand))?(?:{_WORD}|(?<=a )hundred|(?<=a )thousand)"
    rf"(?:[ -](?:{_WORD}|hundred|thousand|oh(?=[ -]{_WORD})|and(?= {_WORD})(?<=hundred and|housand and)))*\b"
    r"(?![ -](?:first|second|third|\w+th)\b)",
    re.IGNORECASE,
)
_UNITS = r"(?:milligrams?|micrograms?|milliliters?|millimeters?|centimeters?|percent|per cent|degrees)"
_DAYS = r"(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?)"
#: "one" counts only before one of these; elsewhere it is a pronoun ("this one", "one of them").
_COUNTED = re.compile(
    rf" (?:and a half|point \w+|over \d|out of|to \w+ (?:times|{_DAYS}|tablets?|pills?)|times?\b|more\b|"
    rf"(?:a|per) (?:day|week|month)|{_UNITS}|{_DAYS}|tablets?|pills?|capsules?|puffs?|drops?|pounds?|"
    r"inch|inches|feet|foot|sister|brother|son|daughter|child|kid|glass|cup|beer|pack|cigarette)",
    re.IGNORECASE,
)


def _value(match: re.Match[str]) -> str:
    """ "one hundred and twenty" and "one twenty" 120, "nineteen eighty-four" 1984, "two three" 2-3."""
    words = [word for word in re.split(r"[ -]", match.group().lower()) if word != "and"]
    words = words[1:] if words[0] == "a" else words
    if words == ["one"] and not _COUNTED.match(match.string[match.end() :]):
        return match.group()
    digits = [0 if word == "oh" else _WORDS.get(word, 10) for word in words]
    if len(words) == 2 and digits[0] % 10 == digits[1] % 10 == 0 and digits[1] - digits[0] == 10 <= digits[0]:
        return f"{digits[0]}-{digits[1]}"  # "forty fifty"
    if max(digits) < 10 and len(words) > 1:
        return "-".join(map(str, digits)) if len(words) == 2 and 0 < digits[1] - digits[0] < 3 else "".join(
            map(str, digits)
        )  # fmt: skip
    total = part = 0
    for word, digit in zip(words, digits, strict=True):
        if word == "thousand":
            total, part = (max(part, 1)) * 1000, 0
        elif word == "hundred":
            part = max(part, 1) * 100
        elif part % 100 == 0 or (digit < 10 <= part % 100 and part % 10 == 0 and part % 100 >= 20):
            part += digit
        elif part < 100 and digit >= 10:  # "one twenty", "nineteen eighty"; "one oh five"
            part = part * 100 + digit
        elif word == "oh":
            part *= 10
        else:
            return match.group()
    return str(total + part)


_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), to)
    for pattern, to in (
        (r"(?<=\d),(?=\d{3}\b)", ""),  # 1,000
        (r"\b(\d+) point (?:oh )?(\d)\b", r"\1,\2"),
        (r"\b(\d+) and a half\b", r"\1,5"),
        # three decimals keep the point: with a comma they would read as thousands
        (r"(?<=\d)\.(?=\d)(?!\d{3}\b)", ","),
        (r"\b(\d{2,3}) over (\d{2,3})\b", r"\1/\2"),
        (r"\b(\d{1,2}) out of (\d{1,2})\b", r"\1/\2"),
        (r"\bonce (?:a|per) day\b|\bonce daily\b", "1dd"),
        (r"\btwice (?:a|per) day\b|\btwice daily\b", "2dd"),
        (r"\b(\d+(?:-\d+)?)(?: times?)? (?:a|per) day\b|\b(\d+(?:-\d+)?) times? daily\b", r"\1\2dd"),
        (r"\b(\d+(?:-\d+)?)(?: times?)? (?:a|per) (week|month|year)\b", r"\1x per \2"),
        (r"\bonce (?:a|per) (week|month|year)\b", r"1x per \1"),
        (r"\btwice (?:a|per) (week|month|year)\b", r"2x per \1"),
        (r"(?<=\d)[ -]?milligrams?\b", " mg"),
        (r"(?<=\d)[ -]?micrograms?\b", " mcg"),
        (r"(?<=\d)[ -]?milliliters?\b", " ml"),
        (r"(?<=\d)[ -]?centimeters?\b", " cm"),
        (r"(?<=\d)[ -]?millimeters?\b", " mm"),
        (r"(?<=\d) ?(?:percent|per cent)\b", "%"),
    )
)  # fmt: skip


def written(text: str) -> str:
    """Spoken English numbers in the text in written form; everything else stays as it was."""
    text = _NUMBER.sub(_value, text)
    for pattern, to in _RULES:
        text = pattern.sub(to, text)
    return text
