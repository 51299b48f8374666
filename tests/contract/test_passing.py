"""What a Store promises of drafts that wait for somebody: where they are found, the message, the names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest

from tests.contract.test_store import NOW, applied, approval, audit, certificate, created, drafted, new_consult, note
from transcribe.consult import Action, Actor, Change, Consult, KeyPurpose, Part, PartSize, Role, Search, Status
from transcribe.errors import Erased, WaitsFor
from transcribe.ports import Store
from transcribe.testing import MemoryAudioStore, MemorySpool, ScriptedDecoder
from transcribe.workflow import Workflow
from transcribe.writer import Writer

ME, OTHER = "Dr. A. Jansen", "W. Neem"


def passed(store: Store, consult: Consult, to: str = ME, by: str = OTHER, message: str | None = None) -> Consult:
    after = replace(consult, version=consult.version + 1, waits_for=to, passed_by=by)
    store.apply(Change(consult=after, audit=audit(consult.id, Action.PASSED_ON), message=message))
    return after


def test_drafts_are_found_by_whom_they_wait_for(store: Store) -> None:
    made: list[Consult] = []
    for minute, waits_for in enumerate(("", ME, OTHER, ME, "", OTHER)):
        moment = NOW + timedelta(minutes=minute)
        consult = replace(new_consult(), status=Status.DRAFTED, created_at=moment, waits_for=waits_for)
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.append(consult)
    expected = {Part.CHECK: [made[4], made[0]], Part.MINE: [made[3], made[1]], Part.OTHERS: [made[5], made[2]]}
    for part, of_it in expected.items():
        assert store.search(Search(part=part, person=ME)) == of_it
        assert store.search(Search(part=part, person=ME), after=of_it[0].id) == of_it[1:]
        assert store.sizes(ME)[part] == PartSize(count=2, oldest=of_it[-1].created_at)
    # however the name is typed
    for person in ("dr.  a. JANSEN", "Ｄr. A. Jansen"):
        assert store.search(Search(part=Part.MINE, person=person)) == expected[Part.MINE]
        assert store.search(Search(part=Part.OTHERS, person=person)) == expected[Part.OTHERS]
        assert [store.sizes(person)[part].count for part in (Part.MINE, Part.OTHERS)] == [2, 2]
    # to somebody for whom nothing waits
    assert store.search(Search(part=Part.MINE, person="Z. Ander")) == []
    assert store.sizes("Z. Ander")[Part.OTHERS].count == 4
    # taken over
    mine = replace(made[5], version=2, waits_for=ME)
    store.apply(Change(consult=mine, audit=audit(mine.id, Action.TAKEN_OVER)))
    assert store.search(Search(part=Part.MINE, person=ME)) == [mine, made[3], made[1]]
    assert store.search(Search(part=Part.OTHERS, person=ME)) == [made[2]]


def test_a_message_takes_the_place_of_the_one_before_and_can_be_taken_away(store: Store) -> None:
    consult = drafted(store)
    assert store.message(consult.id) == ""
    consult = passed(store, consult, message="Graag dosering “nakijken”.")
    assert store.message(consult.id) == "Graag dosering “nakijken”."
    consult = applied(store, consult, note=note("anders"))
    assert store.message(consult.id) == "Graag dosering “nakijken”."
    consult = passed(store, consult, OTHER, ME, "Gedaan.")
    assert store.message(consult.id) == "Gedaan."
    consult = passed(store, consult, message="")
    assert store.message(consult.id) == ""
    passed(store, consult, message="")
    assert store.note(consult.id) == (2, note("anders"))


def test_a_message_goes_with_the_key_of_the_draft_and_with_that_of_the_note(store: Store) -> None:
    consult = passed(store, drafted(store), message="Graag dosering nakijken.")
    source, record = certificate(consult, KeyPurpose.SOURCE), certificate(consult, KeyPurpose.RECORD)
    consult = applied(store, consult, Status.APPROVED, approval=approval(consult, 1), destroy=(source,))
    assert store.message(consult.id) == ""
    consult = passed(store, applied(store, consult, Status.DRAFTED), message="Toch anders?")
    assert store.message(consult.id) == "Toch anders?"
    consult = applied(store, consult, Status.ERASED, destroy=(record,))
    assert store.message(consult.id) == ""
    with pytest.raises(Erased):
        passed(store, consult, message="te laat")


def test_names_of_those_who_worked_here(store: Store) -> None:
    assert store.colleagues("") == []
    consult = drafted(store)
    applied(store, consult, Status.APPROVED, approval=approval(consult, 1))
    elsewhere = replace(new_consult(), status=Status.DRAFTED, practice="De Linde", waits_for="B", passed_by="C")
    store.apply(Change(consult=elsewhere, audit=audit(elsewhere.id)))
    assert store.colleagues("") == ["A. Jansen"]
    assert store.colleagues("De Linde") == ["B", "C"]
    waiting = passed(store, created(store), to="W. Neem", by="A. Jansen")
    assert store.colleagues("") == ["A. Jansen", "W. Neem"]
    replaced = replace(waiting, version=waiting.version + 1, waits_for="")
    store.apply(Change(consult=replaced, audit=audit(waiting.id)))
    assert store.colleagues("") == ["A. Jansen"]


def test_of_two_who_take_over_at_once_one_has_it_and_the_other_is_told_who(store: Store) -> None:
    workflow = Workflow(
        store=store,
        audio=MemoryAudioStore(),
        spool=MemorySpool(),
        decoder=ScriptedDecoder(),
        writer=Writer(store),
        space=lambda: None,  # type: ignore[arg-type,return-value]  # nothing is recorded
    )
    for _ in range(5):
        consult = passed(store, drafted(store), to="Z. Ander")
        start = Barrier(2)

        def take(name: str, consult_id: UUID = consult.id, version: int = consult.version, at: Barrier = start) -> str:
            at.wait()
            try:
                return workflow.take_over(Actor(name=name, role=Role.HUISARTS), consult_id, version).waits_for
            except WaitsFor as refused:
                return str(refused.params["name"])

        with ThreadPoolExecutor(2) as two:
            told = list(two.map(take, (ME, OTHER)))
        assert told == [store.consult(consult.id).waits_for] * 2
        assert [event.action for event in store.events(consult.id)].count(Action.TAKEN_OVER) == 1
