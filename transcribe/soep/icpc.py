"""ICPC-1: codes to choose from for the S and the E of a report. Never chosen by us.

A code is offered only for what a line says, with that line beside it (standards 4.1: only codes for what the GP said).
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from transcribe.errors import N_, InvalidInput
from transcribe.soep.lexicon import has, plain_same_length, table
from transcribe.soep.memory import forget
from transcribe.soep.note import Line, Report, Section
from transcribe.soep.numbers import plain
from transcribe.soep.polarity import Polarity, polarity

CODE = re.compile(r"[ABDFHKLNPRSTUWXYZ][0-9]{2}(?:\.[0-9]{2})?")
#: A report may carry a code at these and at no other section (constraint zib-SOAPReport-1).
CODED = (Section.S, Section.E)
MOST = 5  # codes offered for one section
MAX_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One code. ``words`` point to it in a note: plain, each the beginning of a word ("=": a whole word)."""

    code: str
    title: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    code: str
    title: str
    line: Line  # what it rests on


@functools.cache
def own_table() -> tuple[Entry, ...]:
    """The small table that comes with the program: descriptions of our own."""
    entries = []
    for code, entry in table("icpc.toml").items():
        assert isinstance(entry, dict)
        entries.append(Entry(code=code, title=str(entry["title"]), words=tuple(str(word) for word in entry["words"])))
    return tuple(entries)


def complete(imported: Mapping[str, str]) -> tuple[Entry, ...]:
    """Our table with the practice's own: its descriptions count, and its other codes are found by them."""
    own = {entry.code: entry for entry in own_table()}
    theirs = [
        Entry(code=code, title=title, words=own[code].words if code in own else _words_of(title))
        for code, title in imported.items()
    ]
    return (*theirs, *(entry for code, entry in own.items() if code not in imported))


def _words_of(title: str) -> tuple[str, ...]:
    """A description in the practice's table, and its parts: "Acute bronchitis/bronchiolitis" is either."""
    parts = (plain(part).strip() for part in re.split(r"[/;(),]", title))
    return tuple(part for part in parts if len(part) > 3)


def proposals(report: Report, section: Section, entries: Iterable[Entry]) -> list[Proposal]:
    """Codes for what the lines of one section say and do not deny, the longest words first."""
    if section not in CODED:
        return []
    try:
        return _proposals(report, section, entries)
    finally:
        forget()


def _proposals(report: Report, section: Section, entries: Iterable[Entry]) -> list[Proposal]:
    found: dict[str, tuple[int, Proposal]] = {}
    for line in report.section(section):
        flat = plain_same_length(line.text)
        for entry in entries:
            if section is Section.S and int(entry.code[1:3]) > LAST_SYMPTOM:
                continue
            length = max((len(word) for word in entry.words if _said(word, line.text, flat)), default=0)
            if length > found.get(entry.code, (0, None))[0]:
                found[entry.code] = (length, Proposal(code=entry.code, title=entry.title, line=line))
    best = sorted(found.values(), key=lambda one: (-one[0], one[1].code))
    return [proposal for _, proposal in best[:MOST]]


#: 01 to 29 are symptoms and complaints, 70 to 99 diseases: an S is never coded as a disease.
LAST_SYMPTOM = 29


def _said(word: str, text: str, flat: str) -> bool:
    start = word.removeprefix("=")
    if start not in flat:  # soon for nearly all
        return False
    end = r"(?!\w)" if word.startswith("=") else ""
    for at in re.finditer(rf"(?<![\w-]){re.escape(start)}{end}", flat):
        part = flat[max(flat.rfind(mark, 0, at.start()) for mark in ".;,") + 1 : at.start()]
        if polarity(text, at.start(), at.end()) is Polarity.AFFIRMED and not has("family", part):
            return True
    return False


def read_table(document: bytes) -> dict[str, str]:
    """Code and description from the practice's licensed table: CSV with a column for each, UTF-8 or Windows-1252.

    Rows without a code of ICPC-1 (headers, chapters) are passed over. Raises ``InvalidInput`` when nothing is left.
    """
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = document.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(";,\t", key=first.count))
    found: dict[str, str] = {}
    try:
        for row in rows:
            cells = [" ".join(cell.split()) for cell in row]
            code = next((n for n, cell in enumerate(cells) if CODE.fullmatch(cell.upper())), None)
            title = next((cell for cell in cells[code + 1 :] if _title(cell)), "") if code is not None else ""
            if code is not None and title:
                found.setdefault(cells[code].upper(), title[:MAX_TITLE])
    except csv.Error as broken:
        raise InvalidInput(problem=NO_TABLE) from broken
    if not found:
        raise InvalidInput(problem=NO_TABLE)
    return found


NO_TABLE = N_(
    "Geen ICPC-tabel gevonden. Kies een CSV-bestand met in elke rij een code (zoals R78) en een omschrijving."
)


def _title(cell: str) -> bool:
    return len(cell) > 2 and any(c.isalpha() for c in cell) and cell.isprintable()
