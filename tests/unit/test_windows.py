"""Windows and back: nothing lost, order kept, times inside the recording."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.excerpts import excerpt
from tests.fakes_asr import LevelDetector, ScriptedDetector, ScriptedRecogniser, heard
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Suspicion, Transcript
from transcribe.asr.windows import Window, pack, split
from transcribe.audio.pcm import RATE_HZ, Pcm, Span
from transcribe.audio.vad import SileroDetector
from transcribe.errors import NoSpeech

GP, PATIENT = Speaker.HUISARTS, Speaker.PATIENT


@st.composite
def recordings(draw: st.DrawFn, longest_s: float = 40.0) -> list[Span]:
    """Stretches in order, not overlapping."""
    spans, at = [], 0.0
    for pause, length in draw(st.lists(st.tuples(st.floats(0, 5), st.floats(0.05, longest_s)), max_size=12)):
        spans.append(Span(start_s=at + pause, end_s=at + pause + length))
        at += pause + length
    return spans


def pcm(*channels: np.ndarray) -> Pcm:
    """Float samples of equal length to a recording."""
    frames = np.stack(channels, 1)
    return Pcm(io.BytesIO((frames * 32767).astype("<i2").tobytes()), channels=len(channels))


def voice(duration_s: float, *spans: tuple[float, float], level: float = 0.3, seed: int = 0) -> np.ndarray:
    """Noise where somebody speaks, nothing elsewhere."""
    samples = np.zeros(round(duration_s * RATE_HZ), np.float32)
    chance = np.random.default_rng(seed)
    for start, end in spans:
        part = slice(round(start * RATE_HZ), round(end * RATE_HZ))
        samples[part] = chance.uniform(-level, level, samples[part].shape)
    return samples


@given(recordings())
def test_split_and_pack_lose_nothing(spans: list[Span]) -> None:
    parts = [part for span in spans for part in split(span, lambda s: (s.start_s + s.end_s) / 2)]
    windows = list(pack(parts))
    assert [piece.span for window in windows for piece in window.pieces] == parts
    assert sum(part.duration_s for part in parts) == pytest.approx(sum(span.duration_s for span in spans))
    for window in windows:
        assert window.duration_s <= 28.0 + 1e-6
        for one, two in zip(window.pieces, window.pieces[1:], strict=False):
            assert two.at_s == pytest.approx(one.end_s + 0.4)


@given(recordings(), st.floats(0, 28), st.floats(0, 28))
def test_window_time_to_recording_time(spans: list[Span], one: float, two: float) -> None:
    parts = [part for span in spans for part in split(span, lambda s: s.end_s)]
    for window in pack(parts):
        early, late = sorted((one, two))
        times = [window.to_recording(moment, window.piece(moment)) for moment in (early, late)]
        assert times == sorted(times)
        assert all(window.pieces[0].span.start_s <= moment <= window.pieces[-1].span.end_s for moment in times)
        for piece in window.pieces:
            inside = piece.at_s + piece.span.duration_s / 2
            assert window.to_recording(inside, window.piece(inside)) == pytest.approx(
                piece.span.start_s + piece.span.duration_s / 2, abs=1e-6
            )
        assert window.speech_s(0, 30) == pytest.approx(sum(piece.span.duration_s for piece in window.pieces))


def test_a_long_stretch_is_cut_where_it_is_quiet() -> None:
    sound = voice(60, (0, 20), (20.4, 60))
    script = ScriptedRecogniser(lambda _: [heard("Goed.")])
    transcriber = SpeechTranscriber(ScriptedDetector([Span(start_s=0, end_s=60)]), script)
    transcriber.transcribe(pcm(sound), [GP], progress=lambda _: None)
    assert script.windows[0].size / RATE_HZ == pytest.approx(20.2, abs=0.2)
    assert sum(window.size for window in script.windows) == pytest.approx(sound.size, abs=10)


def test_each_stretch_alone() -> None:
    spans = [Span(start_s=0, end_s=1), Span(start_s=2, end_s=20), Span(start_s=21, end_s=22)]
    assert [[piece.span for piece in window.pieces] for window in pack(spans, pack_s=0)] == [[span] for span in spans]


def test_pack_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="split"):
        list(pack([Span(start_s=0, end_s=29)]))


# --- the transcriber ---


def transcribe(recording: Pcm, speakers: list[Speaker], script: ScriptedRecogniser, **options: float) -> Transcript:
    return SpeechTranscriber(LevelDetector(), script, **options).transcribe(
        recording, speakers, progress=lambda _: None
    )


@st.composite
def answers(draw: st.DrawFn) -> list[HeardSegment]:
    """Anything a recogniser may say, times out of order and out of the window included."""
    segments = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.floats(0, 31))
        words = draw(
            st.lists(st.sampled_from(["ja,", "nee.", "de", "knie?", "38,5", "dr.", "pijn"]), min_size=1, max_size=9)
        )
        segments.append(heard(" ".join(words), start, start + draw(st.floats(0, 9))))
    return segments


@settings(deadline=None, max_examples=25)
@given(recordings(longest_s=33), recordings(longest_s=9), st.lists(answers(), min_size=40, max_size=40))
def test_times_are_in_order_and_inside(left: list[Span], right: list[Span], script: list[list[HeardSegment]]) -> None:
    duration_s = max([1.0, *(span.end_s for span in (*left, *right))])
    zeros = np.zeros(round(duration_s * RATE_HZ), np.float32)
    zeros[0] = 0.5  # not twice the same sound
    recording = pcm(zeros, zeros * 0)
    done: list[float] = []
    transcriber = SpeechTranscriber(ScriptedDetector(left, right), ScriptedRecogniser(script))
    try:
        found = transcriber.transcribe(recording, [GP, PATIENT], progress=done.append)
    except NoSpeech:
        return
    assert done[-1] == recording.duration_s
    assert [u.start_s for u in found.utterances] == sorted(u.start_s for u in found.utterances)
    for speaker in (GP, PATIENT):
        words = [word for u in found.utterances if u.speaker is speaker for word in u.words]
        moments = [moment for word in words for moment in (word.start_s, word.end_s)]
        assert moments == sorted(moments)
        assert all(0 <= moment <= recording.duration_s + 1e-3 for moment in moments)
    for u in found.utterances:
        assert (u.start_s, u.end_s, u.text) == (
            u.words[0].start_s,
            u.words[-1].end_s,
            " ".join(w.text for w in u.words),
        )
    said = sorted(w.text for answer in script for s in answer for w in s.words)
    assert not {w.text for u in found.utterances for w in u.words} - set(said)


def test_sentences_pauses_and_windows_make_utterances() -> None:
    sound = voice(20, (1, 4), (5, 6), (15, 16))
    script = ScriptedRecogniser(
        [
            [
                heard("De keel is rood. Volgens dr. Bos ook.", 0, 3),
                heard("En dan rust", 3.4, 4.4),
                heard("Goed", 4.8, 5.8),
            ]
        ]
    )
    found = transcribe(pcm(sound), [GP], script)
    assert [u.text for u in found.utterances] == ["De keel is rood.", "Volgens dr. Bos ook.", "En dan rust", "Goed"]
    assert found.utterances[2].start_s == pytest.approx(5, abs=0.01)
    assert found.utterances[3].start_s == pytest.approx(15, abs=0.01)
    assert (found.model, found.language, found.duration_s) == ("scripted@1", "nl", pytest.approx(20))


def test_each_stretch_that_the_detector_finds_is_heard_as_it_is() -> None:
    """Of a whole recording the detector judges half a minute together, and somebody is speaking where that ends: it is
    not known yet how far that stretch goes, and it is not cut there.
    """
    with wave.open(io.BytesIO(excerpt("keelpijn", 0.0, 100.0))) as file:
        sound = Pcm(io.BytesIO(file.readframes(file.getnframes())), channels=file.getnchannels())
    ears = [SileroDetector().listen(live=True) for _ in range(sound.channels)]
    expected = [[*ear.more(sound.read(0, 100, channel)), *ear.end()] for channel, ear in enumerate(ears)]
    kept: list[HeardWindow] = []
    each = SpeechTranscriber(SileroDetector(), ScriptedRecogniser(lambda _: [heard("Ja.", 0, 0.3)]), pack_s=0)
    each.transcribe(sound, [GP, PATIENT][: sound.channels], keep=kept.append, progress=lambda _: None)
    for channel, spans in enumerate(expected):
        assert spans
        assert [(one.start_s, one.end_s) for one in kept if one.channel == channel] == [
            pytest.approx((span.start_s, span.end_s), abs=0.001) for span in spans
        ]


def test_channels_are_speakers_and_merge_in_time() -> None:
    script = ScriptedRecogniser([[heard("Waar doet het pijn?", 0, 2)], [heard("Hier.", 0, 1)]])
    found = transcribe(pcm(voice(9, (1, 3)), voice(9, (4, 5), seed=1)), [GP, PATIENT], script)
    assert [(u.speaker, u.text) for u in found.utterances] == [(GP, "Waar doet het pijn?"), (PATIENT, "Hier.")]


def test_the_other_voice_in_my_microphone_is_left_out() -> None:
    own = voice(10, (1, 4))
    script = ScriptedRecogniser([[heard("Waar doet het pijn?", 0, 2)], [heard("Hier.", 0, 1)]])
    found = transcribe(pcm(own, own * 0.1 + voice(10, (6, 8), seed=1)), [GP, PATIENT], script)
    assert len(script.windows) == 2
    assert [u.start_s for u in found.utterances] == [pytest.approx(1, abs=0.1), pytest.approx(6, abs=0.1)]


def test_both_at_once_are_both_heard() -> None:
    script = ScriptedRecogniser([[heard("Waar doet het pijn?", 0, 2)], [heard("Hier.", 0, 1)]])
    both = pcm(voice(10, (1, 4), level=0.3), voice(10, (1, 4), level=0.12, seed=1))
    assert len(transcribe(both, [GP, PATIENT], script).utterances) == 2


def test_twice_the_same_sound_is_one_recording_of_unknown_speakers() -> None:
    sound = voice(5, (1, 4))
    script = ScriptedRecogniser([[heard("Waar doet het pijn?", 0, 2)]])
    found = transcribe(pcm(sound, sound), [GP, PATIENT], script)
    assert [u.speaker for u in found.utterances] == [Speaker.ONBEKEND]


def test_when_one_side_is_silent_nobody_is_believed_to_be_on_the_other() -> None:
    """A plug in the wrong hole: both are on the huisarts' channel, and a patient's words would be the huisarts'."""
    script = [[heard("Waar doet het pijn?", 0, 2), heard("In mijn knie.", 2, 9)]]
    loud = voice(20, (1, 16))
    for quiet, roles in ((voice(20), {Speaker.ONBEKEND}), (voice(20, (17, 18.5), seed=1), {GP, PATIENT})):
        found = transcribe(pcm(loud, quiet), [GP, PATIENT], ScriptedRecogniser([*script, [heard("Ja.", 0, 1)]]))
        assert {u.speaker for u in found.utterances} == roles
    short = transcribe(pcm(voice(9, (1, 6)), voice(9)), [GP, PATIENT], ScriptedRecogniser(script))
    assert {u.speaker for u in short.utterances} == {GP}


def test_speakers_must_fit_the_channels() -> None:
    with pytest.raises(ValueError, match="2 speakers for 1 channels"):
        transcribe(pcm(voice(2, (0, 1))), [GP, PATIENT], ScriptedRecogniser([]))


def test_silence_is_no_speech_and_never_reaches_the_recogniser() -> None:
    script = ScriptedRecogniser([])
    with pytest.raises(NoSpeech):
        transcribe(pcm(voice(5)), [GP], script)
    assert not script.windows


@pytest.mark.parametrize(
    "said", [[], [heard("  ")], [heard(".")], [heard("Ondertiteld door de NPO")], [heard("ja " * 20)]]
)
def test_nothing_credible_is_no_speech(said: list[HeardSegment]) -> None:
    with pytest.raises(NoSpeech):
        transcribe(pcm(voice(5, (1, 4))), [GP], ScriptedRecogniser([said]))


def test_the_suspicious_stay_marked() -> None:
    script = ScriptedRecogniser([[heard("De keel is rood.", 0, 1), heard("Ondertiteld door de NPO", 1, 2)]])
    found = transcribe(pcm(voice(5, (1, 4))), [GP], script)
    assert [(u.text, u.suspicion) for u in found.utterances] == [
        ("De keel is rood.", None),
        ("Ondertiteld door de NPO", Suspicion.PHANTOM),
    ]


def test_text_in_the_silence_between_stretches_is_marked() -> None:
    script = ScriptedRecogniser([[heard("De keel is rood.", 0, 1), heard("Tot ziens.", 1.05, 1.35)]])
    found = transcribe(pcm(voice(5, (1, 2), (3, 4))), [GP], script)
    assert found.utterances[0].suspicion is None
    assert {u.suspicion for u in found.utterances[1:]} == {Suspicion.OVER_SILENCE}


def test_withdrawal_ends_the_work() -> None:
    class Withdrawn(Exception):
        pass

    def stop(done_s: float) -> None:
        if done_s > 3:
            raise Withdrawn

    script = ScriptedRecogniser(lambda _: [heard("Goed.")])
    with pytest.raises(Withdrawn):
        SpeechTranscriber(LevelDetector(), script, pack_s=0).transcribe(
            pcm(voice(20, (1, 2.5), (4, 5.5), (8, 9.5))), [GP], progress=stop
        )
    assert len(script.windows) == 1


def test_same_sound_same_transcript() -> None:
    def once() -> Transcript:
        script = ScriptedRecogniser(lambda seconds: [heard("Waar doet het pijn?", 0, seconds)])
        return transcribe(pcm(voice(9, (1, 3)), voice(9, (2, 5), seed=1)), [GP, PATIENT], script)

    assert once() == once()


def test_a_window_knows_its_length() -> None:
    (window,) = pack([Span(start_s=1, end_s=2), Span(start_s=9, end_s=12)])
    assert isinstance(window, Window)
    assert window.duration_s == pytest.approx(4.4)


def test_the_last_word_lasts_until_the_speech_ends() -> None:
    """Attention ends a word too early; played from the note, it must be heard whole."""
    left = [Span(start_s=1.0, end_s=4.0)]
    zeros = np.zeros(6 * RATE_HZ, np.float32)
    script = [[heard("pijn in mijn knie.", 0.3, 2.2)]]
    found = SpeechTranscriber(ScriptedDetector(left), ScriptedRecogniser(script)).transcribe(
        pcm(zeros), [GP], progress=lambda _: None
    )
    (utterance,) = found.utterances
    assert (utterance.start_s, utterance.end_s) == (1.0, 4.0)


def test_the_sound_is_measured_where_somebody_spoke() -> None:
    """The same whether the windows were recognised now or while it was recorded."""
    script = ScriptedRecogniser(lambda seconds: [heard("Waar doet het pijn?", 0, seconds)])
    recording = pcm(voice(20, (1, 6)), 0.1 * voice(20, (8, 18), seed=1))
    kept: list[HeardWindow] = []
    transcriber = SpeechTranscriber(LevelDetector(), script)
    found = transcriber.transcribe(recording, [GP, PATIENT], keep=kept.append, progress=lambda _: None)
    assert found.sound is not None
    gp, patient = found.sound.channels
    assert (gp.speaker, patient.speaker) == (GP, PATIENT)
    assert gp.spoken_s == pytest.approx(5, abs=0.5)
    assert patient.spoken_s == pytest.approx(10, abs=0.5)
    assert gp.level_db is not None
    assert patient.level_db == pytest.approx(gp.level_db - 20, abs=1)
    assert found.sound.overlap == 0.0
    again = transcriber.transcribe(recording, [GP, PATIENT], heard=kept, progress=lambda _: None)
    assert again.sound == found.sound
