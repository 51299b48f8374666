"""Which words the recogniser may be given."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import InvalidInput
from transcribe.soep.own_words import MOST_CHARACTERS, MOST_WORDS, check_word


@pytest.mark.parametrize(
    "word", ["macrogol", "Van der Velden", "  Wijkteam   Noord ", "nitrofurantoïne", "'s-Gravenzande", "B12"]
)
def test_names_and_drugs_are_taken_and_tidied(word: str) -> None:
    assert check_word(word, []) == " ".join(word.split())


@pytest.mark.parametrize(
    ("word", "says"),
    [("", "Vul"), ("  ", "Vul"), ("12", "Vul"), ("a" * 41, "40 tekens"), ("<|nl|>", "letters"), ("a, b", "letters"),
     ("één\x00", "letters")],
)  # fmt: skip
def test_what_is_no_word_is_refused_with_a_sentence(word: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        check_word(word, [])


@pytest.mark.parametrize("known", [[f"w{n}" for n in range(MOST_WORDS)], [f"{n}{'w' * 39}" for n in range(6)]])
def test_a_full_list_takes_what_it_has_and_nothing_more(known: list[str]) -> None:
    assert check_word(known[-1], known) == known[-1]
    with pytest.raises(InvalidInput, match="vol"):
        check_word("nieuw", known)


@given(st.lists(st.text(string.ascii_letters, min_size=1, max_size=40), max_size=60))
def test_a_list_never_grows_past_its_bounds(tried: list[str]) -> None:
    known: list[str] = []
    for word in tried:
        try:
            known = list(dict.fromkeys([*known, check_word(word, known)]))
        except InvalidInput:
            assert len(known) == MOST_WORDS or sum(map(len, known)) > MOST_CHARACTERS - 40
    assert len(known) <= MOST_WORDS
    assert sum(map(len, known)) <= MOST_CHARACTERS
