"""One's own account, and those of the practice."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.accounts import Account, OwnRole, State
from transcribe.errors import N_, Refused, TooManyTries, TranscribeError
from transcribe.policy import DOCTORS
from transcribe.ports import Session
from transcribe.web.entry import enter
from transcribe.web.requests import Fields, FieldsDep, PersonDep, SessionDep, Web, WebDep, checked, form_page, go
from transcribe.web.welcome import ROLES, recovery_page, second_step

router = APIRouter(dependencies=[Depends(checked)])

STATE_TEXT: dict[State, str] = {
    State.INVITED: N_("uitgenodigd"),
    State.ACTIVE: N_("actief"),
    State.DISABLED: N_("uitgeschakeld"),
}


# --- one's own -----------------------------------------------------------------------------------------------------


@router.get("/account")
def own_page(request: Request, web: WebDep, person: PersonDep, session: SessionDep) -> Response:
    return _own(request, web, web.staff.own(person), session.digest)


@router.post("/account/wachtwoord")
def change_password(
    request: Request, web: WebDep, person: PersonDep, session: SessionDep, fields: FieldsDep
) -> Response:
    """Everywhere else this person is logged out; here with a new session."""
    try:
        account = web.staff.change_password(
            person, fields.text("huidig"), fields.text("wachtwoord"), fields.text("nogmaals")
        )
    except (Refused, TooManyTries) as wrong:
        return _own(request, web, web.staff.own(person), session.digest, wrong)
    return enter(request, web, account, go(request, "/account"))


@router.get("/account/tweede-stap")
def second_step_page(request: Request, web: WebDep, person: PersonDep, session: SessionDep) -> Response:
    return _second_step(request, web, session, web.staff.own(person))


@router.post("/account/tweede-stap")
def change_second_step(
    request: Request, web: WebDep, person: PersonDep, session: SessionDep, fields: FieldsDep
) -> Response:
    try:
        account, codes = web.staff.change_second_step(
            person, fields.text("huidig"), web.staff.secret_for(session), fields.text("code")
        )
    except (Refused, TooManyTries) as wrong:
        return _second_step(request, web, session, web.staff.own(person), wrong)
    return enter(request, web, account, recovery_page(request, web, codes))


def _second_step(
    request: Request, web: Web, session: Session, account: Account, problem: TranscribeError | None = None
) -> Response:
    shown = second_step(web, session, account)
    return form_page(request, web, "account_second_step.html", problem, account=account, **shown)


@router.post("/account/uitloggen")
def end_sessions(request: Request, web: WebDep, person: PersonDep) -> Response:
    web.staff.end_sessions(person)
    return go(request, "/login")


def _own(request: Request, web: Web, account: Account, here: bytes, problem: TranscribeError | None = None) -> Response:
    return form_page(
        request,
        web,
        "account.html",
        problem,
        account=account,
        doctor=account.role in DOCTORS,
        practice=web.staff.title(account.practice),
        sessions=web.access.of(account),
        this_session=here,
    )


# --- of the practice -----------------------------------------------------------------------------------------------


@router.get("/medewerkers")
def staff_page(request: Request, web: WebDep) -> Response:
    return _staff(request, web)


@router.post("/medewerkers")
def invite(request: Request, web: WebDep, person: PersonDep, fields: FieldsDep) -> Response:
    try:
        account, code = web.staff.invite(
            person,
            name=fields.text("naam"),
            login=fields.text("gebruikersnaam"),
            role=fields.text("rol"),
            manages=fields.ticked("beheer"),
            elsewhere=fields.get("elders", ""),
        )
    except Refused as wrong:
        return _staff(request, web, problem=wrong, typed=fields)
    return _invited(request, web, account, code)


@router.post("/medewerkers/{account_id}/rol")
def change(request: Request, web: WebDep, person: PersonDep, fields: FieldsDep, account_id: UUID) -> Response:
    try:
        web.staff.change(
            person,
            account_id,
            role=fields.text("rol"),
            manages=fields.ticked("beheer"),
            elsewhere=fields.get("elders", ""),
        )
    except Refused as wrong:
        return _staff(request, web, problem=wrong)
    return go(request, "/medewerkers")


@router.post("/medewerkers/{account_id}/uitnodigen")
def invite_again(request: Request, web: WebDep, person: PersonDep, account_id: UUID) -> Response:
    try:
        account, code = web.staff.invite_again(person, account_id)
    except Refused as wrong:
        return _staff(request, web, problem=wrong)
    return _invited(request, web, account, code)


@router.post("/medewerkers/{account_id}/uitschakelen")
def disable(request: Request, web: WebDep, person: PersonDep, account_id: UUID) -> Response:
    try:
        web.staff.disable(person, account_id)
    except Refused as wrong:
        return _staff(request, web, problem=wrong)
    return go(request, "/medewerkers")


def _invited(request: Request, web: Web, account: Account, code: str) -> Response:
    """The link is shown here and nowhere else; the page is the answer to the form, and is not in the history."""
    link = f"{request.base_url}uitnodiging?code={code}"
    return _staff(request, web, invited=account, link=link)


def _staff(
    request: Request,
    web: Web,
    *,
    problem: TranscribeError | None = None,
    typed: Fields | None = None,
    invited: Account | None = None,
    link: str = "",
) -> Response:
    assert web.person is not None
    return form_page(
        request,
        web,
        "staff.html",
        problem,
        people=web.staff.all(web.person),
        practice=web.staff.title(web.person.practice),
        roles=ROLES,
        states=STATE_TEXT,
        own_role=OwnRole.text,
        typed=typed or {},
        invited=invited,
        link=link,
        provider=web.provider.name if web.provider else "",
    )
