"""Many recordings at a time: files that were dropped on a page, each with what a row of the manifest tells of it.

The rules are those of ``transcribe.batch``: what a row must say, which files are one consult, and that a recording is
taken in once. Here they are asked, shown and answered. Names of files may be names of patients: they come in the bodies
of requests, go back into the page, and are kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from consent import ConsentProblem, Exception12, GivenBy, How, Relation, TextKind
from transcribe.batch.intake import Intake
from transcribe.batch.items import Item, State, before
from transcribe.batch.manifest import (
    COLUMNS,
    LONGEST_CELL,
    MIXED,
    MOST_ROWS,
    NO_COLUMN,
    BadRow,
    Entry,
    as_form,
    layout_name,
    layout_of,
    of_two,
    read_manifest,
    read_row,
)
from transcribe.batch.manifest import template as empty_template
from transcribe.batch.matching import matched, usable
from transcribe.batch.summary import as_csv, row_of
from transcribe.errors import N_, InvalidInput, NotFound, TranscribeError
from transcribe.policy import LIKE_BSN, like_bsn
from transcribe.visible import one_row
from transcribe.web.consenting import AGE_TEXT
from transcribe.web.errors import BAD_FORM
from transcribe.web.media import take_in
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.requests import FieldsDep, Web, WebDep, checked, read_json
from transcribe.web.views import CONTACT_TEXT, ConsultView, consult_view, processing

router = APIRouter(dependencies=[Depends(checked)])

#: Bytes of a request of the page: a list of 10,000 rows, and the names of the files.
MOST_JSON = 8 << 20
#: Recordings of which the state is asked at once.
MOST_ASKED = 1000
DIGEST_CHARS = 64
#: Values of the column ``kanalen``, to choose from.
LAYOUT_TEXT: dict[str, str] = {
    MIXED: N_("iedereen door elkaar"),
    "huisarts,patiënt": N_("huisarts links of eerst, patiënt rechts of daarna"),
    "patiënt,huisarts": N_("patiënt links of eerst, huisarts rechts of daarna"),
    "huisarts": N_("dictaat van de huisarts"),
}
OTHERS: dict[str, str] = {
    "geen": N_("er waren geen anderen"),
    "ja": N_("ja, zij weten het en stemmen in"),
}
REFUSES = "weigert"
NO_LIST = N_(
    "In dit bestand ontbreekt de kolom “bestand”: het is geen lijst van opnamen. Met “Lege lijst” maakt u er een."
)
#: What was done with a recording before, and is not what the row asks for.
OTHERWISE: dict[State, str] = {
    State.KEPT: N_("Deze opname is al verwerkt. Trek de toestemming in bij het consult."),
    State.OTHER_REF: N_(
        "Deze opname is al verwerkt voor een ander kenmerk. Klopt dit kenmerk, verwijder dan dat consult op de "
        "werklijst en verwerk de opname opnieuw."
    ),
    State.OTHER_LAYOUT: N_("Deze opname is al verwerkt met andere kanalen. Wijs de sprekers aan bij het consult."),
    State.FAILED: N_(
        "Deze opname was eerder niet te gebruiken. Kies een andere, of kruis bovenaan aan: “Verwerk ook wat eerder "
        "verwijderd of gewist is, of niet te gebruiken was”."
    ),
}
MANNERS: dict[str, str] = {
    How.SPOKEN.value: N_("ja, mondeling"),
    How.WRITTEN.value: N_("ja, schriftelijk"),
    How.DIGITAL.value: N_("ja, digitaal"),
    REFUSES: N_("nee, geweigerd"),
}


async def asked_for(request: Request) -> dict[str, Any]:
    """What a script of the page asks, as JSON."""
    asked = await read_json(request, MOST_JSON)
    if not isinstance(asked, dict):
        raise InvalidInput(problem=BAD_FORM)
    return asked


AskedDep = Annotated[dict[str, Any], Depends(asked_for)]


@dataclass(frozen=True, kw_only=True)
class RowView:
    """One recording as a form, with what the list says of it."""

    number: int
    item: Item
    values: Mapping[str, str]
    listed: bool  # the list has a row for it
    problem: str

    @property
    def names(self) -> list[str]:
        return [name for name in (self.item.name, self.item.second_name) if name]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Of the fields of a row: what may stand there, and the marked word for it."""

    texts: Mapping[str, str]
    apps: tuple[str, ...]
    colleagues: tuple[str, ...]
    staff: str
    layouts = LAYOUT_TEXT
    others = OTHERS
    manners = MANNERS
    longest = LONGEST_CELL

    @property
    def kinds(self) -> Mapping[str, str]:
        return {kind.value: text for kind, text in CONTACT_TEXT.items()}

    @property
    def ages(self) -> Mapping[str, str]:
        return {age.value: text for age, text in AGE_TEXT.items()}

    @property
    def givers(self) -> Mapping[str, str]:
        return {one.value: one.value for one in GivenBy}

    @property
    def relations(self) -> Mapping[str, str]:
        return {one.value: one.value for one in Relation}

    @property
    def exceptions(self) -> Mapping[str, str]:
        return {one.value: one.value for one in Exception12}


# --- the page ------------------------------------------------------------------------------------------------------


@router.get("/opnamen")
def page(request: Request, web: WebDep) -> Response:
    return web.pages.render(
        request, "batch.html", choices=_choices(web), max_upload_mb=web.max_upload_mb, name=web.actor.name
    )


@router.get("/opnamen/lijst.csv")
def empty_list() -> Response:
    """An empty manifest."""
    return _csv([empty_template()], "opnamen.csv")


@router.post("/opnamen/lijst.csv")
def list_of(asked: AskedDep) -> Response:
    """One with a row for each of these files."""
    return _csv([empty_template(name for name in _files(asked) if usable_name(name))], "opnamen.csv")


@router.post("/opnamen/rijen")
def rows(request: Request, web: WebDep, asked: AskedDep) -> Response:
    """What is known and what is asked of these files: ``files`` [{name, size}], ``list`` (a CSV in base64, "" for
    none), ``number`` of the first row, ``apart``: names of files that are no pair, as somebody said.
    """
    files, number = _files(asked), asked.get("number", 1)
    if not isinstance(number, int) or not 0 < number < 10**9:
        raise InvalidInput(problem=BAD_FORM)
    taken = {name: size for name, size in files.items() if usable_name(name)}
    found = matched(taken, _entries(web, asked), apart=_apart(asked))
    views = [_row_view(request, web, one, number + place) for place, one in enumerate(found) if one.name in taken]
    return web.pages.render(
        request,
        "_batch_rows.html",
        views=views,
        left_out=[name for name in files if name not in taken],
        missing=[name for one in found if one.entry for name in _absent(one, taken)],
        choices=_choices(web),
    )


def _absent(item: Item, taken: Mapping[str, int]) -> list[str]:
    """Which of its files were not chosen."""
    return [name for name in (item.name, item.second_name) if name and name not in taken]


def _row_view(request: Request, web: Web, item: Item, number: int) -> RowView:
    values = as_form(item.entry.given) if item.entry else {}
    if item.second_name:
        values["kanalen"] = _who_is_where(item)
    problem = item.problem
    text = web.pages.explain(request, problem) if isinstance(problem, TranscribeError) else ""
    if isinstance(problem, ConsentProblem):
        text = web.pages.sentence(request, str(problem))
    return RowView(number=number, item=item, values=values, listed=item.entry is not None, problem=text)


def _who_is_where(item: Item) -> str:
    """Of two files: as the list says, else as their names do; "" when neither tells, for then a person must."""
    given = item.entry.given.get("kanalen", "") if item.entry else ""
    try:
        return layout_name(of_two(item.name, item.second_name, layout_of(given)))
    except BadRow:
        return given


# --- one recording -------------------------------------------------------------------------------------------------


@router.post("/opnamen/consult")
def prepare(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """A row as it was filled in (the columns of the manifest). Without ``sha256`` it is only looked at; with that of
    the recording there is a consult for it afterwards, and ``put`` says where the sound goes, unless it is there.
    """
    row = {name: one_row(fields.get(name, ""))[:LONGEST_CELL] for name in COLUMNS}
    if not row["kenmerk"] and not row["toestemming"]:  # nobody has looked at it yet
        return _told(request, web, State.NO_CONSENT)
    entry = read_row(row, now=web.now(), zone=PRACTICE_ZONE, texts=web.texts)
    if entry.problem is not None:
        raise entry.problem
    intake = Intake(web.workflow, web.actor, again=fields.ticked("opnieuw"))
    if not fields.get("sha256"):
        intake.check(entry)
        hint = web.pages.sentence(request, LIKE_BSN) if like_bsn(entry.ref) else ""
        return _told(request, web, before(entry, whole=True), hint=hint)
    known = intake.prepare(entry, _digest(fields["sha256"]))
    if known.state in OTHERWISE:
        raise InvalidInput(problem=OTHERWISE[known.state])
    if known.consult is None:
        return _told(request, web, known.state)
    answer: dict[str, Any] = {"consult": str(known.consult.id), "new": known.new}
    if known.state is State.READY:
        answer |= {"state": known.state.name, "put": f"/opnamen/{known.consult.id}/{layout_name(entry.layout)}"}
        return JSONResponse(answer)
    return _told(request, web, known.state, **answer)


@router.put("/opnamen/{consult_id}/{layout}")
async def receive(request: Request, web: WebDep, consult_id: UUID, layout: str) -> Response:
    """The raw bytes of the recording that the consult was made for, and of no other."""
    intake = Intake(web.workflow, web.actor)

    def take(pieces: Iterator[bytes]) -> None:
        web.workflow.consult(consult_id)
        intake.bring(consult_id, pieces, layout_of(layout))

    await take_in(request, web, take)
    return JSONResponse({"consult": str(consult_id)}, status_code=201)


# --- afterwards ----------------------------------------------------------------------------------------------------


@router.post("/opnamen/stand")
def standing(request: Request, web: WebDep, asked: AskedDep) -> Response:
    """How far these consults are: ``consults``, their numbers."""
    views = list(_views(web, _ids(asked)))
    counts = Counter(view.label for view in views)
    moving = any(processing(view.consult) for view in views)
    return web.pages.render(
        request, "_batch_standing.html", views=views, counts=counts.most_common(), moving=moving, now=web.now()
    )


@router.post("/opnamen/overzicht.csv")
def summary(request: Request, web: WebDep, asked: AskedDep) -> Response:
    """How it ended, as the command writes it: ``rows`` with bestand, tweede_bestand, kenmerk, consult, stand, reden, of
    which the page alone knows. ``stand``: the name of a ``State``, for what has no consult.
    """
    given = asked.get("rows")
    if not isinstance(given, list) or len(given) > MOST_ROWS or not all(isinstance(row, dict) for row in given):
        raise InvalidInput(problem=BAD_FORM)
    intake = Intake(web.workflow, web.actor)
    lines = [_summary_row(request, web, intake, row) for row in given]
    return _csv(as_csv(lines), "overzicht.csv")


def _summary_row(request: Request, web: Web, intake: Intake, row: Mapping[str, Any]) -> dict[str, object]:
    text = {name: one_row(str(row.get(name) or ""))[:LONGEST_CELL] for name in ("bestand", "tweede_bestand", "reden")}
    entry = Entry(name=text["bestand"], row=0, ref=one_row(str(row.get("kenmerk") or ""))[:LONGEST_CELL])
    item = Item(name=text["bestand"], second_name=text["tweede_bestand"], entry=entry, state=_state(row.get("stand")))
    if row.get("consult"):
        try:
            item = intake.look(replace(item, consult_id=_id(row["consult"])))
        except NotFound:
            item = replace(item, state=State.GONE)

    def translated(problem: TranscribeError) -> str:
        return web.pages.explain(request, problem)

    found = row_of(item, translated, lambda said: web.pages.sentence(request, said))
    return found | ({"reden": text["reden"]} if not found["reden"] else {})


def _views(web: Web, ids: list[UUID]) -> Iterator[ConsultView]:
    for one in ids:
        try:
            yield consult_view(web.workflow.consult(one), web.actor)
        except NotFound:
            continue


# --- helpers -------------------------------------------------------------------------------------------------------


def usable_name(name: str) -> bool:
    """May it be a recording, by its name?"""
    return usable(PurePosixPath(name))


def _choices(web: Web) -> Choices:
    return Choices(
        texts={one.id: one.id for one in web.texts.all() if one.kind is TextKind.SPOKEN},
        apps=web.workflow.video_presets().apps,
        colleagues=tuple(web.workflow.colleagues(web.actor)),
        staff=f"{web.actor.name} ({web.actor.role.value})",
    )


def _files(asked: Mapping[str, Any]) -> dict[str, int]:
    """Bytes by name."""
    given = asked.get("files")
    if not isinstance(given, list) or len(given) > MOST_ROWS:
        raise InvalidInput(problem=BAD_FORM)
    found: dict[str, int] = {}
    for one in given:
        name, size = (one.get("name"), one.get("size")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(size, int) or not 0 < len(name) <= LONGEST_CELL:
            raise InvalidInput(problem=BAD_FORM)
        found[name] = size
    return found


def _entries(web: Web, asked: Mapping[str, Any]) -> list[Entry]:
    given = asked.get("list") or ""
    try:
        raw = base64.b64decode(given, validate=True) if isinstance(given, str) else b""
    except (binascii.Error, ValueError) as broken:
        raise InvalidInput(problem=BAD_FORM) from broken
    try:
        return read_manifest(raw, now=web.now(), zone=PRACTICE_ZONE, texts=web.texts) if raw else []
    except InvalidInput as wrong:
        if wrong.params.get("problem") != NO_COLUMN:
            raise
        raise InvalidInput(problem=NO_LIST) from wrong  # there is no --template on a page


def _apart(asked: Mapping[str, Any]) -> list[str]:
    given = asked.get("apart") or []
    if not isinstance(given, list) or len(given) > MOST_ROWS:
        raise InvalidInput(problem=BAD_FORM)
    return [str(one) for one in given]


def _ids(asked: Mapping[str, Any]) -> list[UUID]:
    given = asked.get("consults")
    if not isinstance(given, list) or len(given) > MOST_ASKED:
        raise InvalidInput(problem=BAD_FORM)
    return [_id(one) for one in given]


def _id(given: object) -> UUID:
    try:
        return UUID(str(given))
    except ValueError as wrong:
        raise InvalidInput(problem=BAD_FORM) from wrong


def _digest(given: str) -> bytes:
    try:
        digest = bytes.fromhex(given) if len(given) == DIGEST_CHARS else b""
    except ValueError:
        digest = b""
    if not digest:
        raise InvalidInput(problem=BAD_FORM)
    return digest


def _state(given: object) -> State:
    try:
        return State[str(given or State.READY.name)]
    except KeyError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown


def _told(request: Request, web: Web, state: State, **more: Any) -> Response:
    return JSONResponse(more | {"state": state.name, "label": web.pages.sentence(request, state.value)})


def _csv(lines: Iterable[str], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=headers)
