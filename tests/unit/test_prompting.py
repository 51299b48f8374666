"""A talk to a model's question, and its answer to lines: nothing is mended, nothing is left out unseen."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.soep.check import open_findings
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.soep.prompting import (
    LONGEST,
    MOST_LINES,
    OVERLAP,
    WRITTEN,
    Said,
    Unusable,
    examples,
    messages,
    parsed,
    schema,
    together,
    told,
    windows,
)

SAID = [Said(number=n, speaker="patient", text=f"Zin {n}.") for n in (0, 1, 4)]


def answer(*lines: object) -> str:
    return json.dumps({"regels": list(lines)})


GOOD = {"deel": "S", "bron": [1, 0], "tekst": "Koorts sinds gisteren."}


def test_a_good_answer_is_read() -> None:
    (line,) = parsed(answer(GOOD), SAID)
    assert line == Line(id="L1", section=Section.S, text="Koorts sinds gisteren.", evidence=(0, 1))
    assert parsed(answer(), SAID) == []


BAD = [
    "",
    "Hier is het verslag.",
    "[]",
    "{}",
    '{"regels": {}}',
    '{"regels": [], "uitleg": "zo"}',
    '{"regels": [], "regels": []}',
    '```json\n{"regels": []}\n```',
    '{"regels": []} en verder',
    "[" * 100_000,
    answer(*[GOOD] * (MOST_LINES + 1)),
    answer("S: koorts"),
    answer({**GOOD, "deel": "X"}),
    answer({**GOOD, "deel": ["S"]}),
    answer({**GOOD, "bron": []}),
    answer({**GOOD, "bron": [2]}),  # not in this part
    answer({**GOOD, "bron": [-1]}),
    answer({**GOOD, "bron": [True]}),
    answer({**GOOD, "bron": [1.0]}),
    answer({**GOOD, "bron": ["1"]}),
    answer({**GOOD, "bron": 1}),
    answer({**GOOD, "bron": [0] * 9}),
    answer({**GOOD, "tekst": " "}),
    answer({**GOOD, "tekst": "a\nb"}),
    answer({**GOOD, "tekst": "a" * (LONGEST + 1)}),
    answer({**GOOD, "tekst": 5}),
    answer({**GOOD, "extra": 1}),
    answer({"deel": "S", "bron": [1]}),
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Unusable) as refused:
        parsed(text, SAID)
    assert "koorts" not in str(refused.value).lower()


@given(st.text(max_size=200))
def test_no_text_whatever_breaks_the_reading(text: str) -> None:
    try:
        lines = parsed(text, SAID)
    except Unusable:
        return
    assert all(line.evidence for line in lines)


def test_the_examples_follow_the_rules_they_teach() -> None:
    """Each is a valid answer in the form the schema asks, and the checker has nothing against it."""
    for said, lines in examples():
        text = answer(*({"deel": part, "bron": source, "tekst": line} for part, source, line in lines))
        read = parsed(text, said)
        assert {line.section for line in read} == set(Section)
        assert all(re.fullmatch(WRITTEN, line.text) for line in read)
        transcript = Transcript(
            utterances=tuple(Utterance(speaker=Speaker(one.speaker), text=one.text, start_s=0, end_s=1) for one in said)
        )
        assert open_findings(Note(reports=(Report(id="R1", lines=tuple(read)),)), transcript) == {}


def test_the_schema_names_only_the_utterances_of_the_part() -> None:
    line = schema(SAID)["properties"]["regels"]["items"]  # type: ignore[index]
    assert line["properties"]["bron"]["items"] == {"enum": [0, 1, 4]}


def test_a_part_says_that_it_is_one() -> None:
    assert "deel 2 van 3" in messages(SAID, 2, 3)[-1].text
    assert "deel" not in messages(SAID)[-1].text


def test_only_what_may_be_seen_is_told() -> None:
    said = (
        ("Ik heb keelpijn.", None),
        ("En ik drink te veel, maar dat hoeft niet in het dossier.", None),
        ("Mijn burgerservicenummer is honderd.", None),
        ("Ondertiteld door de omroep.", Suspicion.PHANTOM),
        ("Ik slik <b>{drie}|, nee, vier pillen.", None),
    )
    transcript = Transcript(
        utterances=tuple(
            Utterance(speaker=Speaker.PATIENT, text=text, start_s=0, end_s=1, suspicion=doubt) for text, doubt in said
        )
    )
    rows, _ = told(transcript)
    assert [row.number for row in rows] == [0, 4]
    assert not set("<>{}|") & set(rows[1].text)


@settings(max_examples=200)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(5, 100))
def test_windows_hold_every_utterance_in_order(lengths: list[int], room: int) -> None:
    said = [Said(number=n, speaker="patient", text="x" * length) for n, length in enumerate(lengths)]

    def fits(part: object) -> bool:
        return sum(len(one.text) for one in part) <= room  # type: ignore[attr-defined]

    parts = list(windows(said, fits))
    assert all(fits(part) for part in parts)
    assert {one.number for part in parts for one in part} == set(range(len(said)))
    for first, second in itertools.pairwise(parts):
        assert second[0].number > first[0].number
        assert second[0].number >= first[-1].number + 1 - OVERLAP


def test_what_an_overlap_makes_twice_stands_once() -> None:
    first = [Line(id="L1", section=Section.S, text="Koorts sinds gisteren.", evidence=(4,))]
    second = [
        Line(id="L1", section=Section.S, text="Koorts.", evidence=(4,)),
        Line(id="L2", section=Section.S, text="Koorts.", evidence=(9,)),
        Line(id="L3", section=Section.O, text="T 38,4.", evidence=(8,)),
    ]
    lines = together([first, second])
    assert [(line.id, line.text, line.evidence) for line in lines] == [
        ("L1", "Koorts sinds gisteren.", (4,)),
        ("L2", "Koorts.", (9,)),
        ("L3", "T 38,4.", (8,)),
    ]
