"""Ways in which Dutch is spoken in the consulting room, and what the note makes of them. All people are invented."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_extractive import EXAM, draft, text
from transcribe.soep import corrections

# Lines of the talk, the section, what must be in it, what must not.
SPOKEN: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = {
    # question and answer
    "no in other words": (("H Bent u misselijk?", "P Welnee."), "S", ("Niet misselijk.",), ()),
    "no by a turn of phrase": (("H Bent u afgevallen?", "P Was het maar waar."), "S", ("Niet afgevallen.",), ()),
    "not I": (
        ("H Heeft u suikerziekte?", "P Ik niet. Mijn zus heeft suiker."),
        "S", ("Geen suikerziekte.", "Zus suiker"), (),
    ),
    "a part of the body": (("H En de pink, doet die ook mee?", "P Nee, die niet."), "S", ("Pink niet.",), ("Geen",)),
    "a denial asked": (("H En bloedverdunners niet?", "P Nee."), "S", ("Geen bloedverdunners.",), ("niet",)),
    "an answer that leans on the question": (
        ("H Bent u benauwd?", "P Met lopen wel. In rust niet."), "S", ("Benauwd: Met lopen wel. In rust niet.",), (),
    ),
    "a topic for a question": (("H En de enkels?", "P Dik, allebei."), "S", ("Enkels: Dik, allebei.",), ()),
    "a misheard offer is no topic": (
        ("H Waarmaak u helpen?", "P Sinds vijf dagen keelpijn en hoesten."),
        "S", ("Sinds 5 dagen keelpijn en hoesten.",), ("Waarmaak", "helpen"),
    ),
    "first a sound": (
        ("H Vergeet u hem wel eens?", "P Nou. Een keer of twee per week."),
        "S", ("Vergeet hem: ca 2x per week.",), (),
    ),
    "degrees belong to the fever": (
        ("H Heeft u koorts? Koude rillingen?", "P Zevenendertig zes vanmorgen."),
        "S", ("Koorts: 37,6",), ("rillingen",),
    ),
    "the side of the body, not she": (("H Pijn in de zij of in de rug?", "P Nee."), "S", ("zij",), ()),
    "a question without its mark": (("H Heeft u koorts.", "P Nee."), "S", ("Geen koorts.",), ()),
    "a statement with a tag": (("P Het rechterbeen is dik, hè mam?",), "S", ("Rechterbeen dik",), ()),
    # taken back
    "the number of its own size": (
        ("H Hoeveel ibuprofen neemt u?",
         "P Zeshonderd. Drie keer. Nee wacht, ik lieg, vierhonderd. Vier keer per dag vierhonderd."),
        "S", ("4dd 400",), ("600", "3x"),
    ),
    "what followed from the old value": (
        ("P Ze is vier kilo aangekomen. Eerst tweeënzestig, nu zesenzestig. Nee, wacht, vijfenzestig. Drie kilo dus.",),
        "S", ("3 kg aangekomen", "65"), ("4 kg", "66"),
    ),
    # whose it is
    "an own idea": (
        ("B Zijn broer heeft astma. Daarom dacht ik, dit zal ook wel astma zijn.",), "S", ("astma?",), (),
    ),
    "a caller by name": (
        ("B Dag dokter, met Farida van de wijkzorg, ze heeft koorts en is benauwd geworden.",),
        "S", ("koorts",), ("Farida",),
    ),
    "a name at the start": (
        ("P Annie had temazepam, daar liggen er nog van.",), "S", ("Ander had temazepam",), ("Annie",),
    ),
    "an eye at the start": ((EXAM, "H Iris normaal, pupil rond."), "O", ("Iris normaal",), ()),
    "what a nurse measures": (
        ("B Dag dokter, met de wijkverpleegkundige.", "H Wat meet u?", "B Bloeddruk honderddertig over zeventig."),
        "O", ("RR 130/70",), (),
    ),
    "what was measured at home": (
        ("H Dan tel ik even op. Gemiddeld honderdachtenveertig over negentig thuis.",), "S", ("148/90 thuis",), (),
    ),
    "a drug in use is no plan": (
        ("H U slikt lisinopril tien milligram.",), "S", ("Slikt lisinopril 10 mg.",), (),
    ),
    # findings
    "a pressure without its name": (
        (EXAM, "H Honderdzesenvijftig over tweeënnegentig. Nog een keer. Honderdvierenvijftig over negentig."),
        "O", ("RR 156/92", "RR 154/90"), ("keer",),
    ),
    "I hear, turned round": ((EXAM, "H Als hij rustig zit hoor ik geen stridor."), "O", ("geen stridor",), ()),
    "results, with a week in the sentence": (
        (EXAM, "H Het lab van vorige week: kreatinine negentig, kalium vier komma vier."), "O", ("kalium 4,4",), (),
    ),
    "a hormone is no temperature": (
        ("H De uitslag: TSH negen komma vier. Vrij T vier tien, dat is te laag.",), "O", ("Vrij T4 10",), (),
    ),
    # conclusions
    "a cause goes with the conclusion": (
        (EXAM, "H Dit is een nierbekkenontsteking. Dat komt denk ik door de katheter, met die koorts erbij."),
        "E", ("door katheter",), (),
    ),
    "denied, turned round": ((EXAM, "H Nee, astma is dit niet, ik hoor geen piepen."), "E", ("Geen astma",), ()),
    "no signs of it, turned round": (
        (EXAM, "H Voor een longembolie zie ik geen aanwijzingen."), "E", ("Geen aanwijzingen voor longembolie.",), (),
    ),
    "the next rejection is not of this": (
        (EXAM, "H Haar hartfalen is ontregeld. Een longontsteking lijkt het me niet."),
        "E", ("artfalen", "Geen longontsteking"), ("Geen hartfalen",),
    ),
    "rejected behind a clause": (
        (EXAM, "H Een hernia, waar u bang voor was, is het ook niet."), "E", ("Geen hernia",), (),
    ),
    # plan
    "stop is no refusal": (
        (EXAM, "H Dit is ijzerstapeling, een ziekte.", "H Stop dus met het ijzer, dat heeft u niet nodig."),
        "P", ("Stop met ijzer",), ("Geen ijzer",),
    ),
    "a proposal that is no question": (
        (EXAM, "H Het hartfalen is ontregeld.", "P Dus die naproxen moet eruit.", "H Ja, direct stoppen."),
        "P", ("Naproxen: direct stoppen",), (),
    ),
    "a name that is in no table": (
        (EXAM, "H Dit noemen we een zwabberteen, daar loopt u niet mee door."), "E", ("zwabberteen",), (),
    ),
    "thought of and dropped, in no table": (
        (EXAM, "H Een zwabberteen dacht ik ook even aan, maar daar past dit niet bij."),
        "E", ("Geen aanwijzingen voor zwabberteen",), ("past",),
    ),
    "not that, in no table": ((EXAM, "H Nee, een zwabberteen is dit niet."), "E", ("Geen zwabberteen",), ()),
    "a control is a conclusion": (
        ("P Ik kom voor controle.", EXAM, "P Goed.", "H De suiker is goed ingesteld."), "E", ("goed ingesteld",), (),
    ),
    "seen in words of no table": ((EXAM, "H Huidplooien mooi glanzend rondom."), "O", ("glanzend",), ()),
    "looked at after a first advice": (
        ("P Ik heb buikpijn.", "H Neem eerst maar paracetamol, vier keer per dag.", "P Goed.",
         "H Ga maar even liggen. Onderbuik rechts gevoelig."),
        "O", ("Onderbuik rechts gevoelig",), ("liggen",),
    ),
    "found, so not that": (
        (EXAM, "H Keel rood met beslag, dus geen gewone verkoudheid."), "O", ("Keel rood",), ("verkoudheid",),
    ),
    "belongs to and not to": (
        (EXAM, "H Dat hoort bij een bronchitis en niet bij de longen."), "E", ("bronchitis",), ("Geen",),
    ),
    "the thing asked said again": (("H Heeft u slijm?", "P Slijm? Nee joh."), "S", ("Geen slijm",), ()),
    "said back in the words of a note": (
        ("P Ik kom 's ochtends haast niet op gang.", "H Ochtendstijfheid, dertig minuten."), "S", ("Ochtendstijf",), (),
    ),
    "not to stop is to go on": (
        (EXAM, "H Dit is een bronchitis.", "P Moet ik de amlodipine stoppen?", "H Nee, gewoon doornemen."),
        "P", ("Amlodipine",), ("Geen",),
    ),
    "a dose too high to give": (
        (EXAM, "H Dit is jicht.", "H De amlodipine gaat van vijf naar, eh, tien is te veel, naar zeven."),
        "P", ("van 5 naar 7",), ("10",),
    ),
    "need not be put in": (
        ("P Mijn broer zit vast. Dat hoef je er niet in te zetten.", "H Goed."), "S", (), ("broer",),
    ),
    "left out at the question of the huisarts": (
        ("P Mijn broer zit vast.", "H Moet ik dat noteren?", "P Nee, liever niet."), "S", (), ("broer",),
    ),
    "one relative for another": (
        ("B Mijn jongste, Anna... nee Eva, die had vorige week koorts.",), "S", ("koorts",), ("Anna", "Eva"),
    ),
    "only the number to call": (
        (EXAM, "H Dit is een bronchitis.", "H Wordt u suf, wacht dan niet af. Dan één één twee."), "P", ("112",), (),
    ),
    "then you call": (
        (EXAM, "H Dit is een longontsteking.", "H Benauwd, suf of in de war, dan belt u."), "P", ("dan belt",), (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOKEN)
def test_as_it_is_spoken(name: str) -> None:
    lines, section, wanted, unwanted = SPOKEN[name]
    note = draft(*lines)
    written = text(note, section)
    assert all(part in written for part in wanted), written
    assert not any(part in written for part in unwanted), written


@given(
    old=st.integers(2, 60), new=st.integers(2, 60), mark=st.sampled_from(["nee", "nee, wacht", "wacht, nee", "pardon"])
)
def test_a_number_taken_back_is_gone(old: int, new: int, mark: str) -> None:
    said = [((0,), f"Sinds {old} dagen."), ((1,), f"{mark.capitalize()}, {new} dagen.")]
    kept = " ".join(text for _, text in corrections.apply(said))
    assert f"{new} dagen" in kept
    assert old == new or f" {old} dagen" not in kept


@given(
    st.lists(
        st.sampled_from(["600.", "3 keer.", "Nee, 400.", "4 kg.", "Nee, wacht, 3.", "3 kg dus.", "4dd 400."]),
        max_size=6,
    )
)
def test_every_sentence_that_is_left_has_its_own_evidence(said: list[str]) -> None:
    turn = [((n,), sentence) for n, sentence in enumerate(said)]
    kept = corrections.apply(turn)
    for evidence, sentence in kept:
        spoken = " ".join(said[i] for i in evidence)
        assert set(re.findall(r"\d+", sentence)) <= set(re.findall(r"\d+", spoken))
