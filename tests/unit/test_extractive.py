"""The extractive drafter on own short scenarios. All people are invented."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.ports import Drafter
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Note, Section

WHO = {"H": Speaker.HUISARTS, "P": Speaker.PATIENT, "B": Speaker.BEGELEIDER, "?": Speaker.ONBEKEND}


def talk(*lines: str, suspicious: dict[int, Suspicion] | None = None) -> Transcript:
    """ "H Heeft u koorts?" is the huisarts, P the patient, B the begeleider, ? unknown."""
    utterances = tuple(
        Utterance(
            speaker=WHO[line[0]], text=line[2:], start_s=n, end_s=n + 1.0, suspicion=(suspicious or {}).get(n)
        )
        for n, line in enumerate(lines)
    )  # fmt: skip
    return Transcript(utterances=utterances, duration_s=float(len(lines)))


def draft(*lines: str) -> Note:
    return ExtractiveDrafter().draft(talk(*lines))


def text(note: Note, section: str) -> str:
    return " ".join(line.text for line in note.lines() if line.section is Section(section))


EXAM = "H Ik ga u even onderzoeken."

# Lines of the talk, the section, what must be in it, what must not.
SCENARIOS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = {
    # sentences as the demo model hears them
    "duration": (("P Ik heb sinds drie dagen last van keelpijn.",), "S", ("Sinds 3 dagen keelpijn.",), ()),
    "place": (("P Sinds gisteren heb ik pijn in mijn onderbuik.",), "S", ("Sinds gisteren pijn in onderbuik.",), ()),
    "scale": (("P Op een schaal van nul tot tien geef ik de pijn een zes.",), "S", ("Pijn 6 (0-10).",), ()),
    "allergy": (("P Ik ben allergisch voor amoxicilline.",), "S", ("Allergisch voor amoxicilline.",), ()),
    "pressure": ((EXAM, "H De bloeddruk is honderdzesendertig over achtenzeventig."), "O", ("RR 136/78.",), ()),
    "temperature": ((EXAM, "H De temperatuur is achtendertig komma vier."), "O", ("T 38,4.",), ()),
    "vitals on one line": (
        (EXAM, "H De bloeddruk is honderdtien over zeventig.", "H De saturatie is zevenennegentig procent."),
        "O", ("RR 110/70, sat 97%.",), (),
    ),
    "prescription": (
        ("H Ik denk dat u een blaasontsteking heeft.",
         "H U krijgt nitrofurantoïne honderd milligram, tweemaal daags, gedurende vijf dagen."),
        "P", ("Nitrofurantoïne 100 mg, 2dd, 5 dagen.",), (),
    ),
    "referral": (
        ("H Ik denk dat u een hernia heeft.", "H Ik verwijs u naar de fysiotherapeut."),
        "P", ("Verwijzing fysiotherapeut.",), (),
    ),
    "safety net": (
        ("H Ik denk dat u een keelontsteking heeft.", "H Als u kortademigheid krijgt, moet u direct bellen."),
        "P", ("Bij kortademigheid", "direct bellen"), (),
    ),
    # question and answer
    "no": (("H Heeft u koorts?", "P Nee."), "S", ("Geen koorts.",), ()),
    "no to a list": (("H Hoesten, koorts, kortademig?", "P Nee, niks van dat alles."), "S", ("Geen", "koorts"), ()),
    "no in other words": (("H Bent u misselijk?", "P Nee hoor, nooit."), "S", ("Niet misselijk.",), ()),
    "yes": (("H Heeft u jeuk?", "P Ja."), "S", ("Jeuk.",), ("Geen", "geen")),
    "no, but": (
        ("H Heeft u oorpijn of jeuk?", "P Nee, geen oorpijn, wel jeuk."),
        "S", ("Geen oorpijn, wel jeuk",), ("geen jeuk", "Geen jeuk"),
    ),
    "one thing in two places": (
        ("H Ziet u bloed bij de urine of de ontlasting?", "P Nee."), "S", ("Geen bloed bij urine/ontlasting",), (),
    ),
    "smoking": (("H Rookt u?", "P Nee, nooit gedaan."), "S", ("Rookt niet",), ("Geen rookt",)),
    "allergy denied": (("H Bent u ergens allergisch voor?", "P Nee, niet dat ik weet."), "S", ("Geen allergie",), ()),
    "medication asked": (
        ("H Gebruikt u verder nog medicijnen?", "P Ja, ik gebruik metoprolol en omeprazol."),
        "S", ("Medicatie", "metoprolol en omeprazol"), (),
    ),
    "side answered": (("H Welke kant?", "P De linker. Hij is dik."), "S", ("Linker.",), ()),
    # corrections
    "value taken back": (("P Ik hoest al twee weken. Nee, drie, denk ik.",), "S", ("3 weken",), ("2 weken",)),
    "dose taken back": (
        ("H Het is een keelontsteking.",
         "H Feneticilline, tweehonderdvijftig, nee, vijfhonderd milligram, drie keer per dag."),
        "P", ("500 mg, 3dd",), ("250",),
    ),
    "day taken back": (("P Het begon gisteren, nee, eergisteren met hoesten.",), "S", ("ergisteren",), (" gisteren",)),
    "correction in the next utterance": (
        ("P Ik heb al vier dagen koorts.", "P Nee, vijf dagen."), "S", ("5 dagen",), ("4 dagen",),
    ),
    # whose illness
    "family": (("P M'n zus heeft astma.",), "S", ("Zus astma",), ()),
    "family by pronoun": (
        ("P M'n buurvrouw kwam langs. Die heeft een depressie gehad.",),
        "S", ("buurvrouw depressie",), (". Depressie",),
    ),
    "theory of the patient": (("P Ik ben bang dat het een hernia is.",), "S", ("Bang voor hernia.",), ()),
    "theory is no conclusion": (("P Ik ben bang dat het een hernia is.",), "E", (), ("hernia",)),
    # conclusion
    "conclusion": ((EXAM, "H Dit past het beste bij een hernia."), "E", ("hernia",), ()),
    "rejected": (
        (EXAM, "H Ik dacht nog aan een longontsteking, maar daar vind ik niks van terug. Het is een bronchitis."),
        "E", ("Geen aanwijzingen voor longontsteking", "ronchitis"), (),
    ),
    "less likely": (
        (EXAM, "H Ik denk aan jicht, minder waarschijnlijk een wondinfectie."),
        "E", ("icht", "wondinfectie minder waarschijnlijk"), ("Geen",),
    ),
    "cannot be ruled out": (
        (EXAM, "H Het lijkt op een griep, maar een longontsteking kan ik niet uitsluiten."),
        "E", ("longontsteking",), ("Geen", "geen"),
    ),
    "must be ruled out": (
        (EXAM, "H Het is een verdachte plek, en een melanoom moet uitgesloten worden."),
        "E", ("melanoom moet uitgesloten worden",), ("Geen", "geen"),
    ),
    "answer with a denial behind it": (
        ("H Is hij misselijk, suf?", "P Beetje misselijk. Suf, nee, hij leest de krant."), "S", ("Suf: nee",), (),
    ),
    "proposal declined": (
        ("H Het is artrose.", "H Ik kan u naproxen geven. Wilt u dat?", "P Liever nog niet."),
        "P", ("Patiënt: liever",), (),
    ),
    "worry of the doctor": (
        (EXAM, "H Ik ben bang dat het een longembolie is."), "E", ("Verdenking longembolie",), ("Bang",),
    ),
    "birth date stays out": (
        ("H Wat is uw geboortedatum?", "P Vijf januari negentienhonderdvierenzeventig."), "S", (), ("1974",),
    ),
    "no sign": ((EXAM, "H Er zijn geen aanwijzingen voor een niersteen."), "E", ("Geen niersteen",), ()),
    "patient asks, doctor says no": (
        (EXAM, "H Het is een verrekking.", "P Dus geen breuk?", "H Nee."), "E", ("Geen breuk",), (),
    ),
    # plan
    "refused": (
        ("H Het is een virale infectie.", "P En een antibioticum?", "H Dat geef ik liever niet."),
        "P", ("Geen antibioticum",), (),
    ),
    "topic from the question": (
        ("H Het is een tenniselleboog.", "P En fysiotherapie?", "H Kan, als het na zes weken niet over is."),
        "P", ("Fysiotherapie: kan, als",), (),
    ),
    "dose without the name": (
        ("H Het is een verrekking.", "H Ik schrijf u naproxen voor. Twee keer per dag vijfhonderd milligram."),
        "P", ("Naproxen: 2dd 500 mg",), (),
    ),
    "names stay out": (("P M'n dochtertje Sofietje heeft de waterpokken gehad.",), "S", ("dochtertje",), ("Sofietje",)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    lines, section, wanted, unwanted = SCENARIOS[name]
    found = text(draft(*lines), section)
    for part in wanted:
        assert part.lower() in found.lower(), found
    for part in unwanted:
        assert part not in found, found


def test_it_is_a_drafter_with_a_version() -> None:
    drafter: Drafter = ExtractiveDrafter()
    note = drafter.draft(talk("P Ik heb hoofdpijn."))
    assert note.drafter == drafter.name
    assert any(c.isdigit() for c in drafter.name)


def test_lines_are_numbered_and_the_next_number_is_free() -> None:
    note = draft("P Ik heb hoofdpijn.", EXAM, "H De temperatuur is zevenendertig komma nul.")
    assert [line.id for line in note.lines()] == ["L1", "L2"]
    assert note.next_line == 3
    assert note.reports[0].id == "R1"


def test_question_is_evidence_of_its_answer() -> None:
    note = draft("H Heeft u koorts?", "P Nee.")
    assert [line.evidence for line in note.lines()] == [(0, 1)]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("H Goedemorgen, komt u verder.", "P Dank u wel.", "P Tot ziens."),
        ("P Ja.", "H Oké.", "P Nee."),
        ("? Mm.",),
    ],
)
def test_no_content_gives_one_empty_report(lines: tuple[str, ...]) -> None:
    note = draft(*lines)
    assert len(note.reports) == 1
    assert note.reports[0].lines == ()


def test_suspicious_utterances_are_never_used() -> None:
    transcript = talk("P Ik heb hoofdpijn.", "P Ik heb buikpijn.", suspicious={1: Suspicion.PHANTOM})
    note = ExtractiveDrafter().draft(transcript)
    assert "buikpijn" not in text(note, "S")
    assert any(d.utterance == 1 and "fantoom" in d.reason for d in note.dropped)


@pytest.mark.parametrize(
    "wish",
    [
        "P Dat hoeft wat mij betreft niet in het dossier.",
        "P Zet dat er maar niet in.",
        "P Dat hoeft u niet op te schrijven.",
        "P Maar dat wil ik niet in het dossier hebben.",
    ],
)
def test_what_the_patient_wants_out_stays_out_and_is_named(wish: str) -> None:
    note = draft("P Ik heb hoofdpijn.", "H Vertel.", "P Vroeger slikte ik diazepam.", wish)
    everything = " ".join(line.text for line in note.lines())
    assert "iazepam" not in everything
    assert {d.utterance for d in note.dropped if "patiënt wil" in d.reason} == {2, 3}
    assert all(m.utterance not in (2, 3) for m in note.missed)


def test_the_doctor_may_say_that_it_is_noted_after_all() -> None:
    note = draft(
        "P Ik zag een streepje bloed. Schrijft u dat maar niet op.",
        "H Ik noteer het wel even.",
    )
    assert "bloed" in text(note, "S")


def test_greetings_and_recording_talk_are_dropped_with_a_reason() -> None:
    note = draft(
        "H Goedemorgen, komt u verder en gaat u zitten.",
        "H De opname wordt gebruikt om een verslag te maken.",
        "P Ik heb hoofdpijn.",
    )
    reasons = {d.utterance: d.reason for d in note.dropped}
    assert "begroeting" in reasons[0]
    assert "opname" in reasons[1]
    assert 2 not in reasons


def test_normal_findings_are_never_added() -> None:
    note = draft("P Ik heb buikpijn.", EXAM, "H De buik is soepel.")
    assert text(note, "O") == "Buik soepel."


def test_unknown_speakers_are_guessed_from_what_they_say() -> None:
    note = draft(
        "? Heeft u koorts gehad?",
        "? Nee.",
        "? Ik heb last van keelpijn.",
        "? Uw bloeddruk is honderddertig over tachtig.",
    )
    assert "Geen koorts" in text(note, "S")
    assert "eelpijn" in text(note, "S")
    assert "RR 130/80" in text(note, "O")


FREE = (
    "Man, 54 jaar, sinds een week pijn op de borst bij traplopen.",
    "Uitstraling naar de arm? Nee.",
    "Goedemorgen gezegd en patiënt was verward.",
    "Geboortedatum 3 maart 1950. Dag en nacht pijn.",
    "Stabiele angina?",
    "Heeft hij suïcidale gedachten? Nee.",
    "Verwijzing cardioloog.",
)


def test_nothing_is_left_out_of_what_was_recorded_as_a_dictation() -> None:
    note = ExtractiveDrafter().draft(replace(talk(*(f"H {one}" for one in FREE)), dictation=True))
    written = " ".join(line.text for line in note.lines()).lower()
    for word in ("traplopen", "uitstraling", "verward", "maart", "nacht", "suïcidale", "cardioloog", "angina?"):
        assert word in written, (word, written)
    assert {index for line in note.lines() for index in line.evidence} == set(range(len(FREE)))
    assert note.dropped == ()


def test_a_doubt_stays_a_doubt_in_a_monologue() -> None:
    note = draft("H Oorpijn links sinds drie dagen.", "H Trommelvlies rood.", "H Geen koorts.", "H Cholesteatoom?")
    assert "Cholesteatoom?" in " ".join(line.text for line in note.lines())


def test_what_is_left_out_of_a_monologue_is_named_also_beside_what_is_not() -> None:
    note = draft("H Bekend met astma. Geboortedatum 3 maart 1950.", "H Gebruikt salbutamol.", "H Longen schoon.")
    assert [(one.utterance, one.reason) for one in note.dropped] == [(0, "over de opname of de verbinding")]


def test_a_dictation_is_formatted_not_summarised() -> None:
    note = draft(
        "H Dictaat. Subjectief. Patiënt heeft sinds vier dagen oorpijn rechts.",
        "H Objectief. Trommelvlies rood en bomberend.",
        "H Evaluatie. Middenoorontsteking rechts.",
        "H Plan. Amoxicilline vijfhonderd milligram, driemaal daags, controle over twee weken.",
        "H Zo, nu een kop thee.",
    )
    assert "Sinds 4 dagen oorpijn rechts." in text(note, "S") or "sinds 4 dagen oorpijn rechts" in text(note, "S")
    assert text(note, "O") == "Trommelvlies rood en bomberend."
    assert text(note, "E") == "Middenoorontsteking rechts."
    assert "Amoxicilline 500 mg, 3dd, controle over 2 weken." in text(note, "P")
    assert "thee" not in text(note, "P")


def test_a_refused_drug_gives_no_dose_to_the_next_one() -> None:
    """The dose of one drug never goes to another that was asked about in between."""
    note = draft(
        "H Het is artrose.",
        "H Neem paracetamol, vier keer per dag duizend milligram.",
        "P En die bloeddrukpil dan? Stoppen?",
        "H Die halveren we, van twintig naar tien milligram.",
    )
    assert "Paracetamol: " not in text(note, "P")


def test_half_an_hour_is_drafted_within_a_second() -> None:
    block = [
        "H Heeft u koorts, hoesten of keelpijn gehad?",
        "P Nee, geen koorts, wel twee weken hoesten. Nee, drie.",
        "P Ik heb gisteren paracetamol genomen, vijfhonderd milligram, en m'n zus heeft astma.",
        "H De longen klinken schoon, geen piepen, bloeddruk honderddertig over tachtig.",
        "H Ik denk aan bronchitis, minder waarschijnlijk een longontsteking.",
    ] * 70
    transcript = talk(*block)
    ExtractiveDrafter().draft(talk(*block[:5]))  # tables are read once
    started = time.perf_counter()
    ExtractiveDrafter().draft(transcript)
    assert time.perf_counter() - started < 5  # a second on an idle machine; the test machine may be busy
