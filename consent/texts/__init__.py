"""The words spoken, handed or shown to the patient: versioned files, known by id and SHA-256.

Those of this program are beside this file; a practice adds its own in a folder of its data. No file is ever changed or
taken away: records point at its hash. A new wording is a new file with a new id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path


class TextKind(StrEnum):
    SPOKEN = "mondeling"  # what is said before the recording
    LEAFLET = "folder"  # to take home, A5
    SLIDE = "wachtkamer"  # on the screen of the waiting room, 16:9


class TextProblem(ValueError):
    """A file that can't be taken in. The message is a Dutch sentence."""


#: Head of a file of a practice: ``name: value`` lines between two lines of dashes.
_HEAD = re.compile(r"---\n(?P<head>(?:[^\n]*\n)*?)---\n(?P<body>.*)", re.DOTALL)
_FIELDS = ("id", "version", "language", "kind")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_LANGUAGE = re.compile(r"[a-z]{2}")
BAD_HEAD = "Bovenaan horen alleen id:, version:, language: en kind:, elk één keer en ingevuld."
LONGEST_ID, LARGEST_FILE = 60, 20_000  # characters, bytes


@dataclass(frozen=True, kw_only=True)
class ConsentText:
    id: str
    kind: TextKind
    language: str  # ISO 639-1
    version: str  # year and month, or the day: the latest is used
    body: str
    sha256: str  # of the whole file
    own: bool = False  # of the practice


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a text as it is laid out: "h1", "h2", "p" with one row, "ul" with its points."""

    kind: str
    rows: tuple[str, ...]


class Texts:
    """The texts of this program, and those in ``folder`` (it need not be there)."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def text(self, text_id: str) -> ConsentText:
        """Raises ``FileNotFoundError`` for an unknown id, ``TextProblem`` for a file that was damaged."""
        if not _ID.fullmatch(text_id):
            raise FileNotFoundError(text_id)
        if text_id in _ours():
            return _read(text_id)
        if self._folder is None or not (path := self._folder / f"{text_id}.md").is_file():
            raise FileNotFoundError(text_id)
        found = parsed(path.read_bytes())
        if found.id != text_id:
            raise FileNotFoundError(text_id)
        return found

    def known(self, text_id: str, sha256: str) -> ConsentText | None:
        """With exactly those words; None when they are not here."""
        try:
            found = self.text(text_id)
        except (FileNotFoundError, TextProblem):
            return None
        return found if found.sha256 == sha256 else None

    def all(self) -> list[ConsentText]:
        """What was damaged, can't be read, or was put there by hand and is not in order, is left out."""
        found = [_read(text_id) for text_id in _ours()]
        for path in sorted(self._folder.glob("*.md")) if self._folder else ():
            with suppress(OSError, TextProblem):
                found.append(self.text(path.stem))
        return found

    def current(self, kind: TextKind, language: str = "nl") -> ConsentText:
        """Of that kind: the practice's own before ours, the latest version of it; in Dutch when there is no other."""
        for wanted in (language, "nl"):
            found = [one for one in self.all() if one.kind is kind and one.language == wanted]
            if found:
                return max(found, key=lambda one: (one.own, one.version, one.id))
        raise AssertionError(f"no text of kind {kind}")

    def check_new(self, content: bytes) -> ConsentText:
        """A file that may be added. Raises ``TextProblem``: not in order, or its id means other words already."""
        new = parsed(content)
        try:
            known = self.text(new.id)
        except FileNotFoundError:
            return new
        if known.sha256 != new.sha256:
            raise TextProblem(
                "Er is al een tekst met deze id, met andere woorden. Een tekst verandert nooit, want toestemmingen "
                "verwijzen ernaar: kies een nieuwe id en versie."
            )
        return new


def text(text_id: str) -> ConsentText:
    """One of this program. Raises ``FileNotFoundError`` for an unknown id."""
    return Texts().text(text_id)


def current_text(language: str = "nl") -> ConsentText:
    """What is said, in the words of this program."""
    return Texts().current(TextKind.SPOKEN, language)


def parsed(content: bytes) -> ConsentText:
    """The file of a practice. Raises ``TextProblem``."""
    if len(content) > LARGEST_FILE:
        raise TextProblem("Dit bestand is te groot voor een tekst (hoogstens 20.000 bytes).")
    try:
        whole = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as broken:
        raise TextProblem("Dit bestand is geen tekst in UTF-8. Bewaar het opnieuw als UTF-8.") from broken
    found = _HEAD.fullmatch(whole)
    if found is None:
        raise TextProblem(
            "Begin het bestand met een regel ---, dan id:, version:, language: en kind:, en weer een regel ---."
        )
    head = {}
    for row in found["head"].splitlines():
        name, colon, value = row.partition(":")
        if not colon or name.strip() not in _FIELDS or name.strip() in head:
            raise TextProblem(BAD_HEAD)
        head[name.strip()] = value.strip()
    if not all(head.get(name) for name in _FIELDS):
        raise TextProblem(BAD_HEAD)
    if not _ID.fullmatch(head["id"]) or len(head["id"]) > LONGEST_ID:
        raise TextProblem(
            "De id bestaat uit kleine letters, cijfers en streepjes, bijvoorbeeld folder-praktijk-2026-12."
        )
    if not _VERSION.fullmatch(head["version"]):
        raise TextProblem("De versie is een jaar en een maand, bijvoorbeeld 2026-12, of een dag: 2026-12-31.")
    if not _LANGUAGE.fullmatch(head["language"]):
        raise TextProblem("De taal is een code van twee letters, bijvoorbeeld nl, en of tr.")
    try:
        kind = TextKind(head["kind"])
    except ValueError as unknown:
        raise TextProblem("Kies als kind: mondeling, folder of wachtkamer.") from unknown
    body = found["body"].strip()
    if not body:
        raise TextProblem("Er staat geen tekst in dit bestand.")
    if not body.replace("\n", "").isprintable():
        raise TextProblem("In de tekst staat een onzichtbaar teken. Typ de tekst opnieuw in plaats van te plakken.")
    return ConsentText(
        id=head["id"],
        kind=kind,
        language=head["language"],
        version=head["version"],
        body=body,
        sha256=hashlib.sha256(content).hexdigest(),
        own=True,
    )


def blocks(body: str) -> Iterator[Block]:
    """Paragraphs apart by an empty row; "# " and "## " begin a heading, "- " each point of a list."""
    for part in re.split(r"\n\s*\n", body.strip()):
        rows = [row.strip() for row in part.splitlines()]
        if all(row.startswith("- ") for row in rows):
            yield Block(kind="ul", rows=tuple(row[2:] for row in rows))
        elif len(rows) == 1 and rows[0].startswith("# "):
            yield Block(kind="h1", rows=(rows[0][2:],))
        elif len(rows) == 1 and rows[0].startswith("## "):
            yield Block(kind="h2", rows=(rows[0][3:],))
        else:
            yield Block(kind="p", rows=(" ".join(rows),))


def _ours() -> list[str]:
    names = (entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".md"))
    return sorted(name.removesuffix(".md") for name in names)


def _read(text_id: str) -> ConsentText:
    """One of ours: its id says its kind, language and version."""
    content = files(__name__).joinpath(f"{text_id}.md").read_bytes()
    kind, language, version = text_id.split("-", 2)
    return ConsentText(
        id=text_id,
        kind=TextKind(kind),
        language=language,
        version=version,
        body=content.decode("utf-8").strip(),
        sha256=hashlib.sha256(content).hexdigest(),
    )
