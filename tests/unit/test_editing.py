"""Moving, splitting and joining lines, undoing and redoing, and what is counted of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.test_workflow import GP, POH, approved, drafted
from transcribe.consult import Action, AuditEvent, Role, Status, Typed
from transcribe.errors import Conflict, InvalidInput, LineChanged, NotFound
from transcribe.ledger import checked
from transcribe.soep.note import Edits, Line, Note, Origin, Report, Section, note_text
from transcribe.testing import confirm_seen, scripted_service

NOTE = Note(
    reports=(
        Report(
            id="R1",
            lines=(
                Line(id="L1", section=Section.S, text="Pijn knie.", evidence=(1, 2), confirmed=True),
                Line(id="L2", section=Section.E, text="Artrose.", evidence=(4,)),
                Line(id="L3", section=Section.S, text="Geen koorts", evidence=(0, 2)),
            ),
        ),
        Report(id="R2", lines=(Line(id="L4", section=Section.S, text="Nagel.", evidence=(9,)),)),
    ),
    next_line=5,
)


def order(note: Note, section: Section = Section.S) -> list[str]:
    return [line.id for report in note.reports for line in report.section(section)]


def test_a_line_goes_to_another_section_last_and_asks_again() -> None:
    placed = NOTE.placing("L1", Section.E)
    assert (order(placed), order(placed, Section.E)) == (["L3", "L4"], ["L2", "L1"])
    assert not placed.line("L1").confirmed
    assert NOTE.placing("L1", Section.S) is NOTE


def test_a_line_moves_among_those_of_its_section_and_report_alone() -> None:
    down = NOTE.shifting("L1", 1)
    assert (order(down), order(down, Section.E)) == (["L3", "L1", "L4"], ["L2"])
    assert down.line("L1").confirmed  # the same text in the same section
    assert down.shifting("L1", 1) is down
    assert NOTE.shifting("L4", -1) is NOTE
    assert down.shifting("L1", -1) == NOTE


def test_a_split_line_is_two_that_nobody_confirmed() -> None:
    note = NOTE.splitting("L1", "Pijn", "knie.")
    assert order(note) == ["L1", "L5", "L3", "L4"]
    assert [note.line(one) for one in ("L1", "L5")] == [
        Line(id="L1", section=Section.S, text="Pijn", evidence=(1, 2)),
        Line(id="L5", section=Section.S, text="knie.", evidence=(1, 2)),
    ]
    other = NOTE.splitting("L1", "Pijn", "enkel.")
    assert {other.line(one).origin for one in ("L1", "L5")} == {Origin.HUISARTS}


def test_joined_lines_are_one_with_the_evidence_of_both() -> None:
    note = NOTE.joining("L1")
    assert note.line("L1") == Line(id="L1", section=Section.S, text="Pijn knie. Geen koorts", evidence=(0, 1, 2))
    assert order(note) == ["L1", "L4"]
    with pytest.raises(KeyError):
        NOTE.joining("L3")  # the next one is of another report
    typed = NOTE.with_line(replace(NOTE.line("L3"), origin=Origin.HUISARTS))
    assert typed.joining("L1").line("L1").origin is Origin.HUISARTS
    assert note.shifting("L1", 0) == note
    assert NOTE.shifting("L1", 1).joining("L3").line("L3").text == "Geen koorts. Pijn knie."


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.placing("L9", Section.P),
        lambda note: note.shifting("L9", 1),
        lambda note: note.splitting("L9", "a", "b"),
        lambda note: note.joining("L9"),
    ],
)
def test_an_unknown_line_is_refused(change) -> None:
    with pytest.raises(KeyError):
        change(NOTE)


class Editing(RuleBasedStateMachine):
    """Whatever is moved, split and joined: every word stays, with its evidence."""

    def __init__(self) -> None:
        super().__init__()
        self.note = NOTE

    def any_line(self, data: st.DataObject) -> Line:
        return data.draw(st.sampled_from(list(self.note.lines())))

    @rule(data=st.data(), section=st.sampled_from(list(Section)))
    def place(self, data: st.DataObject, section: Section) -> None:
        self.note = self.note.placing(self.any_line(data).id, section)

    @rule(data=st.data(), by=st.sampled_from([-1, 1]))
    def shift(self, data: st.DataObject, by: int) -> None:
        self.note = self.note.shifting(self.any_line(data).id, by)

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        line = self.any_line(data)
        words = line.text.split()
        if len(words) > 1:
            at = data.draw(st.integers(1, len(words) - 1))
            self.note = self.note.splitting(line.id, " ".join(words[:at]), " ".join(words[at:]))

    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        line = self.any_line(data)
        try:
            self.note = self.note.joining(line.id)
        except KeyError:
            home = next(report for report in self.note.reports if line in report.lines)
            assert home.section(line.section)[-1] == line

    @invariant()
    def every_word_is_there_with_its_evidence(self) -> None:
        found = {word.strip("."): set(line.evidence) for line in self.note.lines() for word in line.text.split()}
        assert sorted(found) == sorted(["Pijn", "knie", "Artrose", "Geen", "koorts", "Nagel"])
        for line in NOTE.lines():
            for word in line.text.split():
                assert set(line.evidence) <= found[word.strip(".")]

    @invariant()
    def what_nobody_confirmed_stays_so(self) -> None:
        signed = {line.text for line in NOTE.lines() if line.confirmed}
        assert all(line.text in signed for line in self.note.lines() if line.confirmed)
        ids = [line.id for line in self.note.lines()]
        assert len(set(ids)) == len(ids)


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


# --- undoing and redoing -------------------------------------------------------------------------------------------


def text(service, consult) -> str:
    return note_text(service.store.note(consult.id)[1])


def version(service, consult) -> int:
    return service.store.consult(consult.id).version


def undo(service, consult) -> None:
    service.workflow.undo(GP, consult.id, version(service, consult))


def redo(service, consult) -> None:
    service.workflow.redo(GP, consult.id, version(service, consult))


STEPS = ["edit", "remove", "place", "split", "join", "undo", "undo", "redo"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_undoing_goes_back_through_every_edit_to_the_draft_and_redoing_back_again(steps: list[str]) -> None:
    service = scripted_service()
    consult = drafted(service)
    workflow, seen, undone = service.workflow, [service.store.note(consult.id)[1]], []

    def known() -> Note:
        return replace(service.store.note(consult.id)[1], before=0, after=0)

    for number, step in enumerate(steps):
        at = (GP, consult.id, version(service, consult))
        before = service.store.note(consult.id)[0]
        try:
            match step:
                case "edit":
                    workflow.edit_line(*at, "L1", f"Keelpijn {number}.")
                case "remove":
                    workflow.remove_line(*at, "L3")
                case "place":
                    workflow.place_line(*at, "L2", [Section.S, Section.O][number % 2])
                case "split":
                    workflow.split_line(*at, "L1", "Een.", f"Twee {number}.")
                case "join":
                    workflow.join_line(*at, "L1")
                case "undo":
                    workflow.undo(*at)
                    undone.append(seen.pop())
                    assert known() == seen[-1]
                    continue
                case "redo":
                    workflow.redo(*at)
                    seen.append(undone.pop())
                    assert known() == seen[-1]
                    continue
        except NotFound:
            assert service.store.note(consult.id)[0] == before
            assert step != "undo" or len(seen) == 1
            assert step != "redo" or not undone
            continue
        if service.store.note(consult.id)[0] > before:
            seen.append(known())
            undone.clear()
    everything = [*seen, *reversed(undone)]
    while len(seen) > 1:
        undo(service, consult)
        seen.pop()
        assert known() == seen[-1]
    with pytest.raises(NotFound):
        undo(service, consult)
    for note in everything[1:]:
        redo(service, consult)
        assert known() == note
    with pytest.raises(NotFound):
        redo(service, consult)


def test_what_somebody_else_edited_meanwhile_is_not_redone_over() -> None:
    service = scripted_service()
    consult = drafted(service)
    service.workflow.edit_line(GP, consult.id, consult.version, "L1", "Anders.")
    undo(service, consult)
    seen = version(service, consult)
    service.workflow.edit_line(POH, consult.id, seen, "L2", "T 39.")
    with pytest.raises(Conflict):
        service.workflow.redo(GP, consult.id, seen)
    with pytest.raises(NotFound):
        redo(service, consult)
    assert "T 39." in text(service, consult)
    assert "Anders." not in text(service, consult)


def test_undoing_names_the_version_it_saw_and_is_for_who_may_edit() -> None:
    service = scripted_service()
    consult = drafted(service)
    service.workflow.edit_line(GP, consult.id, consult.version, "L1", "Anders.")
    with pytest.raises(Conflict):
        service.workflow.undo(GP, consult.id, consult.version)
    with pytest.raises(InvalidInput):
        service.workflow.split_line(GP, consult.id, version(service, consult), "L1", "Anders.", " ")
    service.workflow.undo(POH, consult.id, version(service, consult))
    assert text(service, consult).startswith("S: Sinds 3 dagen")


def test_undoing_goes_no_further_back_than_the_approved_text_and_opens_no_gate() -> None:
    service = scripted_service()
    consult = approved(service)
    signed = text(service, consult)
    with pytest.raises(NotFound):
        undo(service, consult)
    service.workflow.edit_line(GP, consult.id, version(service, consult), "L1", "Anders.")
    undo(service, consult)
    assert text(service, consult) == signed
    assert service.store.consult(consult.id).status is Status.DRAFTED
    assert service.workflow.review(GP, consult.id).approval is None
    with pytest.raises(NotFound):
        undo(service, consult)
    redo(service, consult)
    undo(service, consult)
    service.workflow.approve(GP, consult.id, service.workflow.review(GP, consult.id).sha256)
    with pytest.raises(NotFound):  # the signature is of what was seen, and ends what was undone
        redo(service, consult)


def test_what_is_typed_is_there_for_who_typed_it_and_no_part_of_the_note() -> None:
    service = scripted_service()
    consult = drafted(service)
    before = version(service, consult)
    service.workflow.keep_typing(GP, consult.id, "L1", "half getypt", tab="7-1", began="half", beside="nieuw-R1-S")
    assert service.workflow.review(GP, consult.id).typed == (
        Typed(by=GP.name, editor="L1", text="half getypt", tab="7-1", began="half", beside="nieuw-R1-S"),
    )
    assert service.workflow.review(POH, consult.id).typed == ()
    assert version(service, consult) == before
    assert "half getypt" not in text(service, consult)
    for editor, words in (("../x", "a"), ("", "a")):
        with pytest.raises(NotFound):
            service.workflow.keep_typing(GP, consult.id, editor, words)
    with pytest.raises(InvalidInput):
        service.workflow.keep_typing(GP, consult.id, "L1", "a" * 2001)
    with pytest.raises(InvalidInput):
        service.workflow.keep_typing(GP, consult.id, "L1", "a", began="a" * 2001)
    for names in ({"tab": "een tab"}, {"beside": "<b>"}):
        with pytest.raises(NotFound):
            service.workflow.keep_typing(GP, consult.id, "L1", "a", **names)


def test_a_line_is_confirmed_as_it_was_on_the_screen() -> None:
    """Not when it, or what was asked about it, changed in between."""
    service = scripted_service()
    consult = drafted(service)
    looked = service.workflow.review(GP, consult.id)
    (line_id, *_) = looked.flags
    service.workflow.edit_line(POH, consult.id, looked.consult.version, line_id, "Paracetamol 9dd9000mg.")
    now = version(service, consult)
    with pytest.raises(LineChanged):
        service.workflow.confirm_line(GP, consult.id, now, line_id, looked.seen[line_id])
    assert line_id in service.workflow.review(GP, consult.id).flags
    assert version(service, consult) == now
    confirm_seen(service.workflow, GP, consult.id, line_id)
    assert line_id not in service.workflow.review(GP, consult.id).flags


# --- the ledger ----------------------------------------------------------------------------------------------------

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def looked(at: datetime) -> AuditEvent:
    return AuditEvent(at=at, actor="x", role=Role.HUISARTS, action=Action.NOTE_VIEWED)


def test_every_line_of_the_draft_is_counted_once() -> None:
    signed = NOTE.with_line(replace(NOTE.line("L1"), text="Pijn enkel.")).placing("L2", Section.P).without_line("L4")
    signed = signed.adding("R1", Section.P, "Rust.", (), Origin.HUISARTS)
    found = checked(NOTE, signed, [looked(AT), looked(AT + timedelta(seconds=40))], AT + timedelta(seconds=48))
    assert found.seconds == 48
    assert found.sections == (
        Edits(section=Section.S, kept=1, changed=1, removed=1, added=0),
        Edits(section=Section.O, kept=0, changed=0, removed=0, added=0),
        Edits(section=Section.E, kept=0, changed=1, removed=0, added=0),
        Edits(section=Section.P, kept=0, changed=0, removed=0, added=1),
    )
    assert checked(NOTE, signed, [], AT).seconds is None


def test_a_page_that_was_left_open_is_not_read() -> None:
    looks = [looked(AT), looked(AT + timedelta(seconds=30)), looked(AT + timedelta(hours=2))]
    assert checked(NOTE, NOTE, looks, AT + timedelta(hours=2, seconds=12)).seconds == 42
    assert checked(NOTE, NOTE, [looked(AT)], AT + timedelta(minutes=11)).seconds is None
    again = AuditEvent(at=AT + timedelta(minutes=1), actor="x", role=Role.SYSTEEM, action=Action.DRAFTED)
    assert checked(NOTE, NOTE, [looked(AT), again], AT + timedelta(minutes=2)).seconds is None  # of another draft


def test_an_approval_leaves_one_row_of_counts_and_a_second_one_none() -> None:
    service = scripted_service()
    consult = approved(service)
    (entry,) = service.store.ledger(datetime.now(UTC).date() - timedelta(days=1))
    assert entry.model == "scripted"
    assert entry.drafter == "scripted 1"
    assert sum(one.kept + one.changed + one.removed for one in entry.checked.sections) == 4
    assert service.store.note(consult.id)[1].checked == entry.checked
    service.workflow.edit_line(GP, consult.id, version(service, consult), "L1", "Anders.")
    line = service.store.note(consult.id)[1].line("L1")
    confirm_seen(service.workflow, GP, consult.id, line.id)
    service.workflow.approve(GP, consult.id, service.workflow.review(GP, consult.id).sha256)
    assert service.store.ledger(entry.day) == [entry]
    assert service.store.note(consult.id)[1].checked == entry.checked
