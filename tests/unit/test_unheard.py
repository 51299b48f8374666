"""Where somebody spoke and no words were written: what is told, and above all what is not."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_asr import ScriptedDetector, ScriptedRecogniser, heard
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Suspicion, Transcript, Utterance
from transcribe.asr.unheard import UNHEARD_S, unheard
from transcribe.asr.windows import Piece, pack
from transcribe.audio.pcm import RATE_HZ, Pcm, Span
from transcribe.errors import NoSpeech
from transcribe.logcodes import is_code
from transcribe.soep.note import Concern, Note, Report
from transcribe.soep.points import concerns
from transcribe.store.codec import decode, encode

NOTE = Note(reports=(Report(id="R1", lines=()),))


def window(*segments: HeardSegment, pieces: tuple[tuple[float, float], ...] = ((100.0, 104.0),)) -> HeardWindow:
    (packed,) = pack([Span(start_s=start_s, end_s=end_s) for start_s, end_s in pieces])
    return HeardWindow(
        model="test",
        channel=0,
        start_s=pieces[0][0],
        end_s=pieces[-1][1],
        segments=segments,
        pieces=packed.pieces if len(pieces) > 1 else (),
    )


def moments(*windows: HeardWindow) -> list[tuple[float, float]]:
    return [(round(span.start_s, 2), round(span.end_s, 2)) for span in unheard(windows)]


@pytest.mark.parametrize(
    ("segments", "lost"),
    [
        ([heard("Bij liggen niet.", 0.0, 2.1)], [(102.1, 104.0)]),  # it stopped after the first sentence
        ([heard("Slaapt u goed?", 2.5, 4.0)], [(100.0, 102.5)]),
        ([heard("Ja.", 1.5, 2.5)], [(100.0, 101.5), (102.5, 104.0)]),
        ([], [(100.0, 104.0)]),
        ([heard("."), heard("?", 3.0, 4.0)], [(100.0, 104.0)]),  # such a sign is nothing that was said
        ([heard("Nee.", 0.0, 2.85)], []),  # below the limit: where a word ends is not known better
        ([heard("Nee.", 1.15, 4.0)], []),
        ([heard("Nee.", 0.0, 0.5), heard("Ja.", 3.5, 4.0)], []),  # a hole in the middle
        ([heard("Nee.", 0.0, 1.0), heard("Ja.", 9.0, 21.0)], []),  # times beyond the stretch are those of its end
        ([heard("Nee.", 0.0, 16.0)], []),
        ([heard("Ja.", 2.5, 4.0), heard("Nee.", 0.0, 1.0)], []),  # out of order
    ],
)
def test_edges_without_words(segments: list[HeardSegment], lost: list[tuple[float, float]]) -> None:
    assert moments(window(*segments)) == lost


def test_a_short_stretch_without_words_is_a_breath() -> None:
    assert moments(window(pieces=((5.0, 6.1),)), window(pieces=((8.0, 9.3),))) == [(8.0, 9.3)]


def test_each_stretch_of_a_window_for_itself() -> None:
    """In the window: 0 to 2, 2.4 to 4.4, 4.8 to 7.8."""
    pieces = ((10.0, 12.0), (20.0, 22.0), (30.0, 33.0))
    assert moments(window(heard("Eerst.", 0, 2), heard("Dan.", 4.8, 6.0), pieces=pieces)) == [(20, 22), (31.2, 33)]
    assert moments(window(heard("Over alle drie heen.", 0.1, 7.5), pieces=pieces)) == []
    # in the silence between two: of the nearest
    assert moments(window(heard("Eerst.", 0, 2.1), heard("Dan.", 2.3, 4), heard("Zo.", 5, 8), pieces=pieces)) == []


@st.composite
def windows(draw: st.DrawFn) -> HeardWindow:
    at, pieces = 0.0, []
    for pause, length in draw(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 6)), min_size=1, max_size=4)):
        pieces.append((at + pause, at + pause + length))
        at += pause + length
    said = draw(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 9), st.sampled_from(["Ja.", "."])), max_size=5))
    return window(*(heard(text, start_s, start_s + s) for start_s, s, text in said), pieces=tuple(pieces))


@given(windows())
def test_it_lies_in_a_stretch_and_nothing_was_written_there(one: HeardWindow) -> None:
    found = list(unheard([one]))
    assert found == sorted(found, key=lambda span: span.start_s)
    for span in found:
        assert span.duration_s >= UNHEARD_S
        (piece,) = [p for p in one.window.pieces if p.span.start_s <= span.start_s and span.end_s <= p.span.end_s]
        start_s, end_s = (_in_window(moment_s, piece) for moment_s in (span.start_s, span.end_s))
        for segment in one.segments:
            if segment.text != ".":
                assert segment.end_s <= start_s + 1e-6 or segment.start_s >= end_s - 1e-6


def _in_window(moment_s: float, piece: Piece) -> float:
    return piece.at_s + moment_s - piece.span.start_s


# --- in the transcript ---------------------------------------------------------------------------------------------


def transcript(*answers: list[HeardSegment], channels: tuple[list[Span], ...]) -> Transcript:
    sound = np.zeros((20 * RATE_HZ, len(channels)))
    sound[:, 0] = 0.1  # not twice the same
    transcriber = SpeechTranscriber(ScriptedDetector(*channels), ScriptedRecogniser(answers), pack_s=0)
    speakers = [Speaker.HUISARTS, Speaker.PATIENT][: len(channels)]
    return transcriber.transcribe(pcm(sound), speakers, progress=lambda _: None)


def pcm(sound: np.ndarray) -> Pcm:
    return Pcm(io.BytesIO((sound * 32767).astype("<i2").tobytes()), channels=sound.shape[1])


def spans(*edges: tuple[float, float]) -> list[Span]:
    return [Span(start_s=start_s, end_s=end_s) for start_s, end_s in edges]


def test_the_whole_recording_names_them_in_order_of_time() -> None:
    found = transcript(
        [heard("Slaapt u goed?", 0, 2)],
        [heard("Ja, dat gaat.", 0, 1)],
        [],
        channels=(spans((10, 12)), spans((1, 4), (6, 8))),
    )
    assert found.unheard == (Span(start_s=2, end_s=4), Span(start_s=6, end_s=8))
    assert concerns(NOTE, found) == (Concern.UNHEARD,)
    assert concerns(replace(NOTE, seen=(Concern.UNHEARD,)), found) == ()


def test_what_is_marked_was_written() -> None:
    found = transcript([heard("Slaapt u goed?", 0, 2)], [heard("ja " * 40, 0, 6)], channels=(spans((1, 3), (5, 11)),))
    assert found.utterances[-1].suspicion is Suspicion.REPEAT_LOOP
    assert found.unheard == ()
    assert concerns(NOTE, found) == ()


def test_a_recording_without_a_word_has_no_speech() -> None:
    with pytest.raises(NoSpeech):
        transcript([], channels=(spans((1, 6)),))


def test_it_is_kept_and_what_was_kept_before_has_none() -> None:
    said = Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text="Ja.")
    talk = Transcript(utterances=(said,), unheard=(Span(start_s=1.5, end_s=3.25),))
    assert decode(Transcript, encode(talk)) == talk
    old = json.loads(encode(talk))
    del old["unheard"]
    assert decode(Transcript, json.dumps(old)) == replace(talk, unheard=())


def test_that_somebody_saw_it_may_be_logged() -> None:
    assert all(is_code(f"{one.value} gezien") for one in Concern)
