"""Where an act comes from, for the access log and for log lines: at what kind of screen, from where, in which request.

It is the business of the edge, and of no rule or use case: whoever lets somebody in says it once, and it goes with the
thread of execution (``contextvars``; the web's thread pool takes it along). A thread that we start ourselves has none:
then it is the service itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Client(StrEnum):
    """The kind of access point (NEN 7513 ``NetworkAccessPointTypeCode``)."""

    BROWSER = "browser"
    WORKSTATION = "werkplek"  # the recorder of the command line
    COMMAND = "opdrachtregel"
    SERVICE = "dienst"  # nobody: a worker, or the keeper


@dataclass(frozen=True, kw_only=True)
class Origin:
    client: Client = Client.SERVICE
    address: str = ""  # IP address; "" on the machine itself
    request: str = ""  # number of the web request, also in the log lines of the service


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  (it is frozen)


def origin() -> Origin:
    """Of what is being done now."""
    return _current.get()


@contextmanager
def coming_from(here: Origin) -> Iterator[None]:
    token = _current.set(here)
    try:
        yield
    finally:
        _current.reset(token)
