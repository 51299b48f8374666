"""A dictated sentence as a huisarts types it: 38,5; RR 140/90; 3dd500mg; 3-3-2026. Pure; the rules are data.

Only the written form changes. What is not understood stays as it was said.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from transcribe.soep.counted import COUNTED, UNITS
from transcribe.soep.lexicon import table
from transcribe.soep.measures import MONTHS, ORDINAL
from transcribe.soep.numbers import compact, number_word, written

_Written = str | Callable[[re.Match[str]], str]

#: "eerste" and "tweede" are also words ("eerste hulp"): ordinals are written as numbers from here on.
FIRST_ORDINAL = 3
SHORT = {"kilo": "kg", "gram": "g", "liter": "l"}


def written_form(text: str) -> str:
    """One sentence; the same again when it was written already."""
    text = ORDINAL.sub(_ordinal, written(text))
    for pattern, to in _forms():
        text = pattern.sub(to, text)
    return compact(text)


def _ordinal(match: re.Match[str]) -> str:
    value = 3 if match[0].lower() == "derde" else number_word(match[1])
    share = match.string[: match.start()].rstrip()
    if value is None or value < FIRST_ORDINAL or re.search(r"(?:\d|\been|\bper)$", share):  # "2 derde", "een vijfde"
        return match[0]
    return f"{value}e"


def _date(match: re.Match[str]) -> str:
    return "-".join(part for part in (match[1], str(MONTHS[match[2].lower()]), match[3]) if part)


_WRITERS: dict[str, Callable[[re.Match[str]], str]] = {
    "date": _date,
    "spelled": lambda match: {"h b": "Hb"}.get(match[0].lower(), match[0].replace(" ", "").upper()),
    "upper": lambda match: match[0].upper(),
    "vitamin": lambda match: f"vitamine {(match[1] or match[3]).upper()}{match[2] or match[4]}",
    "per": lambda match: f" {match[1]}/{SHORT.get(match[2].lower(), match[2])}",
    "needed": lambda match: match[0].replace("zo nodig", "zn"),
}


def _with_words(pattern: str) -> str:
    return pattern.replace("{counted}", COUNTED).replace("{units}", UNITS)


@functools.cache
def _forms() -> tuple[tuple[re.Pattern[str], _Written], ...]:
    entries = table("spoken_forms.toml")["form"]
    assert isinstance(entries, list)
    return tuple(
        (
            re.compile(_with_words(str(entry["from"])), 0 if entry.get("exact") else re.IGNORECASE),
            _WRITERS.get(str(entry["to"]), str(entry["to"])),
        )
        for entry in entries
    )
