"""The access log's rules: what each event is called, what may be in it, what a patient reads, what others get."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.access_log import EMERGENCIES, KINDS, EventType, Life, Thing, event_of, overview
from transcribe.consult import (
    Action,
    Actor,
    AuditEvent,
    Emergency,
    LogFilter,
    Logged,
    Outcome,
    Reason,
    Role,
)
from transcribe.contact import ContactType, Tariff
from transcribe.errors import InvalidInput, NotAllowed
from transcribe.log_export import COLUMNS, as_csv, as_fhir, audit_event
from transcribe.log_reading import PIECE, LogReading, check_prune, rows, years_ago
from transcribe.logcodes import WORDS, is_code
from transcribe.origin import Client, Origin, coming_from
from transcribe.policy import Rights
from transcribe.sheet import MARK
from transcribe.soep.note import Section
from transcribe.store.access_log import HASHED, Walked, row_hash
from transcribe.store.anchors import Anchor, Kept, Verdict, judge, read_file, read_line, write_file
from transcribe.store.keys import MasterKey
from transcribe.testing import MemoryStore
from transcribe.writer import Writer

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GP = Actor(name="Dr. A. Jansen", role=Role.HUISARTS)
NURSE = Actor(name="P. Poh", role=Role.POH, responsible="De Linde")
SYSTEM = Actor(name="transcribe", role=Role.SYSTEEM)
CONSULT, PATIENT, HERE = uuid4(), b"\x01" * 32, uuid4()
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MASTER = MasterKey.of(b"m" * 32)


def row(action: Action = Action.NOTE_VIEWED, actor: Actor = GP, at: datetime = NOW, seq: int = 1) -> Logged:
    return Logged(
        seq=seq,
        event=event_of(actor, action, at, CONSULT),
        hash=b"\xab" * 32,
        source=HERE,
        product="1.0",
        patient=PATIENT,
        consent_id=uuid4(),
        consent_version=1,
    )


# -- what events are called ------------------------------------------------------------------------------------------


def test_every_event_is_known_to_the_standard() -> None:
    assert set(KINDS) == set(Action)
    assert {kind.right for kind in KINDS.values()} - {""} <= {field.name for field in fields(Rights)}
    for code in (
        *(one.value[0] for one in EventType),
        *(one.value[0] for one in Life),
        *(one.value[1] for one in Thing),
    ):
        assert code.isdigit()


def test_an_event_says_who_did_it_on_whose_behalf_from_where_and_by_which_right() -> None:
    with coming_from(Origin(client=Client.BROWSER, address="192.0.2.7", request="0123456789abcdef")):
        event = event_of(NURSE, Action.NOTE_EDITED, NOW, CONSULT, "L3 gewijzigd")
    assert (event.actor, event.role, event.responsible) == ("P. Poh", Role.POH, "De Linde")
    assert (event.client, event.address, event.request) == (Client.BROWSER, "192.0.2.7", "0123456789abcdef")
    assert (event.allowed_by, event.outcome) == ("edit", Outcome.DONE)
    assert event_of(SYSTEM, Action.ERASED, NOW).allowed_by == "", "no person was given a right"
    assert event_of(GP, Action.LOGIN_FAILED, NOW).outcome is Outcome.FAILED
    assert event_of(GP, Action.LOGGED_IN, NOW).client is Client.SERVICE


# -- what may be in it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detail",
    [
        "", "L3", "L12 gewijzigd", "S toegevoegd", "R1 code bij E", "R2-P", "alles", "12 regels", "12.5 s",
        "buiten verslag: 34 s", "L1 naar nieuw deelcontact", "0123456789ab", "deadbeef",
        "3 consulten, 1 zonder geluid, sleutelkopie overgenomen, 2 verloren",
        *(one.value for kind in (Reason, Section) for one in kind),
        *(f"soort {one.value}" for one in ContactType),
        *(f"einde, tarief {one.value}" for one in Tariff),
    ],
)  # fmt: skip
def test_counts_and_codes_may_be_in_it(detail: str) -> None:
    assert replace(row().event, detail=detail).detail == detail


@pytest.mark.parametrize(
    "detail",
    ["aan W. de Neem", "Keelpijn", "keelpijn", "L3 keelpijn", "S: hoest sinds gisteren", "regel\nregel", " L3", "L3 ",
     "regels,regels", "E10.1", "12345678-1234", "regel " * 60, "ＬＬ", "٣ regels"],
)  # fmt: skip
def test_text_can_not(detail: str) -> None:
    with pytest.raises(ValueError, match=r"no detail for the access log"):
        replace(row().event, detail=detail)


#: What people say, letter by letter and word by word, with our own words and codes among it.
WORD = st.sampled_from(["keelpijn", "Jansen", "naar", "L3", "S", "12", "0123abcd", "e.c.i.", "NAAR", "-", "regels"])
SAID = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), min_size=1, max_size=80),
    st.lists(WORD, min_size=1, max_size=6).map(" ".join),
)


@given(SAID)
def test_whatever_is_let_in_is_made_of_our_own_words(text: str) -> None:
    """No word of a talk survives: what is taken is numbers, codes and words out of the list."""
    if is_code(text):
        words = text.replace(",", " ").replace(":", " ").split()
        assert all(word in WORDS or word in "SOEP" or _number(word) for word in words)
    assert not is_code(f"{text} longontsteking")
    assert not is_code(f"L3, longontsteking {text}")


def _number(word: str) -> bool:
    """Of a count, a line, a report; or the beginning of a digest."""
    return word[-1] in "0123456789" or (len(word) in (8, 12) and set(word) <= set("0123456789abcdef"))


def test_the_list_holds_no_word_of_a_complaint() -> None:
    assert not WORDS & {"hoest", "koorts", "pijn", "keelpijn", "jaar", "man", "vrouw", "links", "rechts", "niet-pluis"}


# -- for the patient -------------------------------------------------------------------------------------------------


def test_a_day_is_one_line_for_each_thing_somebody_did() -> None:
    day = overview(
        [
            row(Action.NOTE_VIEWED, at=NOW + timedelta(minutes=40), seq=4),
            row(Action.NOTE_VIEWED, seq=2),
            row(Action.AUDIO_PLAYED, at=NOW + timedelta(minutes=5), seq=3),
            row(Action.DRAFTED, SYSTEM, at=NOW - timedelta(minutes=1), seq=1),
        ],
        AMSTERDAM,
    )
    assert [one.day for one in day] == [date(2026, 3, 2)]
    program, doctor = day[0].visitors
    assert (program.name, [deed.times for deed in program.deeds]) == ("transcribe", [1])
    assert (doctor.name, doctor.role, doctor.consents) == (GP.name, Role.HUISARTS, (1,))
    assert [(deed.phrase, deed.times) for deed in doctor.deeds] == [
        ("las het verslag", 2),
        ("beluisterde de geluidsopname", 1),
    ]
    assert (doctor.deeds[0].first, doctor.deeds[0].last) == (NOW, NOW + timedelta(minutes=40))


def emergency(detail: str) -> Logged:
    found = row(Action.EMERGENCY_ACCESS)
    return replace(found, event=replace(found.event, detail=detail))


def test_emergencies_of_different_reasons_are_told_apart() -> None:
    rows = [emergency("spoed"), emergency("incident"), emergency("spoed"), emergency("onleesbaar")]
    ((doctor,),) = (day.visitors for day in overview(rows, AMSTERDAM))
    assert [(deed.phrase, deed.times) for deed in doctor.deeds] == [
        ("opende met noodtoegang een afgeschermd consult, omdat u op dat moment zorg nodig had", 2),
        ("opende met noodtoegang een afgeschermd consult, omdat een klacht of een incident werd onderzocht", 1),
        ("opende met noodtoegang een consult dat voor collega's was afgeschermd", 1),
    ]


@pytest.mark.parametrize("reason", list(Emergency))
def test_every_reason_of_an_emergency_has_its_sentence(reason: Emergency) -> None:
    ((doctor,),) = (day.visitors for day in overview([emergency(reason.value)], AMSTERDAM))
    assert [deed.phrase for deed in doctor.deeds] == [EMERGENCIES[reason]]
    assert len(set(EMERGENCIES.values())) == len(Emergency)


def test_days_are_those_of_the_practice_and_go_in_order() -> None:
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # half past midnight in Amsterdam
    days = overview([row(at=late), row(at=NOW), row(at=NOW - timedelta(days=400))], AMSTERDAM)
    assert [one.day for one in days] == [date(2025, 1, 26), date(2026, 3, 2), date(2026, 3, 3)]


# -- for other programs ----------------------------------------------------------------------------------------------


@given(st.sampled_from(["=1+1", "+31", "-2", "@som", "\tx", "gewoon", 'aan "hem"', "a;b", "a\nb"]))
def test_no_field_of_the_csv_is_a_formula_and_all_come_back(name: str) -> None:
    text = "".join(as_csv([replace(row(), event=replace(row().event, actor=name))]))
    assert text.startswith(MARK)
    head, line = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline=""), delimiter=";"))
    assert tuple(head) == COLUMNS
    found = line[COLUMNS.index("gebruiker")]
    assert found == (f"'{name}" if name[0] in "=+-@\t" else name)
    assert len(line) == len(COLUMNS)


@pytest.mark.parametrize("action", list(Action))
def test_every_event_is_a_whole_fhir_audit_event(action: Action) -> None:
    """What R4 asks of an AuditEvent: type, recorded, an agent that asked for it, and a source."""
    event = audit_event(replace(row(action), event=replace(row(action).event, request="r1", address="192.0.2.7")))
    assert event["resourceType"] == "AuditEvent"
    assert event["type"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
    assert event["action"] in {"C", "R", "U", "D", "E"}
    assert event["outcome"] in {"0", "4", "8", "12"}
    assert datetime.fromisoformat(event["recorded"]) == NOW
    assert [agent["requestor"] for agent in event["agent"]] == [True]
    assert event["agent"][0]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert event["source"]["observer"]["identifier"]["value"] == f"urn:uuid:{HERE}"
    assert all(set(one) <= {"what", "type", "role", "lifecycle", "name", "detail"} for one in event["entity"])
    persons = [one for one in event["entity"] if one["type"]["code"] == "1"]
    assert [one["what"]["identifier"]["value"] for one in persons] == [PATIENT.hex()]
    assert None not in _values(event)
    assert "" not in _values(event)


def _values(part: object) -> list[object]:
    if isinstance(part, dict):
        return [one for value in part.values() for one in _values(value)]
    return [one for value in part for one in _values(value)] if isinstance(part, list) else [part]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_bundle_is_json_whatever_is_in_it(count: int) -> None:
    bundle = json.loads("".join(as_fhir(row(seq=number + 1) for number in range(count))))
    assert (bundle["resourceType"], bundle["type"], len(bundle["entry"])) == ("Bundle", "collection", count)


# -- who reads it ----------------------------------------------------------------------------------------------------


def reading(store: MemoryStore) -> LogReading:
    return LogReading(store, Writer(store, clock=lambda: NOW))


@pytest.mark.parametrize("role", list(Role))
def test_doctors_and_who_looks_after_it_may_read_it(role: Role) -> None:
    store = MemoryStore()
    actor = Actor(name="Iemand", role=role)
    if role in {Role.HUISARTS, Role.WAARNEMER, Role.LOGBEHEERDER}:
        reading(store).page(actor, LogFilter())
        reading(store).of_patient(actor, LogFilter(patient_ref="4711"))
        assert [event.action for event in store.events()] == [Action.LOG_VIEWED, Action.LOG_OVERVIEW]
    else:
        for act in (
            lambda: reading(store).page(actor, LogFilter()),
            lambda: reading(store).people(actor),
            lambda: reading(store).of_patient(actor, LogFilter(patient_ref="4711")),
        ):
            with pytest.raises(NotAllowed):
                act()
        assert store.events() == []


def test_a_look_is_in_the_log_before_anything_is_shown() -> None:
    store = MemoryStore()
    shown = reading(store).page(GP, LogFilter())
    assert [one.event.action for one in shown] == [Action.LOG_VIEWED]
    again = reading(store).of_patient(GP, LogFilter(patient_ref="47 11"))
    assert [one.event.action for one in again] == [Action.LOG_OVERVIEW], "the patient sees who looked, too"
    with pytest.raises(InvalidInput):
        reading(store).of_patient(GP, LogFilter(patient_ref="  "))


def test_all_rows_come_in_order_a_piece_at_a_time() -> None:
    store = MemoryStore()
    for number in range(PIECE + 2):
        store.log(event_of(GP, Action.LOGGED_IN, NOW + timedelta(seconds=number)))
    assert [one.seq for one in rows(store, LogFilter())] == list(range(1, PIECE + 3))


def test_rows_are_kept_for_five_years() -> None:
    now = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert years_ago(now, 5) == datetime(2023, 2, 28, 12, tzinfo=UTC)
    check_prune(years_ago(now, 5), now)
    with pytest.raises(InvalidInput, match="vijf jaar"):
        check_prune(years_ago(now, 5) + timedelta(seconds=1), now)


# -- hashes and anchors ----------------------------------------------------------------------------------------------


def test_a_row_of_before_keeps_its_hash() -> None:
    """As it was computed by version 0.1: a change here would make every log of a practice fail."""
    old = {
        "version": 1, "seq": 7, "at": NOW, "actor": "Jansen", "role": "huisarts", "action": "verslag bekeken",
        "consult_id": UUID(int=5), "detail": "L3",
    }  # fmt: skip
    assert row_hash(bytes(32), old).hex() == "7f8f27fc67beabfc6f4d3d0bdebbd47b95dfd391455b50d679d1268264ef3a69"


def test_every_version_of_the_hash_covers_what_the_one_before_covered() -> None:
    assert set(HASHED[1]) < set(HASHED[2])
    assert {field.name for field in fields(AuditEvent)} <= set(HASHED[2])
    assert {field.name for field in fields(Logged)} - {"event", "hash"} <= set(HASHED[2])


def anchor(seq: int = 7, hash_: bytes = b"\x07" * 32, installation: UUID = HERE, at: datetime = NOW) -> Anchor:
    return Anchor(installation=installation, seq=seq, hash=hash_, at=at)


@given(st.integers(0, 10**12), st.binary(min_size=32, max_size=32), st.datetimes(timezones=st.just(UTC)))
def test_an_anchor_comes_back_from_paper(seq: int, hash_: bytes, at: datetime) -> None:
    made = anchor(seq, hash_, at=at.replace(microsecond=0, year=max(1000, at.year)))
    line = made.line(MASTER)
    assert read_line(f"  {line.replace(' ', '  ')}\n", "papier", MASTER) == Kept(
        anchor=made, where="papier", sealed=True
    )


@given(st.data())
def test_one_sign_changed_breaks_the_seal_or_the_line(data: st.DataObject) -> None:
    line = anchor().line(MASTER)
    place = data.draw(st.integers(0, len(line) - 1))
    other = (
        line[:place]
        + data.draw(st.characters(codec="ascii").filter(lambda sign: sign != line[place]))
        + line[place + 1 :]
    )
    try:
        kept = read_line(other, "papier", MASTER)
    except InvalidInput:
        return
    assert not kept.sealed or kept.anchor == anchor()


def test_an_anchor_of_another_master_key_is_not_ours() -> None:
    assert not read_line(anchor().line(MasterKey.of(b"x" * 32)), "papier", MASTER).sealed


OTHER = uuid4()
WHOLE = Walked(
    first=1, last=9, hash=b"", broken=None, unsealed=False, at={7: b"\x07" * 32}, brought_over=None, since=None
)


@pytest.mark.parametrize(
    ("kept", "walked", "verdict"),
    [
        (anchor(), WHOLE, Verdict.HOLDS),
        (anchor(hash_=b"\x08" * 32), WHOLE, Verdict.DIFFERS),
        (anchor(10), WHOLE, Verdict.CUT_OFF),
        (anchor(10), replace(WHOLE, broken=10), Verdict.UNKNOWN),
        (anchor(2), replace(WHOLE, first=5), Verdict.REMOVED),
        # of another installation, while this one was never restored: somebody changed its number
        (anchor(10, installation=OTHER), WHOLE, Verdict.CUT_OFF),
        (anchor(installation=OTHER), replace(WHOLE, brought_over=8), Verdict.HOLDS),
        (anchor(installation=OTHER), replace(WHOLE, brought_over=5), Verdict.ELSEWHERE),
    ],
)
def test_what_an_anchor_says(kept: Anchor, walked: Walked, verdict: Verdict) -> None:
    assert judge(Kept(anchor=kept, where="", sealed=True), walked, HERE) is verdict
    assert judge(Kept(anchor=kept, where="", sealed=False), walked, HERE) is Verdict.UNSEALED


def test_the_file_of_anchors_grows_by_the_hour_and_thins_out(tmp_path: Path) -> None:
    begin = NOW.replace(hour=0, minute=0)
    for minutes in range(0, 10 * 24 * 60, 30):
        written = write_file(tmp_path, anchor(minutes, at=begin + timedelta(minutes=minutes)), MASTER)
        assert written == (minutes % 60 == 0)
    found, damaged = read_file(tmp_path, MASTER)
    days = [kept.anchor.at.date() for kept in found]
    assert damaged == 0
    assert all(kept.sealed for kept in found)
    assert [days.count(day) for day in sorted(set(days))][:7] == [1] * 7
    assert days.count(max(days)) == 24
    assert next(tmp_path.iterdir()).stat().st_mode & 0o077 == 0


def test_what_is_damaged_in_the_file_stays_for_whoever_looks_into_it(tmp_path: Path) -> None:
    write_file(tmp_path, anchor(1), MASTER)
    path = next(tmp_path.iterdir())
    path.write_text(path.read_text().replace("anker1", "anker9"))
    assert write_file(tmp_path, anchor(2, at=NOW + timedelta(days=9)), MASTER)
    found, damaged = read_file(tmp_path, MASTER)
    assert ([kept.anchor.seq for kept in found], damaged) == ([2], 1)
