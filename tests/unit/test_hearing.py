"""The recogniser's doubt: said where it matters, asked about where it must not be wrong."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from transcribe.asr.transcript import Speaker, Transcript, Utterance, Word
from transcribe.audio.pcm import Pcm
from transcribe.soep.check import Kind, findings
from transcribe.soep.hearing import poorly_heard, weighty
from transcribe.soep.note import Line, Origin, Section
from transcribe.web.views import word_times


def heard(text: str, **probability: float) -> Utterance:
    """Words of one second each; those that are named with another probability than 0.9."""
    words = tuple(
        Word(text=word, start_s=10.0 + i, end_s=11.0 + i, probability=probability.get(word.strip(".,"), 0.9))
        for i, word in enumerate(text.split())
    )
    return Utterance(speaker=Speaker.HUISARTS, start_s=10.0, end_s=10.0 + len(words), text=text, words=words)


TALK = Transcript(
    utterances=(
        heard("U krijgt naproxen, vijfhonderd milligram.", vijfhonderd=0.1, krijgt=0.1),
        heard("De keel is rood, met beslag.", beslag=0.2, de=0.1),
        heard("Geen koorts.", koorts=0.29),
        heard("Geen koorts.", koorts=0.31),
    )
)


def line(text: str, evidence: int, **changed: object) -> Line:
    return Line(id="L1", section=Section.O, text=text, evidence=(evidence,), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (line("Naproxen 500 mg.", 0), ("vijfhonderd",)),  # "krijgt" is not in the line
        (line("De keel rood, beslag.", 1), ("beslag",)),  # an article says nothing
        (line("Keel rood.", 1), ()),
        (line("Geen koorts.", 2), ("koorts",)),
        (line("Geen koorts.", 3), ()),
        (line("Naproxen 500 mg.", 0, origin=Origin.HUISARTS), ()),
        (line("Naproxen 500 mg.", 7), ()),
    ],
)
def test_words_of_the_line_that_were_poorly_heard(shown: Line, expected: tuple[str, ...]) -> None:
    assert poorly_heard(shown, TALK) == expected


def test_where_two_spoke_at_once_more_is_asked_in_what_must_not_be_wrong() -> None:
    said = heard("U krijgt naproxen, vijfhonderd milligram.", vijfhonderd=0.4)
    for overlapped, expected in ((False, ()), (True, ("vijfhonderd",))):
        talk = Transcript(utterances=(replace(said, overlapped=overlapped),))
        assert poorly_heard(line("Naproxen 500 mg.", 0), talk) == expected
        kinds = [one.kind for one in findings(line("Naproxen 500 mg.", 0), talk)]
        assert (Kind.HEARING in kinds) is overlapped
    soft = Transcript(utterances=(replace(heard("De keel is rood, met beslag.", beslag=0.4), overlapped=True),))
    assert poorly_heard(line("Keel rood, beslag.", 0), soft) == (), "nothing weighty"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("RR 140/90.", True), ("Geen koorts.", True), ("Naproxen zo nodig.", True), ("Keel rood, beslag.", False)],
)
def test_what_must_not_be_wrong(text: str, expected: bool) -> None:
    assert weighty(text) is expected


@pytest.mark.parametrize(
    ("shown", "asked"), [(line("Naproxen 500 mg.", 0), True), (line("Keel rood, beslag.", 1), False)]
)
def test_doubt_is_asked_about_only_there(shown: Line, asked: bool) -> None:
    assert any(finding.kind is Kind.HEARING for finding in findings(shown, TALK)) is asked


def test_the_page_hears_when_each_word_begins() -> None:
    assert word_times(heard("Geen koorts.")) == "30 130"  # the player begins a little before
    word = Word(text="Ja.", start_s=0.1, end_s=1, probability=1)
    at_once = Utterance(speaker=Speaker.PATIENT, start_s=0.1, end_s=1, text="Ja.", words=(word,))
    assert word_times(at_once) == "10"
    other = Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text="Twee woorden.", words=(word,))
    assert word_times(other) == ""


@pytest.mark.parametrize("channels", [1, 2])
def test_a_drawing_has_the_loudest_of_each_stretch(channels: int) -> None:
    sound = np.zeros((1000, channels), "<i2")
    sound[150, -1] = -32768
    sound[999] = 8192
    drawn = Pcm(io.BytesIO(sound.tobytes()), channels=channels).outline(10)
    assert list(drawn) == [0, 255, 0, 0, 0, 0, 0, 0, 0, 128]
    assert len(Pcm(io.BytesIO(b""), channels=channels).outline(10)) == 10
