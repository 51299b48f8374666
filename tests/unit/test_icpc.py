"""ICPC codes to choose from, and the practice's own table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import InvalidInput
from transcribe.soep.icpc import CODE, CODED, MOST, complete, own_table, proposals, read_table
from transcribe.soep.note import Line, Report, Section
from transcribe.soep.numbers import plain


def report(section: str, *texts: str) -> Report:
    lines = (Line(id=f"L{n}", section=Section(section), text=text) for n, text in enumerate(texts))
    return Report(id="R1", lines=tuple(lines))


def offered(section: str, *texts: str) -> list[str]:
    return [one.code for one in proposals(report(section, *texts), Section(section), own_table())]


def test_every_code_of_our_table_is_one_and_has_words_to_find_it_by() -> None:
    codes = [entry.code for entry in own_table()]
    assert len(set(codes)) == len(codes) >= 120
    for entry in own_table():
        assert CODE.fullmatch(entry.code)
        assert entry.title
        assert entry.words
        assert all(word == "=" * word.startswith("=") + plain(word.lstrip("=")) for word in entry.words), entry


@pytest.mark.parametrize(
    ("section", "text", "code"),
    [
        ("E", "Acute bronchitis.", "R78"),
        ("E", "Verdenking longontsteking.", "R81"),
        ("E", "Ingegroeide teennagel.", "S94"),
        ("E", "Hoofdpijn.", "N01"),
        ("S", "Sinds 3 dagen keelpijn.", "R21"),
        ("S", "Moe, slecht slapen.", "A04"),
    ],
)
def test_a_code_is_offered_for_what_a_line_says(section: str, text: str, code: str) -> None:
    found = proposals(report(section, text), Section(section), own_table())
    assert code in [one.code for one in found]
    assert all(one.line.text == text for one in found)


@pytest.mark.parametrize(
    ("section", "text", "code"),
    [
        ("E", "Geen longontsteking.", "R81"),
        ("E", "Geen aanwijzingen voor hernia.", "L86"),
        ("S", "Geen koorts.", "A03"),
        ("S", "Zus astma.", "R96"),
        ("S", "Moeder hoofdpijn.", "N01"),
        ("S", "Moeder belt.", "A04"),  # "moe" is no part of a word
        ("S", "Bekend met COPD.", "R95"),  # a disease is no reason for contact
    ],
)
def test_no_code_for_what_is_denied_or_somebody_elses(section: str, text: str, code: str) -> None:
    assert code not in offered(section, text)


def test_o_and_p_are_never_coded() -> None:
    assert CODED == (Section.S, Section.E)
    for section in ("O", "P"):
        assert offered(section, "Longontsteking.") == []


def test_the_most_exact_code_stands_first_and_the_list_is_short() -> None:
    assert offered("E", "Artrose van knie.")[0] == "L90"
    assert len(offered("S", "Moe, hoest, koorts, jeuk, hoofdpijn, misselijk, diarree, benauwd.")) == MOST


def test_the_practices_own_table_counts_before_ours() -> None:
    table = complete({"R78": "Bronchitis volgens de eigen tabel", "S74.01": "Dermatofytose/tinea"})
    found = proposals(report("E", "Acute bronchitis, tinea."), Section.E, table)
    assert {(one.code, one.title) for one in found} == {
        ("R78", "Bronchitis volgens de eigen tabel"),
        ("S74.01", "Dermatofytose/tinea"),
    }
    assert len(table) == len(own_table()) + 1


@pytest.mark.parametrize(
    "document",
    [
        b"ICPC;Omschrijving\nR78;Acute bronchitis\nr81;Longontsteking\n",
        "\ufeffR78,Acute bronchitis\nR81,Longontsteking".encode(),
        b"id\tcode\ttekst\n1\tR78\tAcute bronchitis\n2\tR81\tLongontsteking",
        'R78;"Acute bronchitis"\r\nhoofdstuk R;Luchtwegen\r\nR81;Longontsteking\r\nR78;nog eens\r\n'.encode("cp1252"),
    ],
)
def test_a_table_is_read_however_it_was_saved(document: bytes) -> None:
    assert read_table(document) == {"R78": "Acute bronchitis", "R81": "Longontsteking"}


@pytest.mark.parametrize("document", [b"", b"a;b\nc;d", b"R78\nR81", b"\x00\xff\x00", b"R78;;\n", b'"' * 200_000])
def test_a_file_that_is_no_table_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_table(document)


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(document: bytes) -> None:
    try:
        found = read_table(document)
    except InvalidInput:
        return
    assert all(CODE.fullmatch(code) and title.isprintable() for code, title in found.items())
