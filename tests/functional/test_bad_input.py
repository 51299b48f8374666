"""Each file a practice might bring by mistake ends in a Dutch sentence that says what is wrong and what to do, with
nothing half-stored; a damaged one is used as far as it goes. Real decoder, real voice detector, real model."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from tests.contract.test_decoder import media
from transcribe.app import choose_model, make_transcriber
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ
from transcribe.consult import Actor, Reason, Role, Search, Status
from transcribe.demo import CONSULTS
from transcribe.errors import (
    AudioProblem,
    EmptyFile,
    IncompleteFile,
    NoAudioTrack,
    NoSpeech,
    NotAudio,
    TooLong,
)
from transcribe.run import bring_in, consent_given
from transcribe.settings import Settings
from transcribe.testing import ScriptedWorker, scripted_service

pytestmark = pytest.mark.slow

GP = Actor(name="Dr. Test", role=Role.HUISARTS)


@cache
def transcriber():
    model = choose_model(Settings(data_dir=Path("/nonexistent"), demo=True))
    assert model
    return make_transcriber(model)


def wav(samples: np.ndarray) -> bytes:
    """Mono float -1..1 at 16 kHz as a WAV file."""
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype("<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def three_hours() -> bytes:
    """Three hours of next to nothing; FLAC makes it small."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        for second in range(0, 3 * 3600, 60):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * 60), "<i2"), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, second * 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def seconds(count: int) -> np.ndarray:
    return np.arange(count * RATE_HZ) / RATE_HZ


def melody() -> np.ndarray:
    t = seconds(8)
    pitch = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4, 0, -5])[(t.astype(int)) % 8] / 12)
    return 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) * np.exp(-(t % 1))


BAD: dict[str, tuple[Callable[[], bytes], type[AudioProblem], str]] = {
    "notes.mp3": (lambda: b"Boodschappen: melk, brood.\n" * 40, NotAudio, "geen geluid- of videobestand"),
    "empty.wav": (lambda: b"", EmptyFile, "leeg"),
    "silent-film.mp4": (lambda: media("mp4", sound=False, video=True), NoAudioTrack, "geen geluid"),
    "half.mp4": (lambda: half(media("mp4", video=True)), IncompleteFile, "afgebroken"),
    "forgotten.flac": (three_hours, TooLong, "180 minuten"),
    "silence.wav": (lambda: wav(np.zeros(8 * RATE_HZ)), NoSpeech, "Geen spraak"),
    "noise.wav": (lambda: wav(np.random.default_rng(1).normal(0, 0.1, 8 * RATE_HZ)), NoSpeech, "Geen spraak"),
    "music.wav": (lambda: wav(melody()), NoSpeech, "Geen spraak"),
}


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def bring(service, path: Path, layout=(Speaker.HUISARTS, Speaker.PATIENT)):
    worker = ScriptedWorker(service)
    worker.start()
    try:
        return bring_in(
            service.workflow,
            GP,
            path,
            ref="P-1",
            consent=consent_given("mondeling", "Dr. Test", others_informed=True),
            layout=layout,
            out=Console(file=io.StringIO()),
        )
    finally:
        worker.stop()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_ends_in_a_clear_sentence(name: str, tmp_path: Path) -> None:
    make, problem, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(make())
    service = scripted_service(decoder=PyAvDecoder(), transcriber=transcriber())
    store, audio = service.store, service.audio
    with pytest.raises(problem) as told:
        bring(service, path)
    assert words in str(told.value)
    (consult,) = store.search(Search())
    if problem is NoSpeech:
        # the recording is kept, so that the GP can listen; no note was made
        assert (consult.status, consult.reason) == (Status.RECORDED, Reason.NO_SPEECH)
        assert store.transcript(consult.id) is None
        assert store.note(consult.id) is None
        assert service.workflow.play(GP, consult.id, first=False).file.read(4)
    else:
        assert consult.status is Status.DISCARDED
        assert audio.names(consult.id) == []
    assert path.read_bytes() == make(), "the original is only read"


def test_a_recording_cut_in_half_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (CONSULTS / "keelpijn.ogg").read_bytes()
    remuxed = io.BytesIO()
    with av.open(io.BytesIO(whole)) as source, av.open(remuxed, "w", format="webm") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    path = tmp_path / "half.webm"
    path.write_bytes(half(remuxed.getvalue()))
    service = scripted_service(decoder=PyAvDecoder(), transcriber=transcriber())
    store = service.store
    consult = bring(service, path)
    assert (consult.status, consult.reason) == (Status.DRAFTED, Reason.DAMAGED)
    transcript = store.transcript(consult.id)
    assert transcript.utterances
    assert consult.missing_s > 30
    assert max(utterance.end_s for utterance in transcript.utterances) <= transcript.missing[-1].start_s + 1
