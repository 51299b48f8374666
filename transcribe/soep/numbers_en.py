"""Spoken English numbers to the written form of the record, for consults in English. Pure text to text."""

from __future__ import annotations

import re

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: n for n, word in enumerate(_ONES)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_WORD = rf"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_NUMBER = re.compile(rf"\b{_WORD}(?:[ -](?:{_WORD}|hundred|thousand|and(?= {_WORD})))*\b", re.IGNORECASE)


def _value(match: re.Match[str]) -> str:
    """ "one hundred and twenty" 120, "one twenty" 120, "twenty-four" 24, "one-one-two" 112; else word by word."""
    words = [word for word in re.split(r"[ -]", match.group().lower()) if word != "and"]
    if all(word in _WORDS and _WORDS[word] < 10 for word in words) and len(words) > 2:
        return "".join(str(_WORDS[word]) for word in words)
    total = 0
    for n, word in enumerate(words):
        if word in ("hundred", "thousand"):
            total *= 100 if word == "hundred" else 1000
        elif n and _WORDS[word] >= 10 and 0 < total < 10:
            total = total * 100 + _WORDS[word]
        else:
            total += _WORDS[word]
    return str(total)


_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), to)
    for pattern, to in (
        (r"\b(\d+) point (\d)\b", r"\1,\2"),
        (r"(?<=\d)\.(?=\d)", ","),
        (r"\b(\d{2,3}) over (\d{2,3})\b", r"\1/\2"),
        (r"\bonce (?:a|per) day\b|\bone (?:a|per) day\b|\bonce daily\b", "1dd"),
        (r"\btwice (?:a|per) day\b|\btwice daily\b", "2dd"),
        (r"\b(\d+) times (?:a|per) day\b", r"\1dd"),
        (r"(?<=\d) ?milligrams?\b", " mg"),
        (r"(?<=\d) ?(?:percent|per cent)\b", "%"),
    )
)


def written(text: str) -> str:
    """Spoken English numbers in the text in written form; everything else stays as it was."""
    text = _NUMBER.sub(_value, text)
    for pattern, to in _RULES:
        text = pattern.sub(to, text)
    return text
