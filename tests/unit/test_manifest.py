"""The list that a practice fills in: read as a spreadsheet leaves it, and one wrong row keeps back one recording."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import AgeClass, Capacity, ConsentStatus, Exception12, GivenBy, How, Relation, current_text
from transcribe.asr.transcript import Speaker
from transcribe.batch.manifest import (
    COLUMNS,
    LAYOUTS,
    BadColumns,
    Entry,
    as_form,
    layout_name,
    layout_of,
    read_manifest,
    template,
)
from transcribe.contact import ContactType
from transcribe.errors import InvalidInput
from transcribe.sheet import guarded

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOOD = {
    "bestand": "a.mp4",
    "kenmerk": "P-1",
    "datum": "20-11-2026",
    "begin": "14:05",
    "eind": "14:17",
    "toestemming": "Mondeling",
    "geïnformeerd_door": "B. Balie (assistente)",
    "anderen": "geen",
}


def read(*rows: dict[str, str], delimiter: str = ";", encoding: str = "utf-8-sig") -> list[Entry]:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return read_manifest(out.getvalue().encode(encoding), now=NOW, zone=ZONE)


def one(**changed: str) -> Entry:
    (entry,) = read(GOOD | changed)
    return entry


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_row_as_a_spreadsheet_leaves_it(delimiter: str, encoding: str) -> None:
    row = GOOD | {"app": "WeSeeDo", "huisarts": "W. Neem", "kanalen": "patiënt, huisarts"}
    (entry,) = read(row, delimiter=delimiter, encoding=encoding)
    assert entry.problem is None
    assert (entry.name, entry.row, entry.ref, entry.doctor, entry.app) == ("a.mp4", 2, "P-1", "W. Neem", "WeSeeDo")
    assert entry.layout == (Speaker.PATIENT, Speaker.HUISARTS)
    assert entry.contact.kind is ContactType.VIDEO
    assert entry.contact.began == datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
    assert entry.contact.ended == datetime(2026, 11, 20, 13, 17, tzinfo=UTC)
    assert entry.consent is not None
    assert (entry.consent.how, entry.consent.age, entry.consent.given_by) == (
        How.SPOKEN,
        AgeClass.FROM_16,
        GivenBy.PATIENT,
    )
    assert entry.consent.recorded_at == entry.contact.began
    assert entry.consent.text_sha256 == current_text("nl").sha256


def test_somebody_who_speaks_for_the_patient() -> None:
    entry = one(gever="wettelijk vertegenwoordiger", relatie="mentor", niet_wilsbekwaam_volgens="A. de Wit (huisarts)")
    assert entry.problem is None
    assert entry.consent is not None
    assert entry.consent.relation is Relation.MENTOR
    assert entry.consent.capacity == Capacity(capable=False, judged_by="A. de Wit (huisarts)")
    alone = one(leeftijd="12-15", uitzondering="weloverwogen wens van de patiënt").consent
    assert alone is not None
    assert alone.exception is Exception12.CONSIDERED_WISH


def test_without_consent_it_waits_and_a_refusal_is_one() -> None:
    assert one(toestemming="").consent is None
    assert one(toestemming="").problem is None
    refused = one(toestemming="weigert").consent
    assert refused is not None
    assert refused.status is ConsentStatus.REFUSED


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kenmerk": ""}, "patiëntkenmerk"),
        ({"datum": "31-02-2026"}, "is geen datum"),
        ({"begin": "25:00"}, "is geen tijd"),
        ({"datum": ""}, "Vul bij een tijd ook de datum in"),
        ({"eind": "13:00"}, "ligt voor het begin"),
        ({"datum": "2031-01-01"}, "niet later zijn dan nu"),
        ({"datum": "2031-01-01", "begin": "", "eind": ""}, "niet later zijn dan vandaag"),
        ({"soort": "borrel"}, "kan niet in de kolom soort"),
        ({"soort": "visite", "app": "WeSeeDo"}, "Een app hoort bij een videoconsult"),
        ({"toestemming": "vast wel"}, "kan niet in de kolom toestemming"),
        ({"geïnformeerd_door": ""}, "wie de patiënt heeft geïnformeerd"),
        ({"anderen": ""}, "Vul bij anderen in"),
        ({"anderen": "nee"}, "kan niet in de kolom anderen. Kies uit: ja, geen"),
        ({"leeftijd": "12-15"}, "patiënt en ouder of voogd samen"),
        ({"gever": "wettelijk vertegenwoordiger", "relatie": "mentor"}, "als is beoordeeld"),
        ({"relatie": "buurman"}, "kan niet in de kolom relatie"),
        ({"gever": "buurman"}, "kan niet in de kolom gever"),
        ({"tekst": "../../etc/passwd"}, "kan niet in de kolom tekst"),
        ({"kanalen": "tandarts"}, "kan niet in de kolom kanalen"),
        ({"tweede_bestand": "a2.mp4"}, "wie op het eerste staat"),
        ({"tweede_bestand": "a2.mp4", "kanalen": "huisarts"}, "wie op het eerste staat"),
        ({"kanalen": "huisarts,huisarts"}, "kan niet in de kolom kanalen"),
        ({"kanalen": "patiënt"}, "kan niet in de kolom kanalen"),
        ({"kanalen": "onbekend,huisarts"}, "kan niet in de kolom kanalen"),
        ({"kenmerk": "1,23457E+11"}, "ingekort"),
        ({"datum": "", "begin": "", "eind": ""}, "wanneer de patiënt toestemde"),
        ({"toestemming_op": "2026-11-23 15:00"}, "niet later zijn gegeven dan nu"),
        ({"toestemming_op": "2026-11-20 14:18"}, "van na het consult"),
        ({"toestemming_op": "2026-11-20 14:36", "eind": ""}, "van na het consult"),
        ({"toestemming_op": "2026-11-21 08:00", "begin": "", "eind": ""}, "van na het consult"),
        ({"datum": "24-11-2026", "begin": "", "eind": ""}, "niet later zijn dan vandaag"),
        ({"verschuiving": "2,5"}, "hoort bij een tweede bestand"),
        ({"tweede_bestand": "a2.mp4", "kanalen": "huisarts,patiënt", "verschuiving": "even"}, "geen verschuiving"),
        ({"tweede_bestand": "a2.mp4", "kanalen": "huisarts,patiënt", "verschuiving": "601"}, "geen verschuiving"),
    ],
)
def test_a_wrong_row_says_what_is_wrong_and_keeps_back_itself_alone(changed: dict[str, str], said: str) -> None:
    wrong, right = read(GOOD | changed, GOOD | {"bestand": "b.mp4"})
    assert said in str(wrong.problem)
    assert wrong.consent is None
    assert right.problem is None
    assert right.consent is not None


def test_a_consult_that_ends_after_midnight() -> None:
    entry = one(begin="23:50", eind="00:10")
    assert entry.problem is None
    assert entry.contact.ended == datetime(2026, 11, 20, 23, 10, tzinfo=UTC)


def test_consent_comes_before_what_is_recorded() -> None:
    """Asked in the first minutes, or on that day when nobody wrote down at what time the contact was."""
    assert one(toestemming_op="2026-11-20 14:17").problem is None
    assert one(toestemming_op="2026-11-20 14:35", eind="").problem is None
    assert one(toestemming_op="2026-11-20 17:00", begin="", eind="").problem is None
    assert one(toestemming_op="2026-11-19 17:00").problem is None


def test_the_moment_of_consent_is_never_made_up() -> None:
    """A refusal needs none: nothing is made of it."""
    assert one(datum="", begin="", eind="", toestemming="weigert").problem is None
    at = one(datum="", begin="", eind="", toestemming_op="20-11-2026 9:00")
    assert at.problem is None
    assert at.consent is not None
    assert at.consent.recorded_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("before", ["", "sep=;\r\n", "\r\n;;;\r\n", '"sep=;"\r\n'])
def test_what_a_spreadsheet_puts_before_the_header(before: str) -> None:
    (entry,) = read_manifest(f"{before}bestand;kenmerk\r\na.mp4;P-1".encode(), now=NOW, zone=ZONE)
    assert (entry.name, entry.ref, entry.row) == ("a.mp4", "P-1", before.count("\n") + 2)


def test_a_column_that_nobody_reads_refuses_the_list() -> None:
    """A misspelt column is one that does not count: the age of a child would be that of an adult."""
    for wrong, named in (("leeftijdsgroep", "leeftijdsgroep"), ("kenmerk;Kenmerk", "kenmerk")):
        with pytest.raises(BadColumns) as refused:
            read_manifest(f"bestand;{wrong};\na.mp4;<12;x".encode(), now=NOW, zone=ZONE)
        assert named in str(refused.value)
    decomposed = unicodedata.normalize("NFD", "bestand;Geïnformeerd door;kenmerk; ;\na.mp4;B. Balie;P-1;;")
    (entry,) = read_manifest(decomposed.encode(), now=NOW, zone=ZONE)
    assert entry.given["geïnformeerd_door"] == "B. Balie"


def test_a_row_without_a_file_is_told() -> None:
    raw = b"bestand;kenmerk\n;P-1\n;\na.mp4;P-2"
    wrong, right = read_manifest(raw, now=NOW, zone=ZONE)
    assert "Regel 2 noemt geen bestand" in str(wrong.problem)
    assert (right.name, right.row) == ("a.mp4", 4)


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_a_layout_has_a_name(layout: tuple[Speaker, ...]) -> None:
    assert layout_of(layout_name(layout)) == layout


def test_the_day_stays_when_nobody_wrote_the_time_down() -> None:
    contact = one(datum="20-11-2026", begin="", eind="").contact
    assert (contact.day, contact.began) == (date(2026, 11, 20), None)


def test_two_files_of_one_consult() -> None:
    entry = one(tweede_bestand="b\\a2.mp4", kanalen="patiënt,huisarts", verschuiving="-2,5")
    assert entry.problem is None
    assert (entry.second, entry.shift_s) == ("b/a2.mp4", -2.5)
    assert entry.layout == (Speaker.PATIENT, Speaker.HUISARTS)
    named = one(bestand="A - Huisarts.m4a", tweede_bestand="a - patiënt.m4a")
    assert named.layout == (Speaker.HUISARTS, Speaker.PATIENT)
    assert named.shift_s is None


def test_the_words_can_be_named() -> None:
    ours = current_text("nl")
    assert one(tekst=ours.id).consent is not None
    assert "kan niet in de kolom tekst" in str(one(tekst="mondeling-nl-1999-01").problem)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"datum": "20-11-2026", "begin": "9.05", "eind": "14:17"}, ("2026-11-20", "09:05", "14:17", "")),
        ({"datum": "morgen", "begin": "straks", "toestemming_op": "ooit"}, ("", "", "", "")),
        ({"toestemming_op": "20-11-2026 14:04"}, ("", "", "", "2026-11-20T14:04")),
        ({"toestemming_op": "2026-11-20"}, ("", "", "", "2026-11-20T00:00")),
    ],
)
def test_a_row_for_a_page(given: dict[str, str], shown: tuple[str, ...]) -> None:
    assert tuple(as_form(given).get(name, "") for name in ("datum", "begin", "eind", "toestemming_op")) == shown


def test_what_a_page_gives_back_is_read() -> None:
    entry = one(datum="2026-11-20", toestemming_op="2026-11-20T14:04")
    assert entry.problem is None
    assert entry.consent is not None
    assert entry.consent.recorded_at == datetime(2026, 11, 20, 13, 4, tzinfo=UTC)


@pytest.mark.parametrize("raw", [b"", b"naam;kenmerk\r\na;b", b"\xff\xfe\0b\0e", b"PK\x03\x04\0\0"])
def test_what_is_no_list_is_refused_in_dutch(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="lijst"):
        read_manifest(raw, now=NOW, zone=ZONE)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"bestand;kenmerk;datum\n{text}".encode()))
def test_whatever_the_bytes_it_is_read_or_refused(raw: bytes) -> None:
    try:
        entries = read_manifest(raw, now=NOW, zone=ZONE)
    except InvalidInput:
        return
    for entry in entries:
        assert entry.name
        assert entry.consent is None  # no column says so


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), min_size=1, max_size=30)))
def test_a_template_reads_back_as_rows_that_wait(names: list[str]) -> None:
    wanted = [f"{name.strip() or 'x'}.mp4" for name in names]
    entries = read_manifest(template(wanted).encode(), now=NOW, zone=ZONE)
    assert len(entries) == len(wanted)
    assert all(entry.consent is None for entry in entries)


def test_a_template_has_one_row_for_two_files_of_one_consult() -> None:
    """By names that differ in nothing but who speaks; what is less plain stays apart."""
    names = ["a - patient.m4a", "a - huisarts.webm", "b_huisarts.m4a", "c/Patiënt.wav", "c/Huisarts.wav", "d.mp4",
             "e huisarts.m4a", "e huisarts.wav", "e patient.wav", "huisartsenpost.mp4"]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(template(names).removeprefix("\ufeff")), delimiter=";"))
    assert [(row["bestand"], row["tweede_bestand"], row["kanalen"]) for row in rows] == [
        ("a - huisarts.webm", "a - patient.m4a", "huisarts,patiënt"),
        ("b_huisarts.m4a", "", ""),
        ("c/Huisarts.wav", "c/Patiënt.wav", "huisarts,patiënt"),
        *(
            (name, "", "")
            for name in ("d.mp4", "e huisarts.m4a", "e huisarts.wav", "e patient.wav", "huisartsenpost.mp4")
        ),
    ]


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    (entry,) = read(GOOD | {"bestand": guarded(cell)})
    assert entry.name == cell
