"""Names of files, as a disk and as a list write them: compared by one rule. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from transcribe.visible import one_row


def written(name: str) -> str:
    """As a spreadsheet gives a name back: accents composed, each white space one blank, slashes between folders."""
    return one_row(unicodedata.normalize("NFC", name).replace("\\", "/"))


def folded(name: str) -> str:
    """``written``, whatever the capitals."""
    return unicodedata.normalize("NFC", written(name).casefold())


class Names:
    """Names of files, to be found by what a list says."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._levels: list[dict[str, list[str]]] = []
        for key in (written, folded):
            level: dict[str, list[str]] = {}
            for name in sorted(self._exact):
                level.setdefault(key(name), []).append(name)
            self._levels.append(level)

    def find(self, wanted: str) -> list[str]:
        """Which it may be: to the letter, else ``written`` alike, else with other capitals. More than one: nobody
        knows which.
        """
        if wanted in self._exact:
            return [wanted]
        for key, level in zip((written, folded), self._levels, strict=True):
            if found := level.get(key(wanted)):
                return found
        return []
