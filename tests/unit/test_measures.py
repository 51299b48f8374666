"""Amounts that say the same in other units, and those that don't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.soep.measures import (
    conflicting,
    measures,
    numbers,
    same_amount,
    spoken_numbers,
    unsaid_unit,
    upside_down,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Amoxicilline 3dd500mg 7 dagen", {("3", "dd"), ("500", "mg"), ("7", "dagen")}),
        ("drie keer per dag vijfhonderd milligram", {("3", "dd"), ("500", "mg")}),
        ("3x per week", {("3", "pw")}),
        ("2-3 weken", {("2", "weken"), ("3", "weken")}),
        ("twee tot drie weken", {("2", "weken"), ("3", "weken")}),
        ("een half jaar", {("6", "maanden")}),
        ("RR 140/90, T 38,4", set()),
    ],
)
def test_numbers_with_their_unit(text: str, found: set[tuple[str, str]]) -> None:
    assert measures(text) == found


def test_a_week_is_one_week_only_when_spoken() -> None:
    assert ("1", "week") in measures("al een week", spoken=True)
    assert measures("al een week") == set()


def test_another_unit_of_the_same_kind_is_another_amount() -> None:
    said = "drie dagen koorts, dan is het nummer drie"
    assert conflicting(("3", "weken"), measures(said, spoken=True), said)
    assert not conflicting(("3", "dagen"), measures(said, spoken=True), said)


@pytest.mark.parametrize(
    ("unit", "said", "unsaid"),
    [
        ("weken", "drie dagen", True),
        ("weken", "sinds Pinksteren", False),
        ("maanden", "hij werd vierenvijftig", True),
        ("maanden", "na de zomer", False),
        ("mcg", "vijftig milligram", True),
        ("g", "eenenzeventig kilogram", True),
        ("mg", "losartan vijftig", False),  # a unit that is often left unsaid
        ("kg", "hij weegt dertien", False),
    ],
)
def test_units_that_must_have_been_said(unit: str, said: str, unsaid: bool) -> None:
    assert unsaid_unit(unit, said) is unsaid


def test_names_with_digits_are_no_numbers() -> None:
    assert numbers("HbA1c 48, vitamine B12, CRB-65 score 1, DM type 2, ICPC R78") == {"48", "1"}


def test_what_is_said_in_another_way_counts() -> None:
    assert "54" in spoken_numbers("op zijn vierenvijftigste")
    assert "2" in spoken_numbers("allebei de oren")
    assert "1" in spoken_numbers("dagelijks")
    assert "3" in spoken_numbers("de derde keer")


SAME = [
    (("7", "dagen"), ("1", "week")), (("14", "dagen"), ("2", "weken")), (("1", "g"), ("1000", "mg")),
    (("30", "min"), ("0,5", "uur")), (("4", "weken"), ("1", "maand")), (("12", "maanden"), ("1", "jaar")),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_another_unit(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert same_amount(one, {other})
    assert same_amount(other, {one})


@given(st.integers(1, 400), st.sampled_from(["dagen", "weken", "maanden", "mg", "ml", "cm", "dd"]))
def test_an_amount_is_itself_and_not_one_more(amount: int, unit: str) -> None:
    assert same_amount((str(amount), unit), {(str(amount), unit)})
    assert not same_amount((str(amount + 1), unit), {(str(amount), unit)})


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (("3", "weken"), "drie dagen"),
        (("500", "mcg"), "vijfhonderd milligram"),
        (("3", "pw"), "drie keer per dag"),
        (("4", "dd"), "drie keer per dag, vier weken lang"),
    ],
)
def test_said_of_something_else(shown: tuple[str, str], said: str) -> None:
    assert conflicting(shown, measures(said, spoken=True), said)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (("3", "dagen"), "drie dagen"),
        (("7", "dagen"), "een week"),
        (("3", "x"), "drie keer per dag"),
        (("1", "dd"), "elke ochtend één tablet"),
        (("500", "mg"), "vijfhonderd, drie dagen"),  # without a unit: may well be milligrams
        (("5", "weken"), "al een tijd"),
    ],
)
def test_not_said_of_something_else(shown: tuple[str, str], said: str) -> None:
    assert not conflicting(shown, measures(said, spoken=True), said)


def test_a_range_goes_up() -> None:
    assert upside_down("4-4 weken, 8 tot 6 keer") == ["4-4", "8 tot 6"]
    assert upside_down("Fysiotherapie 12-9 behandelingen") == ["12-9"]
    assert upside_down("12-3 gevallen, sinds 12-3 pijn, op 31-12 gezien") == []  # dates
    assert upside_down("2-3 weken, 6 tot 8 keer, 06-12-2026, RR 140/90") == []
