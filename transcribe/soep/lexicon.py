"""The rule tables of ``transcribe/soep/rules`` as compiled patterns. No rules here: words and cues are data."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

from transcribe.soep.memory import remembered
from transcribe.soep.numbers import plain

WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A term of a table, found in a text: the whole word(s) as said, with their place."""

    text: str
    start: int
    end: int


@functools.cache
def table(name: str) -> dict[str, object]:
    """One file of rules."""
    return tomllib.loads(resources.files("transcribe.soep.rules").joinpath(name).read_text(encoding="utf-8"))


@functools.cache
def terms(kind: str) -> tuple[str, ...]:
    """The entries of one list in ``terms.toml``."""
    entries = _terms()[kind]
    assert isinstance(entries, list)
    return tuple(plain(str(entry)) for entry in entries)


@functools.cache
def _terms() -> dict[str, object]:
    return _merged(table("terms.toml"), table("terms_en.toml"))


@functools.cache
def _cues() -> dict[str, object]:
    return _merged(table("cues.toml"), table("cues_en.toml"))


def _merged(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    """Two tables as one: lists one behind the other. Dutch and English terms hardly meet, so both always count."""
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _merged(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value]
        else:
            raise ValueError(f"{key!r} of the second table has no counterpart in the first")
    return result


@functools.cache
def pattern(kind: str) -> re.Pattern[str]:
    """One pattern that finds any entry of a term list, to the end of the word it is in. For ``plain`` text."""
    whole: list[str] = []
    start: list[str] = []
    anywhere: list[str] = []
    for entry in terms(kind):
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
    return re.compile("|".join(parts))


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


@functools.cache
def cue_pattern(section: str, name: str) -> re.Pattern[str]:
    table = _cues()[section]
    assert isinstance(table, dict)
    value = table[name]
    entries = [value] if isinstance(value, str) else value
    return re.compile("|".join(f"(?:{entry})" for entry in entries), re.IGNORECASE)


def cue_names(section: str) -> Iterator[str]:
    table = _cues()[section]
    assert isinstance(table, dict)
    yield from table


def cue(section: str, name: str, text: str) -> re.Match[str] | None:
    """The first place where a cue of ``cues.toml`` is said."""
    return cue_pattern(section, name).search(plain_same_length(text))


@remembered
def plain_same_length(text: str) -> str:
    """``plain`` text of exactly the same length, so that places in it are places in the text itself."""
    return "".join((plain(c) or " ")[0] if not c.isascii() else c.lower() for c in text)


def words(text: str) -> list[str]:
    """The words of a text, plain."""
    return [plain(word) for word in WORD.findall(text)]
