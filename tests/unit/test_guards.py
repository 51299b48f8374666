"""What is marked as made up, and above all what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_asr import heard
from transcribe.asr.guards import Limits, is_loop, is_phantom, plain, suspicion, suspicions
from transcribe.asr.transcript import Suspicion


@pytest.mark.parametrize(
    "text",
    [
        "Ondertiteld door de NPO",
        "Ondertitels ingediend door de Amara.org gemeenschap",
        "TV Gelderland 2021",
        "Bedankt voor het kijken!",
        "Dank u voor het kijken.",
        "Vergeet niet te abonneren.",
        "Tot de volgende video!",
        "MUZIEK",
        "[muziek]",
        "(Applaus)",
        "*gelach*",
        "♪ la la la ♪",
        "♪",
    ],
)
def test_phantoms(text: str) -> None:
    assert is_phantom(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bedankt voor het kijken naar mijn knie, dokter.",
        "Ik luister graag naar muziek.",
        "Er was ineens een stilte.",
        "Ik woon in Gelderland.",
        "Dank u wel, tot ziens.",
        "Heeft u de ondertiteling nodig bij het televisiekijken?",
        "Ja.",
        "Hm.",
        "(dat is) niet erg",
    ],
)
def test_what_people_say_is_no_phantom(text: str) -> None:
    assert not is_phantom(text)


@pytest.mark.parametrize(
    "text",
    [
        "ja ja ja ja ja ja ja ja",
        "Ik weet het niet. Ik weet het niet. Ik weet het niet.",
        "en dan en dan en dan en dan en dan en dan",
        "Nou, de pijn in mijn knie, de pijn in mijn knie, de pijn in mijn knie, dus.",
    ],
)
def test_loops(text: str) -> None:
    assert is_loop(text)


@pytest.mark.parametrize(
    "text",
    [
        "Nee nee nee nee, dat niet.",
        "Ja, ja, ja.",
        "Heel, heel, heel erg moe.",
        "Dag dag dag!",
        "Soms links, soms rechts, soms links, soms rechts.",
        "Eén tablet, één tablet 's avonds en één tablet voor de nacht.",
        "",
    ],
)
def test_people_repeat_themselves(text: str) -> None:
    assert not is_loop(text)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.integers(7, 12))
def test_any_phrase_often_enough_is_a_loop(phrase: list[str], times: int) -> None:
    assert is_loop(" ".join(phrase * times))


@given(st.lists(st.integers(), unique=True, max_size=60))
def test_no_loop_without_repeats(words: list[int]) -> None:
    assert not is_loop(" ".join(f"w{abs(word)}{'m' if word < 0 else ''}" for word in words))


@pytest.mark.parametrize(
    ("figures", "speech_s", "expected"),
    [
        ({}, 1.0, None),
        ({"compression": 2.5}, 1.0, Suspicion.REPEAT_LOOP),
        ({}, 0.2, Suspicion.OVER_SILENCE),
        ({"no_speech": 0.9, "log_probability": -1.0}, 1.0, Suspicion.OVER_SILENCE),
        ({"no_speech": 0.95}, 1.0, None),  # sure of its words: Whisper's own rule believes those
        ({"log_probability": -2.0}, 1.0, Suspicion.UNLIKELY),
        ({"probability": 0.1}, 1.0, Suspicion.UNLIKELY),
    ],
)
def test_figures(figures: dict[str, float], speech_s: float, expected: Suspicion | None) -> None:
    assert suspicion(heard("De keel is rood.", **figures), speech_s=speech_s) is expected


def test_nobody_speaks_that_fast() -> None:
    text = "De keel is rood, met beslag, en de longen klinken schoon, geen piepen."
    assert suspicion(heard(text, 0, 1), speech_s=1) is Suspicion.UNLIKELY
    assert suspicion(heard(text, 0, 3), speech_s=3) is None


def test_limits_can_be_set() -> None:
    assert suspicion(heard("Ja.", probability=0.5), speech_s=1, limits=Limits(least_word_probability=0.6))


def test_the_same_segment_again_and_again() -> None:
    segments = [heard(text) for text in ("Wat is uw vraag?", *["Ik weet het niet zeker."] * 3, "Nee.", "Nee.", "Nee.")]
    marks = suspicions(segments, [1.0] * len(segments))
    assert marks == [None, None, Suspicion.REPEAT_LOOP, Suspicion.REPEAT_LOOP, None, None, None]


@given(st.lists(st.sampled_from(["Ja.", "Ik ben moe.", "Muziek", "ja " * 9]), max_size=12))
def test_one_answer_a_segment(texts: list[str]) -> None:
    assert len(suspicions([heard(text) for text in texts], [1.0] * len(texts))) == len(texts)


def test_plain() -> None:
    assert plain("  Ëén, twéé -- DRIE_vier!") == "een twee drie vier"
