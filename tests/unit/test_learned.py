"""The sections learned from labelled talks: what they may decide, and that the weights are those of the recipe."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks import sections
from tests.unit.test_extractive import talk
from transcribe.soep import learned
from transcribe.soep.extractive import ENOUGH, ExtractiveDrafter
from transcribe.soep.learned import BIAS, LABELS, Judged, Learned, decided, shipped
from transcribe.soep.note import Note, Section

S, O, E, P = Section  # noqa: E741


def judged(**shares: float) -> Judged:
    """Of no section what is left over."""
    own = [shares.get(section.value, 0.0) for section in Section]
    return Judged(shares=(1 - sum(own), *own))


@pytest.mark.parametrize(
    ("rules", "points", "shares", "expected"),
    [
        (None, 0, {"E": 0.7}, E),
        (None, 0, {"O": 0.3, "E": 0.2}, O),  # says something, most likely a finding
        (None, 0, {"O": 0.2, "E": 0.1}, None),
        (None, 0, {"S": 0.7}, None),  # said back: it is in the note already
        (None, 0, {"S": 0.9}, S),
        (O, learned.SURE, {"E": 0.99}, O),  # the rules are sure
        (O, learned.SURE - 1, {"E": 0.99}, E),
        (O, learned.SURE - 1, {"E": 0.5, "O": 0.4}, O),
        (P, learned.SURE, {}, P),
        (P, learned.SURE - 1, {}, None),
        (P, learned.SURE - 1, {"P": 0.2}, P),  # a line too many costs less than a line too few
        (P, learned.SURE - 1, {"S": 0.7}, P),
    ],
)
def test_the_rules_stay_where_they_are_sure(
    rules: Section | None, points: int, shares: dict[str, float], expected: Section | None
) -> None:
    scores = dict.fromkeys(Section, 0) | ({rules: points} if rules else {})
    assert decided(rules, scores, judged(**shares)) is expected


def always(label: Section | None) -> Learned:
    """Weights that are sure of one section, whatever is said."""
    return Learned(weights={BIAS: tuple(1000 * (label is other) for other in LABELS)})


TALK = (
    "H Goedemorgen, gaat u zitten.",
    "P Ik hoest al drie weken. Mijn broer Karel zit in de gevangenis. Dat hoeft niet in het dossier.",
    "H Heeft u koorts?",
    "P Nee. Ik denk dat het longkanker is. Mijn moeder heeft reuma.",
    "H Hoest u slijm op?",
    "P Een beetje. Het is wit. 's Nachts slaap ik slecht. Op het werk hoest ik ook.",
    "H Ik ga naar uw longen luisteren.",
    "H Wat gekraak rechts onder.",
    "H Ik dacht aan een longontsteking, maar dat past niet.",
    "H Het is een bronchitis.",
    "H Rustig aan doen, en veel drinken.",
    "P Dank u wel.",
    "H Tot ziens.",
)


def text(note: Note, section: Section) -> str:
    return " ".join(line.text for line in note.lines() if line.section is section)


@pytest.mark.parametrize("label", LABELS)
def test_whatever_was_learned_the_safety_rules_stay(label: Section | None) -> None:
    """A rejected diagnosis is never made, what was withheld stays out, and an idea of the patient is no conclusion."""
    assert len(sections.heard(talk(*TALK))) >= ENOUGH
    note = ExtractiveDrafter(sections=always(label)).draft(talk(*TALK))
    everything = " ".join(line.text for line in note.lines()).lower()
    assert "geen aanwijzingen voor longontsteking" in everything
    assert everything.count("longontsteking") == 1
    assert "gevangenis" not in everything
    assert "karel" not in everything
    assert "kanker" not in text(note, E).lower()
    assert "Geen koorts" in text(note, S)
    assert "ronchitis" in text(note, E)


def test_what_the_rules_do_not_know_is_found() -> None:
    """A sentence with no word of any table goes where it is likely to belong, in its own words."""
    said = talk(*TALK[:10], "H Zorgen maak ik me er niet over.", *TALK[10:])
    assert "Zorgen" not in text(ExtractiveDrafter(sections=None).draft(said), E)
    assert "Zorgen maak" in text(ExtractiveDrafter(sections=always(E)).draft(said), E)


def test_a_fragment_and_another_language_are_left_to_the_rules() -> None:
    short = talk("P Ik hoest.", "H Dat weet ik niet zo precies.", "H Neem paracetamol.")
    assert len(short.utterances) < ENOUGH
    english = talk(*["P I cough a lot.", "H We will see how that goes for you."] * ENOUGH)
    english = type(english)(utterances=english.utterances, language="en")
    for said in (short, english):
        assert ExtractiveDrafter(sections=always(E)).draft(said) == ExtractiveDrafter(sections=None).draft(said)


def test_shares_are_shares() -> None:
    said = sections.heard(talk(*TALK))
    found = shipped().judge(said)
    assert found == shipped().judge(said)
    for one in found.values():
        assert sum(one.shares) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in one.shares)


def test_the_card_is_of_these_data() -> None:
    """Changed data without weights made anew: ``python -m benchmarks.sections train``."""
    data = json.loads(sections.WEIGHTS.read_text(encoding="utf-8"))
    assert data["card"]["sha256"] == sections.fingerprint()
    assert data["card"]["labels"] == [label.value if label else "-" for label in LABELS]
    assert sections.WEIGHTS.stat().st_size < 500_000
    assert {len(own) for own in data["weights"].values()} == {len(LABELS)}


def test_the_labelled_talks_are_sound() -> None:
    names = Counter[str]()
    for path in sorted((sections.HERE / "talks").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        names[data["id"]] += 1
        assert path.stem == data["id"]
        assert {label for u in data["utterances"] for _, label in u["sentences"]} <= {"S", "O", "E", "P", "-"}
        assert {u["speaker"] for u in data["utterances"]} <= {"huisarts", "patient", "begeleider"}
    assert set(names.values()) == {1}


@pytest.mark.slow
def test_the_recipe_makes_the_weights_and_they_help_with_an_author_who_was_left_out() -> None:
    """Trained anew the same sentences get the same section, but for the last figures of another machine."""
    sources = sections.read()
    rows = {name: sections.examples([s for s in sources if s.author == name]) for name in {s.author for s in sources}}
    anew = sections.trained([row for own in rows.values() for row in own])
    said = [source.said for source in sources[::5]]
    pairs = [
        (mine.shares.index(max(mine.shares)), theirs.shares.index(max(theirs.shares)))
        for talk_ in said
        for mine, theirs in zip(shipped().judge(talk_).values(), anew.judge(talk_).values(), strict=True)
    ]
    assert sum(a == b for a, b in pairs) >= 0.98 * len(pairs)
    own = [source for source in sources if source.author == "t1"]
    others = {name: rows[name] for name in ("t2", "t3", "t4")}
    right = [
        sum(n for (given, found), n in told.items() if given == found) / told.total()
        for weights in (None, sections.without(others, "t1"))
        for told in [sections.in_their_section(own, ExtractiveDrafter(sections=weights))]
    ]
    assert right[1] >= right[0] + 0.1
