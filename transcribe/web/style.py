"""How drafts are written: the practice's style and a doctor's own rules. Everything that counts is on this page."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe import policy
from transcribe.consult import Action
from transcribe.errors import N_, InvalidInput, NotFound
from transcribe.ports import Preferences
from transcribe.soep.own_words import LONGEST as LONGEST_WORD
from transcribe.soep.own_words import check_word
from transcribe.soep.style import LONGEST, Order, Style, check_rule
from transcribe.video import APPS, VideoPresets, checked_presets
from transcribe.web.errors import BAD_FORM
from transcribe.web.requests import FieldsDep, Web, WebDep, checked, go

router = APIRouter(prefix="/stijl", dependencies=[Depends(checked)])

ORDER_TEXT: dict[Order, str] = {
    Order.TALK: N_("Zoals het gezegd is"),
    Order.DENIED_LAST: N_("Eerst wat er is, dan wat er niet is"),
}
#: Whose words they are when they are everybody's.
PRACTICE = ""
#: Words in the longest line that a practice may choose.
LENGTHS = (8, 12, 16, LONGEST)


@router.get("")
def page(request: Request, web: WebDep) -> Response:
    preferences = _preferences(web)
    rules = preferences.rules(web.actor.name)
    return web.pages.render(
        request,
        "style.html",
        style=preferences.style(),
        rights=policy.RIGHTS[web.actor.role],
        orders=ORDER_TEXT,
        lengths=LENGTHS,
        longest=LONGEST,
        accepted=[rule for rule in rules if rule.accepted],
        proposed=[rule for rule in rules if not rule.accepted],
        own_words=preferences.own_words(web.actor.name),
        practice_words=preferences.own_words(PRACTICE),
        longest_word=LONGEST_WORD,
        video=preferences.video_presets(),
        apps=APPS,
    )


@router.post("")
def save(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """The style of the whole practice: a doctor decides."""
    policy.check_may_approve(web.actor)
    try:
        order = Order(fields.text("volgorde"))
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown
    if (length := fields.number("lengte")) not in LENGTHS:
        raise InvalidInput(problem=BAD_FORM)
    style = Style(abbreviations=fields.ticked("afkortingen"), line_words=length, order=order)
    _preferences(web).set_style(style)
    _changed(web, "stijl")
    return go(request, "/stijl")


@router.post("/video")
def save_video(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """Applications for video consults, of the whole practice: a doctor decides."""
    policy.check_may_approve(web.actor)
    ticked = [app for number, app in enumerate(APPS) if fields.ticked(f"app{number}")]
    apps = (*ticked, *fields.text("andere").split(","))
    _preferences(web).set_video_presets(checked_presets(VideoPresets(apps=apps, app=fields.text("vooraf"))))
    _changed(web, "video-apps")
    return go(request, "/stijl")


@router.post("/regel")
def add(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    policy.check_may_edit(web.actor)
    said, written = check_rule(fields.text("gezegd"), fields.text("geschreven"))
    _preferences(web).add_rule(web.actor.name, said, written)
    _changed(web, "woorden")
    return go(request, "/stijl")


@router.post("/regel/{rule_id}/aan")
def accept(request: Request, web: WebDep, rule_id: UUID) -> Response:
    policy.check_may_edit(web.actor)
    _preferences(web).accept_rule(web.actor.name, rule_id)
    _changed(web, "woorden")
    return go(request, "/stijl")


@router.post("/regel/{rule_id}/weg")
def remove(request: Request, web: WebDep, rule_id: UUID) -> Response:
    policy.check_may_edit(web.actor)
    _preferences(web).remove_rule(web.actor.name, rule_id)
    _changed(web, "woorden")
    return go(request, "/stijl")


@router.post("/woord")
def add_word(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """To one's own list, or to that of the practice."""
    policy.check_may_edit(web.actor)
    preferences, owner = _preferences(web), _owner(web, fields.text("lijst"))
    preferences.add_word(owner, check_word(fields.text("woord"), preferences.own_words(owner)))
    _changed(web, "woorden")
    return go(request, "/stijl")


@router.post("/woord/weg")
def remove_word(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    policy.check_may_edit(web.actor)
    _preferences(web).remove_word(_owner(web, fields.text("lijst")), fields.text("woord"))
    _changed(web, "woorden")
    return go(request, "/stijl")


def _changed(web: Web, what: str) -> None:
    """In the access log: what writes drafts has to do with what stands in them."""
    web.workflow.log(web.actor, Action.SETTINGS_CHANGED, what)


def _owner(web: Web, which: str) -> str:
    if which not in ("eigen", "praktijk"):
        raise InvalidInput(problem=BAD_FORM)
    return web.actor.name if which == "eigen" else PRACTICE


def _preferences(web: Web) -> Preferences:
    if web.preferences is None:
        raise NotFound
    return web.preferences
