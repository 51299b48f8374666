"""A person says who speaks: the draft follows, and nothing that a person wrote is lost. Use cases on fakes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.test_recorder import House, ended
from tests.unit.test_workflow import GP, POH, recorded, spoken_consent
from transcribe.asr.transcript import Speaker, Transcript, Utterance, Voice
from transcribe.audio.pcm import Pcm
from transcribe.consult import Action, Actor, Consult, Reason, Role, Status
from transcribe.errors import Conflict, InvalidInput, NoSpeech, NotAllowed, NotFound, WaitsFor, WrongStatus
from transcribe.naming import Naming
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Concern, Section
from transcribe.speakers.naming import channels_said, named, swapped, with_voices
from transcribe.testing import (
    CONSULT,
    Scripted,
    ScriptedDecoder,
    ScriptedTranscriber,
    confirm_seen,
    scripted_service,
    utterances,
)

DOCTOR, PATIENT, COMPANION, NOBODY = Speaker.HUISARTS, Speaker.PATIENT, Speaker.BEGELEIDER, Speaker.ONBEKEND
ASSISTANT = Actor(name="A. Test", role=Role.ASSISTENTE)


def wrong_way_round() -> tuple[Utterance, ...]:
    """What was guessed: the patient asks and the huisarts has a sore throat."""
    other = {DOCTOR: PATIENT, PATIENT: DOCTOR}
    return tuple(replace(one, speaker=other[one.speaker], voice=int(one.speaker is DOCTOR)) for one in CONSULT)


VOICES = (Voice(guessed=DOCTOR), Voice(guessed=PATIENT))


@pytest.fixture
def service() -> Scripted:
    return scripted_service(
        transcriber=ScriptedTranscriber(wrong_way_round(), voices=VOICES), drafter=ExtractiveDrafter()
    )


@pytest.fixture
def draft(service: Scripted) -> Consult:
    consult = recorded(service.workflow, (NOBODY,))
    service.work()
    return service.workflow.consult(consult.id)


def naming(service: Scripted):
    return service.practice("").naming


def transcript(service: Scripted, consult: Consult) -> Transcript:
    found = service.store.transcript(consult.id)
    assert found
    return found


def lines(service: Scripted, consult: Consult) -> list[tuple[Section, str]]:
    found = service.store.note(consult.id)
    assert found
    return [(line.section, line.text) for line in found[1].lines()]


class ByChannel(ScriptedTranscriber):
    """Hears a question on the first channel and an answer on the second."""

    def __init__(self) -> None:
        super().__init__(())

    def transcribe(self, pcm: Pcm, speakers: Sequence[Speaker], **given: Any) -> Transcript:
        first, second = speakers
        self.utterances = utterances((first, "Wat kan ik voor u doen?"), (second, "Ik heb keelpijn."))
        return super().transcribe(pcm, speakers, **given)


# --- pure ----------------------------------------------------------------------------------------------------------


def test_channels_are_voices_too() -> None:
    heard = with_voices(Transcript(utterances=CONSULT))
    assert [voice.speaker for voice in heard.voices] == [PATIENT, DOCTOR]
    assert [one.voice for one in heard.utterances] == [0, 1, 0, 1, 1]
    assert with_voices(heard) is heard


def test_the_guess_stays_beside_what_was_said() -> None:
    heard = Transcript(utterances=wrong_way_round(), voices=VOICES)
    right = named(heard, swapped(heard))
    assert right.voices == (Voice(guessed=DOCTOR, said=PATIENT), Voice(guessed=PATIENT, said=DOCTOR))
    assert [one.speaker for one in right.utterances] == [one.speaker for one in CONSULT]
    assert [one.speaker for one in named(right, swapped(right)).utterances] == [one.speaker for one in heard.utterances]


def test_what_has_no_voice_keeps_its_speaker() -> None:
    unsure = utterances((NOBODY, "Hm."))[0]
    heard = Transcript(utterances=(*wrong_way_round(), unsure), voices=VOICES)
    assert named(heard, [DOCTOR, COMPANION]).utterances[-1] == unsure


@pytest.mark.parametrize("said", [[], [DOCTOR], [DOCTOR, PATIENT, NOBODY]])
def test_every_voice_is_named_and_no_other(said: list[Speaker]) -> None:
    with pytest.raises(ValueError, match="zip"):
        named(Transcript(utterances=wrong_way_round(), voices=VOICES), said)


# --- with a draft --------------------------------------------------------------------------------------------------


def test_the_draft_is_made_anew_when_nobody_edited_it(service: Scripted, draft: Consult) -> None:
    before = lines(service, draft)
    waits = naming(service).name(GP, draft.id, draft.version, None)
    assert (waits.status, waits.reason) == (Status.TRANSCRIBED, None)
    assert [one.speaker for one in transcript(service, draft).utterances] == [one.speaker for one in CONSULT]
    assert service.work() == 1
    assert service.workflow.consult(draft.id).status is Status.DRAFTED
    after = lines(service, draft)
    assert any(section is Section.S and "keelpijn" in text for section, text in after)
    assert after != before
    assert [(e.actor, e.detail) for e in service.store.events() if e.action is Action.SPEAKERS_NAMED] == [
        (GP.name, "2 sprekers, verslag opnieuw")
    ]


def test_a_guess_is_a_point_of_attention_until_a_person_names_the_voices(service: Scripted, draft: Consult) -> None:
    assert service.workflow.review(GP, draft.id).concerns == (Concern.GUESSED,)
    right = naming(service).name(GP, draft.id, draft.version, [DOCTOR, PATIENT])  # it was right
    assert right.status is Status.DRAFTED
    assert service.workflow.review(GP, draft.id).concerns == ()
    assert naming(service).name(GP, draft.id, right.version, [DOCTOR, PATIENT]) == right  # twice is once


def test_of_an_edited_draft_is_asked_what_happens_to_it(service: Scripted, draft: Consult) -> None:
    line = next(iter(service.workflow.review(GP, draft.id).note.lines())).id
    service.workflow.edit_line(GP, draft.id, draft.version, line, "Zoals de huisarts het schreef.")
    mine, version = lines(service, draft), service.workflow.consult(draft.id).version
    with pytest.raises(InvalidInput, match="al gewijzigd"):
        naming(service).name(GP, draft.id, version, None)
    assert (lines(service, draft), service.workflow.consult(draft.id).version) == (mine, version)
    kept = naming(service).name(GP, draft.id, version, None, keep=True)
    assert (kept.status, service.work(), lines(service, draft)) == (Status.DRAFTED, 0, mine)
    assert [one.speaker for one in transcript(service, draft).utterances] == [one.speaker for one in CONSULT]
    anew = naming(service).name(GP, draft.id, kept.version, None, keep=False)
    assert (anew.status, service.work()) == (Status.TRANSCRIBED, 1)
    assert "Zoals de huisarts het schreef." not in [text for _, text in lines(service, draft)]


def test_a_confirmed_line_is_work_too(service: Scripted, draft: Consult) -> None:
    line = next(iter(service.workflow.review(GP, draft.id).note.lines())).id
    confirmed = confirm_seen(service.workflow, GP, draft.id, line)
    with pytest.raises(InvalidInput, match="al gewijzigd"):
        naming(service).name(GP, draft.id, confirmed.version, None)


def test_what_is_being_typed_is_not_lost(service: Scripted, draft: Consult) -> None:
    service.workflow.keep_typing(GP, draft.id, "L1", "half een zin")
    with pytest.raises(InvalidInput, match="nog een regel open"):
        naming(service).name(GP, draft.id, draft.version, None)
    assert [one.text for one in service.store.typing(draft.id).texts] == ["half een zin"]


def test_a_draft_that_was_passed_on_is_still_the_receivers(service: Scripted, draft: Consult) -> None:
    locum = Actor(name="W. Neem", role=Role.WAARNEMER)
    passed = service.workflow.pass_on(GP, draft.id, draft.version, locum.name, "Kijk je mee?")
    with pytest.raises(WaitsFor):
        naming(service).name(GP, draft.id, passed.version, None)
    naming(service).name(locum, draft.id, passed.version, None)
    service.work()
    again = service.workflow.consult(draft.id)
    assert (again.status, again.waits_for, again.passed_by) == (Status.DRAFTED, locum.name, GP.name)
    assert service.workflow.review(locum, draft.id).message == "Kijk je mee?"


def test_who_may(service: Scripted, draft: Consult) -> None:
    with pytest.raises(NotAllowed):
        naming(service).name(ASSISTANT, draft.id, draft.version, None)
    with pytest.raises(Conflict):
        naming(service).name(GP, draft.id, draft.version - 1, None)
    with pytest.raises(NotFound):
        naming(service).name(GP, draft.id, draft.version, [DOCTOR])
    waits = naming(service).name(POH, draft.id, draft.version, None)
    with pytest.raises(WrongStatus):
        naming(service).name(POH, draft.id, waits.version, None)


def test_not_after_the_signature(service: Scripted, draft: Consult) -> None:
    workflow = service.workflow
    workflow.see(GP, draft.id, draft.version, Concern.GUESSED)
    for line in workflow.review(GP, draft.id).flags:
        confirm_seen(workflow, GP, draft.id, line)
    for item in workflow.review(GP, draft.id).pressing:
        workflow.dismiss(GP, draft.id, workflow.consult(draft.id).version, item.utterance)
    workflow.approve(GP, draft.id, workflow.review(GP, draft.id).sha256)
    with pytest.raises(WrongStatus):
        naming(service).name(GP, draft.id, workflow.consult(draft.id).version, None)


def test_in_an_exercise_it_is_known_who_speaks() -> None:
    service = scripted_service(demo=True)
    made = service.workflow.create(GP, "OEFENING", exercise=True)
    service.workflow.record_consent(GP, made.id, spoken_consent())
    service.workflow.receive(GP, made.id, [b"sound"], (DOCTOR, PATIENT))
    service.work()
    with pytest.raises(InvalidInput, match="oefening"):
        naming(service).name(GP, made.id, service.workflow.consult(made.id).version, None)


def test_channels_are_of_whom_a_person_said() -> None:
    """Also that on which nobody was heard, and after a second time; of one channel for everybody nothing follows."""
    heard = Transcript(utterances=CONSULT)
    assert channels_said((DOCTOR, PATIENT), heard) == (DOCTOR, PATIENT)
    assert channels_said((DOCTOR, PATIENT), None) == (DOCTOR, PATIENT)
    assert channels_said((DOCTOR, PATIENT), named(heard, swapped(heard))) == (PATIENT, DOCTOR)
    assert channels_said((DOCTOR, PATIENT), named(heard, [COMPANION, DOCTOR])) == (DOCTOR, COMPANION)
    both = named(heard, [COMPANION, COMPANION])
    assert channels_said((DOCTOR, PATIENT), named(both, [DOCTOR, PATIENT])) == (PATIENT, DOCTOR)
    alone = Transcript(utterances=utterances((PATIENT, "Hallo?")))
    assert channels_said((DOCTOR, PATIENT), named(alone, [DOCTOR])) == (PATIENT, DOCTOR)
    mixed = Transcript(utterances=wrong_way_round(), voices=(Voice(guessed=NOBODY, said=DOCTOR), VOICES[1]))
    assert channels_said((NOBODY,), mixed) == (NOBODY,)


def test_what_was_said_of_the_voices_holds_when_the_recording_goes_on() -> None:
    """The microphones were plugged in the wrong way round; somebody said so, and the patient comes back at the door."""
    transcriber = ByChannel()
    service = scripted_service(
        transcriber=transcriber, drafter=ExtractiveDrafter(), decoder=ScriptedDecoder(channels=2)
    )
    made = service.workflow.create(GP, "P-1")
    service.workflow.record_consent(GP, made.id, spoken_consent())
    service.recorder.start(GP, made.id, (PATIENT, DOCTOR))

    def spoken(sound: bytes) -> Transcript:
        with closing(service.recorder.open(GP, made.id)) as live:
            live.append(sound)
            live.sync()
        service.recorder.finish(GP, made.id)
        service.work()
        assert service.workflow.consult(made.id).status is Status.DRAFTED
        return transcript(service, made)

    spoken(b"ab" * 32_000)
    naming(service).name(GP, made.id, service.workflow.consult(made.id).version, None)
    service.work()
    for _ in range(2):
        service.recorder.go_on(GP, made.id, service.workflow.consult(made.id).version)
        more = spoken(b"cd" * 32_000)
        assert [one.speaker for one in more.utterances] == [DOCTOR, PATIENT]
        assert service.workflow.consult(made.id).channels == (DOCTOR, PATIENT)

    # and not for another recording, which took its place
    naming(service).name(GP, made.id, service.workflow.consult(made.id).version, None)
    service.work()
    service.recorder.go_on(GP, made.id, service.workflow.consult(made.id).version)
    transcriber.problem = NoSpeech()
    with closing(service.recorder.open(GP, made.id)) as live:
        live.append(b"ef" * 32_000)
        live.sync()
    service.recorder.finish(GP, made.id)
    service.work()
    assert service.workflow.consult(made.id).reason is Reason.NO_SPEECH
    transcriber.problem = None
    service.workflow.receive(GP, made.id, [b"sound"], (DOCTOR, PATIENT))
    service.work()
    assert [one.speaker for one in transcript(service, made).utterances] == [DOCTOR, PATIENT]


@pytest.mark.parametrize(("keep", "status"), [(None, Status.TRANSCRIBED), (True, Status.DRAFTED)])
def test_a_recording_that_goes_on_for_nothing_brings_no_draft_of_before_back(keep: bool | None, status: Status) -> None:
    """The voices were named, and before there was a new draft somebody pressed the wrong key."""
    house = House()
    consult_id = ended(house)
    if keep:
        house.workflow.edit_line(GP, consult_id, house.consult(consult_id).version, "L1", "Zelf geschreven.")
    naming = Naming(store=house.store, writer=house.writer)
    everybody = [COMPANION] * len(with_voices(house.store.transcript(consult_id)).voices)
    assert naming.name(GP, consult_id, house.consult(consult_id).version, everybody, keep=keep).status is status
    house.gone_on(consult_id)
    assert house.recorder.finish(GP, consult_id).status is status
