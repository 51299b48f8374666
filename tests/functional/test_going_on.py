"""A recording that goes on after its end, with the real service: spool, store, database, workers, demo model."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from consent import How
from transcribe.app import Service, actor_of, open_service
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.consult import Actor, Status
from transcribe.demo import CONSULTS
from transcribe.run import consent_given
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir

pytestmark = pytest.mark.slow

SECOND = RATE_HZ * SAMPLE_BYTES * 2
FIRST_S, ALL_S = 14, 26


def until(service: Service, consult_id: UUID, done: Callable[[Status], bool]) -> None:
    end = time.monotonic() + 120
    while not done(service.workflow.consult(consult_id).status):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_what_is_said_at_the_door_is_in_the_one_draft() -> None:
    """Once while the first part is still being transcribed, once after its draft."""
    with PyAvDecoder().decode(io.BytesIO((CONSULTS / "keelpijn.ogg").read_bytes()), max_s=900) as decoding:
        sound = b"".join(decoding)[: ALL_S * SECOND]
    with throwaway_data_dir() as folder:
        settings = Settings.from_env(data_dir=folder, demo=True)
        with open_service(settings) as service, workers(settings, service.database_url):
            talk_on(service, actor_of(settings), sound, drafted=False)
            talk_on(service, actor_of(settings), sound, drafted=True)


def talk_on(service: Service, gp: Actor, sound: bytes, *, drafted: bool) -> None:
    workflow, recorder = service.workflow, service.recorder
    consult_id = workflow.create(gp, "P-1").id
    workflow.record_consent(gp, consult_id, consent_given(How.SPOKEN, gp.name, others_informed=True))
    recorder.start(gp, consult_id, (Speaker.HUISARTS, Speaker.PATIENT))
    for piece in (sound[: FIRST_S * SECOND], sound[FIRST_S * SECOND :]):
        if workflow.consult(consult_id).status is not Status.RECORDING:
            recorder.go_on(gp, consult_id, workflow.consult(consult_id).version)
        live = recorder.open(gp, consult_id)
        live.append(piece)
        live.sync()
        live.close()
        assert recorder.finish(gp, consult_id).status is Status.RECORDED
        if drafted:
            until(service, consult_id, lambda status: status is Status.DRAFTED)
    until(service, consult_id, lambda status: status is Status.DRAFTED)
    review = workflow.review(gp, consult_id)
    said = review.transcript
    assert said is not None
    assert workflow.consult(consult_id).audio_s == said.duration_s == ALL_S
    starts = [(utterance.start_s, utterance.speaker) for utterance in said.utterances]
    assert starts == sorted(starts)
    assert len(starts) == len(set(starts)), "nothing twice"
    assert starts[0][0] < FIRST_S / 2
    assert starts[-1][0] > FIRST_S
    assert list(review.note.lines())
