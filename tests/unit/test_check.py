"""Planted errors are found, right lines are left alone. All people are invented."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.soep import check
from transcribe.soep.alone import strange_allergen
from transcribe.soep.check import Finding, Flags, Kind, findings, flags_of, open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.missed import missed
from transcribe.soep.note import Line, Note, Origin, Report, Section
from transcribe.soep.points import pressing

TALK = (
    ("P", "Sinds drie dagen heb ik pijn in mijn linkerknie."),  # 0
    ("H", "Heeft u koorts gehad?"),  # 1
    ("P", "Nee."),  # 2
    ("P", "Ik neem naproxen, vijfhonderd, nee, tweehonderdvijftig milligram."),  # 3
    ("H", "De bloeddruk is honderdveertig over negentig."),  # 4
    ("H", "Ik dacht aan een breuk, maar dat past niet. Het is een verstuikte enkel rechts."),  # 5
    ("H", "U krijgt amoxicilline, driemaal daags vijfhonderd milligram, zeven dagen."),  # 6
    ("P", "En een foto?"),  # 7
    ("H", "Dat is nu niet nodig."),  # 8
    ("P", "De andere knie is goed, rechts heb ik niks."),  # 9
    ("P", "Mijn moeder heeft reuma, zelf heb ik nooit wat gehad."),  # 10
    ("P", "Ik slik paarse mol, driemaal daags duizend milligram."),  # 11
    ("P", "Sinds gisteren heb ik ook hoofdpijn, maandag nog niet."),  # 12
    ("H", "Ik hoor geen gepiep en geen gekraak."),  # 13
    ("P", "Ik kwam mijn bed niet uit."),  # 14
    ("H", "U krijgt levothyroxine, een keer per dag vijfenzeventig microgram."),  # 15
    ("H", "Paracetamol vier keer per dag, en ibuprofen drie keer per dag."),  # 16
    ("H", "Heeft u koorts?"),  # 17
    ("P", "Zevenendertig zes."),  # 18
    ("H", "Rookt u nog?"),  # 19
    ("P", "Gestopt."),  # 20
    ("P", "Ik heb nooit eerder trombose gehad, mijn zus heeft wel hoge bloeddruk."),  # 21
    ("H", "Keel rood. Geen dikke klieren."),  # 22
    ("H", "Losartan vijftig."),  # 23
    ("H", "Bel als hij vier uur niet plast, of als u geen zin uit kunt spreken."),  # 24
    ("P", "Haar broer had als kind buisjes."),  # 25
    ("P", "Rechts heb ik een kloofje. Hij drinkt liever links."),  # 26
    ("H", "De blauwe puffer, zes keer per dag."),  # 27
    ("P", "Die salbutamol, ja."),  # 28
    ("H", "Paracetamol, twee van vijfhonderd. Ik kom om vijf uur langs, of kwart voor zes."),  # 29
    ("P", "In eenennegentig voor het laatst. Niet tillen, niet bukken, dat doe ik al."),  # 30
    ("P", "Moet ik met de pil stoppen?"),  # 31
    ("H", "Nee."),  # 32
)
WHO = {"H": Speaker.HUISARTS, "P": Speaker.PATIENT}


def transcript() -> Transcript:
    return Transcript(
        utterances=tuple(
            Utterance(speaker=WHO[who], text=text, start_s=n, end_s=n + 1.0) for n, (who, text) in enumerate(TALK)
        )
    )


def line(text: str, *evidence: int, section: Section = Section.S, confirmed: bool = False) -> Line:
    return Line(id="L1", section=section, text=text, evidence=evidence, confirmed=confirmed)


RIGHT = [
    ("Sinds 3 dagen pijn in linkerknie.", (0,)),
    ("Sinds drie dagen pijn linkerknie.", (0,)),
    ("Pijn knie links sinds 3 dagen.", (0,)),
    ("Geen koorts.", (1, 2)),
    ("Koorts: nee.", (1, 2)),
    ("Neemt naproxen 250 mg.", (3,)),
    ("RR 140/90.", (4,)),
    ("Geen breuk.", (5,)),
    ("Verstuikte enkel rechts.", (5,)),
    ("Distorsie enkel rechts, geen fractuur.", (5,)),
    ("Amoxicilline 3dd 500 mg, 7 dagen.", (6,)),
    ("Amoxicilline 3dd500mg 7 dagen", (6,)),
    ("Geen foto.", (7, 8)),
    ("Moeder reuma.", (10,)),
    ("Hoofdpijn sinds gisteren.", (12,)),
    ("Geen rhonchi of crepitaties.", (13,)),
    ("Kwam bed niet uit.", (14,)),
    ("Levothyroxine 1dd 75 mcg.", (15,)),
    ("Amoxicilline 3dd 500 mg 1 week.", (6,)),
    ("Paracetamol 4dd, ibuprofen 3dd.", (16,)),
    ("Geen koorts (37,6).", (17, 18)),
    ("Rookt niet.", (19, 20)),
    ("Niet eerder trombose.", (21,)),
    ("Zus hypertensie.", (21,)),
    ("Keel rood, geen vergrote klieren.", (22,)),
    ("Losartan 50 mg.", (23,)),
    ("Bellen bij 4 uur niet plassen of geen zin kunnen spreken.", (24,)),
    ("Broer had buisjes.", (25,)),
    ("Kloof rechter tepel, drinkt links.", (26,)),
    ("Salbutamol 6 keer per dag.", (27,)),
    ("Paracetamol 1000 mg. Visite 17 u of 17.45 u.", (29,)),
    ("Laatst in 1991; niet tillen of bukken.", (30,)),
    ("Gebruikt de pil.", (31, 32)),
]

PLANTED = [
    ("Sinds 4 dagen pijn in linkerknie.", (0,), Kind.NUMBER),
    ("Sinds 3 weken en 2 dagen pijn in linkerknie.", (0,), Kind.NUMBER),
    ("Sinds 3 dagen pijn in rechterknie.", (0,), Kind.LATERALITY),
    ("Sinds 3 dagen pijn in rechterknie.", (0, 9), Kind.LATERALITY),
    ("Knie rechts pijnlijk sinds 3 dagen.", (0,), Kind.LATERALITY),
    ("Sinds 3 dagen geen pijn in linkerknie.", (0,), Kind.NEGATION),
    ("Koorts.", (1, 2), Kind.NEGATION),
    ("Wel koorts gehad.", (1, 2), Kind.NEGATION),
    ("Neemt naproxen 500 mg.", (3,), Kind.NUMBER),
    ("Neemt naproxen 25 mg.", (3,), Kind.NUMBER),
    ("RR 150/90.", (4,), Kind.NUMBER),
    ("Breuk enkel rechts.", (5,), Kind.NEGATION),
    ("Verstuikte enkel links.", (5,), Kind.LATERALITY),
    ("Amoxicilline 2dd 500 mg, 7 dagen.", (6,), Kind.NUMBER),
    ("Amoxicilline 3dd 500 mg, 10 dagen.", (6,), Kind.NUMBER),
    ("Geen amoxicilline.", (6,), Kind.NEGATION),
    ("Doxycycline 3dd 500 mg, 7 dagen.", (6,), Kind.NO_SOURCE),
    ("Bekend met diabetes.", (0,), Kind.NO_SOURCE),
    ("Longen schoon, hart zonder souffles.", (4,), Kind.NO_SOURCE),
    ("Rookt 20 sigaretten per dag.", (0,), Kind.NO_SOURCE),
    ("Sinds 3 weken pijn in linkerknie.", (0,), Kind.NUMBER),
    ("Amoxicilline 3x per week 500 mg.", (6,), Kind.NUMBER),
    ("Amoxicilline 3dd 500 mcg.", (6,), Kind.NUMBER),
    ("Amoxicilline 3dd 500 mg, 7-7 dagen.", (6,), Kind.NUMBER),
    ("Levothyroxine 1dd 75 mg.", (15,), Kind.DOSE),
    ("Slikt paracetamol 3dd 1000 mg.", (11,), Kind.DRUG),
    ("Slikt paarse mol, 3dd 1000 mg.", (11,), Kind.DRUG),
    ("Paracetamol 3dd, ibuprofen 3dd.", (16,), Kind.NUMBER),
    ("Reuma.", (10,), Kind.SPEAKER),
    ("Patiënt heeft reuma.", (10,), Kind.SPEAKER),
    ("Hoofdpijn sinds eergisteren.", (12,), Kind.TIME),
    ("Hoofdpijn sinds gisteren, dinsdag nog niet.", (12,), Kind.TIME),
    ("Rhonchi.", (13,), Kind.NEGATION),
    ("Crepitaties.", (13,), Kind.NEGATION),
    ("Kwam bed uit.", (14,), Kind.NEGATION),
    ("Rookt.", (19, 20), Kind.NEGATION),
    ("Patiënt hypertensie.", (21,), Kind.SPEAKER),
    ("Keel rood, vergrote klieren.", (22,), Kind.NEGATION),
    ("Losartan 50 mcg.", (23,), Kind.NUMBER),
    ("Bellen bij 4 uur plassen.", (24,), Kind.NEGATION),
    ("Bellen bij zin kunnen spreken.", (24,), Kind.NEGATION),
    ("Patiënt had buisjes.", (25,), Kind.SPEAKER),
    ("Kloof linker tepel.", (26,), Kind.LATERALITY),
    ("Sinds 3 dagen pijn in linkerknie; isolatie.", (0,), Kind.NO_SOURCE),
    ("Pijn in linkerknie, 3 weken per dag.", (0,), Kind.NUMBER),
    ("Slaapt goed: wakker van pijn in linkerknie.", (0,), Kind.CONTRADICTION),
    ("Naproxen 6 keer per dag.", (27,), Kind.NO_SOURCE),
    ("Visite 16 u.", (29,), Kind.NUMBER),
    ("Laatst in 1992.", (30,), Kind.NUMBER),
    ("Hoest niet.", (), Kind.NO_SOURCE),
    ("Hoest niet.", (99,), Kind.NO_SOURCE),
    ("Hoest niet.", (-1,), Kind.NO_SOURCE),
]


@pytest.mark.parametrize(("text", "evidence"), RIGHT)
def test_a_right_line_is_left_alone(text: str, evidence: tuple[int, ...]) -> None:
    assert findings(line(text, *evidence), transcript()) == ()


@pytest.mark.parametrize(("text", "evidence", "kind"), PLANTED)
def test_a_planted_error_is_found(text: str, evidence: tuple[int, ...], kind: Kind) -> None:
    assert kind in {finding.kind for finding in findings(line(text, *evidence), transcript())}


def test_a_plan_of_one_verb_is_asked_about() -> None:
    stop = line("Stoppen.", 20, section=Section.P)
    assert Kind.INCOMPLETE in {f.kind for f in findings(stop, transcript())}
    for text, section in (("Naproxen stoppen.", Section.P), ("Koelen.", Section.P), ("Stoppen.", Section.S)):
        found = findings(line(text, 3, section=section), transcript())
        assert Kind.INCOMPLETE not in {f.kind for f in found}


@pytest.mark.parametrize("text", ["Slaapt goed, soms wakker van pijn.", "Eerst geen koorts, nu koorts tot 39."])
def test_what_may_both_be_so_is_no_contradiction(text: str) -> None:
    assert Kind.CONTRADICTION not in {f.kind for f in findings(line(text, 0), transcript())}


def test_what_the_patient_says_is_no_finding_of_the_huisarts() -> None:
    told = line("Pijn in linkerknie.", 0, section=Section.O)
    assert [f.kind for f in findings(told, transcript())] == [Kind.SPEAKER]
    assert [f.kind for f in findings(line("Pijn in linkerknie.", 0, section=Section.E), transcript())] == [Kind.SPEAKER]
    at_home = line("Thuismeting: pijn in linkerknie.", 0, section=Section.O)
    assert findings(at_home, transcript()) == ()


def test_a_misheard_drug_is_asked_about_with_both_passages() -> None:
    (found,) = findings(line("Slikt paracetamol 3dd 1000 mg.", 11), transcript())
    assert (found.here, found.there) == ("paracetamol", "paarse mol")
    assert found.text.endswith("Klopt de naam?")


def test_a_dose_is_asked_about_and_never_advised() -> None:
    found = findings(line("Levothyroxine 1dd 75 mg.", 15), transcript())
    (asked,) = [f for f in found if f.kind is Kind.DOSE]
    assert asked.text.endswith("?")
    assert "maximaal" not in asked.text


def test_findings_are_dutch_sentences() -> None:
    for text, evidence, _ in PLANTED:
        for finding in findings(line(text, *evidence), transcript()):
            assert finding.text.endswith((".", "?"))
            assert len(finding.text) < 140


def test_a_value_that_was_taken_back_is_said_to_be() -> None:
    found = findings(line("Neemt naproxen 500 mg.", 3), transcript())
    assert any("teruggenomen" in finding.text for finding in found)


def test_without_the_recording_an_unconfirmed_line_has_no_source() -> None:
    (found,) = findings(line("Geen koorts.", 1, 2), None)
    assert found.kind is Kind.NO_SOURCE
    assert "vernietigd" in found.text
    assert findings(line("Geen koorts.", 1, 2, confirmed=True), None) == ()


def _note(*lines: Line) -> Note:
    return Note(reports=(Report(id="R1", lines=lines),), next_line=len(lines) + 1)


def test_confirmed_lines_have_no_open_findings() -> None:
    wrong = line("Doxycycline 3dd 500 mg.", 6, section=Section.P)
    typed = Line(id="L2", section=Section.P, text="Bellen bij koorts.", origin=Origin.HUISARTS, confirmed=True)
    assert set(open_findings(_note(wrong, typed), transcript())) == {"L1"}


TOLD = (Finding(kind=Kind.NUMBER, sentence="Eerder gevonden."),)


def _told(known: Flags) -> Flags:
    return replace(known, lines=dict.fromkeys(known.lines, TOLD))


def test_what_was_found_is_told_again_and_of_no_other_line() -> None:
    wrong, right = line("Doxycycline 3dd 500 mg.", 6, section=Section.P), replace(line("Geen koorts.", 1, 2), id="L2")
    note = _note(wrong, right)
    known = flags_of(note, transcript())
    assert open_findings(note, transcript(), known) == open_findings(note, transcript()) != {}
    assert open_findings(note, transcript(), _told(known)) == {"L1": TOLD, "L2": TOLD}
    edited = _note(replace(wrong, text="Amoxicilline 3dd 250 mg."), replace(right, confirmed=True))
    fresh = open_findings(edited, transcript())
    assert open_findings(edited, transcript(), _told(known)) == fresh
    assert fresh["L1"] != TOLD


@pytest.mark.parametrize("other", ["rules", "talk", "speaker", "destroyed"])
def test_what_was_found_counts_for_the_same_talk_and_rules_only(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    note = _note(line("Doxycycline 3dd 500 mg.", 6, section=Section.P))
    known, talk = _told(flags_of(note, transcript())), transcript()
    first, *rest = talk.utterances
    if other == "rules":
        monkeypatch.setattr(check, "_rules", lambda: "of another version")
    elif other == "talk":
        talk = replace(talk, utterances=(replace(first, text="Sinds vier dagen."), *rest))
    elif other == "speaker":
        talk = replace(talk, utterances=(replace(first, speaker=Speaker.HUISARTS), *rest))
    seen = None if other == "destroyed" else talk
    assert open_findings(note, seen, known) == open_findings(note, seen)


def test_the_draft_of_a_right_transcript_has_no_findings() -> None:
    """But for "paarse mol", which is noted as it was heard: that is asked about."""
    note = ExtractiveDrafter().draft(transcript())
    asked = [finding for found in open_findings(note, transcript()).values() for finding in found]
    assert [(finding.kind, finding.here) for finding in asked] == [(Kind.DRUG, "paarse mol")]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Allergisch voor doxcyclicilline.", "doxcyclicilline"),
        ("Allergie: wespen en krombetie.", "krombetie"),
        ("Allergisch voor penicilline, noten en pleisters.", ""),
        ("Overgevoelig voor amoxicilline (uitslag).", ""),
        ("Geen allergieën.", ""),
        ("Allergie: geen bekend.", ""),
    ],
)
def test_an_allergy_to_what_nobody_knows_is_asked_about(text: str, asked: str) -> None:
    """Also when the recogniser was sure of it, and the talk says the very same."""
    assert strange_allergen(text) == asked
    talk = Transcript(utterances=(Utterance(speaker=Speaker.PATIENT, text=f"Ik ben {text}", start_s=0, end_s=1),))
    found = [one for one in findings(line(text, 0), talk) if one.here == asked and one.kind is Kind.DRUG]
    assert bool(found) == bool(asked)


def test_missed_names_what_was_said_and_is_in_no_line() -> None:
    talk = Transcript(
        utterances=(
            Utterance(speaker=Speaker.PATIENT, text="Ik ben allergisch voor penicilline.", start_s=0, end_s=1),
            Utterance(speaker=Speaker.PATIENT, text="Ik gebruik metoprolol.", start_s=1, end_s=2),
            Utterance(speaker=Speaker.HUISARTS, text="De saturatie is negentig procent.", start_s=2, end_s=3),
            Utterance(speaker=Speaker.HUISARTS, text="Bij koorts moet u meteen bellen.", start_s=3, end_s=4),
            Utterance(speaker=Speaker.HUISARTS, text="Kom over twee weken terug voor controle.", start_s=4, end_s=5),
            Utterance(speaker=Speaker.PATIENT, text="Wat een weer vandaag.", start_s=5, end_s=6),
            Utterance(
                speaker=Speaker.PATIENT, text="Ik gebruik lithium.", start_s=6, end_s=7, suspicion=Suspicion.PHANTOM
            ),
        )
    )
    found = {item.utterance: item.kind for item in missed(_note(), talk)}
    assert found == {0: "allergie", 1: "medicatie", 2: "meting", 3: "vangnet", 4: "afspraak"}
    assert missed(ExtractiveDrafter().draft(talk), talk) == ()


def test_what_was_heard_poorly_of_a_dictation_is_asked_about() -> None:
    """It is kept out of the draft, and the huisarts spoke it for the note: a signature waits until it is answered."""
    said = tuple(
        Utterance(speaker=Speaker.HUISARTS, text=text, start_s=n, end_s=n + 1.0, suspicion=suspicion)
        for n, (text, suspicion) in enumerate(
            [
                ("Objectief. Keel rood.", None),
                ("Bloe dhoorteer over negentig.", Suspicion.UNLIKELY),
                ("Ondertiteld door iemand.", Suspicion.PHANTOM),
                ("Lamotrigine opbouwen: 25, 50, 75, 100, 125, 150, 175 mg.", Suspicion.REPEAT_LOOP),
                ("Status after total hip replacement in the UK.", Suspicion.OTHER_LANGUAGE),
                ("Wis laatste zin.", Suspicion.OVER_SILENCE),
                ("...", Suspicion.OVER_SILENCE),
            ]
        )
    )
    talk = Transcript(utterances=said, dictation=True)
    note = ExtractiveDrafter().draft(talk)
    assert all(not {1, 2, 3, 4, 5} & set(one.evidence) for one in note.lines())
    found = missed(note, talk)
    assert [(one.utterance, one.kind) for one in found] == [(n, "slecht verstaan") for n in (1, 2, 3, 4, 5)]
    assert pressing(replace(note, missed=found), talk) == found
    assert missed(note, replace(talk, dictation=False)) == ()


def test_a_complaint_and_a_denial_that_the_note_does_not_name_are_missed() -> None:
    talk = Transcript(
        utterances=tuple(
            Utterance(speaker=WHO[who], text=text, start_s=n, end_s=n + 1.0)
            for n, (who, text) in enumerate(
                [("P", "Ik heb sinds drie dagen hoofdpijn."), ("H", "Heeft u koorts?"), ("P", "Nee.")]
            )
        )
    )
    assert {item.utterance: item.kind for item in missed(_note(), talk)} == {0: "klacht", 2: "ontkend"}
    named = line("Cefalgie, hoofdpijn al dagen.", 99)  # rests on something else, but the complaint is there
    assert {item.utterance: item.kind for item in missed(_note(named), talk)} == {2: "ontkend"}
    assert missed(ExtractiveDrafter().draft(talk), talk) == ()
