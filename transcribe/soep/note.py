"""The note: reports (one for each deelcontact) of S, O, E and P lines, and what stayed out of it.

SOEP as in the NHG guideline ADEPD: one report a problem, each line free text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


class Section(StrEnum):
    S = "S"
    O = "O"  # noqa: E741  (the section is called O)
    E = "E"
    P = "P"


class Origin(StrEnum):
    CONCEPT = "concept"  # written by the drafter
    HUISARTS = "huisarts"  # typed or changed by a person


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the note.

    ``evidence`` are indexes of utterances in the consult's transcript. ``confirmed`` is bound to this very text:
    whatever changes the text makes a line with ``confirmed=False``.
    """

    id: str  # unique in the note, kept through edits
    section: Section
    text: str
    evidence: tuple[int, ...] = ()
    origin: Origin = Origin.CONCEPT
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """The report of one deelcontact."""

    id: str
    lines: tuple[Line, ...]

    def section(self, section: Section) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.section is section)


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """An utterance that was left out on purpose, and why (Dutch, for the screen)."""

    utterance: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Something said that may belong in the note and is not in it."""

    utterance: int
    kind: str  # Dutch: "medicatie", "allergie", "meting", "vangnet", ...


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note at one moment. Frozen: every edit makes the next version."""

    reports: tuple[Report, ...]
    dropped: tuple[Dropped, ...] = ()
    missed: tuple[Missed, ...] = ()
    removed: tuple[tuple[str, Line], ...] = ()  # (report id, line) that a person took out; can be put back
    drafter: str = ""  # name and version of what wrote the draft
    next_line: int = 1  # number for the next line id

    def lines(self) -> Iterator[Line]:
        for report in self.reports:
            yield from report.lines

    def line(self, line_id: str) -> Line:
        """Raises KeyError for an unknown id."""
        for line in self.lines():
            if line.id == line_id:
                return line
        raise KeyError(line_id)

    def with_line(self, line: Line) -> Note:
        """The same note with the line of that id replaced."""
        self.line(line.id)
        return self._map(lambda report: tuple(line if old.id == line.id else old for old in report.lines))

    def without_line(self, line_id: str) -> Note:
        """The same note with that line taken out and kept aside."""
        line = self.line(line_id)
        home = next(report.id for report in self.reports if line in report.lines)
        note = self._map(lambda report: tuple(old for old in report.lines if old.id != line_id))
        return replace(note, removed=(*self.removed, (home, line)))

    def restoring(self, line_id: str) -> Note:
        """The same note with a removed line back, last in its section's report and as unconfirmed as a new one."""
        home, line = next(((home, line) for home, line in self.removed if line.id == line_id), (None, None))
        if line is None:
            raise KeyError(line_id)
        back = replace(line, confirmed=False)
        note = self._map(lambda report: (*report.lines, back) if report.id == home else report.lines)
        return replace(note, removed=tuple(pair for pair in self.removed if pair[1].id != line_id))

    def adding(self, report_id: str, section: Section, text: str, evidence: tuple[int, ...], origin: Origin) -> Note:
        """The same note with a new line at the end of that report's section."""
        if all(report.id != report_id for report in self.reports):
            raise KeyError(report_id)
        line = Line(id=f"L{self.next_line}", section=section, text=text, evidence=evidence, origin=origin)
        note = self._map(lambda report: (*report.lines, line) if report.id == report_id else report.lines)
        return replace(note, next_line=self.next_line + 1)

    def _map(self, lines_of: Callable[[Report], tuple[Line, ...]]) -> Note:
        return replace(self, reports=tuple(replace(report, lines=lines_of(report)) for report in self.reports))


def section_text(note: Note, section: Section) -> str:
    """What the copy key of one section gives: the lines of all reports, one a row; reports apart by an empty row."""
    parts = ["\n".join(line.text for line in report.section(section)) for report in note.reports]
    return "\n\n".join(part for part in parts if part)


def note_text(note: Note) -> str:
    """The whole note as it is copied to the HIS, and the exact text that an approval is bound to.

    A row for each line, with the section letter before the first of its section; empty sections are left out
    (gp-EncounterReport: a present section needs text). Reports are apart by an empty row.
    """
    reports = []
    for report in note.reports:
        rows = []
        for section in Section:
            texts = [line.text for line in report.section(section)]
            rows += [f"{section.value}: {text}" if i == 0 else f"   {text}" for i, text in enumerate(texts)]
        if rows:
            reports.append("\n".join(rows))
    return "\n\n".join(reports)


def text_hash(text: str) -> str:
    """SHA-256 of the UTF-8 text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
