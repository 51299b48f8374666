"""Characters that can't be seen: they hide words from a reader, turn their order, or make two names that look alike."""

from __future__ import annotations

import unicodedata

#: Between two characters that are drawn as one: an emoji, a Persian or Hindi name.
JOINERS = "\u200c\u200d"
#: Controls, formats (order of writing, zero width), halves of characters, private use, not assigned.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def seen(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) not in UNSEEN


def all_seen(text: str) -> bool:
    return all(map(seen, text))


def one_row(text: str) -> str:
    """In one row, each white space one blank, without what can't be seen: pasted text brings it along unasked."""
    return " ".join("".join(filter(seen, " ".join(text.split()))).split())
