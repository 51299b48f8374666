"""What can't be seen does not get into a note, and what is drawn as one character stays whole."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.visible import UNSEEN, all_seen, one_row


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("amoxi\u00adcilline", "amoxicilline"),  # a soft hyphen of a word processor
        ("\ufeffT 38,4", "T 38,4"),
        ("geen\u200b koorts", "geen koorts"),
        ("links \u202estcher\u202c", "links stcher"),  # drawn as "rechts"
        ("een\r\n\ttwee\u2028drie", "een twee drie"),
        ("👩\u200d⚕️ belt", "👩\u200d⚕️ belt"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("\u200b \u2066", ""),
    ],
)
def test_pasted_text_becomes_one_row_of_what_is_seen(given: str, kept: str) -> None:
    assert one_row(given) == kept
    assert all_seen(kept)


@given(st.text())
def test_nothing_unseen_is_left_and_nothing_seen_is_lost(text: str) -> None:
    row = one_row(text)
    assert one_row(row) == row
    assert all_seen(row)
    visible = [c for c in text if not c.isspace() and unicodedata.category(c) not in UNSEEN]
    assert [c for c in row if c not in " \u200c\u200d"] == visible
