"""Promise 2 as a property: over random sequences of operations nothing reaches a copy without a valid approval of
exactly that text. The machine below keeps its own, independent idea of what was last approved."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consent import ConsentMissing, How, current_text, grant, refuse
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, KeyPurpose, Role, Status
from transcribe.errors import Erased, NotFound, TranscribeError
from transcribe.soep.note import Section, note_text, section_text, text_hash
from transcribe.testing import confirm_seen, scripted_service

WORDS = current_text()
#: The huisarts twice as often: most operations of others are refused, and a refused step explores nothing.
ROLES = st.sampled_from([Actor(name=f"Test {role}", role=role) for role in (Role.HUISARTS, Role.HUISARTS, *Role)])
TEXTS = st.sampled_from(
    [
        "Sinds 3 dagen keelpijn.",
        "RR 142/86.",
        "Geen koorts.",
        "Pijn knie links.",
        "Paracetamol 3dd500mg.",
        "  x  y ",
        "",
    ]
)
OWN = (TranscribeError, ConsentMissing)


class Gate(RuleBasedStateMachine):
    @initialize(far=st.sampled_from(["new", "consented", "recorded", "drafted", "drafted", "approved"]))
    def start(self, far: str) -> None:
        """Begin anywhere on the straight path, so that the far end is visited as often as the beginning."""
        self.service = scripted_service()
        self.workflow, self.store, self.audio = self.service.workflow, self.service.store, self.service.audio
        self.gp = Actor(name="Dr. Test", role=Role.HUISARTS)
        self.consult = self.workflow.create(self.gp, "P-1")
        self.approved: str | None = None  # the text of the approval that holds, as far as this test knows
        self.consented = False
        if far == "new":
            return
        self.consent(self.gp, False)
        if far == "consented":
            return
        self.upload(self.gp)
        if far == "recorded":
            return
        self.work()
        if far == "approved":
            self.confirm_everything(self.gp)
            self.approve(self.gp, False)
            assert self.approved

    def version(self) -> int:
        return self.workflow.consult(self.consult.id).version

    def text(self) -> str | None:
        try:
            found = self.store.note(self.consult.id)
        except Erased:
            return None
        return note_text(found[1]) if found else None

    def try_(self, do) -> bool:
        try:
            do()
        except OWN:
            return False
        # whoever changed the text took the approval with it
        if self.approved is not None and self.text() != self.approved:
            self.approved = None
        return True

    @precondition(lambda self: self.workflow.consult(self.consult.id).status in {Status.NEW, Status.RECORDED})
    @rule(actor=ROLES, refused=st.booleans())
    def consent(self, actor, refused) -> None:
        now = datetime.now(UTC)
        words = {"text_id": WORDS.id, "text_sha256": WORDS.sha256, "now": now}
        record = (
            refuse(informed_by="x", **words)
            if refused
            else grant(how=How.SPOKEN, informed_by="x", others_informed=True, **words)
        )
        if self.try_(lambda: self.workflow.record_consent(actor, self.consult.id, record)):
            self.consented = not refused

    @rule(actor=ROLES)
    def upload(self, actor) -> None:
        before = self.audio.names(self.consult.id)
        taken = self.try_(lambda: self.workflow.receive(actor, self.consult.id, [b"x" * 64], (Speaker.HUISARTS,)))
        if taken:
            assert self.consented, "audio accepted without consent"
        else:
            assert self.audio.names(self.consult.id) == before, "a refused recording left something behind"

    @rule()
    def work(self) -> None:
        self.try_(self.service.work)

    @rule(actor=ROLES, number=st.integers(1, 6), text=TEXTS, stale=st.booleans())
    def edit(self, actor, number, text, stale) -> None:
        version = self.version() - stale
        before = self.text()
        if self.try_(lambda: self.workflow.edit_line(actor, self.consult.id, version, f"L{number}", text)):
            assert not stale
            if self.text() != before:
                self.approved = None

    @rule(actor=ROLES, section=st.sampled_from(list(Section)), text=TEXTS)
    def add(self, actor, section, text) -> None:
        if self.try_(lambda: self.workflow.add_line(actor, self.consult.id, self.version(), section, text)):
            self.approved = None

    @rule(actor=ROLES, number=st.integers(1, 6))
    def remove(self, actor, number) -> None:
        if self.try_(lambda: self.workflow.remove_line(actor, self.consult.id, self.version(), f"L{number}")):
            self.approved = None

    @rule(actor=ROLES, number=st.integers(1, 6))
    def restore(self, actor, number) -> None:
        if self.try_(lambda: self.workflow.restore_line(actor, self.consult.id, self.version(), f"L{number}")):
            self.approved = None

    @rule(
        actor=ROLES,
        number=st.integers(1, 6),
        how=st.sampled_from(["place", "shift", "split", "join", "undo", "redo"]),
    )
    def rearrange(self, actor, number, how) -> None:
        at, line_id = (actor, self.consult.id, self.version()), f"L{number}"
        before = self.text()
        done = {
            "place": lambda: self.workflow.place_line(*at, line_id, Section.E),
            "shift": lambda: self.workflow.shift_line(*at, line_id, 1),
            "split": lambda: self.workflow.split_line(*at, line_id, "Sinds 3", "dagen keelpijn."),
            "join": lambda: self.workflow.join_line(*at, line_id),
            "undo": lambda: self.workflow.undo(*at),
            "redo": lambda: self.workflow.redo(*at),
        }
        if self.try_(done[how]) and self.text() != before:
            self.approved = None

    @rule(actor=ROLES, number=st.integers(1, 6))
    def confirm(self, actor, number) -> None:
        self.try_(lambda: confirm_seen(self.workflow, actor, self.consult.id, f"L{number}"))

    @rule(actor=ROLES)
    def confirm_everything(self, actor) -> None:
        try:
            flags = self.workflow.review(actor, self.consult.id).flags
        except OWN:
            return
        for line_id in flags:
            self.try_(lambda line_id=line_id: confirm_seen(self.workflow, actor, self.consult.id, line_id))

    @rule(actor=ROLES, wrong=st.sampled_from([False, False, False, True]))
    def approve(self, actor, wrong) -> None:
        text = self.text() or ""
        shown = text_hash(text + "!" if wrong else text)
        try:
            flags = self.workflow.review(self.gp, self.consult.id).flags
        except OWN:
            flags = {}
        try:
            self.workflow.approve(actor, self.consult.id, shown)
        except OWN:
            return
        assert actor.role in {Role.HUISARTS, Role.WAARNEMER}
        assert not wrong
        assert not flags, "approved with open flags"
        self.approved = text

    @rule(actor=ROLES, part=st.sampled_from(["S", "O", "E", "P", "alles", "X"]))
    def copy(self, actor, part) -> None:
        try:
            copied = self.workflow.deliver(actor, self.consult.id, part)
        except OWN:
            return
        assert self.approved is not None, "copied without an approval"
        assert text_hash(self.approved) == self.store.approval(self.consult.id).sha256
        if part == "alles":
            assert copied == self.approved
        else:
            whole = re.sub(r"\s+", " ", self.approved)
            assert all(row in whole for row in copied.split("\n"))
            assert copied == section_text(self.store.note(self.consult.id)[1], Section(part))

    @rule(actor=ROLES, how=st.sampled_from([*[""] * 9, "withdraw", "discard", "erase"]))
    def end(self, actor, how) -> None:
        """Seldom: after it only refusals are left to see."""
        if how and self.try_(lambda: getattr(self.workflow, how)(actor, self.consult.id)):
            self.approved = None
            self.consented = False

    @invariant()
    def what_is_destroyed_is_gone(self) -> None:
        for proof in self.store.certificates(self.consult.id):
            with pytest.raises((Erased, NotFound)):
                self.store.data_key(self.consult.id, proof.purpose)
        status = self.workflow.consult(self.consult.id).status
        if status in {Status.APPROVED, Status.DELIVERED, Status.WITHDRAWN, Status.DISCARDED, Status.ERASED}:
            assert self.audio.names(self.consult.id) == []
            with pytest.raises(Erased):
                self.store.data_key(self.consult.id, KeyPurpose.SOURCE)

    @invariant()
    def the_log_grows_with_every_change(self) -> None:
        assert len(self.store.events(self.consult.id)) >= self.workflow.consult(self.consult.id).version


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
