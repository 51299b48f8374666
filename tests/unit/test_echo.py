"""The other's voice in my channel, at once or later, is left out; my own never is."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.excerpts import excerpt
from tests.fakes_asr import LevelDetector, ScriptedRecogniser, heard
from transcribe.asr.echo import own_parts
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import HeardWindow, Speaker
from transcribe.audio.pcm import RATE_HZ, Pcm, Samples
from transcribe.audio.vad import SileroDetector

GP, PATIENT = Speaker.HUISARTS, Speaker.PATIENT
DELAYS_MS = (0, 60, 150, 250, 400)


def echo_of(sound: Samples, db: float, delay_ms: float) -> Samples:
    late = round(delay_ms * RATE_HZ / 1000)
    return np.asarray(np.concatenate([np.zeros(late), sound])[: sound.size] * 10 ** (db / 20), np.float32)


def voice(duration_s: float, *spans: tuple[float, float], level: float = 0.3, seed: int = 0) -> Samples:
    """Noise that goes up and down as syllables do."""
    samples = np.zeros(round(duration_s * RATE_HZ), np.float32)
    chance = np.random.default_rng(seed)
    for start, end in spans:
        part = slice(round(start * RATE_HZ), round(end * RATE_HZ))
        at = np.arange(part.stop - part.start) / RATE_HZ
        samples[part] = chance.uniform(-level, level, at.size) * (0.6 + 0.4 * np.sin(2 * np.pi * (4 * at + seed / 5)))
    return samples


def spans(left: Samples, right: Samples, *, live: bool = False) -> list[list[tuple[float, float]]]:
    """What is recognised of each channel: seconds."""
    frames = (np.clip(np.stack([left, right], 1), -1, 1) * 32767).astype("<i2").tobytes()
    script = ScriptedRecogniser(lambda _: [heard("Goed.", 0, 0.3)])
    transcriber = SpeechTranscriber(LevelDetector(), script, pack_s=0)
    kept: list[HeardWindow] = []
    if live:
        listening = transcriber.listen([GP, PATIENT])
        for size in range(0, len(frames) + 4 * RATE_HZ, 4 * RATE_HZ):  # a second each
            while listening.advance(Pcm(io.BytesIO(frames[:size]), channels=2), keep=kept.append):
                pass
    else:
        transcriber.transcribe(
            Pcm(io.BytesIO(frames), channels=2), [GP, PATIENT], keep=kept.append, progress=lambda _: None
        )
    return [sorted((one.start_s, one.end_s) for one in kept if one.channel == index) for index in (0, 1)]


@pytest.mark.parametrize("live", [False, True], ids=["whole", "live"])
@pytest.mark.parametrize("delay_ms", DELAYS_MS)
@pytest.mark.parametrize("db", [-4, -12, -20])
def test_an_echo_both_ways_at_any_delay_is_left_out(db: float, delay_ms: float, live: bool) -> None:
    left, right = voice(14, (1, 3), (8, 9)), voice(14, (5, 6.5), (10.5, 12), seed=1)
    found = spans(left + echo_of(right, db, delay_ms), right + echo_of(left, db, delay_ms), live=live)
    for mine, expected in zip(found, ([(1, 3), (8, 9)], [(5, 6.5), (10.5, 12)]), strict=True):
        assert mine == [pytest.approx(one, abs=0.15) for one in expected]


@pytest.mark.parametrize("gap_s", [0.0, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("softer_db", [0, 6, 14])
def test_who_answers_at_once_is_heard_however_soft(gap_s: float, softer_db: float) -> None:
    """The rhythm is the same and the other louder, a moment before: and yet it is another voice."""
    left = voice(9, *[(at, at + 0.4) for at in (1, 2, 3, 4, 5)])
    right = voice(9, *[(at + 0.4 + gap_s, at + 0.8 + gap_s) for at in (1, 2, 3, 4, 5)], seed=1)
    assert own_parts(right * 10 ** (-softer_db / 20), left) == [(0.0, 9.0)]


@pytest.mark.parametrize("softer_db", [0, 6, 10])
def test_who_speaks_through_the_other_is_heard(softer_db: float) -> None:
    right = voice(4, (0.5, 3.5), level=0.3 * 10 ** (-softer_db / 20), seed=1)
    assert own_parts(right, voice(4, (0.2, 3.8))) == [(0.0, 4.0)]


@pytest.mark.parametrize("delay_ms", [100, 250, 400])
def test_an_answer_that_runs_into_the_echo_is_cut_off_from_it(delay_ms: float) -> None:
    left = voice(6, (0.2, 2.5), (4.3, 5.9 - delay_ms / 1000))
    right = voice(6, (2.9, 4.3), seed=1) + echo_of(left, -12, delay_ms)
    assert own_parts(right, left) == [pytest.approx((2.8, 4.4), abs=0.25)]


def test_a_word_through_the_echo_is_not_lost() -> None:
    left = voice(4, (0.2, 3.5))
    right = voice(4, (2, 2.3), seed=1) + echo_of(left, -12, 200)
    assert own_parts(right, left) == [pytest.approx((1.9, 2.4), abs=0.15)]


@pytest.mark.parametrize("size", [0, 1, 100, 319, 320, 700])
def test_a_stretch_of_hardly_any_sound_is_left_alone(size: int) -> None:
    assert own_parts(np.zeros(size, np.float32), np.zeros(size + 6400, np.float32)) == [(0.0, size / RATE_HZ)]


def test_of_long_speech_only_the_echo_goes() -> None:
    """More than is compared at once, and the recording begins less than a delay before."""
    left = voice(26, (20, 22))
    right = voice(26, (0.1, 19.5), (22.8, 25.9), seed=1) + echo_of(left, -10, 150)
    first, second = own_parts(right, left)
    assert first == pytest.approx((0, 19.8), abs=0.3)
    assert second == pytest.approx((22.6, 26), abs=0.5)


@pytest.mark.parametrize(("db", "delay_ms"), [(-4, 250), (-12, 150), (-20, 150), (-12, 400)])
def test_of_two_voices_with_an_echo_the_same_is_heard_as_without(db: float, delay_ms: float) -> None:
    with wave.open(io.BytesIO(excerpt("blaasontsteking", 0.0, 40.0))) as file:
        clean = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.float32) / 32768
    left, right = clean.T
    expected = [own_times(left, right), own_times(right, left)]
    assert all(sum(mine) > 500 for mine in expected), "both speak"
    left, right = left + echo_of(right, db, delay_ms), right + echo_of(left, db, delay_ms)
    for found, mine in zip([own_times(left, right), own_times(right, left)], expected, strict=True):
        assert np.sum(mine & ~found) <= 10, "a fifth of a second of the speaker's own is lost"
        assert np.sum(found & ~np.convolve(mine, np.ones(51), "same").astype(bool)) <= 15, "the other is heard"


def own_times(own: Samples, other: Samples) -> NDArray[np.bool_]:
    """Which 20 ms are recognised."""
    ear = SileroDetector().listen()
    kept = np.zeros(own.size // 320 + 1, np.bool_)
    for span in [*ear.more(own), *ear.end()]:
        start, end = round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ)
        for first_s, last_s in own_parts(own[start:end], other[max(0, start - 6400) : end]):
            kept[round((span.start_s + first_s) * 50) : round((span.start_s + last_s) * 50)] = True
    return kept
