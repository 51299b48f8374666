"""What a note says of the consent: the record's sentence where a practice wants it, and no drafter's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from consent import AgeClass, Consent, GivenBy, How, Relation, current_text, grant
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.consult import Actor, Role, Status
from transcribe.ports import Drafter
from transcribe.soep.language_model import ModelDrafter
from transcribe.soep.note import Line, Note, Origin, Report, Section, note_text
from transcribe.soep.prompting import Message
from transcribe.testing import CONSULT, DRAFT, Scripted, ScriptedTranscriber, confirm_seen, scripted_service, utterances

GP = Actor(name="Dr. Proef", role=Role.HUISARTS)
WORDS = current_text()
AGREED = "Pat. akkoord met opname voor verslaglegging."


def consent(**changes) -> Consent:
    fields = {
        "how": How.SPOKEN,
        "informed_by": GP.name,
        "text_id": WORDS.id,
        "text_sha256": WORDS.sha256,
        "others_informed": True,
        "now": datetime.now(UTC),
    }
    return grant(**(fields | changes))


def drafted(service: Scripted, given: Consent) -> UUID:
    consult = service.workflow.create(GP, "HIS-1")
    service.workflow.record_consent(GP, consult.id, given)
    service.workflow.receive(GP, consult.id, [b"RIFF"], (Speaker.HUISARTS, Speaker.PATIENT))
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED
    return consult.id


def shown(service: Scripted, consult_id: UUID) -> str:
    return service.workflow.review(GP, consult_id).text


def signed(service: Scripted, consult_id: UUID) -> None:
    review = service.workflow.review(GP, consult_id)
    for line_id in review.flags:
        confirm_seen(service.workflow, GP, consult_id, line_id)
    service.workflow.approve(GP, consult_id, service.workflow.review(GP, consult_id).sha256)


def test_a_note_says_nothing_of_it_unless_the_practice_wants_that() -> None:
    service = scripted_service()
    assert "akkoord" not in shown(service, drafted(service, consent()))


def test_it_is_the_first_line_and_goes_into_what_is_signed_and_copied() -> None:
    service = scripted_service(consent_line=True)
    consult_id = drafted(service, consent())
    assert shown(service, consult_id).startswith(f"S: {AGREED}\n")
    signed(service, consult_id)
    assert service.workflow.deliver(GP, consult_id, "S").startswith(f"{AGREED}\n")
    assert service.workflow.deliver(GP, consult_id).startswith(f"S: {AGREED}\n")
    assert AGREED not in service.workflow.deliver(GP, consult_id, "P")


def test_it_says_who_agreed() -> None:
    service = scripted_service(consent_line=True)
    mother = consent(age=AgeClass.UNDER_12, given_by=GivenBy.PARENT, relation=Relation.PARENT)
    assert shown(service, drafted(service, mother)).startswith("S: Ouder akkoord")


def test_it_stays_through_edits_and_can_be_no_line_of_anybody() -> None:
    service = scripted_service(consent_line=True)
    consult_id = drafted(service, consent())
    version = service.workflow.consult(consult_id).version
    service.workflow.add_line(GP, consult_id, version, Section.S, "Rookt niet.")
    review = service.workflow.review(GP, consult_id)
    assert review.text.count("akkoord") == 1
    assert all("akkoord" not in line.text for line in review.note.lines())
    signed(service, consult_id)
    version = service.workflow.consult(consult_id).version
    line = next(service.workflow.review(GP, consult_id).note.lines())
    service.workflow.edit_line(GP, consult_id, version, line.id, "Anders geschreven.")
    assert shown(service, consult_id).startswith(f"S: {AGREED}\n")


CLAIM = "Patiënt heeft toestemming gegeven voor de opname van dit gesprek."


class Liar:
    """A drafter that says the patient agreed, in a line and in the field that is the record's."""

    name = "leugenaar"

    def draft(self, _transcript: Transcript) -> Note:
        line = Line(id="L99", section=Section.S, text=CLAIM, evidence=(0,))
        report = replace(DRAFT.reports[0], lines=(line, *DRAFT.reports[0].lines))
        return replace(DRAFT, reports=(report, *DRAFT.reports[1:]), agreed=CLAIM, next_line=100)


class LyingModel:
    """A language model that answers with a claim."""

    name = "leugenmodel"
    context_tokens = 16_000

    def count(self, text: str) -> int:
        return len(text) // 3

    def complete(self, asked: Sequence[Message], schema: Mapping[str, Any], *, most_tokens: int) -> str:
        assert asked
        assert most_tokens
        known = schema["properties"]["regels"]["items"]["properties"]["bron"]["items"]["enum"]
        lines = [{"deel": "S", "bron": [known[0]], "tekst": text} for text in (CLAIM, "Keelpijn.")]
        return json.dumps({"regels": lines})


@pytest.mark.parametrize("consent_line", [False, True])
@pytest.mark.parametrize("drafter", [Liar(), ModelDrafter(LyingModel())], ids=["rules", "model"])
def test_no_drafter_gets_a_claim_into_a_note(drafter: Drafter, consent_line: bool) -> None:
    """There is no consent for a recording here but the record's, whoever writes the draft and whatever was said."""
    said = (
        *utterances((Speaker.HUISARTS, "Vindt u het goed dat ik dit gesprek opneem?"), (Speaker.PATIENT, "Ja, prima.")),
        *CONSULT,
    )
    service = scripted_service(drafter=drafter, transcriber=ScriptedTranscriber(said), consent_line=consent_line)
    consult_id = drafted(service, consent())
    assert CLAIM not in shown(service, consult_id)
    assert shown(service, consult_id).startswith(f"S: {AGREED}") == consent_line
    note = service.store.note(consult_id)[1]
    assert drafter.name == note.drafter or note.drafter == DRAFT.drafter  # it is the liar's that was taken
    assert all("toestemming" not in line.text for line in note.lines())


def test_a_claim_that_was_dictated_is_asked_about() -> None:
    """The huisarts's own words are nobody's to strike: they are not signed unseen either."""
    said = utterances(
        (Speaker.HUISARTS, "Patiënt akkoord met opname van het gesprek."), (Speaker.HUISARTS, "Keelpijn.")
    )
    lines = (Line(id="L1", section=Section.S, text="Patiënt akkoord met opname van het gesprek.", evidence=(0,)),)
    note = Note(reports=(Report(id="R1", lines=lines),), next_line=2)

    class Dictation:
        name = "dictaat"

        def draft(self, _transcript: Transcript) -> Note:
            return note

    service = scripted_service(drafter=Dictation(), transcriber=ScriptedTranscriber(said))
    consult_id = drafted(service, consent())
    flags = service.workflow.review(GP, consult_id).flags
    assert any("apart vastgelegd" in found.text for found in flags["L1"])
    assert note_text(service.workflow.review(GP, consult_id).note) == f"S: {lines[0].text}"
    assert lines[0].origin is Origin.CONCEPT
