"""The processes of a service: one machine with everything on it, or one part of it in this process.

One machine is not a second code path: its supervisor starts the same web and worker processes that many machines run
by themselves, and lends them its database.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from transcribe.consult import Lane
from transcribe.errors import N_, InvalidInput
from transcribe.settings import Settings
from transcribe.supervisor import Child, Supervisor, supervised

#: In the environment of the web child: the number of the listening socket that it was given.
LISTENING = "TRANSCRIBE_LISTENING"
#: Batch work gives way to everything else on the machine.
BATCH_NICE = 10
#: One worker with more is hardly faster; it is what CTranslate2 takes by itself.
MOST_THREADS = 4


def serve_machine(
    settings: Settings, *, live_workers: int = 1, browser: bool = False, warn: Callable[[], None]
) -> None:
    """Web, ``live_workers`` for live work, one for batch work and the database, until SIGTERM or SIGINT.

    ``warn`` is called when there is no speech model. Raises what is wrong with the installation before anything of it
    runs: the children would only say it again and again.
    """
    from transcribe.app import check_host, listen, open_service

    check_host(settings)
    # SIGHUP: the terminal is closed. While we start, a signal leaves through the blocks below, as Ctrl-C does.
    ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for one in ends:
        signal.signal(one, lambda *_: sys.exit(0))
    listener = listen(settings.host, settings.port)
    with listener, database(settings) as (settings, revive):
        with open_service(settings) as service:
            if service.model is None:
                warn()
        lanes = [*([Lane.LIVE] * live_workers), Lane.BATCH]
        supervisor = Supervisor(
            [web_child(settings, listener, browser=browser), *worker_children(settings, lanes)], revive
        )
        for one in ends:
            signal.signal(one, lambda *_: supervisor.stop())
        supervisor.run()


@contextmanager
def database(settings: Settings) -> Iterator[tuple[Settings, Callable[[], None]]]:
    """The settings with a database that runs, and what brings it back when it dies."""
    from transcribe.app import check_mode, embedded_server
    from transcribe.store.folders import make_data_dir

    if settings.database_url:
        yield settings, lambda: None  # somebody else's to bring back
        return
    make_data_dir(settings.data_dir)
    check_mode(settings)
    with embedded_server(settings) as server:
        yield settings.model_copy(update={"database_url": server.url}), server.revive


def workers(
    settings: Settings,
    database_url: str,
    lanes: Sequence[Lane] = (Lane.LIVE,),
    *,
    revive: Callable[[], None] = lambda: None,
) -> AbstractContextManager[None]:
    """Worker processes beside the block; gone when it ends."""
    return supervised(worker_children(settings.model_copy(update={"database_url": database_url}), lanes), revive)


def worker_children(settings: Settings, lanes: Sequence[Lane]) -> list[Child]:
    return [
        Child(
            name=f"worker {number} ({lane.value})",
            command=_command("--role", "worker", "--lane", lane.value),
            environment={**_threads(lane, lanes), **environment(settings)},
        )
        for number, lane in enumerate(lanes, start=1)
    ]


def _threads(lane: Lane, lanes: Sequence[Lane]) -> dict[str, str]:
    """Workers that are all busy at once share the processors. With more threads than that they wait for each other:
    on two processors a batch took twice as long (``benchmarks/batch.py``). Whoever sets
    ``OMP_NUM_THREADS`` decides himself.
    """
    busy = lanes.count(lane)
    if lane is not Lane.BATCH or busy < 2:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, min(MOST_THREADS, processors() // busy)))}


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def web_child(settings: Settings, listener: socket.socket, *, browser: bool = False) -> Child:
    """``listener`` stays ours: a connection that comes while the web starts again waits in its backlog."""
    return Child(
        name="web",
        command=_command("--role", "web", *(["--browser"] if browser else [])),
        environment={**environment(settings), LISTENING: str(listener.fileno())},
        keep_open=(listener.fileno(),),
    )


def environment(settings: Settings) -> dict[str, str]:
    """Ours, with these settings. Passwords go this way and never over a command line, see ``supervisor``."""
    return {**os.environ, **_variables(settings)}


def _variables(settings: Settings) -> Mapping[str, str]:
    values = {name.upper(): value for name, value in settings.model_dump(mode="json").items()}
    values["MASTER_KEY_FROM"] = values.pop("MASTER_KEY")
    return {f"TRANSCRIBE_{name}": "" if value is None else str(value) for name, value in values.items()}


def _command(*options: str) -> list[str]:
    # -P: a folder named transcribe where we were started is not our program
    return [sys.executable, "-P", "-m", "transcribe", "serve", *options]


# --- one part, in this process -------------------------------------------------------------------------------------


def serve_web(settings: Settings, *, ready: Callable[[str, str], None], warn: Callable[[], None]) -> None:
    """The screens, until SIGTERM or SIGINT. ``ready`` gets our address, and a one-time ticket as long as one opens
    something.
    """
    from transcribe.app import access_key, check_host, listen, make_web, open_service, serve
    from transcribe.store.sessions import PostgresSessions
    from transcribe.web.access import Access

    _need_database(settings)
    lent = os.environ.pop(LISTENING, "")
    if not lent:
        check_host(settings)
    listener = socket.socket(fileno=int(lent)) if lent else listen(settings.host, settings.port)
    with listener, open_service(settings) as service, PostgresSessions(service.database_url) as sessions:
        access = Access(access_key(settings.data_dir), sessions)
        app = make_web(service, access)
        if service.model is None and not lent:
            warn()
        address = address_of(settings, port=listener.getsockname()[1])
        opens = service.accounts is None or service.accounts.key_opens() is not None
        serve(
            app,
            listener,
            ready=lambda: ready(address, access.ticket() if opens else ""),
            tend=service.finish_abandoned,
        )


def address_of(settings: Settings, *, port: int) -> str:
    """Where a browser finds the screens."""
    if settings.public_host:
        return f"https://{settings.public_host}"
    return f"http://[{settings.host}]:{port}" if ":" in settings.host else f"http://{settings.host}:{port}"


def serve_worker(settings: Settings, lane: Lane) -> int:
    """Jobs of one lane, until SIGTERM or SIGINT. Returns the exit status; see ``app.run_worker``."""
    from transcribe.app import run_worker

    _need_database(settings)
    if lane is Lane.BATCH:
        os.nice(BATCH_NICE)
    return run_worker(settings, lane)


def _need_database(settings: Settings) -> None:
    if not settings.database_url:
        raise InvalidInput(
            problem=N_("Met --role werkt u op een eigen PostgreSQL-server: noem die met TRANSCRIBE_DATABASE_URL.")
        )
