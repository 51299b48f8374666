"""Spoken numbers to the written form of the record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.soep.numbers import compact, number_word, numbers_in, written

WRITTEN = [
    # plain numbers
    ("nul", "0"),
    ("drie weken", "3 weken"),
    ("twaalf", "12"),
    ("zeventien kilo", "17 kg"),
    ("eenentwintig", "21"),
    ("tweeëntwintig", "22"),
    ("tweeentwintig", "22"),
    ("drieëndertig jaar", "33 jaar"),
    ("negenennegentig", "99"),
    ("honderd", "100"),
    ("honderdacht", "108"),
    ("honderd vijfentwintig", "125"),
    ("tweehonderdtwintig", "220"),
    ("twee honderd vijftig", "250"),
    ("vijfhonderd", "500"),
    ("zeshonderdvijfentwintig milligram", "625 mg"),
    ("duizend milligram", "1000 mg"),
    ("vijftienduizend stappen", "15000 stappen"),
    ("negentienhonderd zesenzeventig", "1976"),
    ("vijfentwintighonderd", "2500"),
    # "een" is an article, "één" counts
    ("een hoest", "een hoest"),
    ("één wond", "1 wond"),
    ("Eén keer gespuugd", "1x gespuugd"),
    ("een tablet", "1 tablet"),
    ("een zakje per dag", "1 zakje per dag"),
    # decimals and halves
    ("achtendertig komma vier", "38,4"),
    ("negen komma een", "9,1"),
    ("nul komma vijf", "0,5"),
    ("zevenendertig nul", "37,0"),
    ("Vannacht achtendertig negen.", "Vannacht 38,9."),
    ("38.4", "38,4"),
    ("anderhalve liter", "1,5 liter"),
    ("anderhalf jaar", "1,5 jaar"),
    ("twee en een half", "2,5"),
    ("vier en een halve kilo", "4,5 kg"),
    ("tweeënhalf", "2,5"),
    # a number of days after thirty-eight is no decimal
    ("achtendertig vijf dagen", "38 5 dagen"),
    # blood pressure
    ("honderdtweeënveertig over zesentachtig", "142/86"),
    ("Bloeddruk honderddertig over tachtig.", "Bloeddruk 130/80."),
    ("honderd vijfenveertig over negentig", "145/90"),
    ("tien over elf", "10 over 11"),
    ("tachtig over honderdtwintig", "80 over 120"),
    # frequencies
    ("driemaal daags", "3dd"),
    ("eenmaal daags", "1dd"),
    ("tweemaal daags", "2dd"),
    ("drie keer per dag", "3dd"),
    ("vier keer op een dag", "4dd"),
    ("één keer per dag", "1dd"),
    ("een keer per dag", "1dd"),
    ("twee, drie keer per dag", "2-3dd"),
    ("drie keer in de week", "3x per week"),
    ("één keer per week", "1x per week"),
    ("acht keer dit jaar", "8x dit jaar"),
    ("een keer of drie in de week", "ca 3x per week"),
    # doses: a space between number and unit (glued doses are misread)
    ("driemaal daags 500 milligram", "3dd 500 mg"),
    ("vijfhonderd milligram, drie keer per dag", "500 mg, 3dd"),
    ("viermaal daags twee pufjes", "4dd 2 pufjes"),
    ("vijfenzeventig microgram", "75 mcg"),
    ("tien milliliter", "10 ml"),
    # about, ranges
    ("een week of zes", "ca 6 weken"),
    ("Een week of zeven, acht.", "ca 7-8 weken."),
    ("een maand of vijf", "ca 5 maanden"),
    ("om de vier, vijf dagen", "om de 4-5 dagen"),
    ("zes tot acht weken", "6 tot 8 weken"),
    # units and measurements
    ("achtennegentig procent", "98%"),
    ("tweeënzeventig slagen per minuut", "72/min"),
    ("acht centimeter", "8 cm"),
    ("zeven millimeter", "7 mm"),
    # a decimal said with "punt", and more decimals than two
    ("achtendertig punt vijf", "38,5"),
    ("pols tachtig punt twee", "pols 80 punt 2"),
    ("vijf punt drie dagen", "5 punt 3 dagen"),
    ("nul komma één twee vijf milligram", "0,125 mg"),
    ("nul komma vijf drie dagen", "0,5 3 dagen"),
    ("één meter vijfenzeventig", "1,75 m"),
    # years and telephone numbers
    ("sinds twintig vijfentwintig", "sinds 2025"),
    ("twintig vijfentwintig", "20 25"),
    ("van twintig vijfentwintig milligram", "van 20 25 mg"),
    ("nul zes één twee drie vier vijf zes zeven acht", "06-12345678"),
    ("nul één twee drie", "0 1 2 3"),
    # the alarm number
    ("belt u honderdtwaalf", "belt u 112"),
    ("belt u dan één één twee", "belt u dan 112"),
    ("Dan één één twee als hij suf wordt.", "Dan 112 als hij suf wordt."),
    ("direct een-een-twee bellen", "direct 112 bellen"),
    ("Sinemet 1-1-2", "Sinemet 1-1-2"),
    ("Sinemet één één twee", "Sinemet 1 1 2"),
    ("dan één één twee tabletten", "dan 1 1 2 tabletten"),
    # two numbers stay two where the second one counts; more of these in spoken_forms.toml
    ("ibuprofen vierhonderd drie keer per dag", "ibuprofen 400 3dd"),
    ("amoxicilline vijfhonderd zeven, acht dagen", "amoxicilline 500 7-8 dagen"),
    ("furosemide veertig twee tabletten", "furosemide 40 2 tabletten"),
    ("alprazolam nul komma vijf één tablet", "alprazolam 0,5 1 tablet"),
    ("nul komma vijf twee", "0,5 2"),
    ("driemaal daags twee komma zeven dagen", "3dd 2 komma 7 dagen"),
    ("pijnscore zes punt twee kinderen", "pijnscore 6 punt 2 kinderen"),
    ("kalium vier punt vijf", "kalium 4,5"),
    ("Zevenendertig zes vanmorgen, onder m'n arm.", "37,6 vanmorgen, onder m'n arm."),
    ("Vannacht had ze negenendertig vijf.", "Vannacht had ze 39,5."),
    ("koorts, negenendertig drie gemeten", "koorts, 39,3 gemeten"),
    # the verb
    ("Dat acht ik niet nodig.", "Dat acht ik niet nodig."),
    ("Daarom heb ik acht dagen gewacht.", "Daarom heb ik 8 dagen gewacht."),
    # times of day
    ("om 9.30 uur", "om 9.30 uur"),
    ("om 14.15 gebeld", "om 14.15 gebeld"),
    ("om 2.5 kilo", "om 2,5 kg"),
]


@pytest.mark.parametrize(("spoken", "expected"), WRITTEN)
def test_written(spoken: str, expected: str) -> None:
    assert written(spoken) == expected


@pytest.mark.parametrize(("spoken", "expected"), WRITTEN)
def test_written_is_stable(spoken: str, expected: str) -> None:
    assert written(written(spoken)) == expected


def test_breathing_rate_is_never_rr() -> None:
    assert "RR" not in written("Ademfrequentie vierentwintig per minuut.")


def test_compact_glues_doses_for_practices_that_want_it() -> None:
    assert compact(written("driemaal daags vijfhonderd milligram")) == "3dd500mg"


@pytest.mark.parametrize("word", ["achterlijk", "vierkant", "zeventje", "honderden", "tientallen", "evenals", "achtte"])
def test_other_words_are_no_numbers(word: str) -> None:
    assert number_word(word) is None
    assert written(word) == word


def test_spoken_and_written_numbers_compare_equal() -> None:
    assert numbers_in("honderdtweeënveertig over zesentachtig, achtendertig komma vier") == numbers_in("142/86; T 38,4")
    assert numbers_in("37,0") == numbers_in("zevenendertig")


@given(st.text())
def test_never_raises(text: str) -> None:
    written(text)
    numbers_in(text)


@given(
    st.lists(
        st.sampled_from(
            ["hoest", "koorts", "pijn", "de", "het", "wil", "graag", "niet", "arm", "been", "toen", "was", "keel"]
        )
    )
)
def test_text_without_numbers_is_unchanged(words: list[str]) -> None:
    text = " ".join(words)
    assert written(text) == text


@given(st.integers(min_value=0, max_value=9999))
def test_digits_stay(number: int) -> None:
    assert written(f"waarde {number} gemeten") == f"waarde {number} gemeten"
