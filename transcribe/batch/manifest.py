"""The manifest of a batch: a table that a practice fills in, one row for each recording. Pure: text in, rows out.

Columns may stand in any order and be left out; ``bestand`` is the key. A spreadsheet's file is read as it comes: with
semicolons, commas or tabs, in UTF-8 or as Excel for Windows writes it. What is wrong with one row keeps back that
recording, never the others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar

from consent import (
    AgeClass,
    Capacity,
    Consent,
    ConsentProblem,
    Exception12,
    GivenBy,
    How,
    Relation,
    TextKind,
    TextProblem,
    Texts,
    grant,
    refuse,
)
from transcribe.asr.transcript import Speaker
from transcribe.audio.together import LATEST_S
from transcribe.batch.names import written
from transcribe.batch.pairs import pairs, speaker_in
from transcribe.contact import AHEAD, Contact, ContactType, check_contact, ended_at
from transcribe.errors import N_, InvalidInput, TranscribeError
from transcribe.sheet import MARK, line, unguarded
from transcribe.visible import one_row

#: Name of the column, and what the documentation says of it.
COLUMNS: dict[str, str] = {
    "bestand": "naam van de opname, met map als die in een submap staat",
    "tweede_bestand": "bestand van de andere deelnemer, als ieder apart is opgenomen",
    "verschuiving": "seconden dat het tweede bestand later begint dan het eerste, -2,5 als het eerder begint; leeg: "
    "volgens de tijdstempels in de bestanden",
    "kenmerk": "patiëntkenmerk uit het HIS",
    "datum": "dag van het consult: 2026-11-20 of 20-11-2026",
    "begin": "tijd waarop het contact begon: 14:05",
    "eind": "tijd waarop het eindigde, zo nodig na middernacht",
    "soort": "spreekuur, videoconsult, telefonisch of visite",
    "huisarts": "voor wie het concept is; leeg: voor wie het eerst komt",
    "toestemming": "mondeling, schriftelijk of digitaal; weigert; leeg: nog niet gevraagd",
    "toestemming_op": "dag en tijd waarop: 2026-11-20 14:04; leeg: dag en begin van het consult; een van beide moet er "
    "staan",
    "geïnformeerd_door": "naam en rol van wie de patiënt informeerde",
    "anderen": "ja: anderen in de kamer weten het en stemmen in; geen: er waren geen anderen",
    "leeftijd": "<12, 12-15 of >=16; leeg: >=16",
    "gever": "patiënt, ouder of voogd, ...; leeg: patiënt",
    "relatie": "wat de ander van de patiënt is: ouder, voogd, mentor, ...",
    "uitzondering": "12-15 zonder ouder of voogd: ernstig nadeel voorkomen, of weloverwogen wens van de patiënt",
    "niet_wilsbekwaam_volgens": "wie beoordeelde dat de patiënt dit niet zelf kan beslissen; leeg: geen twijfel",
    "tekst": "welke toestemmingstekst; leeg: de gesproken tekst van nu",
    "app": "toepassing van een videoconsult, zoals WeSeeDo",
    "reden_app": "waarom deze app, als die niet op de lijst van de praktijk staat",
    "kanalen": "wie op welk kanaal, spoor of bestand: huisarts,patiënt of patiënt,huisarts; huisarts: dictaat; gemengd "
    "of leeg: iedereen door elkaar",
}
Choice = TypeVar("Choice", ContactType, How, AgeClass, GivenBy, Relation, Exception12)
#: In the column ``anderen``: they know and agree, or there were none.
OTHERS = ("ja", "geen")
#: Of a contact of which the end is not written down: a consent after this came too late for what was recorded before.
BEGINNING = timedelta(minutes=30)
#: In the column ``kanalen``: everybody on everything.
MIXED = "gemengd"
#: What a file or a call may hold: everybody together, a channel for each, or one person who dictates.
LAYOUTS: dict[str, tuple[Speaker, ...]] = {
    MIXED: (Speaker.ONBEKEND,),
    "huisarts,patiënt": (Speaker.HUISARTS, Speaker.PATIENT),
    "patiënt,huisarts": (Speaker.PATIENT, Speaker.HUISARTS),
    "huisarts": (Speaker.HUISARTS,),
}
#: Before the header: a row that a spreadsheet left empty, or its word on what parts the cells.
_NOTHING = re.compile(r"[\s;,]*")
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
#: A number that a spreadsheet shortened: its last digits are gone.
_SHORTENED = re.compile(r"[0-9]+([.,][0-9]+)?E[+][0-9]+", re.IGNORECASE)
#: Rows of a manifest, and characters of a cell: more is a mistake.
MOST_ROWS, LONGEST_CELL = 10_000, 500

NO_COLUMN = N_("In de lijst ontbreekt de kolom “bestand”. Maak een lege lijst met --template en vul die in.")
UNREADABLE = N_("Deze lijst is niet te lezen. Bewaar hem als CSV (UTF-8) en probeer het opnieuw.")
TOO_LONG = N_("De lijst is te lang (hoogstens 10.000 regels).")


class BadColumns(InvalidInput):
    text = N_("Deze kolommen kent de lijst niet, of zij staan er twee keer: {names}. Verbeter de naam of haal ze weg.")


class BadRow(InvalidInput):
    """One row can't be used; the sentence says why."""


class Twice(BadRow):
    text = N_("“{value}” staat twee keer in de lijst. Laat één regel staan.")


class NoName(BadRow):
    text = N_("Regel {row} noemt geen bestand. Vul de kolom bestand in, of haal de regel weg.")


class NoDate(BadRow):
    text = N_("“{value}” is geen datum. Schrijf 2026-11-20 of 20-11-2026.")


class NoTime(BadRow):
    text = N_("“{value}” is geen tijd. Schrijf 14:05.")


class LaterThanNow(BadRow):
    text = N_("De dag van het consult kan niet later zijn dan vandaag. Controleer de datum.")


class NeedsDate(BadRow):
    text = N_("Vul bij een tijd ook de datum in.")


class NotOneOf(BadRow):
    text = N_("“{value}” kan niet in de kolom {column}. Kies uit: {known}.")


class NotVideo(BadRow):
    text = N_("Een app hoort bij een videoconsult. Maak de soort videoconsult, of laat de app leeg.")


class NoShift(BadRow):
    text = N_("“{value}” is geen verschuiving. Schrijf seconden, hoogstens 600, zoals 2,5 of -2,5.")


class ShiftOfNothing(BadRow):
    text = N_("Een verschuiving hoort bij een tweede bestand. Vul dat in, of laat de verschuiving leeg.")


class WhoIsWhere(BadRow):
    text = N_(
        "Vul bij twee bestanden in de kolom kanalen in wie op het eerste staat en wie op het tweede: huisarts,patiënt."
    )


class NoRef(BadRow):
    text = N_("Vul het patiëntkenmerk in.")


class ShortenedRef(BadRow):
    text = N_("“{value}” is door een rekenprogramma ingekort. Maak van de kolom kenmerk tekst en vul het opnieuw in.")


class NeedsMoment(BadRow):
    text = N_("Vul in wanneer de patiënt toestemde: de datum van het consult, of de kolom toestemming_op.")


class OthersUnknown(BadRow):
    text = N_(
        "Vul bij anderen in: ja (de anderen in de kamer weten het en stemmen in) of geen (er waren geen anderen). "
        "Zonder dat wordt de opname niet verwerkt."
    )


class AfterContact(BadRow):
    text = N_(
        "De toestemming is van na het consult; wat daarvoor is opgenomen, wordt niet verwerkt. Controleer datum, "
        "begin, eind en toestemming_op."
    )


class NotYet(BadRow):
    text = N_("De toestemming kan niet later zijn gegeven dan nu. Controleer de datum en de tijd.")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a row says of one recording. ``consent`` is None when nobody wrote one down yet: then it waits."""

    name: str
    row: int  # in the file, as a spreadsheet counts
    ref: str = ""
    contact: Contact = field(default_factory=Contact)
    doctor: str = ""
    consent: Consent | None = None
    app: str = ""
    app_reason: str = ""
    layout: tuple[Speaker, ...] = (Speaker.ONBEKEND,)
    second: str = ""  # name of the other participant's file
    shift_s: float | None = None  # so much later than the first it begins; None: as the files say
    given: Mapping[str, str] = field(default_factory=dict)  # the row as it stands in the list
    problem: TranscribeError | ConsentProblem | None = None  # why it can't be used


def decoded(raw: bytes) -> str:
    """Raises ``InvalidInput``."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            found = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in found:
            return found
    raise InvalidInput(problem=UNREADABLE)


def read_manifest(raw: bytes, *, now: datetime, zone: tzinfo, texts: Texts | None = None) -> list[Entry]:
    """``now``: aware; ``zone``: of the times in it; ``texts``: for the patient, those of this program without any.
    Raises ``InvalidInput`` when it is no manifest at all.
    """
    content = decoded(raw)
    skipped, delimiter = 0, ""
    while content:
        first = content.partition("\n")[0].strip()
        separator = _SEPARATOR.fullmatch(first)
        if separator is None and not _NOTHING.fullmatch(first):
            break
        delimiter = separator[1] if separator else delimiter
        content = content.partition("\n")[2]
        skipped += 1
    delimiter = delimiter or max(";,\t", key=content.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(content), delimiter=delimiter))
    except (csv.Error, TypeError) as broken:
        raise InvalidInput(problem=UNREADABLE) from broken
    names = _columns(rows[0] if rows else [])
    if len(rows) > MOST_ROWS + 1:
        raise InvalidInput(problem=TOO_LONG)
    found: list[Entry] = []
    for number, cells in enumerate(rows[1:], start=skipped + 2):
        named = ((name, unguarded(one_row(cell)[:LONGEST_CELL])) for name, cell in zip(names, cells, strict=False))
        row = {name: cell for name, cell in named if name}
        if row.get("bestand"):
            found.append(read_row(row, number, now=now, zone=zone, texts=texts))
        elif any(row.values()):
            found.append(Entry(name=f"(regel {number})", row=number, given=row, problem=NoName(row=number)))
    return found


def _columns(header: Iterable[str]) -> list[str]:
    """Names of the columns; "" for one without a name. Raises ``InvalidInput``: of a column that nobody reads a doctor
    would think that it counts.
    """
    names = [written(name).casefold().replace(" ", "_") for name in header]
    names = ["geïnformeerd_door" if name == "geinformeerd_door" else name for name in names]
    if "bestand" not in names:
        raise InvalidInput(problem=NO_COLUMN)
    wrong = [name for place, name in enumerate(names) if name and (name not in COLUMNS or name in names[:place])]
    if wrong:
        raise BadColumns(names=", ".join(one[:40] for one in wrong[:10]))
    return names


def template(names: Iterable[str] = ()) -> str:
    """An empty manifest with a row for each of these recordings; opens in a Dutch Excel as it is. Files that are one
    consult by their names stand in one row.
    """
    names = list(names)
    seconds = dict(pairs(names))
    alone = set(names) - set(seconds.values())
    rows = [
        {"bestand": name, "tweede_bestand": seconds[name], "kanalen": "huisarts,patiënt"}
        if name in seconds
        else {"bestand": name}
        for name in names
        if name in alone
    ]
    return MARK + line(COLUMNS) + "".join(line(row.get(column, "") for column in COLUMNS) for row in rows)


def read_row(
    row: Mapping[str, str], number: int = 0, *, now: datetime, zone: tzinfo, texts: Texts | None = None
) -> Entry:
    """By column; what is wrong with it is its ``problem``."""
    name, second = (row.get(column, "").replace("\\", "/") for column in ("bestand", "tweede_bestand"))
    try:
        day = _day(row.get("datum", ""))
        began = _moment(day, row.get("begin", ""), zone)
        ended = _end(day, began, row.get("eind", ""), zone)
        soort = row.get("soort", "") or (ContactType.VIDEO.value if row.get("app") else "")
        kind = _one(ContactType, "soort", soort) if soort else None
        contact = Contact(kind=kind, began=began, ended=ended, day=day.date() if day else None)
        check_contact(contact, now)
        if contact.day and contact.day > now.astimezone(zone).date():
            raise LaterThanNow
        if row.get("app") and contact.kind is not ContactType.VIDEO:
            raise NotVideo
        if not row.get("kenmerk"):
            raise NoRef
        if _SHORTENED.fullmatch(row["kenmerk"]):
            raise ShortenedRef(value=row["kenmerk"])
        layout = layout_of(row.get("kanalen", ""))
        if second:
            layout = of_two(name, second, layout)
        return Entry(
            name=name,
            second=second,
            shift_s=_shift(row.get("verschuiving", ""), second),
            given=row,
            row=number,
            ref=row["kenmerk"],
            contact=contact,
            doctor=row.get("huisarts", ""),
            consent=_consent(row, day, began, ended, now=now, zone=zone, texts=texts or Texts()),
            app=row.get("app", ""),
            app_reason=row.get("reden_app", ""),
            layout=layout,
        )
    except (TranscribeError, ConsentProblem) as problem:
        return Entry(name=name, second=second, row=number, ref=row.get("kenmerk", ""), given=row, problem=problem)


def _consent(
    row: Mapping[str, str],
    day: datetime | None,
    began: datetime | None,
    ended: datetime | None,
    *,
    now: datetime,
    zone: tzinfo,
    texts: Texts,
) -> Consent | None:
    given = row.get("toestemming", "").casefold()
    if not given:
        return None
    words = texts.current(TextKind.SPOKEN, "nl")
    if row.get("tekst"):
        try:
            words = texts.text(row["tekst"])
        except (ValueError, FileNotFoundError, TextProblem):
            raise NotOneOf(value=row["tekst"], column="tekst", known=words.id) from None
    at = began or (None if day is None else day.replace(tzinfo=zone))
    if stated := row.get("toestemming_op", ""):
        date, _, time = stated.replace("T", " ").partition(" ")
        at = _moment(_day(date), time or "00:00", zone)
    informed_by = row.get("geïnformeerd_door", "")
    if given.startswith("weiger"):
        return refuse(informed_by=informed_by, text_id=words.id, text_sha256=words.sha256, now=at or now)
    if at is None:
        raise NeedsMoment
    if at > now + AHEAD:
        raise NotYet
    # a patient is asked at the beginning, and a clock may be a little off
    until = ended or (began + BEGINNING if began else day and day.replace(tzinfo=zone) + timedelta(days=1))
    if until is not None and at > until:
        raise AfterContact
    others = row.get("anderen", "").casefold()
    if not others:
        raise OthersUnknown
    if others not in OTHERS:
        raise NotOneOf(value=row["anderen"], column="anderen", known=", ".join(OTHERS))
    age, giver, judged_by = row.get("leeftijd", ""), row.get("gever", ""), row.get("niet_wilsbekwaam_volgens", "")
    relation, exception = row.get("relatie", ""), row.get("uitzondering", "")
    return grant(
        how=_one(How, "toestemming", given),
        age=_one(AgeClass, "leeftijd", age) if age else AgeClass.FROM_16,
        given_by=_one(GivenBy, "gever", giver) if giver else GivenBy.PATIENT,
        relation=_one(Relation, "relatie", relation) if relation else None,
        exception=_one(Exception12, "uitzondering", exception) if exception else None,
        capacity=Capacity(capable=False, judged_by=judged_by) if judged_by else None,
        informed_by=informed_by,
        text_id=words.id,
        text_sha256=words.sha256,
        others_present=others == "ja",
        others_informed=True,
        now=min(at, now),
    )


def as_form(row: Mapping[str, str]) -> dict[str, str]:
    """A row for the fields of a page, which take days and times in one way: 2026-11-20, 14:05. What is no day or time
    is left out.
    """
    day, _, clock = row.get("toestemming_op", "").replace("T", " ").partition(" ")
    asked_on = _iso_day(day)
    return {
        **row,
        "datum": _iso_day(row.get("datum", "")),
        "begin": _iso_time(row.get("begin", "")),
        "eind": _iso_time(row.get("eind", "")),
        "toestemming_op": f"{asked_on}T{_iso_time(clock) or '00:00'}" if asked_on else "",
    }


def _iso_day(given: str) -> str:
    try:
        day = _day(given)
    except NoDate:
        return ""
    return f"{day:%Y-%m-%d}" if day else ""


def _iso_time(given: str) -> str:
    try:
        moment = _moment(datetime(2000, 1, 1), given, UTC)  # noqa: DTZ001  (any day will do)
    except NoTime:
        return ""
    return f"{moment:%H:%M}" if moment else ""


def _one(of: type[Choice], column: str, value: str) -> Choice:
    for one in of:
        if one.value.casefold() == value.casefold():
            return one
    raise NotOneOf(value=value, column=column, known=", ".join(one.value for one in of))


def _day(given: str) -> datetime | None:
    if not given:
        return None
    for form in ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y"):
        try:
            return datetime.strptime(given, form)  # noqa: DTZ007  (a day; its zone comes with the time)
        except ValueError:
            continue
    raise NoDate(value=given)


def _moment(day: datetime | None, time: str, zone: tzinfo) -> datetime | None:
    if not time:
        return None
    if day is None:
        raise NeedsDate
    for form in ("%H:%M", "%H.%M", "%H:%M:%S"):
        try:
            found = datetime.strptime(time, form)  # noqa: DTZ007  (hours and minutes)
        except ValueError:
            continue
        return day.replace(hour=found.hour, minute=found.minute, second=found.second, tzinfo=zone)
    raise NoTime(value=time)


def _end(day: datetime | None, began: datetime | None, given: str, zone: tzinfo) -> datetime | None:
    """On the day itself, or after the midnight that follows."""
    ended = _moment(day, given, zone)
    if ended is None or began is None:
        return ended
    return ended_at(ended.time(), zone, began=began, was=None)


def layout_name(layout: tuple[Speaker, ...]) -> str:
    """As ``layout_of`` reads it."""
    return next(name for name, one in LAYOUTS.items() if one == layout)


def layout_of(given: str) -> tuple[Speaker, ...]:
    """Who is on which channel, track or file. Raises ``NotOneOf``."""
    name = ",".join(part.strip() for part in given.casefold().replace("patient", "patiënt").split(","))
    found = LAYOUTS.get(name or MIXED)
    if found is None:
        known = f"huisarts,patiënt; patiënt,huisarts; huisarts (dictaat); {MIXED}"
        raise NotOneOf(value=given, column="kanalen", known=known)
    return found


def of_two(name: str, second: str, layout: tuple[Speaker, ...]) -> tuple[Speaker, ...]:
    """As the row says; as the names say when it does not. Raises ``WhoIsWhere``."""
    if len(layout) == 2:
        return layout
    found = (speaker_in(name), speaker_in(second))
    if layout == (Speaker.ONBEKEND,) and found[0] and found[1] and found[0][1] is not found[1][1]:
        return found[0][1], found[1][1]
    raise WhoIsWhere


def _shift(given: str, second: str) -> float | None:
    if not given:
        return None
    if not second:
        raise ShiftOfNothing
    if not re.fullmatch(r"[+-]?[0-9]{1,3}([.,][0-9]{1,3})?", given):
        raise NoShift(value=given)
    shift_s = float(given.replace(",", "."))
    if abs(shift_s) > LATEST_S:
        raise NoShift(value=given)
    return shift_s
