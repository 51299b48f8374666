"""Who reads the access log: every look at it is a row of it as well, written before anything is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from transcribe import policy
from transcribe.access_log import LEAST_YEARS
from transcribe.consult import Action, Actor, AuditEvent, LogFilter, Logged
from transcribe.errors import N_, InvalidInput
from transcribe.ports import Store
from transcribe.writer import Writer

#: Rows that are fetched at once where all are wanted.
PIECE = 1000


class LogReading:
    """One object for all threads."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    def page(self, actor: Actor, wanted: LogFilter, *, after: int | None = None, limit: int = 50) -> list[Logged]:
        """Newest first. Raises ``NotAllowed``, ``NotFound`` (there is no row ``after``)."""
        policy.check_may_read_log(actor)
        self._log(actor, Action.LOG_VIEWED, wanted)
        return self._store.logged(wanted, after=after, limit=limit)

    def people(self, actor: Actor) -> list[str]:
        """Everybody in it, to choose from."""
        policy.check_may_read_log(actor)
        return self._store.log_actors()

    def of_patient(self, actor: Actor, wanted: LogFilter) -> list[Logged]:
        """Everything that is logged about one patient in that time, oldest first. Raises ``InvalidInput``."""
        policy.check_may_read_log(actor)
        if not wanted.patient_ref.strip():
            raise InvalidInput(problem=N_("Vul een patiëntkenmerk in, bijvoorbeeld het nummer uit uw HIS."))
        self._log(actor, Action.LOG_OVERVIEW, wanted)
        return list(rows(self._store, replace(wanted, actor="", action=None, consult_id=None)))

    def _log(self, actor: Actor, action: Action, wanted: LogFilter) -> None:
        event: AuditEvent = self._writer.event(actor, action, wanted.consult_id)
        self._store.log(event, patient_ref=wanted.patient_ref)


def rows(store: Store, wanted: LogFilter) -> Iterator[Logged]:
    """All of them, oldest first, a piece at a time: in constant memory, and without a transaction that lasts."""
    after: int | None = None
    while found := store.logged(wanted, after=after, limit=PIECE, oldest_first=True):
        yield from found
        after = found[-1].seq


def check_prune(before: datetime, now: datetime) -> None:
    """Raises ``InvalidInput`` for rows that must be kept. Both aware."""
    if before > years_ago(now, LEAST_YEARS):
        raise InvalidInput(
            problem=N_("Regels van het toegangslog worden vijf jaar bewaard. Kies een datum van langer geleden.")
        )


def years_ago(now: datetime, years: int) -> datetime:
    """29 February becomes the 28th."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)
