"""What a Store promises of editing: older versions, what is typed, the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from tests.contract.test_store import TRANSCRIPT, applied, approval, certificate, created, drafted, note
from transcribe.consult import Action, AuditEvent, Consult, KeyPurpose, LedgerEntry, Role, Status, Typed
from transcribe.errors import Conflict, Erased, NotFound
from transcribe.ports import Store
from transcribe.soep.note import Checked, Edits, Score, Section
from transcribe.video import Connection, Video


def test_older_versions_of_a_note_are_there_until_their_key_is_destroyed(store: Store) -> None:
    consult = created(store)
    for text in ("een", "twee"):
        consult = applied(store, consult, note=note(text))
    assert [store.note(consult.id, number) for number in (1, 2, None)] == [
        (1, note("een")), (2, note("twee")), (2, note("twee")),
    ]  # fmt: skip
    assert store.note(consult.id, 3) is None
    assert store.note(consult.id, 0) is None
    source = certificate(consult, KeyPurpose.SOURCE)
    consult = applied(
        store, consult, Status.APPROVED, note=note("drie"), approval=approval(consult, 3), destroy=(source,)
    )
    assert store.note(consult.id, 3) == (3, note("drie"))
    with pytest.raises(Erased):
        store.note(consult.id, 1)


def test_what_is_typed_takes_the_place_of_what_was_typed_there(store: Store) -> None:
    consult = drafted(store)
    assert store.typing(consult.id).texts == ()
    first = Typed(by="A", editor="L1", text="half")
    for typed in (
        first,
        replace(first, by="B"),
        replace(first, editor="nieuw-R1-S"),
        replace(first, tab="2", began="ha", beside="nieuw-R1-P"),
        replace(first, text="half getypt"),
    ):
        store.keep_typing(consult.id, typed)
    assert set(store.typing(consult.id).texts) == {
        replace(first, text="half getypt"), replace(first, by="B"), replace(first, editor="nieuw-R1-S"),
        replace(first, tab="2", began="ha", beside="nieuw-R1-P"),
    }  # fmt: skip
    store.keep_typing(consult.id, replace(first, text=""))
    assert len(store.typing(consult.id).texts) == 3  # that of another tab is left
    assert store.consult(consult.id) == consult
    with pytest.raises(NotFound):
        store.keep_typing(uuid4(), first)


def test_what_is_typed_goes_with_the_draft_it_was_typed_in(store: Store) -> None:
    """Its lines are not those of a draft of another transcript."""
    consult = drafted(store)
    store.keep_typing(consult.id, Typed(by="A", editor="L1", text="half"))
    again = applied(store, applied(store, consult, Status.RECORDED), Status.TRANSCRIBED, transcript=TRANSCRIPT)
    assert store.typing(again.id).texts == ()


def test_what_is_typed_is_not_lost_by_a_signature_and_goes_with_the_note(store: Store) -> None:
    consult = drafted(store)
    first = Typed(by="A", editor="L1", text="half")
    store.keep_typing(consult.id, first)
    source, record = certificate(consult, KeyPurpose.SOURCE), certificate(consult, KeyPurpose.RECORD)
    consult = applied(store, consult, Status.APPROVED, approval=approval(consult, 1), destroy=(source,))
    assert store.typing(consult.id).texts == (first,)
    store.keep_typing(consult.id, replace(first, text="half getypt"))
    assert store.typing(consult.id).texts == (replace(first, text="half getypt"),)
    consult = applied(store, consult, Status.ERASED, destroy=(record,))
    assert store.typing(consult.id).texts == ()
    with pytest.raises(Erased):
        store.keep_typing(consult.id, first)


def test_what_is_recorded_of_a_video_consult_takes_the_place_of_what_was_seen(store: Store) -> None:
    consult = applied(store, created(store), Status.CONSENTED)
    assert store.video(consult.id) == (0, Video())
    first, second = Video(app="Zaurus"), Video(connection=Connection.POOR, others="dochter")
    store.keep_video(consult.id, 0, first, video_event(consult))
    with pytest.raises(Conflict):
        store.keep_video(consult.id, 0, second, video_event(consult))
    assert store.video(consult.id) == (1, first)
    store.keep_video(consult.id, 1, second, video_event(consult))
    assert store.video(consult.id) == (2, second)
    assert [one.action for one in store.events(consult.id)][-2:] == [Action.VIDEO_RECORDED] * 2
    assert store.consult(consult.id) == consult  # whoever is at it goes on
    with pytest.raises(NotFound):
        store.keep_video(uuid4(), 0, first, video_event(consult))
    with pytest.raises(NotFound):
        store.video(uuid4())


def test_from_the_draft_on_it_is_changed_in_the_note_only(store: Store) -> None:
    consult = applied(store, created(store), Status.CONSENTED)
    store.keep_video(consult.id, 0, Video(app="Zaurus"), video_event(consult))
    consult = applied(store, consult, Status.DRAFTED, note=note("een"))
    with pytest.raises(Conflict):
        store.keep_video(consult.id, 1, Video(), video_event(consult))
    assert store.video(consult.id) == (1, Video(app="Zaurus"))
    source = certificate(consult, KeyPurpose.SOURCE)
    applied(store, consult, Status.APPROVED, approval=approval(consult, 1), destroy=(source,))
    assert store.video(consult.id) == (0, Video())


def video_event(consult: Consult) -> AuditEvent:
    return AuditEvent(
        at=consult.changed_at, actor="A", role=Role.HUISARTS, action=Action.VIDEO_RECORDED, consult_id=consult.id
    )


def test_the_ledger_grows_with_the_change_it_belongs_to(store: Store) -> None:
    edits = (Edits(section=Section.S, kept=3, changed=1, removed=0, added=2),)
    entry = LedgerEntry(
        day=date(2026, 11, 22), practice="", drafter="d 1", model="m 1", checked=Checked(sections=edits, seconds=48)
    )
    consult = applied(store, drafted(store), ledger=entry)
    score = Score(planted=3, caught=2, flagged=1, flagged_caught=1, touched=0)
    other = replace(entry.checked, seconds=None, exercise=score)
    later = replace(entry, day=entry.day + timedelta(days=1), checked=other)
    applied(store, consult, ledger=later)
    assert store.ledger(entry.day) == [entry, later]
    assert store.ledger(later.day) == [later]
