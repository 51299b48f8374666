"""The rule tables of ``transcribe/soep/rules`` as compiled patterns. No rules here: words and cues are data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transcribe.soep.language import BOTH, DUTCH, by_language, language
from transcribe.soep.memory import remembered
from transcribe.soep.numbers import plain
from transcribe.soep.tables import table as table

NEVER = r"(?!)"  # what a cue that a language does not have matches
WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_NOT_ASCII = re.compile(r"([^\x00-\x7f])")


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A term of a table, found in a text: the whole word(s) as said, with their place."""

    text: str
    start: int
    end: int


@by_language
def terms(kind: str) -> tuple[str, ...]:
    """The entries of one list in the terms of the language."""
    entries = spoken_table("terms")[kind]
    assert isinstance(entries, list)
    return tuple(plain(str(entry)) for entry in entries)


@by_language
def spoken_table(name: str) -> dict[str, object]:
    """A table that each language has for itself: ``cues.toml``, ``cues_en.toml``; both as one where both count.

    The Dutch table says which keys there are; what English does not have is empty and never matches.
    """
    dutch = table(f"{name}.toml")
    if language() == DUTCH:
        return dutch
    return _english(dutch, table(f"{name}_en.toml"), with_dutch=language() == BOTH)


def _english(dutch: dict[str, object], english: dict[str, object], *, with_dutch: bool) -> dict[str, object]:
    if unknown := english.keys() - dutch.keys():
        raise ValueError(f"{sorted(unknown)} of the English table have no counterpart in the Dutch one")
    result: dict[str, object] = {}
    for key, one in dutch.items():
        if isinstance(one, dict):
            other = english.get(key, {})
            assert isinstance(other, dict)
            result[key] = _english(one, other, with_dutch=with_dutch)
        else:
            result[key] = [*(_listed(one) if with_dutch else ()), *_listed(english.get(key, []))]
    return result


def _listed(entries: object) -> list[object]:
    return entries if isinstance(entries, list) else [entries]


@by_language
def pattern(kind: str) -> re.Pattern[str]:
    """One pattern that finds any entry of a term list, to the end of the word it is in. For ``plain`` text."""
    whole: list[str] = []
    start: list[str] = []
    anywhere: list[str] = []
    for entry in (*terms(kind), *(_drug_names() if kind == "drugs" else ())):
        target, body = (
            (whole, entry[1:]) if entry[0] == "=" else (anywhere, entry[1:]) if entry[0] == "*" else (start, entry)
        )
        target.append(re.escape(body).replace(r"\ ", " "))
    parts = []
    if whole:
        parts.append(rf"(?<![\w-])(?:{'|'.join(whole)})(?![\w])")
    if start:
        parts.append(rf"(?<![\w-])(?:{'|'.join(sorted(start, key=len, reverse=True))})[\w-]*")
    if anywhere:
        parts.append(rf"(?<![\w-])[\w-]*(?:{'|'.join(anywhere)})(?:en|s|tje|je|jes)?(?![\w])")
    endings = {"dx": "dx_endings", "drugs": "drug_endings"}.get(kind)
    if endings:
        parts.append(rf"(?<![\w-])[\w-]{{2,}}(?:{'|'.join(terms(endings))})(?![\w])")
    return re.compile("|".join(parts) or NEVER)


def _drug_names() -> list[str]:
    """The generic and trade names of ``drugs.toml``; not those that are also given names."""
    names = table("drugs.toml")
    generic, brands = names["generic"], names["brands"]
    assert isinstance(generic, list)
    assert isinstance(brands, dict)
    return [name for name in (*map(plain, generic), *map(plain, brands)) if name not in GIVEN_NAMES]


GIVEN_NAMES = ("diane",)


@remembered
def mentions(kind: str, text: str) -> tuple[Mention, ...]:
    """All terms of a kind in a text, in order."""
    flat = plain_same_length(text)
    found = (
        Mention(text=text[m.start() : m.end()], start=m.start(), end=m.end())
        for m in pattern(kind).finditer(flat)
        if m.group().strip("-")
    )
    if kind == "dx":
        banned = terms("dx_not")
        return tuple(m for m in found if plain(m.text) not in banned)
    return tuple(found)


def has(kind: str, text: str) -> bool:
    return bool(mentions(kind, text))


def any_of(kinds: Iterable[str], text: str) -> bool:
    return any(has(kind, text) for kind in kinds)


@by_language
def cue_pattern(section: str, name: str) -> re.Pattern[str]:
    table = spoken_table("cues")[section]
    assert isinstance(table, dict)
    value = table[name]
    entries = [value] if isinstance(value, str) else value
    return re.compile("|".join(f"(?:{entry})" for entry in entries) or NEVER, re.IGNORECASE)


def cue_names(section: str) -> Iterator[str]:
    table = spoken_table("cues")[section]
    assert isinstance(table, dict)
    yield from table


def cue(section: str, name: str, text: str) -> re.Match[str] | None:
    """The first place where a cue of the language is said."""
    return cue_pattern(section, name).search(plain_same_length(text))


@remembered
def plain_same_length(text: str) -> str:
    """``plain`` text of exactly the same length, so that places in it are places in the text itself."""
    parts = _NOT_ASCII.split(text)  # each odd one is a single letter
    return "".join(part.lower() if part.isascii() else (plain(part) or " ")[0] for part in parts)


def words(text: str) -> list[str]:
    """The words of a text, plain."""
    return WORD.findall(text.lower()) if text.isascii() else [plain(word) for word in WORD.findall(text)]
