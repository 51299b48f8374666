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
from transcribe.consult import Status
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


@pytest.mark.parametrize("drafted", [False, True], ids=["while it is transcribed", "after its draft"])
def test_what_is_said_at_the_door_is_in_the_one_draft(drafted: bool) -> None:
    with PyAvDecoder().decode(io.BytesIO((CONSULTS / "keelpijn.ogg").read_bytes()), max_s=900) as decoding:
        sound = b"".join(decoding)[: ALL_S * SECOND]
    with throwaway_data_dir() as folder:
        settings = Settings.from_env(data_dir=folder, demo=True)
        gp = actor_of(settings)
        with open_service(settings) as service, workers(settings, service.database_url):
            workflow, recorder = service.workflow, service.recorder
            consult_id = workflow.create(gp, "P-1").id
            workflow.record_consent(gp, consult_id, consent_given(How.SPOKEN, gp.name, others_informed=True))
            recorder.start(gp, consult_id, (Speaker.HUISARTS, Speaker.PATIENT))
            for piece in (sound[: FIRST_S * SECOND], sound[FIRST_S * SECOND :]):
                if workflow.consult(consult_id).status not in (Status.RECORDING, Status.PAUSED):
                    recorder.go_on(gp, consult_id)
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
            starts = [utterance.start_s for utterance in said.utterances]
            assert starts == sorted(starts)
            assert min(starts) < FIRST_S / 2
            assert max(starts) > FIRST_S
            texts = [(u.speaker, u.start_s) for u in said.utterances]
            assert len(texts) == len(set(texts)), "nothing twice"
            assert list(review.note.lines())
