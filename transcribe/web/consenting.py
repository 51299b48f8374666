"""The consent form as it is asked and read, the record as it is shown, and the texts for the patient to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from consent import (
    AgeClass,
    Capacity,
    Consent,
    ConsentStatus,
    ConsentText,
    Device,
    Exception12,
    GivenBy,
    How,
    Informed,
    Interpreter,
    Relation,
    TextKind,
    Used,
    Withdrawer,
    age_class,
    grant,
    refuse,
    used,
)
from consent.consent import LONGEST_LANGUAGE, LONGEST_NAME
from consent.texts import Block, blocks
from transcribe.errors import N_, InvalidInput, NotFound
from transcribe.visible import one_row
from transcribe.web.errors import BAD_FORM
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.requests import Fields, Web, WebDep, checked

router = APIRouter(dependencies=[Depends(checked)])

BAD_BIRTH_DATE = N_("Deze geboortedatum kan niet. Vul haar opnieuw in, of kies een leeftijd.")
AGE_TEXT: dict[AgeClass, str] = {
    AgeClass.FROM_16: N_("16 jaar of ouder"),
    AgeClass.FROM_12_TO_15: N_("12 tot en met 15 jaar"),
    AgeClass.UNDER_12: N_("jonger dan 12 jaar"),
}
STATUS_TEXT: dict[ConsentStatus, str] = {
    ConsentStatus.ACTIVE: N_("Toestemming gegeven"),
    ConsentStatus.REFUSED: N_("Toestemming geweigerd"),
    ConsentStatus.WITHDRAWN: N_("Toestemming ingetrokken"),
}
KIND_TEXT: dict[TextKind, str] = {
    TextKind.SPOKEN: N_("Wat u zegt"),
    TextKind.LEAFLET: N_("Folder"),
    TextKind.SLIDE: N_("Wachtkamerscherm"),
}
#: Ways to be informed besides by what is said, which the page asks to be said each time.
ALSO_INFORMED: dict[Informed, str] = {
    Informed.LEAFLET: N_("folder gekregen"),
    Informed.SCREEN: N_("wachtkamerscherm gezien"),
    Informed.PORTAL: N_("gelezen in het patiëntportaal"),
}
_KIND_OF = {Informed.LEAFLET: TextKind.LEAFLET, Informed.SCREEN: TextKind.SLIDE}
#: Answers to "can the patient weigh this?".
CAPABLE, INCAPABLE = "ja", "nee"
#: Values of the record that a page shows as they are, so that the catalogue has them.
CONSENT_WORDS = [
    N_("patiënt"), N_("ouder of voogd"), N_("patiënt en ouder of voogd"), N_("wettelijk vertegenwoordiger"),
    N_("iemand anders die erbij was"),
    N_("ouder"), N_("voogd"), N_("curator"), N_("mentor"), N_("schriftelijk gemachtigde"), N_("partner"), N_("kind"),
    N_("broer of zus"), N_("grootouder of kleinkind"),
    N_("ernstig nadeel voorkomen"), N_("weloverwogen wens van de patiënt"),
    N_("mondeling"), N_("schriftelijk"), N_("digitaal"),
    N_("gesprek"), N_("folder"), N_("wachtkamerscherm"), N_("patiëntportaal"),
    N_("tolk"), N_("tolk op afstand"), N_("familie of bekende"),
    N_("computer"), N_("telefoon of tablet"),
    N_("opname"), N_("transcriptie"), N_("concept"),
]  # fmt: skip
#: What ``consent`` says no with.
CONSENT_SENTENCES = [
    N_("Vul in wie de patiënt heeft geïnformeerd."),
    N_("Een naam is te lang (hoogstens 120 tekens)."),
    N_("Kies hoe de patiënt is geïnformeerd."),
    N_("Iedereen in de kamer moet weten dat er wordt opgenomen en daarmee instemmen."),
    N_("Schrijf de taal als één woord, bijvoorbeeld Turks."),
    N_("Vul in naar welke taal is getolkt."),
    N_("Vul in wie heeft beoordeeld of de patiënt dit zelf kan beslissen."),
    N_("Een uitzondering is er alleen als een patiënt van 12 tot en met 15 jaar zonder ouder of voogd instemt."),
    N_("De patiënt stemt zelf in. Laat dan leeg wie de ander is."),
    N_("Onder de 12 jaar geeft een ouder of voogd toestemming."),
    N_("Kan een kind van 12 tot en met 15 jaar dit niet zelf beslissen, dan beslist een ouder of voogd."),
    N_(
        "Van 12 tot en met 15 jaar geven patiënt en ouder of voogd samen toestemming. Stemt de patiënt alleen in, "
        "kies dan de uitzondering."
    ),
    N_("Kan de patiënt dit niet zelf beslissen, dan beslist een wettelijk vertegenwoordiger."),
    N_(
        "Vanaf 16 jaar beslist de patiënt zelf. Een vertegenwoordiger kan dat alleen als is beoordeeld dat de patiënt "
        "dit niet zelf kan beslissen."
    ),
    N_("Kies wat de vertegenwoordiger van de patiënt is."),
    N_("Voor een kind beslist een ouder met gezag of een voogd."),
    N_("Er is geen toestemming van de patiënt voor: opname. Leg eerst de toestemming vast."),
]


# --- the form ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ConsentForm:
    """What the form shows and what can be chosen in it."""

    words: ConsentText
    leaflet: ConsentText
    slide: ConsentText
    staff: str  # who is at work: name and role
    ages = AGE_TEXT
    givers = tuple(GivenBy)
    relations = tuple(Relation)
    exceptions = tuple(Exception12)
    manners = tuple(How)
    also_informed = ALSO_INFORMED
    interpreters = tuple(Interpreter)
    longest_language = LONGEST_LANGUAGE
    longest_name = LONGEST_NAME


def consent_form(request: Request, web: Web) -> ConsentForm:
    """The words in the language of the screens."""
    language = web.pages.language(request)
    return ConsentForm(
        words=web.texts.current(TextKind.SPOKEN, language),
        leaflet=web.texts.current(TextKind.LEAFLET, language),
        slide=web.texts.current(TextKind.SLIDE, language),
        staff=_staff(web),
    )


def read_consent(request: Request, web: Web, fields: Fields) -> Consent:
    """The consent or refusal that a form describes. Raises ``ConsentProblem`` or ``InvalidInput``.

    What belongs to a choice that was not made is left out: the page hides it, and it may still be filled in. A date of
    birth gives the age class and is kept nowhere.
    """
    try:
        words = web.texts.text(fields.text("tekst"))
        answer = fields.text("antwoord")
        if answer == "weigert":
            return refuse(
                informed_by=_staff(web),
                text_id=words.id,
                text_sha256=words.sha256,
                texts=(_used(words),),
                device=_device(request),
                now=web.now(),
            )
        if answer != "ja":  # nothing but an explicit yes is consent
            raise InvalidInput(problem=BAD_FORM)
        age = _age(web, fields)
        given_by = GivenBy(fields.text("gever"))
        alone = age is AgeClass.FROM_12_TO_15 and given_by is GivenBy.PATIENT
        judged = fields.get("wilsbekwaam", "")
        also = [way for way in ALSO_INFORMED if fields.ticked(f"info-{way.name.lower()}")]
        shown = [web.texts.current(_KIND_OF[way], words.language) for way in also if way in _KIND_OF]
        return grant(
            age=age,
            given_by=given_by,
            relation=None if given_by is GivenBy.PATIENT else _chosen(Relation, fields, "relatie"),
            exception=_chosen(Exception12, fields, "uitzondering") if alone else None,
            capacity=Capacity(capable=_capable(judged), judged_by=_row(fields, "beoordeeld")) if judged else None,
            how=_chosen(How, fields, "hoe") or How.SPOKEN,
            informed_by=_row(fields, "informeerde") or _staff(web),
            informed=frozenset({Informed.SPOKEN, *also}),
            text_id=words.id,
            text_sha256=words.sha256,
            texts=tuple(map(_used, (words, *shown))),
            others_present=fields.ticked("anderen"),
            others_informed=not fields.ticked("anderen") or fields.ticked("anderen-akkoord"),
            language=fields.get("gesproken", ""),
            interpreter=_chosen(Interpreter, fields, "tolk"),
            device=_device(request),
            now=web.now(),
        )
    except (ValueError, FileNotFoundError) as impossible:
        raise InvalidInput(problem=BAD_FORM) from impossible


def read_withdrawer(fields: Fields) -> Withdrawer:
    try:
        return Withdrawer(fields.get("door", Withdrawer.PATIENT))
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown


Chosen = TypeVar("Chosen", bound=StrEnum)


def _chosen(kind: type[Chosen], fields: Fields, name: str) -> Chosen | None:
    value = fields.get(name, "")
    return kind(value) if value else None


def _row(fields: Fields, name: str) -> str:
    return one_row(fields.get(name, ""))


def _age(web: Web, fields: Fields) -> AgeClass:
    born = fields.get("geboren", "")
    if not born:
        return AgeClass(fields.text("leeftijd"))
    try:
        return age_class(date.fromisoformat(born), web.now().astimezone(PRACTICE_ZONE).date())
    except ValueError as impossible:
        raise InvalidInput(problem=BAD_BIRTH_DATE) from impossible


def _capable(judged: str) -> bool:
    if judged not in (CAPABLE, INCAPABLE):
        raise InvalidInput(problem=BAD_FORM)
    return judged == CAPABLE


def _staff(web: Web) -> str:
    return f"{web.actor.name} ({web.actor.role.value})"


def _used(words: ConsentText) -> Used:
    return Used(id=words.id, version=words.version, sha256=words.sha256)


def _device(request: Request) -> Device:
    """By what every browser of a telephone says of itself."""
    return Device.MOBILE if "mobi" in request.headers.get("user-agent", "").lower() else Device.COMPUTER


# --- the record ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ConsentView:
    """A record to be read: everything that it holds."""

    consent: Consent
    title: str  # to be translated, as all texts here
    age: str
    texts: tuple[Used, ...]
    ways: tuple[str, ...]


def consent_view(consent: Consent | None) -> ConsentView | None:
    if consent is None:
        return None
    return ConsentView(
        consent=consent,
        title=STATUS_TEXT[consent.status],
        age=AGE_TEXT[consent.age] if consent.age else "",
        texts=used(consent),
        ways=tuple(way.value for way in Informed if way in consent.informed),
    )


@router.get("/consult/{consult_id}/toestemming.json")
def download(web: WebDep, consult_id: UUID) -> Response:
    """The record as FHIR, to be kept or handed over."""
    record = web.workflow.export_consent(web.actor, consult_id, web.texts)
    name = f"toestemming-{consult_id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JSONResponse(record, media_type="application/fhir+json", headers=headers)


# --- texts for the patient -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TextGroup:
    """All texts of one kind, with whether each is in use."""

    title: str
    texts: tuple[tuple[ConsentText, bool], ...]


@router.get("/toestemming/teksten")
def texts_page(request: Request, web: WebDep) -> Response:
    order = sorted(web.texts.all(), key=lambda one: (one.language != "nl", one.language, one.version))
    groups = [
        TextGroup(
            title=title,
            texts=tuple((one, web.texts.current(kind, one.language).id == one.id) for one in order if one.kind is kind),
        )
        for kind, title in KIND_TEXT.items()
    ]
    return web.pages.render(request, "texts.html", groups=groups)


@router.get("/toestemming/tekst/{text_id}")
def text_page(request: Request, web: WebDep, text_id: str) -> Response:
    """A leaflet (A5) or a slide (16:9) to be printed or shown."""
    try:
        words = web.texts.text(text_id)
    except (FileNotFoundError, ValueError) as unknown:
        raise NotFound from unknown
    parts: list[Block] = list(blocks(words.body))
    return web.pages.render(request, "paper.html", words=words, blocks=parts)
