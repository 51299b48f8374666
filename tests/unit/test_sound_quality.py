"""What is measured of a sound whose figures are known, what is said of it, and what it changes in the check."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.test_hearing import TALK, line
from transcribe.asr.quality import BLOCK, FRAME, FRAME_S, measured
from transcribe.asr.transcript import ChannelQuality, Quality, Speaker, Transcript, Voice
from transcribe.audio.pcm import RATE_HZ, Samples, Span
from transcribe.soep.check import Kind, findings
from transcribe.soep.sound import Fault, Heard, faults, poor
from transcribe.speakers.naming import named, swapped
from transcribe.store.codec import decode, encode

GP, PATIENT, NOBODY = Speaker.HUISARTS, Speaker.PATIENT, Speaker.ONBEKEND
#: Seconds: speech in the middle of a minute.
TALKING = Span(start_s=20.0, end_s=40.0)


def hiss(level_db: float, seconds: float = 60.0, *, seed: int = 1, below_hz: float = 8000.0) -> Samples:
    """Noise with all its power below a frequency, at this level."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ)))
    spectrum[round(below_hz * seconds) :] = 0
    sound = np.fft.irfft(spectrum)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20), np.float32)


def only(sound: Samples, *spans: Span) -> Samples:
    kept = np.zeros_like(sound)
    for span in spans:
        part = slice(round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ))
        kept[part] = sound[part]
    return kept


def stuttering(sound: Samples, hole_ms: int, begin_ms: int, *, every_s: float) -> Samples:
    """With holes of digital silence, that begin so far into a frame."""
    cut = sound.copy()
    for first in range(round(every_s * RATE_HZ), sound.size, round(every_s * RATE_HZ)):
        start = first + begin_ms * RATE_HZ // 1000
        cut[start : start + hole_ms * RATE_HZ // 1000] = 0
    return cut


def sound_of(*channels: Samples, speech: list[list[Span]] | None = None) -> Quality:
    def read(start_s: float, end_s: float, channel: int) -> Samples:
        assert end_s - start_s <= BLOCK * FRAME_S + 1e-6, "a long recording must cost no memory"
        return channels[channel][round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]

    speakers = [NOBODY] if len(channels) == 1 else [GP, PATIENT]
    return measured(read, channels[0].size / RATE_HZ, speakers, speech or [[TALKING]] * len(channels))


def channel_of(sound: Samples, *spans: Span) -> ChannelQuality:
    (found,) = sound_of(sound, speech=[list(spans) or [TALKING]]).channels
    return found


# --- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speech_db", "noise_db"), [(-20, -60), (-20, -26), (-45, -80)])
def test_levels_of_speech_and_noise(speech_db: float, noise_db: float) -> None:
    found = channel_of(only(hiss(speech_db, seed=2), TALKING) + hiss(noise_db))
    both_db = 10 * np.log10(10 ** (speech_db / 10) + 10 ** (noise_db / 10))
    assert found.level_db == pytest.approx(both_db, abs=0.2)
    assert found.noise_db == pytest.approx(noise_db, abs=1)
    assert found.snr_db == pytest.approx(speech_db - noise_db, abs=1.5)
    assert found.spoken_s == pytest.approx(20, abs=0.05)


def test_noise_is_not_measured_in_the_end_of_a_word_nor_in_filled_gaps() -> None:
    tail = Span(start_s=TALKING.end_s, end_s=TALKING.end_s + 0.08)
    gap = Span(start_s=45.0, end_s=60.0)
    sound = only(hiss(-20, seed=2), TALKING, tail) + hiss(-60)
    sound[round(gap.start_s * RATE_HZ) :] = 0
    assert channel_of(sound).noise_db == pytest.approx(-60, abs=1)


def test_the_other_side_is_no_noise() -> None:
    """A microphone on the desk hears the patient too, softer."""
    left, right = Span(start_s=5, end_s=25), Span(start_s=27, end_s=57)
    sound = only(hiss(-20, seed=2), left) + only(hiss(-35, seed=3), right) + hiss(-70)
    other = only(hiss(-20, seed=3), right) + hiss(-70, seed=4)
    gp, patient = sound_of(sound, other, speech=[[left], [right]]).channels
    assert (gp.speaker, patient.speaker) == (GP, PATIENT)
    assert gp.noise_db == pytest.approx(-70, abs=1)


def test_nothing_but_silence_and_nobody_who_speaks() -> None:
    found = sound_of(np.zeros(5 * RATE_HZ, np.float32), speech=[[]])
    assert found.channels[0] == ChannelQuality(
        speaker=NOBODY, spoken_s=0.0, level_db=None, noise_db=-96.0, snr_db=None, clipped=0.0, bandwidth_hz=None,
        holes_s=0.0,
    )  # fmt: skip
    assert faults(found) == ()


def test_without_a_pause_the_noise_is_not_known() -> None:
    found = channel_of(hiss(-20), Span(start_s=0.5, end_s=60.0))
    assert (found.noise_db, found.snr_db) == (None, None)


def test_what_is_cut_off_at_full_scale() -> None:
    loud = np.clip(only(hiss(0.0, seed=2), TALKING), -1, 1)
    # of a normal distribution with a deviation of 1 so much lies beyond 0.98
    assert channel_of(loud).clipped == pytest.approx(0.327, abs=0.005)
    assert channel_of(0.5 * loud).clipped == 0.0


@pytest.mark.parametrize("top_hz", [3400, 5000, 7900])
def test_how_far_up_a_voice_goes(top_hz: float) -> None:
    found = channel_of(only(hiss(-20, seed=2, below_hz=top_hz), TALKING) + hiss(-75))
    assert found.bandwidth_hz == pytest.approx(top_hz, abs=400)


def test_noise_may_hide_how_far_up_a_voice_goes() -> None:
    voice = only(hiss(-20, seed=2, below_hz=3400), TALKING)
    assert channel_of(voice + hiss(-30)).bandwidth_hz is None
    assert channel_of(voice + hiss(-30, below_hz=3400)).bandwidth_hz == pytest.approx(3400, abs=400)


def test_lost_packets_are_holes_and_pauses_are_not() -> None:
    sound = hiss(-20, seed=2)
    for at_s, frames in ((25.0, 1), (27.0, 3), (31.0, 15)):
        first = round(at_s / FRAME_S) * FRAME
        sound[first : first + frames * FRAME] = 0
    assert channel_of(sound).holes_s == pytest.approx(19 * FRAME_S)
    fading = hiss(-20, seed=2)
    first = 1200 * FRAME
    fading[first - 10 * FRAME : first] *= np.linspace(1, 0, 10 * FRAME, dtype=np.float32) ** 2
    fading[first : first + 5 * FRAME] = 0
    assert channel_of(fading).holes_s == 0.0


@pytest.mark.parametrize("begin_ms", [0, 1, 10])
@pytest.mark.parametrize("hole_ms", [100, 118, 120, 150, 250])
def test_a_hole_takes_a_part_of_a_frame(hole_ms: int, begin_ms: int) -> None:
    """As the sound of a computer that is too busy: what is left of the frames at its edges is soft."""
    sound = stuttering(only(hiss(-20, seed=2), TALKING) + hiss(-70), hole_ms, begin_ms, every_s=0.5)
    lost_s = hole_ms / 1000 * 2 * (TALKING.end_s - TALKING.start_s)
    found = channel_of(sound)
    assert found.holes_s == pytest.approx(lost_s, rel=0.4), "whole frames"
    assert found.holes_s <= lost_s
    assert {one.fault for one in faults(sound_of(sound))} == {Fault.HOLES}


def test_a_door_that_is_closed_between_words_makes_no_holes() -> None:
    """A gate, a voice that dies away, the stop of a "p": the frames beside it are soft for longer."""
    sound = hiss(-20, seed=2)
    for first in range(20 * RATE_HZ, 40 * RATE_HZ, RATE_HZ // 2):
        fade = slice(first - 5 * FRAME, first)
        sound[fade] *= np.linspace(1, 0, 5 * FRAME, dtype=np.float32) ** 4
        sound[first : first + 6 * FRAME] = 0
    assert channel_of(sound).holes_s == 0.0


def test_how_much_of_the_talk_both_speak() -> None:
    sound = hiss(-20)
    speech = [[Span(start_s=0, end_s=30)], [Span(start_s=20, end_s=60)]]
    assert sound_of(sound, sound, speech=speech).overlap == pytest.approx(10 / 60, abs=0.01)
    assert sound_of(sound).overlap is None, "with one microphone that can't be known"


# --- what is said of it --------------------------------------------------------------------------------------------

GOOD = ChannelQuality(
    speaker=GP,
    spoken_s=60.0,
    level_db=-25.0,
    noise_db=-65.0,
    snr_db=40.0,
    clipped=0.0,
    bandwidth_hz=7750.0,
    holes_s=0.0,
)


def pair(gp: ChannelQuality, patient: ChannelQuality, overlap: float = 0.0) -> Quality:
    return Quality(channels=(gp, replace(patient, speaker=PATIENT)), overlap=overlap)


SOFT, NOISY = replace(GOOD, level_db=-70.0), replace(GOOD, snr_db=-5.0)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (pair(GOOD, GOOD), ()),
        (pair(GOOD, SOFT), (Heard(fault=Fault.SOFT, speaker=PATIENT),)),
        (pair(SOFT, SOFT), (Heard(fault=Fault.SOFT),)),
        (pair(NOISY, SOFT), (Heard(fault=Fault.SOFT, speaker=PATIENT), Heard(fault=Fault.NOISY, speaker=GP))),
        (pair(GOOD, replace(GOOD, clipped=0.2)), (Heard(fault=Fault.CLIPPED, speaker=PATIENT),)),
        (pair(replace(GOOD, bandwidth_hz=3500.0), GOOD), (Heard(fault=Fault.NARROW, speaker=GP),)),
        (pair(replace(GOOD, bandwidth_hz=None), GOOD), ()),
        (pair(GOOD, replace(GOOD, holes_s=5.0)), (Heard(fault=Fault.HOLES, speaker=PATIENT),)),
        (pair(GOOD, replace(GOOD, spoken_s=0.4)), (Heard(fault=Fault.SILENT, speaker=PATIENT),)),
        (pair(replace(GOOD, spoken_s=0.0), GOOD), (Heard(fault=Fault.SILENT, speaker=GP),)),
        (pair(GOOD, GOOD, overlap=0.5), (Heard(fault=Fault.OVERLAP),)),
        # too little was said to tell
        (pair(GOOD, replace(SOFT, spoken_s=1.0)), ()),
        (Quality(channels=(replace(SOFT, speaker=NOBODY),), overlap=None), (Heard(fault=Fault.SOFT),)),
        (None, ()),
    ],
)
def test_what_a_doctor_is_told(sound: Quality | None, expected: tuple[Heard, ...]) -> None:
    assert faults(sound) == expected
    assert poor(sound) is bool(expected)


def test_more_is_asked_where_the_sound_was_poor() -> None:
    """Of a number, a denial, a drug; a word below 0.3 is asked about in any case."""
    doubted = replace(TALK, utterances=TALK.utterances[3:])  # "koorts" at 0.31
    fine, bad = (replace(doubted, sound=pair(GOOD, one)) for one in (GOOD, NOISY))

    def kinds(text: str, talk: Transcript) -> set[Kind]:
        return {finding.kind for finding in findings(line(text, 0), talk)}

    assert Kind.HEARING not in kinds("Geen koorts.", doubted)
    assert Kind.HEARING not in kinds("Geen koorts.", fine)
    assert Kind.HEARING in kinds("Geen koorts.", bad)
    assert Kind.HEARING not in kinds("Koorts.", bad), "a line without a denial is told of, not asked about"


def test_who_sounds_soft_follows_who_is_who() -> None:
    talk = replace(TALK, sound=pair(GOOD, SOFT), voices=(Voice(guessed=GP), Voice(guessed=PATIENT)))
    assert [one.speaker for one in faults(named(talk, swapped(talk)).sound)] == [GP]


def test_it_is_stored_with_the_transcript() -> None:
    """And what was stored before there was any such measure is read as before."""
    measured_now = sound_of(only(hiss(-20, seed=2), TALKING) + hiss(-60))
    talk = replace(TALK, sound=measured_now)
    assert decode(Transcript, encode(talk)) == talk
    old = json.loads(encode(TALK))
    del old["sound"]
    assert decode(Transcript, json.dumps(old)) == TALK
