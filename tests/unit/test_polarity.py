"""Said with or without a denial, in speech and in notes; in doubt it says so. A truth table."""

from __future__ import annotations

import pytest

from transcribe.soep.polarity import Polarity, polarity

AFFIRMED, DENIED, UNCLEAR = Polarity.AFFIRMED, Polarity.DENIED, Polarity.UNCLEAR
TABLE = [
    ("Koorts.", "Koorts", AFFIRMED),
    ("Geen koorts.", "koorts", DENIED),
    ("Zonder koorts.", "koorts", DENIED),
    ("Koorts: nee.", "Koorts", DENIED),
    ("Koorts heb ik niet.", "Koorts", DENIED),
    ("Schildklier niet vergroot.", "Schildklier", DENIED),
    ("Schildklier niet vergroot.", "vergroot", DENIED),
    ("Geen hoest. Koorts.", "Koorts", AFFIRMED),
    ("Geen hoest, wel koorts.", "koorts", AFFIRMED),
    ("Geen hoest; koorts.", "koorts", AFFIRMED),
    ("Geen hoest, koorts.", "koorts", UNCLEAR),  # a list, or news
    ("Geen hoest, longen schoon.", "longen", AFFIRMED),
    ("Niet misselijk, pijn op de borst.", "pijn", AFFIRMED),
    ("Geen aanwijzingen voor trombose.", "trombose", DENIED),
    ("Als u geen koorts meer heeft.", "koorts", DENIED),
    ("Als het niet de koorts is.", "koorts", UNCLEAR),
    ("Bellen bij koorts.", "koorts", AFFIRMED),
    ("Geen slaapmiddel (oxazepam).", "oxazepam", UNCLEAR),
    ("Stop diclofenac.", "diclofenac", UNCLEAR),
    ("Ibuprofen stoppen.", "Ibuprofen", UNCLEAR),
    ("Tyfus minder waarschijnlijk.", "Tyfus", DENIED),
    ("Lasègue negatief.", "Lasègue", UNCLEAR),
    ("Koortsvrij.", "Koorts", UNCLEAR),
    ("Verwijzing niet met spoed.", "Verwijzing", UNCLEAR),
    ("Niet alleen koorts.", "koorts", AFFIRMED),
    ("Niet eerder trombose.", "trombose", DENIED),
    ("Insturen doen we nu niet.", "Insturen", DENIED),
    ("Drop laten staan.", "Drop", UNCLEAR),
]


@pytest.mark.parametrize(("text", "thing", "expected"), TABLE)
def test_the_table(text: str, thing: str, expected: Polarity) -> None:
    at = text.index(thing)
    assert polarity(text, at, at + len(thing)) is expected
