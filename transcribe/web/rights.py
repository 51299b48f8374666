"""Who may use which route: one table, for all of them (docs/rights.md). A route that is not in it is refused.

The use cases have their own rules (``policy.py``), which look at the consult as well; this is the fence around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from transcribe.accounts import LogKept, NotManager, Person
from transcribe.consult import Role
from transcribe.errors import NotAllowed
from transcribe.policy import CAREGIVERS, DOCTORS, EVERYBODY, RIGHTS


@dataclass(frozen=True, kw_only=True)
class Rule:
    roles: frozenset[Role] = field(default_factory=frozenset)
    managers: bool = False  # whoever manages the accounts, whatever the role
    closed: bool = False  # of a consult that is closed to whoever asks, too (policy.closed_to)
    urgent: bool = False  # of such a one in an emergency: to read it, and to finish its note


ANYONE = Rule(roles=frozenset(Role) - {Role.SYSTEEM})
CARE = Rule(roles=EVERYBODY)
CARE_ALWAYS = Rule(roles=EVERYBODY, closed=True)
EDIT = Rule(roles=CAREGIVERS)
EDIT_URGENT = Rule(roles=CAREGIVERS, urgent=True)
SIGN = Rule(roles=DOCTORS)
MANAGE = Rule(managers=True)
LOGS = Rule(roles=frozenset(role for role in Role if RIGHTS[role].logs))

#: By module and function of the route.
RULES: dict[str, Rule] = {
    "entry.logout": ANYONE,
    "entry.active": ANYONE,
    "entry.session": ANYONE,
    "entry.choose_language": ANYONE,
    "locking.page": ANYONE,
    "locking.unlock": ANYONE,
    # one's own account
    "account.own_page": ANYONE,
    "account.change_password": ANYONE,
    "account.second_step_page": ANYONE,
    "account.change_second_step": ANYONE,
    "account.end_sessions": ANYONE,
    # one's own voice; whoever may not make a profile any more can still have it destroyed
    "voice.page": ANYONE,
    "voice.enrol": SIGN,
    "voice.remove": ANYONE,
    # others'
    "account.staff_page": MANAGE,
    "account.invite": MANAGE,
    "account.change": MANAGE,
    "account.invite_again": MANAGE,
    "account.disable": MANAGE,
    # the worklist; without care for patients it leads to one's own page
    "routes.home": ANYONE,
    "routes.refreshed_list": CARE,
    "routes.search": CARE,
    "routes.found": CARE,
    # who saw what
    "access_log.page": LOGS,
    "access_log.filtered": LOGS,
    "access_log.of_patient": LOGS,
    # what was destroyed: numbers and reasons, nothing of a patient
    "erased.destroyed": ANYONE,
    # consent
    "consenting.download": CARE,
    "consenting.texts_page": CARE,
    "consenting.text_page": CARE,
    # a talk to try the sound with: nothing of it comes here
    "trying.page": CARE,
    "trying.page_before": CARE,
    # a consult until there is a draft
    "routes.new": CARE,
    "routes.create": CARE,
    "routes.record_consent": CARE,
    "routes.withdraw": CARE_ALWAYS,  # the patient's right waits for nobody
    "routes.consult_page": CARE_ALWAYS,  # it says that it is closed, and what one can do
    "routes.progress": Rule(roles=EVERYBODY, urgent=True),
    "routes.standing": CARE_ALWAYS,  # a page that shows it goes
    "routes.retry": CARE,
    "routes.discard": CARE,
    "routes.erase": SIGN,
    "video.record": CARE,
    "exercise.begin": CARE,
    "media.receive": CARE,
    # many recordings at a time
    "batch.page": CARE,
    "batch.empty_list": CARE,
    "batch.list_of": CARE,
    "batch.rows": CARE,
    "batch.prepare": CARE,
    "batch.receive": CARE,
    "batch.standing": CARE,
    "batch.summary": CARE,
    "ingest.begin": CARE,
    "ingest.pause": CARE,
    "ingest.resume": CARE,
    "ingest.finish": CARE,
    "ingest.go_on": CARE,
    "ingest.client_key": CARE,
    "ingest.standing": CARE,
    "ingest.stream": CARE,
    # what was said, and the note
    "media.audio": EDIT_URGENT,
    "media.outline": EDIT_URGENT,
    "ingest.growing": EDIT_URGENT,
    "review.change_page": EDIT_URGENT,
    "review.edit": EDIT_URGENT,
    "review.typed": EDIT_URGENT,
    "review.confirm": EDIT_URGENT,
    "review.see": EDIT_URGENT,
    "review.dismiss": EDIT_URGENT,
    "review.remove": EDIT_URGENT,
    "review.restore": EDIT_URGENT,
    "review.add": EDIT_URGENT,
    "review.take": EDIT_URGENT,
    "review.move": EDIT_URGENT,
    "review.undo": EDIT_URGENT,
    "review.redo": EDIT_URGENT,
    "review.merge": EDIT_URGENT,
    "review.codes": EDIT_URGENT,
    "review.code": EDIT_URGENT,
    "review.approve": Rule(roles=DOCTORS, urgent=True),
    "review.deliver": EDIT_URGENT,
    "review.copy_text": EDIT_URGENT,
    "contact.declare": SIGN,
    "video.change": EDIT,
    "speakers.name": EDIT,
    "passing.pass_on": EDIT,
    "passing.send_back": EDIT,
    "passing.take_over": EDIT_URGENT,
    # kept from colleagues
    "closing.close": EDIT,
    "closing.lift": EDIT,
    "closing.emergency": Rule(roles=DOCTORS, closed=True),
    # how drafts are written
    "style.page": CARE,
    "style.save": SIGN,
    "style.save_video": SIGN,
    "style.add": EDIT,
    "style.accept": EDIT,
    "style.remove": EDIT,
    "style.add_word": EDIT,
    "style.remove_word": EDIT,
}


def name_of(endpoint: Callable[..., Any]) -> str:
    return f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"


def permitted(rule: Rule, person: Person) -> bool:
    if rule is LOGS and person.log_kept:
        return False
    return person.actor.role in rule.roles or (rule.managers and person.manages)


def rule_of(connection: HTTPConnection) -> Rule:
    """Nobody's, for a route that is not in the table."""
    return RULES.get(name_of(connection.scope["endpoint"]), Rule())


def check_right(connection: HTTPConnection) -> None:
    """Raises ``NotAllowed``, ``LogKept`` or ``NotManager`` unless whoever is logged in may use this route."""
    rule = rule_of(connection)
    person: Person = connection.state.person
    if permitted(rule, person):
        return
    if rule is LOGS and person.log_kept:
        raise LogKept
    raise NotManager if rule.managers else NotAllowed(role=person.actor.role.value)
