"""Who may do what, and when: pure rules that raise a sentence a person can read. Tests are truth tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta

from transcribe.consult import (
    LIVE,
    STOPPING,
    TRANSITIONS,
    Actor,
    Approval,
    Consult,
    Job,
    Part,
    Reason,
    Role,
    Space,
    Stage,
    Status,
    name_key,
)
from transcribe.errors import (
    N_,
    CopyChanged,
    DemoModelRefused,
    DiskLow,
    ExerciseNotCopied,
    ExerciseRefused,
    InvalidInput,
    LineChanged,
    NotAllowed,
    NotApproved,
    NoteHasOpenFlags,
    NothingToApprove,
    NotInEmergency,
    NotPassedOn,
    TextChanged,
    WaitsFor,
    WaitsForNobody,
    WrongStatus,
)
from transcribe.soep.note import Line, Note, line_hash, note_text, text_hash

EVERYBODY = frozenset({Role.HUISARTS, Role.WAARNEMER, Role.POH, Role.ASSISTENTE})
CAREGIVERS = frozenset({Role.HUISARTS, Role.WAARNEMER, Role.POH})
DOCTORS = frozenset({Role.HUISARTS, Role.WAARNEMER})


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a role may do."""

    record: bool  # start consults, record consent and withdrawal, bring in recordings
    edit: bool  # read and change the note, listen
    approve: bool
    copy: bool
    logs: bool  # read the access log, and tell a patient who saw what


RIGHTS: dict[Role, Rights] = {
    role: Rights(
        record=role in EVERYBODY,
        edit=role in CAREGIVERS,
        approve=role in DOCTORS,
        copy=role in CAREGIVERS,
        logs=role in DOCTORS or role is Role.LOGBEHEERDER,
    )
    for role in Role
}

#: Statuses in which there is a note to read.
WITH_NOTE = frozenset({Status.DRAFTED, Status.APPROVED, Status.DELIVERED})
#: Statuses in which the recording must be there, or is on its way.
WITH_SOURCE = frozenset({Status.RECORDING, Status.PAUSED, Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED})
#: Statuses in which it is being made: it is in the spool.
RUNNING = frozenset({Status.RECORDING, Status.PAUSED})
#: Statuses in which it is stored.
STORED = WITH_SOURCE - RUNNING
#: Statuses in which what is recorded of a video consult waits for the note.
BEFORE_NOTE = frozenset({Status.CONSENTED, *WITH_SOURCE}) - WITH_NOTE
#: Statuses that end a consult.
OVER = frozenset({Status.REFUSED, Status.WITHDRAWN, Status.DISCARDED, Status.ERASED})

#: The step a worker takes for a consult in this status.
STAGES = {Status.RECORDED: Stage.TRANSCRIBE, Status.TRANSCRIBED: Stage.DRAFT}

#: Of unverified consults: nobody but a person can go on with them.
UNVERIFIED = frozenset(
    {Status.CONSENTED, Status.RECORDING, Status.PAUSED, Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED}
)
#: So long before an unverified consult is erased its page and the worklist say so.
WARNED_BEFORE = timedelta(days=3)


def part_of(consult: Consult, person: str = "") -> Part:
    """Of the worklist of that person."""
    if consult.status is Status.DRAFTED:
        if not consult.waits_for:
            return Part.CHECK
        return Part.MINE if name_key(consult.waits_for) == name_key(person) else Part.OTHERS
    if consult.exercise and consult.status is Status.APPROVED:
        return Part.DONE  # it is never copied
    if consult.status is Status.APPROVED or (consult.status in STAGES and consult.reason in STOPPING):
        return Part.ACT
    return Part.DONE if consult.status is Status.DELIVERED or consult.status in OVER else Part.BUSY


def stage_of(consult: Consult) -> Stage | None:
    """What a worker has to do for this consult now; None when it waits for a person, or for nothing."""
    return None if consult.reason in STOPPING else STAGES.get(consult.status)


def job_for(consult: Consult, need: str) -> Job | None:
    """The job of ``stage_of``. ``need``: what a worker must have to transcribe."""
    stage = stage_of(consult)
    if stage is None:
        return None
    return Job(
        stage=stage,
        consult_id=consult.id,
        lane=consult.lane,
        practice=consult.practice,
        followed=stage is Stage.TRANSCRIBE and consult.upload.startswith(LIVE),
        need=need if stage is Stage.TRANSCRIBE else "",
    )


def can_go_on(consult: Consult) -> bool:
    """Can its recording go on after it was ended? On the machine where it was made live, until it is signed.

    Not when some of it could not be read back: what is known of those places would be lost. Nor that of an exercise:
    other errors would be planted in another draft.
    """
    return (
        consult.status in STORED
        and not consult.exercise
        and consult.upload.startswith(LIVE)
        and consult.reason is not Reason.EDITED_AFTER_APPROVAL
        and not consult.lost_s
    )


def expires(consult: Consult, unverified_days: int) -> datetime | None:
    """When an unverified consult is erased if nobody touches it; None for one that is not."""
    if consult.status not in UNVERIFIED:
        return None
    return consult.expires_at or consult.changed_at + untouched(unverified_days) + WARNED_BEFORE


def untouched(unverified_days: int) -> timedelta:
    """So long after its last change a consult is given the moment at which it expires, and people are warned."""
    return max(timedelta(days=unverified_days) - WARNED_BEFORE, timedelta(0))


#: A warning and never a refusal: of a HIS's own numbers of nine digits one in eleven passes the test too, and a
#: practice whose HIS hands over the BSN must be able to record.
LIKE_BSN = N_("Dit patiëntkenmerk lijkt een BSN. Gebruik voortaan het patiëntnummer uit uw HIS, nooit het BSN.")


def like_bsn(patient_ref: str) -> bool:
    """Nine digits that pass the 11-test (weights 9 to 2, and -1), whatever blanks, dots, hyphens, words are there."""
    together = re.sub(r"[\s.\-]", "", patient_ref)
    return any(
        digits != "0" * 9 and sum(int(one) * weight for one, weight in zip(digits, _BSN, strict=True)) % 11 == 0
        for digits in re.findall(r"(?<![0-9])[0-9]{9}(?![0-9])", together)
    )


_BSN = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def check_space(space: Space, min_free_percent: float) -> None:
    """Room for those who are recording comes before a new one. Raises ``DiskLow``."""
    if low(space, min_free_percent):
        raise DiskLow(percent=percent_free(space))


def low(space: Space, min_free_percent: float) -> bool:
    return space.free < space.total * min_free_percent / 100


def percent_free(space: Space) -> int:
    return int(100 * space.free / space.total) if space.total else 0


def check_may_record(actor: Actor) -> None:
    if not RIGHTS[actor.role].record:
        raise NotAllowed(role=actor.role.value)


def check_may_edit(actor: Actor) -> None:
    if not RIGHTS[actor.role].edit:
        raise NotAllowed(role=actor.role.value)


def check_may_approve(actor: Actor) -> None:
    if not RIGHTS[actor.role].approve:
        raise NotAllowed(role=actor.role.value)


def check_may_copy(actor: Actor) -> None:
    if not RIGHTS[actor.role].copy:
        raise NotAllowed(role=actor.role.value)


def check_may_read_log(actor: Actor) -> None:
    if not RIGHTS[actor.role].logs:
        raise NotAllowed(role=actor.role.value)


def check_transition(consult: Consult, to: Status) -> None:
    """Raises ``WrongStatus`` unless ``TRANSITIONS`` allows it."""
    if to not in TRANSITIONS[consult.status]:
        raise WrongStatus(status=consult.status.value)


def check_status(consult: Consult, allowed: frozenset[Status]) -> None:
    if consult.status not in allowed:
        raise WrongStatus(status=consult.status.value)


def responsible(role: Role, practice: str) -> str:
    """On whose behalf: a doctor answers for themselves, anybody else works for the practice."""
    return "" if RIGHTS[role].approve else practice


def receiver(actor: Actor) -> str:
    """The name by which drafts wait for this person; "" for who may not read one, whatever others typed."""
    return actor.name if RIGHTS[actor.role].edit else ""


def waits_elsewhere(actor: Actor, consult: Consult) -> bool:
    """A draft that waits for somebody is theirs."""
    return bool(consult.waits_for) and name_key(consult.waits_for) != name_key(receiver(actor))


def check_turn(actor: Actor, consult: Consult) -> None:
    """Nobody else changes it, signs it or throws it away. Raises ``WaitsFor``."""
    if waits_elsewhere(actor, consult):
        raise WaitsFor(name=consult.waits_for)


def check_pass_on(actor: Actor, consult: Consult, to: str) -> None:
    """The gate before a draft waits for ``to``: whoever may edit it, when it is their turn."""
    check_may_edit(actor)
    check_status(consult, frozenset({Status.DRAFTED}))
    check_turn(actor, consult)
    check_keeps(actor, consult)
    if consult.exercise:
        raise InvalidInput(problem=N_("Een oefening is voor uzelf: overdragen kan niet."))
    if name_key(to) == name_key(actor.name):
        raise InvalidInput(problem=N_("Kies een collega: aan uzelf overdragen kan niet."))


def check_name(name: str) -> None:
    """The name of a colleague that nobody here is known by: what else it may be is a date, a number, or a letter of
    another alphabet that looks like ours, by which nobody would ever find the draft.
    """
    letters = [sign for sign in name if sign not in " .-'"]
    scripts = {unicodedata.name(sign, "").partition(" ")[0] for sign in letters}
    if len(scripts) != 1 or not all(unicodedata.category(sign) in _LETTERS for sign in letters):
        raise InvalidInput(problem=N_("Deze naam kan niet. Gebruik alleen letters, zoals in “W. de Neem-'t Hart”."))


_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})


def check_send_back(actor: Actor, consult: Consult) -> None:
    """To whoever passed it on: only by the one it waits for."""
    check_may_edit(actor)
    check_status(consult, frozenset({Status.DRAFTED}))
    check_turn(actor, consult)
    check_keeps(actor, consult)
    if not (consult.waits_for and consult.passed_by):
        raise NotPassedOn


def may_take_over(actor: Actor, consult: Consult) -> bool:
    """Every doctor, whoever passed it on, and of a closed consult those who keep it: a name that was typed wrong must
    not keep a draft from everybody.
    """
    rights = RIGHTS[actor.role]
    keeps = bool(consult.readers) and not closed_to(actor, consult)  # back from who took it over in an emergency
    return rights.approve or (rights.edit and (keeps or name_key(consult.passed_by) == name_key(actor.name)))


def check_take_over(actor: Actor, consult: Consult) -> None:
    if not may_take_over(actor, consult):
        raise NotAllowed(role=actor.role.value)
    check_status(consult, frozenset({Status.DRAFTED}))
    if not consult.waits_for:
        raise WaitsForNobody


def check_edit(actor: Actor, consult: Consult) -> None:
    """A note may be changed as long as there is one; that of an exercise until it is signed, when it was marked."""
    check_may_edit(actor)
    check_status(consult, frozenset({Status.DRAFTED}) if consult.exercise else WITH_NOTE)


#: So long an emergency opens a closed consult.
EMERGENCY_LASTS = timedelta(minutes=60)
#: So long those to whom it is not closed are told of an emergency on their worklist.
EMERGENCY_TOLD = timedelta(days=14)


def closed_to(actor: Actor, consult: Consult) -> bool:
    """Do other people keep it? Then only an emergency opens it, and the patient's withdrawal goes on all the same."""
    return bool(consult.readers) and name_key(actor.name) not in {name_key(one) for one in consult.readers}


def with_reader(actor: Actor, consult: Consult, name: str) -> tuple[str, ...]:
    """Who may open it when ``actor`` gives it to this colleague. An emergency makes nobody a reader."""
    known = not consult.readers or name_key(name) in {name_key(one) for one in consult.readers}
    return consult.readers if known or closed_to(actor, consult) else (*consult.readers, name)


def check_keeps(actor: Actor, consult: Consult) -> None:
    """For what is not undone when an emergency is over: destroying, passing on, lifting the closing."""
    if closed_to(actor, consult):
        raise NotInEmergency


def check_close(actor: Actor, consult: Consult) -> None:
    """The gate before a consult is kept from colleagues. Not while it is recorded: whoever records would lose it."""
    check_may_edit(actor)
    if consult.status in OVER | RUNNING:
        raise WrongStatus(status=consult.status.value)
    if consult.exercise:
        raise InvalidInput(problem=N_("Een oefening is voor uzelf: afschermen is niet nodig."))
    if consult.readers:
        raise InvalidInput(problem=N_("Dit consult is al afgeschermd."))
    check_turn(actor, consult)


def may_close(actor: Actor, consult: Consult) -> bool:
    """Would ``check_close`` let this person?"""
    fit = consult.status not in OVER | RUNNING and not consult.exercise and not consult.readers
    return fit and RIGHTS[actor.role].edit and not waits_elsewhere(actor, consult)


def may_lift(actor: Actor, consult: Consult) -> bool:
    """May this person give it back to the practice? One to whom it was not closed; an emergency does not give that."""
    return bool(consult.readers) and RIGHTS[actor.role].edit and not closed_to(actor, consult)


def check_emergency(actor: Actor, consult: Consult) -> None:
    """Only a doctor answers for an emergency."""
    check_may_approve(actor)
    if consult.status in OVER:
        raise WrongStatus(status=consult.status.value)
    if not closed_to(actor, consult):
        raise InvalidInput(problem=N_("Dit consult is voor u niet afgeschermd. Open het gewoon."))


def check_name_speakers(actor: Actor, consult: Consult) -> None:
    """As to change the note, while it is a draft. In an exercise it is known who speaks."""
    check_may_edit(actor)
    check_status(consult, frozenset({Status.DRAFTED}))
    check_turn(actor, consult)
    check_keeps(actor, consult)
    if consult.exercise:
        raise InvalidInput(problem=N_("Bij een oefening staat vast wie wat zei."))


def may_name_speakers(actor: Actor, consult: Consult) -> bool:
    """Would ``check_name_speakers`` let this person?"""
    drafted = consult.status is Status.DRAFTED and not consult.exercise
    return drafted and RIGHTS[actor.role].edit and not waits_elsewhere(actor, consult) and not closed_to(actor, consult)


def check_confirm(line: Line, flags: Iterable[str], shown: str) -> None:
    """A line is confirmed as it was on the screen, with the questions that stood there. ``shown``: the ``line_hash`` of
    that. Raises ``LineChanged``.
    """
    if line_hash(line, flags) != shown:
        raise LineChanged


def check_exercise(*, demo: bool) -> None:
    """Errors are planted in a demonstration and nowhere else."""
    if not demo:
        raise ExerciseRefused


def check_approve(actor: Actor, consult: Consult, note: Note, open_points: Sized, shown: str) -> None:
    """The gate before a signature: a doctor, a draft that waits for nobody else, every flag handled, and exactly the
    text that was on the screen.

    ``open_points``: what nobody answered of what must be. ``shown`` is the SHA-256 of the text the person saw.
    """
    check_may_approve(actor)
    check_transition(consult, Status.APPROVED)
    check_turn(actor, consult)
    if not any(True for _ in note.lines()):
        raise NothingToApprove
    if open_points:
        raise NoteHasOpenFlags(count=len(open_points))
    if text_hash(note_text(note)) != shown:
        raise TextChanged


def check_deliver(
    actor: Actor,
    consult: Consult,
    note_version: int,
    note: Note,
    approval: Approval | None,
    shown_sha256: str | None = None,
) -> Approval:
    """The gate before a copy: an approval of exactly this version and exactly this text. Returns it.

    None opens it for an exercise. ``shown_sha256``: of the whole text on the screen, as for an approval (None: there is
    no screen). Raises ``CopyChanged`` when another one was signed since: nobody copies what they did not see.
    """
    check_may_copy(actor)
    if consult.exercise:
        raise ExerciseNotCopied
    if (
        consult.status not in {Status.APPROVED, Status.DELIVERED}
        or approval is None
        or approval.note_version != note_version
        or approval.sha256 != text_hash(note_text(note))
    ):
        # whoever reads a signed text on the screen must not hear that it was never signed
        raise NotApproved if approval is None or shown_sha256 is None else CopyChanged
    if shown_sha256 is not None and shown_sha256 != approval.sha256:
        raise CopyChanged
    return approval


def check_model(name: str, *, demo_only: bool, demo: bool) -> None:
    """A demonstration model never hears a real consult."""
    if demo_only and not demo:
        raise DemoModelRefused(model=name)
