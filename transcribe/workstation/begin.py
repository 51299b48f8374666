"""Which consult is recorded: a new one with its consent, one made on the web, or one that a crash broke off."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from consent import Consent
from transcribe import policy
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, Consult, Search, Status
from transcribe.errors import N_, Refused
from transcribe.recorder import Recorder
from transcribe.workflow import Workflow

#: One microphone hears everybody.
LAYOUT = (Speaker.ONBEKEND,)
#: Only the huisarts speaks, for the note: nothing of it is left out.
DICTATION = (Speaker.HUISARTS,)


class NothingHere(Refused):
    text = N_(
        "Er is geen geluid opgenomen, dus er komt geen verslag. Controleer de microfoon (transcribe record --devices) "
        "en begin opnieuw."
    )


class BegunAsTalk(Refused):
    text = N_(
        "Deze opname is begonnen als gesprek, niet als dictaat. Ga verder zonder --dictation, of rond haar eerst af en "
        "maak voor het dictaat een nieuw consult."
    )


def begun(
    workflow: Workflow,
    recorder: Recorder,
    actor: Actor,
    *,
    ref: str | None,
    consult_id: UUID | None,
    given: Callable[[], Consent],
    dictation: bool = False,
) -> tuple[Consult, bool]:
    """A consult that is being recorded or paused, and whether it was made here and now.

    With a ``ref``: the recording of that patient that was not finished, else a new consult. ``given`` raises
    ``ConsentProblem`` when there is no consent. Raises what the rules raise, and ``BegunAsTalk`` for a ``dictation``
    that would go on in a recording that is none; a recording that is one goes on as one, whatever is asked.
    """
    layout = DICTATION if dictation else LAYOUT
    if consult_id is not None:
        workflow.check_open(actor, consult_id)
        consult = workflow.consult(consult_id)
        if consult.status in policy.RUNNING:
            return _same(consult, dictation=dictation), False
        return recorder.start(actor, consult_id, layout), False
    assert ref is not None
    for consult in workflow.search(Search(patient_ref=ref)):
        if consult.status in policy.RUNNING:
            workflow.check_open(actor, consult.id)
            return _same(consult, dictation=dictation), False
    consent = given()
    consult = workflow.create(actor, ref)
    try:
        workflow.record_consent(actor, consult.id, consent)
        return recorder.start(actor, consult.id, layout), True
    except BaseException:
        if workflow.consult(consult.id).status in {Status.NEW, Status.CONSENTED}:
            workflow.discard(actor, consult.id)  # whatever went wrong, nothing half-made stays behind
        raise


def _same(consult: Consult, *, dictation: bool) -> Consult:
    if dictation and consult.channels != DICTATION:
        raise BegunAsTalk
    return consult
