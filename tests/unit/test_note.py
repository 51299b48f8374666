"""A note of several reports: moving, merging, codes, and what each copy button gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.soep.note import Code, Line, Note, Report, Section, note_text, part_text, report_text, section_text
from transcribe.store.codec import decode, encode

KNEE = Report(
    id="R1",
    title="Knie",
    lines=(
        Line(id="L1", section=Section.S, text="Pijn knie.", evidence=(1,)),
        Line(id="L2", section=Section.E, text="Artrose.", evidence=(4,)),
    ),
)
NAIL = Report(
    id="R2",
    title="Nagel",
    lines=(
        Line(id="L3", section=Section.S, text="Nagel ingegroeid.", evidence=(9,)),
        Line(id="L4", section=Section.P, text="Voetbad.", evidence=(11,)),
    ),
)
NOTE = Note(reports=(KNEE, NAIL), next_line=5)
ARTROSE = Code(section=Section.E, code="L90", title="Artrose van de knie")


def test_each_report_can_be_copied_by_itself_and_by_section() -> None:
    assert part_text(NOTE, "R2") == "S: Nagel ingegroeid.\nP: Voetbad."
    assert part_text(NOTE, "R1-S") == "Pijn knie."
    assert part_text(NOTE, "R1-O") == ""
    assert part_text(NOTE, "S") == section_text(NOTE, Section.S) == "Pijn knie.\n\nNagel ingegroeid."
    assert note_text(NOTE) == f"{report_text(NOTE, KNEE)}\n\n{report_text(NOTE, NAIL)}"


@pytest.mark.parametrize("part", ["", "R3", "R3-S", "R1-", "R1-X", "-S", "alles", "s", "R1-S-S"])
def test_an_unknown_part_is_refused(part: str) -> None:
    with pytest.raises(KeyError):
        part_text(NOTE, part)


def test_a_line_goes_to_another_report_and_to_a_new_one() -> None:
    moved = NOTE.moving("L2", "R2")
    assert [line.id for line in moved.report("R2").lines] == ["L3", "L4", "L2"]
    assert [line.id for line in moved.report("R1").lines] == ["L1"]
    split = NOTE.moving("L2", None)
    assert [report.id for report in split.reports] == ["R1", "R2", "R3"]
    assert [line.id for line in split.report("R3").lines] == ["L2"]


def test_a_report_that_loses_its_last_line_goes() -> None:
    note = NOTE.moving("L1", "R2").moving("L2", "R2")
    assert [report.id for report in note.reports] == ["R2"]


def test_a_report_joins_the_one_before_it_and_the_first_joins_none() -> None:
    coded = NOTE.coding("R1", Section.E, ARTROSE).coding("R2", Section.E, replace(ARTROSE, code="S94"))
    (joined,) = coded.merging("R2").reports
    assert [line.id for line in joined.lines] == ["L1", "L2", "L3", "L4"]
    assert joined.codes == (ARTROSE,)
    with pytest.raises(KeyError):
        NOTE.merging("R1")


def test_a_removed_line_comes_back_also_when_its_report_is_gone() -> None:
    note = NOTE.without_line("L4").merging("R2").restoring("L4")
    assert [line.id for line in note.lines()] == ["L1", "L2", "L3", "L4"]


def test_an_utterance_is_nearest_to_the_report_that_speaks_of_what_is_beside_it() -> None:
    assert NOTE.nearest(3).id == "R1"
    assert NOTE.nearest(8).id == "R2"
    assert Note(reports=(Report(id="R1", lines=()),)).nearest(3).id == "R1"


def test_a_code_is_in_the_text_of_its_section_alone() -> None:
    note = NOTE.coding("R1", Section.E, ARTROSE)
    assert part_text(note, "R1-E") == "Artrose.\nICPC L90 Artrose van de knie"
    assert report_text(note, note.report("R1")) == "S: Pijn knie.\nE: Artrose.\n   ICPC L90 Artrose van de knie"
    assert part_text(note, "R1-S") == "Pijn knie."
    assert note.coding("R1", Section.E, None) == NOTE


def test_a_code_without_a_line_is_in_no_text() -> None:
    note = NOTE.coding("R2", Section.E, ARTROSE)
    assert note_text(note) == note_text(NOTE)


def test_a_section_has_one_code() -> None:
    other = replace(ARTROSE, code="L91")
    assert NOTE.coding("R1", Section.E, ARTROSE).coding("R1", Section.E, other).report("R1").codes == (other,)


def test_it_comes_back_from_storage() -> None:
    note = NOTE.coding("R1", Section.E, ARTROSE)
    assert decode(Note, encode(note)) == note


@given(st.lists(st.tuples(st.sampled_from(["L1", "L2", "L3", "L4"]), st.sampled_from(["R1", "R2", None]))))
def test_no_line_is_lost_or_changed_by_moving(moves: list[tuple[str, str | None]]) -> None:
    note = NOTE
    for line_id, home in moves:
        try:
            note = note.moving(line_id, home)
        except KeyError:
            assert home not in {report.id for report in note.reports}
    assert sorted(note.lines(), key=lambda line: line.id) == sorted(NOTE.lines(), key=lambda line: line.id)
    assert all(report.lines for report in note.reports)
    assert len({report.id for report in note.reports}) == len(note.reports)
