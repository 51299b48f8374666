"""Words that mean the same thing, from ``rules/concepts.toml``: a note may say "dyspnoe" where "benauwd" was said."""

from __future__ import annotations

import functools
import re

from transcribe.soep.lexicon import plain_same_length, table, words
from transcribe.soep.memory import remembered


@functools.cache
def _groups() -> tuple[tuple[str, ...], ...]:
    groups = table("concepts.toml")["concepts"]
    assert isinstance(groups, list)
    return tuple(tuple(map(str, group)) for group in groups)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile("|".join(map(_anchored, group))) for group in _groups())


@functools.cache
def _bare() -> tuple[re.Pattern[str], ...]:
    """What must be in a text for the pattern of that place to match: quicker to look for, and mostly not there."""
    return tuple(re.compile("|".join(f"(?:{entry.removeprefix('*')})" for entry in group)) for group in _groups())


def _anchored(entry: str) -> str:
    return rf"(?<![^\W\d_])[\w-]*(?:{entry[1:]})" if entry[0] == "*" else rf"(?<![^\W\d_])(?:{entry})"


@remembered
def concepts_of(text: str) -> tuple[tuple[int, int, int], ...]:
    """The concepts a line speaks of, as numbers without further meaning, each with its place."""
    flat = plain_same_length(text)
    return tuple(
        (n, *match.span())
        for n, (bare, pattern) in enumerate(zip(_bare(), _patterns(), strict=True))
        if bare.search(flat)
        for match in pattern.finditer(flat)
    )


def speaks_of(text: str, concept: int) -> bool:
    return _patterns()[concept].search(plain_same_length(text)) is not None


_FOLDS = (
    ("sch", "sg"), ("ch", "g"), ("ph", "f"), ("th", "t"), ("qu", "kw"), ("x", "ks"), ("ce", "se"), ("ci", "si"),
    ("cy", "sy"), ("c", "k"), ("z", "s"), ("v", "f"), ("ij", "i"), ("y", "i"), ("ae", "e"),
)  # fmt: skip
_DOUBLED = re.compile(r"([a-z])\1")


@remembered
def fold(plain: str) -> str:
    """A plain text as it sounds, roughly: spellings of one sound become one ("kloof" and "kloven" share "klof")."""
    for spelled, to in _FOLDS:
        plain = plain.replace(spelled, to)
    return _DOUBLED.sub(r"\1", plain)


@remembered
def sound(text: str) -> str:
    """All words of a text as they sound, a space between them."""
    return " ".join(fold(word) for word in words(text))
