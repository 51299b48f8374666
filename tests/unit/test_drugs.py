"""Names of drugs: recognised, guessed when misheard, quiet about ordinary words; amounts that look like a slip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from transcribe.soep.drugs import frequencies, heard_as, named, questionable, sounding_like
from transcribe.soep.lexicon import table

CONSULTS = Path(__file__).parents[2] / "benchmarks" / "consults"


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Neemt paarse mol, 3dd 1000 mg.", "paracetamol"),
        ("Gebruikt omeprasool 20 mg.", "omeprazol"),
        ("U krijgt amoxiciline 500 mg.", "amoxicilline"),
        ("Metropolol 50 mg, 2dd.", "metoprolol"),
        ("Slikt levo tyroxine 75 mcg.", "levothyroxine"),
        ("Flucloxaciline, driemaal daags vijfhonderd milligram.", "flucloxacilline"),
        ("Nitro furantoine, honderd milligram.", "nitrofurantoine"),
        ("Schrijf ik lisino pril voor.", "lisinopril"),
        ("Slikt simva statine.", "simvastatine"),
    ],
)
def test_a_misheard_name_is_guessed(heard: str, meant: str) -> None:
    assert [like.name for like in sounding_like(heard)] == [meant]
    assert heard_as(meant, heard)


def test_names_that_are_right_are_left_alone() -> None:
    generic = table("drugs.toml")["generic"]
    assert isinstance(generic, list)
    assert len(generic) > 400
    for name in generic:
        assert list(sounding_like(f"Slikt {name} 3dd 10 mg.")) == [], name
        assert [found for _, found in named(f"Gebruikt {name}.")] == [name]


def test_a_trade_name_stands_for_its_drug() -> None:
    assert named("Slikt Thyrax en paracetamoltabletten.") == [
        ("Thyrax", "levothyroxine"),
        ("paracetamoltabletten", "paracetamol"),
    ]


def test_ordinary_talk_sounds_like_no_drug() -> None:
    """Every sentence of the benchmark: the names in it are right, so nothing may be asked."""
    for path in sorted(CONSULTS.glob("*.json")):
        for utterance in json.loads(path.read_text(encoding="utf-8"))["utterances"]:
            assert list(sounding_like(utterance["text"])) == [], utterance["text"]
            assert list(questionable(utterance["text"])) == [], utterance["text"]


@pytest.mark.parametrize(
    "text",
    [
        "Levothyroxine 75 mg 1dd.",  # micrograms were meant
        "Metformine 500 mcg.",  # milligrams were meant
        "Paracetamol 6dd 2 tabletten 500 mg.",
        "Naproxen 2500 mg.",
        "Metoprolol 3dd 200 mg.",
        "Sintrom, digoxine 25 mg.",
    ],
)
def test_an_amount_that_looks_like_a_slip_is_asked_about(text: str) -> None:
    assert len(list(questionable(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Paracetamol 4dd 1000 mg.",
        "Paracetamol, 4dd 2 tabletten 500 mg.",
        "Levothyroxine 75 mcg.",
        "Ibuprofen niet, paracetamol 1000 mg.",
        "Onbekendmiddel 5000 mg.",
        "Prednisolon 30 mg 1dd 7 dagen.",
        "Weegt 80 kg, paracetamol zo nodig.",
    ],
)
def test_usual_amounts_are_not(text: str) -> None:
    assert list(questionable(text)) == []


def test_the_limits_are_in_order_and_for_known_drugs() -> None:
    limits, generic = table("drugs.toml")["ask_above"], table("drugs.toml")["generic"]
    assert isinstance(limits, dict)
    assert isinstance(generic, list)
    for name, (once, day) in limits.items():
        assert name in generic
        assert 0 < once <= day


def test_how_often_belongs_to_the_drug_before_it() -> None:
    said = "Paracetamol, vier keer per dag duizend milligram. Ibuprofen mag ook, maximaal drie keer per dag."
    assert frequencies(said) == {"paracetamol": {"4"}, "ibuprofen": {"3"}}
    assert frequencies("Drie keer per dag pijn.") == {}
