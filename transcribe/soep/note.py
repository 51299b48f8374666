"""The note: reports (one for each deelcontact) of S, O, E and P lines, and what stayed out of it.

SOEP as in the NHG guideline ADEPD: one report a problem, each line free text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from transcribe.asr.transcript import Speaker
from transcribe.video import Video, video_line

#: How a line may end before another one goes on in it.
_CLOSED = (".", "!", "?", ":", ";", ",")


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
class Code:
    """An ICPC-1 code that a person chose for the S or the E of a report (standards 1.1: never O or P)."""

    section: Section
    code: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The report of one deelcontact."""

    id: str
    lines: tuple[Line, ...]
    title: str = ""  # the problem in words of the consult; on the screen only, no part of the text
    codes: tuple[Code, ...] = ()  # at most one a section

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


class Concern(StrEnum):
    """What is wrong with the source of the whole note. The values are codes of the access log."""

    DAMAGED = "beschadigd"  # seconds of the recording could not be read
    UNHEARD = "onverstaan"  # somebody spoke where no words were understood
    SPEAKERS = "sprekers"  # nobody knows who said what
    GUESSED = "stemmen"  # by their voices and words, and no person said that it is right


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of what the draft listed as missed."""

    taken: int
    dismissed: int
    open: int


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What became of the lines that the draft had in one section, and how many came there."""

    section: Section
    kept: int  # as they were drafted
    changed: int  # other words, or another section
    removed: int
    added: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """How an exercise went, as counts. What the check pointed at is easier to find, so it is counted apart."""

    planted: int
    caught: int
    flagged: int  # of which the check spoke
    flagged_caught: int
    touched: int  # lines with no planted error that were changed or taken out
    by: str = ""  # key of the name of who practised; "": from before that was kept


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How a draft was checked, as counts."""

    sections: tuple[Edits, ...]
    seconds: int | None  # from the first look to the approval; None: signed without a look
    exercise: Score | None = None  # of a practice draft, with errors that were planted
    missed: Answered | None = None  # None: nothing was listed, or it was signed before this was counted


class Mistake(StrEnum):
    """Class of an error that is put into a note on purpose."""

    DENIAL_GONE = "denial taken away"
    DENIAL_NEW = "denial put in"
    SIDE = "side"
    NUMBER = "number"
    DOSE = "dose"
    UNIT = "unit"
    DRUG = "drug"
    PERSON = "person"  # what another has stands as the patient's
    TIME = "time"
    SPEAKER = "speaker"  # what only the patient said stands as a finding or a conclusion
    INVENTED = "invented line"
    LEFT_OUT = "left out"  # a line, or a sentence of one


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One error: the line as it should be and as it was made."""

    kind: Mistake
    right: Line | None  # None: nobody said it
    wrong: Line | None  # None: the whole line was left out
    flagged: bool = False  # the check says something of it


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a planted error."""

    planted: Planted
    caught: bool
    said: tuple[tuple[Speaker, str], ...]  # what it rested on, in the words of the talk


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """The outcome of an exercise. Holds words of the talk: its patients are invented."""

    judged: tuple[Judged, ...]
    #: Lines with no planted error: as they were drafted, and as they were signed (None: taken out).
    touched: tuple[tuple[Line, Line | None], ...] = ()

    @property
    def score(self) -> Score:
        flagged = [one.caught for one in self.judged if one.planted.flagged]
        others = [one.caught for one in self.judged if not one.planted.flagged]
        return Score(
            planted=len(others),
            caught=sum(others),
            flagged=len(flagged),
            flagged_caught=sum(flagged),
            touched=len(self.touched),
        )


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note at one moment. Frozen: every edit makes the next version."""

    reports: tuple[Report, ...]
    dropped: tuple[Dropped, ...] = ()
    missed: tuple[Missed, ...] = ()
    dismissed: tuple[Missed, ...] = ()  # of which a person said that it need not be in the note
    seen: tuple[Concern, ...] = ()  # a person knows of it
    removed: tuple[tuple[str, Line], ...] = ()  # (report id, line) that a person took out; can be put back
    drafter: str = ""  # name and version of what wrote the draft
    next_line: int = 1  # number for the next line id
    before: int = 0  # version of the note that undoing goes back to; 0: there is none
    after: int = 0  # version that was undone and that redoing brings back; 0: there is none
    checked: Checked | None = None  # of an approved note; stays when it is edited after that
    signed: int = 0  # how often
    in_his: int = 0  # version of the note that was copied last before it was changed; 0: none was
    video: Video | None = None  # what was recorded of a video consult; None: it is none, or nobody changed it here
    video_version: int = 0  # of what was recorded beside the recorder, when this took its place

    agreed: str = ""  # what the consent record says, where a practice wants that in its notes; "": nothing is said

    @property
    def opening(self) -> tuple[str, ...]:
        """The first rows in S of the first report: they follow from what was recorded of the consent and in ``video``,
        so nobody can write them otherwise.
        """
        return tuple(row for row in (self.agreed, video_line(self.video) if self.video else "") if row)

    planted: tuple[Planted, ...] = ()  # of an exercise, until it is signed; never on a page
    exercise: Exercise | None = None  # of one that was signed

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
        if all(report.id != home for report in self.reports):
            home = self.reports[0].id  # its report was merged into another one
        note = self._map(lambda report: (*report.lines, back) if report.id == home else report.lines)
        return replace(note, removed=tuple(pair for pair in self.removed if pair[1].id != line_id))

    def dismissing(self, utterance: int) -> Note:
        """The same note with what was listed as missed there set aside. Raises KeyError when nothing was."""
        one = next((item for item in self.missed if item.utterance == utterance), None)
        if one is None:
            raise KeyError(utterance)
        left = tuple(item for item in self.missed if item is not one)
        return replace(self, missed=left, dismissed=(*self.dismissed, one))

    def adding(self, report_id: str, section: Section, text: str, evidence: tuple[int, ...], origin: Origin) -> Note:
        """The same note with a new line at the end of that report's section."""
        if all(report.id != report_id for report in self.reports):
            raise KeyError(report_id)
        line = Line(id=f"L{self.next_line}", section=section, text=text, evidence=evidence, origin=origin)
        note = self._map(lambda report: (*report.lines, line) if report.id == report_id else report.lines)
        return replace(note, next_line=self.next_line + 1)

    def moving(self, line_id: str, report_id: str | None) -> Note:
        """The same note with that line last in its section of another report, or in a new one (None).

        A report that loses its last line goes. Raises KeyError for an unknown line or report.
        """
        line = self.line(line_id)
        home = next(report for report in self.reports if line in report.lines)
        if report_id is None:
            used = [report.id for report in self.reports] + [one for one, _ in self.removed]
            report_id = f"R{1 + max(int(number) for one in used for number in re.findall(r'[0-9]+$', one))}"
            note = replace(self, reports=(*self.reports, Report(id=report_id, lines=())))
        else:
            self.report(report_id)
            note = self
        if report_id == home.id:
            return self
        note = note._map(
            lambda report: (
                (*report.lines, line)
                if report.id == report_id
                else tuple(old for old in report.lines if old.id != line_id)
            )
        )
        return replace(note, reports=tuple(report for report in note.reports if report.lines or report.id != home.id))

    def placing(self, line_id: str, section: Section) -> Note:
        """The same note with that line last in another section of its report.

        It is unconfirmed again: whose words they are matters more in one section than in another.
        """
        line = self.line(line_id)
        if line.section is section:
            return self
        placed = replace(line, section=section, confirmed=False)
        return self._map(
            lambda report: (
                (*(old for old in report.lines if old.id != line_id), placed) if line in report.lines else report.lines
            )
        )

    def shifting(self, line_id: str, by: int) -> Note:
        """The same note with that line one place up (-1) or down (1) in its section; at the edge it stays."""
        other = self._beside(line_id, by)
        if other is None:
            return self
        line = self.line(line_id)
        turned = {line.id: other, other.id: line}
        return self._map(lambda report: tuple(turned.get(old.id, old) for old in report.lines))

    def splitting(self, line_id: str, first: str, second: str) -> Note:
        """The same note with that line as two, each with all its evidence and unconfirmed.

        With other words than the line had, both are a person's own.
        """
        line = self.line(line_id)
        same = f"{first} {second}".split() == line.text.split()
        line_1 = replace(line, text=first, confirmed=False, origin=line.origin if same else Origin.HUISARTS)
        line_2 = replace(line_1, id=f"L{self.next_line}", text=second)
        note = self._map(
            lambda report: tuple(
                new for old in report.lines for new in ((line_1, line_2) if old.id == line_id else (old,))
            )
        )
        return replace(note, next_line=self.next_line + 1)

    def joining(self, line_id: str) -> Note:
        """The same note with that line and the next of its section as one: unconfirmed, with the evidence of both.

        Raises KeyError for the last line of a section.
        """
        line, after = self.line(line_id), self._beside(line_id, 1)
        if after is None:
            raise KeyError(line_id)
        joined = replace(
            line,
            text=line.text + (" " if line.text.endswith(_CLOSED) else ". ") + after.text,
            evidence=tuple(sorted({*line.evidence, *after.evidence})),
            origin=line.origin if line.origin is after.origin else Origin.HUISARTS,
            confirmed=False,
        )
        return self._map(
            lambda report: tuple(joined if old.id == line_id else old for old in report.lines if old.id != after.id)
        )

    def _beside(self, line_id: str, by: int) -> Line | None:
        """The line so many places further in the same section of the same report."""
        line = self.line(line_id)
        home = next(report for report in self.reports if line in report.lines).section(line.section)
        at = home.index(line) + by
        return home[at] if 0 <= at < len(home) else None

    def merging(self, report_id: str) -> Note:
        """The same note with that report joined to the one before it. KeyError for the first or an unknown one."""
        at = self.reports.index(self.report(report_id))
        if at == 0:
            raise KeyError(report_id)
        first, second = self.reports[at - 1 : at + 1]
        known = {code.section for code in first.codes}
        joined = replace(
            first,
            lines=first.lines + second.lines,
            codes=first.codes + tuple(code for code in second.codes if code.section not in known),
        )
        return replace(self, reports=(*self.reports[: at - 1], joined, *self.reports[at + 1 :]))

    def coding(self, report_id: str, section: Section, code: Code | None) -> Note:
        """The same note with that code, or none, at the S or E of a report."""
        home = self.report(report_id)
        codes = tuple(old for old in home.codes if old.section is not section)
        codes = tuple(sorted((*codes, code), key=lambda one: list(Section).index(one.section))) if code else codes
        return replace(
            self,
            reports=tuple(
                replace(report, codes=codes) if report.id == report_id else report for report in self.reports
            ),
        )

    def report(self, report_id: str) -> Report:
        """Raises KeyError for an unknown id."""
        for report in self.reports:
            if report.id == report_id:
                return report
        raise KeyError(report_id)

    def nearest(self, utterance: int) -> Report:
        """The report that speaks of what was said nearest to an utterance."""

        def distance(report: Report) -> int:
            return min((abs(i - utterance) for line in report.lines for i in line.evidence), default=1_000_000)

        return min(self.reports, key=distance)

    def _map(self, lines_of: Callable[[Report], tuple[Line, ...]]) -> Note:
        return replace(self, reports=tuple(replace(report, lines=lines_of(report)) for report in self.reports))


def section_text(note: Note, section: Section) -> str:
    """What the copy key of one section gives: the lines of all reports, one a row; reports apart by an empty row."""
    parts = ["\n".join(_rows(note, report, section)) for report in note.reports]
    return "\n\n".join(part for part in parts if part)


def report_text(note: Note, report: Report) -> str:
    """One report as it is copied: a row for each line, with the section letter before the first of its section."""
    return "\n".join(
        f"{section.value}: {row}" if i == 0 else f"   {row}"
        for section in Section
        for i, row in enumerate(_rows(note, report, section))
    )


def note_text(note: Note) -> str:
    """The whole note as it is copied to the HIS, and the exact text that an approval is bound to.

    Empty sections are left out (gp-EncounterReport: a present section needs text). Reports are apart by an empty row.
    """
    return "\n\n".join(text for report in note.reports if (text := report_text(note, report)))


def part_text(note: Note, part: str) -> str:
    """One section of all reports ("S"), one report ("R2"), or one section of it ("R2-S"); else KeyError."""
    name, _, letter = part.rpartition("-")
    if part in set(Section):
        return section_text(note, Section(part))
    if not name:
        return report_text(note, note.report(part))
    if letter not in set(Section):
        raise KeyError(part)
    return "\n".join(_rows(note, note.report(name), Section(letter)))


def _rows(note: Note, report: Report, section: Section) -> list[str]:
    """The lines of a section, and its code behind them; a section without lines has none. First what opens the note."""
    opens = section is Section.S and report.id == note.reports[0].id
    rows = [line.text for line in report.section(section)]
    codes = [f"ICPC {one.code} {one.title}".rstrip() for one in report.codes if one.section is section and rows]
    return [*(note.opening if opens else ()), *rows, *codes]


def text_hash(text: str) -> str:
    """SHA-256 of the UTF-8 text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def line_hash(line: Line, flags: Iterable[str]) -> str:
    """Of a line with what is asked about it: by this somebody who confirms it says what was on the screen."""
    return text_hash("\0".join((line.section.value, line.text, *flags)))
