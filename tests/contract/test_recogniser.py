"""The recogniser and the detector against the libraries they wrap, with the demo model."""

from __future__ import annotations

import dataclasses
import inspect
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.catalog import installed
from transcribe.asr.whisper import HINT_TOKENS, WhisperOptions, WhisperRecogniser
from transcribe.audio.pcm import RATE_HZ, Samples, Span
from transcribe.audio.vad import FRAME_S, SileroDetector, Stretches, VoiceOptions
from transcribe.errors import SetupProblem

CONSULTS = Path(__file__).parents[2] / "transcribe" / "demo" / "consults"


@pytest.fixture(scope="module")
def demo() -> Path:
    return next(model.path for model in installed() if model.name == "demo-nl")


@pytest.fixture(scope="module")
def recogniser(demo: Path) -> WhisperRecogniser:
    return WhisperRecogniser(demo, device="cpu", compute_type="int8", cpu_threads=2)


@pytest.fixture(scope="module")
def consult() -> Samples:
    """The first minute of a demo consult, mixed."""
    import io

    from transcribe.audio.decode import PyAvDecoder

    file = min(CONSULTS.glob("*.ogg"))
    with PyAvDecoder().decode(io.BytesIO(file.read_bytes()), max_s=600) as decoding:
        raw = b"".join(decoding)
    frames = np.frombuffer(raw, "<i2").reshape(-1, decoding.channels)[: 60 * RATE_HZ]
    return np.asarray(frames.sum(axis=1) / 32768, np.float32)


# --- options ---


def test_every_option_of_the_library_is_ours() -> None:
    """A new or renamed option upstream makes this fail: decide about it in ``WhisperOptions``."""
    from faster_whisper import WhisperModel

    theirs = set(inspect.signature(WhisperModel.transcribe).parameters) - {"self", "audio", "language"}
    assert theirs == {field.name for field in dataclasses.fields(WhisperOptions)}


def test_every_option_of_loading_is_ours() -> None:
    from faster_whisper import WhisperModel

    assert set(inspect.signature(WhisperModel.__init__).parameters) == {
        *("self", "model_size_or_path", "device", "device_index", "compute_type", "cpu_threads", "num_workers"),
        *("download_root", "local_files_only", "files", "revision", "use_auth_token", "model_kwargs"),
    }


def test_what_the_library_makes_of_our_options(recogniser: WhisperRecogniser) -> None:
    options = dataclasses.asdict(WhisperOptions()) | {"suppress_tokens": [-1]}
    _, info = recogniser._model.transcribe(np.zeros(RATE_HZ, np.float32), language="nl", **options)
    effective = info.transcription_options
    assert (info.language, info.vad_options) == ("nl", None)
    assert effective.temperatures == [0.0]
    for name in (
        *("beam_size", "best_of", "patience", "length_penalty", "repetition_penalty", "no_repeat_ngram_size"),
        *("condition_on_previous_text", "initial_prompt", "prefix", "hotwords", "compression_ratio_threshold"),
        *("log_prob_threshold", "no_speech_threshold", "hallucination_silence_threshold", "suppress_blank"),
        *("without_timestamps", "max_initial_timestamp", "word_timestamps", "multilingual", "max_new_tokens"),
    ):
        assert getattr(effective, name) == getattr(WhisperOptions(), name), name


@pytest.mark.parametrize("wrong", [{"temperature": 0.2}, {"word_timestamps": False}])
def test_impossible_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"temperature 0|times of words"):
        WhisperOptions(**wrong)  # type: ignore[arg-type]


# --- the model ---


def test_it_hears_words_in_order(recogniser: WhisperRecogniser, consult: Samples) -> None:
    segments = recogniser.recognise(consult[: 8 * RATE_HZ], language="nl")
    words = [word for segment in segments for word in segment.words]
    assert len(words) >= 5
    assert [word.start_s for word in words] == sorted(word.start_s for word in words)
    assert all(word.text == word.text.strip() != "" and 0 <= word.probability <= 1 for word in words)
    assert all(-10 < segment.log_probability <= 0 and 0 <= segment.no_speech <= 1 for segment in segments)


def test_same_sound_same_text(recogniser: WhisperRecogniser, demo: Path, consult: Samples) -> None:
    sound = consult[: 5 * RATE_HZ]
    first = recogniser.recognise(sound, language="nl")
    recogniser.recognise(consult[10 * RATE_HZ : 13 * RATE_HZ], language="nl")
    assert recogniser.recognise(sound, language="nl") == first
    other = WhisperRecogniser(demo, device="cpu", compute_type="int8", cpu_threads=1)
    assert [s.text for s in other.recognise(sound, language="nl")] == [s.text for s in first]


def test_words_that_may_occur_change_what_is_heard_the_same_way_each_time(demo: Path, consult: Samples) -> None:
    sound = consult[: 2 * RATE_HZ]
    quick = WhisperOptions(beam_size=1, max_new_tokens=12)
    listens, deaf = (
        WhisperRecogniser(demo, device="cpu", compute_type="int8", hints=hints, options=quick)
        for hints in (True, False)
    )
    plain = listens.recognise(sound, language="nl")
    hinted = listens.recognise(sound, language="nl", hints=["macrogol", "Zonneveld"])
    assert hinted != plain
    assert listens.recognise(sound, language="nl", hints=["macrogol", "Zonneveld"]) == hinted
    assert listens.recognise(sound, language="nl") == plain  # nothing of them stays
    assert deaf.recognise(sound, language="nl", hints=["macrogol", "Zonneveld"]) == plain


def test_hints_fit_whole_and_never_mean_anything_to_the_model(recogniser: WhisperRecogniser) -> None:
    assert recogniser.hotwords([]) is None
    assert recogniser.hotwords(["", " ", "<|>"]) is None
    assert (
        recogniser.hotwords([" Van  der\nVelden ", "macrogol", "macrogol", "<|nl|>"]) == "Van der Velden, macrogol, nl"
    )
    many = [f"nitrofurantoïne{n}" for n in range(200)]
    taken = recogniser.hotwords(many)
    assert taken
    assert taken.split(", ") == many[: taken.count(",") + 1]  # the first ones, none of them cut
    tokenizer = recogniser._model.hf_tokenizer
    assert 0.9 * HINT_TOKENS < len(tokenizer.encode(f" {taken}", add_special_tokens=False).ids) <= HINT_TOKENS
    prompt = recogniser._model.get_prompt(_Encodes(tokenizer), [], hotwords=taken)
    assert len(prompt) < recogniser._model.max_length // 2  # the library cuts nothing


class _Encodes:
    """As much of the library's tokenizer as a prompt needs."""

    sot_prev = 0
    sot_sequence = (0, 0, 0)

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def test_no_sound_no_text_and_never_more_than_a_window(recogniser: WhisperRecogniser) -> None:
    assert recogniser.recognise(np.zeros(0, np.float32), language="nl") == []
    with pytest.raises(ValueError, match=r"30\.0 is the most"):
        recogniser.recognise(np.zeros(31 * RATE_HZ, np.float32), language="nl")


def test_a_folder_that_is_no_model(tmp_path: Path, demo: Path) -> None:
    with pytest.raises(SetupProblem, match=r"mist config\.json, model\.bin, tokenizer\.json"):
        WhisperRecogniser(tmp_path)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((demo / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no model at all")
    with pytest.raises(SetupProblem, match="kan niet worden geladen"):
        WhisperRecogniser(tmp_path, device="cpu")


def test_no_connection_is_ever_tried(
    demo: Path, consult: Samples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    WhisperRecogniser(demo, device="cpu", compute_type="int8").recognise(consult[: 3 * RATE_HZ], language="nl")
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_importing_us_does_not_import_the_library() -> None:
    program = (
        "import sys, transcribe.asr.whisper, transcribe.asr.transcribe, transcribe.audio.vad, transcribe.audio.decode\n"
        "import transcribe.asr.evaluate, transcribe.asr.pull, models.catalog\n"
        "print({'faster_whisper', 'ctranslate2', 'onnxruntime', 'av', 'huggingface_hub'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "set()"


# --- the detector ---


def speech(pieces: Iterable[Samples], options: VoiceOptions | None = None, *, live: bool = False) -> list[Span]:
    ear = SileroDetector(options).listen(live=live)
    return [span for piece in pieces for span in ear.more(piece)] + ear.end()


def spans(probabilities: Sequence[float], duration_s: float, options: VoiceOptions) -> list[Span]:
    stretches = Stretches(options)
    return [*stretches.more(probabilities), *stretches.end(duration_s)]


def test_the_detector_agrees_with_the_library(consult: Samples) -> None:
    """Same network, same rule, but for ``sure``, which the library does not have."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VoiceOptions(sure=0.5, sure_frames=1)
    theirs = get_speech_timestamps(
        consult,
        VadOptions(
            threshold=options.threshold,
            neg_threshold=options.neg_threshold,
            min_speech_duration_ms=round(options.min_speech_s * 1000),
            max_speech_duration_s=float("inf"),
            min_silence_duration_ms=round(options.min_silence_s * 1000),
            speech_pad_ms=round(options.pad_s * 1000),
        ),
    )
    ours = speech([consult], options)
    assert len(ours) > 5
    assert [(s.start_s, s.end_s) for s in ours] == [
        (pytest.approx(s["start"] / RATE_HZ, abs=1e-3), pytest.approx(s["end"] / RATE_HZ, abs=1e-3)) for s in theirs
    ]


@pytest.mark.parametrize("block", [1, 7, 333, 20_000])
def test_how_the_recording_is_cut_makes_no_difference(consult: Samples, block: int) -> None:
    sound = consult[: RATE_HZ // 20] if block == 1 else consult
    size = block if block == 1 else block * 100
    pieces = (sound[i : i + size] for i in range(0, sound.size, size))
    assert speech(pieces) == speech([sound])


def test_no_sound_no_speech() -> None:
    assert speech([]) == []
    assert speech([np.zeros(100, np.float32)]) == []


def test_spans_by_hand() -> None:
    options = VoiceOptions(pad_s=0.0, min_silence_s=3 * FRAME_S, min_speech_s=0.0, sure_frames=1)

    def found(*probabilities: float) -> list[tuple[int, int]]:
        found = spans(probabilities, len(probabilities) * FRAME_S, options)
        return [(round(span.start_s / FRAME_S), round(span.end_s / FRAME_S)) for span in found]

    assert found(0, 0.9, 0.9, 0, 0, 0, 0) == [(1, 3)]
    assert found(0, 0.9, 0, 0, 0.9, 0, 0, 0, 0) == [(1, 5)]  # a short pause belongs to it
    assert found(0.9, 0.4, 0.4, 0.4, 0.4, 0.4) == [(0, 6)]  # between the thresholds goes on
    assert found(0.6, 0.7, 0, 0, 0, 0, 0.9) == [(6, 7)]  # never sure: not speech
    assert found() == []


def test_live_it_hears_the_same_as_soon_as_it_is_over(consult: Samples) -> None:
    """Frames of 0.1 s, as they come from a microphone."""
    ear = SileroDetector().listen(live=True)
    found: list[tuple[Span, float]] = []
    for at in range(0, consult.size, RATE_HZ // 10):
        assert ear.open_s is None or 0 <= ear.open_s <= at / RATE_HZ
        found += [(span, (at + RATE_HZ // 10) / RATE_HZ) for span in ear.more(consult[at : at + RATE_HZ // 10])]
    assert all(heard_s - span.end_s < 0.4 for span, heard_s in found), "a pause of 0.3 s, and the frame it ends in"
    live = [span for span, _ in found] + ear.end()
    whole = speech([consult])
    assert [(s.start_s, s.end_s) for s in live] == [
        (pytest.approx(s.start_s, abs=0.07), pytest.approx(s.end_s, abs=0.07)) for s in whole
    ]


def test_what_was_cut_off_is_not_given_again() -> None:
    options = VoiceOptions(pad_s=0.0, min_silence_s=3 * FRAME_S, min_speech_s=0.0, sure_frames=1)
    stretches = Stretches(options)
    assert list(stretches.more([0, 0.9, 0.9, 0.9])) == []
    assert stretches.open_s == pytest.approx(FRAME_S)
    stretches.cut(3 * FRAME_S)
    assert stretches.open_s == pytest.approx(3 * FRAME_S)
    (rest,) = stretches.more([0.9, 0, 0, 0, 0])
    assert (rest.start_s, rest.end_s) == (pytest.approx(3 * FRAME_S), pytest.approx(5 * FRAME_S))
    assert stretches.open_s is None
    stretches.cut(40 * FRAME_S)
    assert [*stretches.more([0.9, 0.9, 0, 0, 0, 0]), *stretches.end(1.0)] == []


@pytest.mark.parametrize("wrong", [{"threshold": 0.3}, {"sure": 0.4}, {"pad_s": -1.0}, {"pad_s": 0.2}])
def test_impossible_voice_options(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"thresholds|durations|pause"):
        VoiceOptions(**wrong)
