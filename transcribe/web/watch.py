"""For machines that watch this one: is it ready, and its figures. Numbers and codes, never anything of a patient."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException

from transcribe.consult import Lane, Reason, Space, Status
from transcribe.health import Examined, Problem, alive, examine
from transcribe.outbound import TALLY, Counted, Outcome
from transcribe.vitals import Queue, Vitals

router = APIRouter()

Found = TypeVar("Found")

LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: What a proxy adds: a request with one of these comes from elsewhere, whatever its address says.
FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")

#: An empty one has a figure too, 0: an alarm on a figure that is not there never sounds.
STANDARD_QUEUES = tuple(f"{kind}.{lane.value}" for lane in Lane for kind in ("asr", "end", "note"))


class Watch:
    """What is watched. Thread-safe."""

    def __init__(
        self,
        *,
        vitals: Callable[[], Vitals],
        space: Callable[[], Space],
        min_free_percent: float,
        check_key: Callable[[], None] = lambda: None,
        ask_sound: Callable[[], object] = lambda: None,
        try_disk: Callable[[], object] = lambda: None,
        metrics_token: str = "",
        fresh_s: float = 1.0,
        late_s: float = 5.0,
    ) -> None:
        """``vitals`` to ``try_disk``: as in ``health.examine``, which is done once in ``fresh_s`` seconds. What keeps
        it waiting for longer than ``late_s`` is a problem, whatever comes of it.

        Whoever may ask without a log-in must not keep the database busy, nor all our threads when that is stuck.
        """
        self.metrics_token = metrics_token
        self._examine = partial(
            examine,
            self._waiting_for(Problem.DATABASE, vitals),
            self._waiting_for(Problem.DISK_WRITE, space),
            min_free_percent=min_free_percent,
            check_key=self._waiting_for(Problem.DATABASE, check_key),
            ask_sound=self._waiting_for(Problem.SOUND_STORE, ask_sound),
            try_disk=self._waiting_for(Problem.DISK_WRITE, try_disk),
        )
        self._fresh_s = fresh_s
        self._late_s = late_s
        self._lock = threading.Lock()
        self._found: Examined | None = None
        self._found_at = 0.0  # monotonic
        self._under_way: Future[Examined] | None = None
        self._begun_at = 0.0  # monotonic
        self._waits_for = Problem.DATABASE

    def examine(self) -> Examined:
        """While another examination is under way: what was found the time before, unless that one is late."""
        with self._lock:
            now = time.monotonic()
            known, under_way = self._found, self._under_way
            if under_way is not None:
                if known is not None and now - self._begun_at <= self._late_s:
                    return known
            elif known is not None and now - self._found_at < self._fresh_s:
                return known
            else:
                under_way = self._under_way = Future()
                self._begun_at = now
                # not in our own thread: who hangs there can't tell that he does
                threading.Thread(target=self._look, args=(under_way,), name="watch", daemon=True).start()
            left_s = self._begun_at + self._late_s - now
        try:
            return under_way.result(timeout=max(0.0, left_s))
        except TimeoutError:
            return self._late(known)

    def _look(self, under_way: Future[Examined]) -> None:
        try:
            found = self._examine()
        except BaseException as error:  # noqa: BLE001  (for whoever asked)
            with self._lock:
                self._under_way = None
            under_way.set_exception(error)
            return
        with self._lock:
            self._found, self._found_at, self._under_way = found, time.monotonic(), None
        under_way.set_result(found)

    def _late(self, known: Examined | None) -> Examined:
        late = self._waits_for
        if known is None:
            return Examined(vitals=None, space=None, problems=(late,))
        return Examined(
            vitals=None if late is Problem.DATABASE else known.vitals,  # figures from before it hung are no figures
            space=known.space,
            problems=tuple(dict.fromkeys((*known.problems, late))),
        )

    def _waiting_for(self, problem: Problem, ask: Callable[[], Found]) -> Callable[[], Found]:
        def asked() -> Found:
            self._waits_for = problem
            return ask()

        return asked


def watch_of(request: Request) -> Watch:
    watch: Watch | None = request.app.state.watch
    if watch is None:
        raise HTTPException(404)
    return watch


@router.get("/health/ready")
def ready(request: Request) -> Response:
    """200 when work that comes in will be done, else 503 with codes (``health.Problem``)."""
    problems = [problem.value for problem in watch_of(request).examine().problems]
    return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Open on this machine; from elsewhere with the token of the settings."""
    watch = watch_of(request)
    if not _from_here(request) and not _has_token(request, watch.metrics_token):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(ServiceCollector(watch))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _from_here(request: Request) -> bool:
    host = request.client.host if request.client else ""
    return host in LOOPBACK and not any(name in request.headers for name in FORWARDED)


def _has_token(request: Request, token: str) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    # bytes: compare_digest takes no other strings than ASCII
    return bool(token) and kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


class ServiceCollector(Collector):
    """The figures, read when they are asked for: no second copy of the truth."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        found = self._watch.examine()
        ready = not found.problems
        yield GaugeMetricFamily("transcribe_ready", "1 when work that comes in will be done.", value=ready)
        yield _labelled(
            "transcribe_problem", "1 for each problem.", ["code"], [([one.value], 1) for one in found.problems]
        )
        if found.space is not None:
            yield GaugeMetricFamily("transcribe_disk_free_bytes", "Free, where recordings go.", value=found.space.free)
            yield GaugeMetricFamily("transcribe_disk_size_bytes", "Of that disk.", value=found.space.total)
        yield from _outbound(TALLY.rows())
        if found.vitals is not None:
            yield from _of(found.vitals)


def _outbound(rows: Sequence[Counted]) -> Iterator[Metric]:
    """Of this machine; 0 is a figure too."""
    labels = ["host", "port", "purpose", "outcome"]
    connections = CounterMetricFamily("transcribe_outbound_connections", "Connections to named hosts.", labels=labels)
    moved = CounterMetricFamily("transcribe_outbound_bytes", "Of what was asked and answered.", labels=[*labels, "way"])
    for row in rows:
        kind = [row.host, str(row.port), row.purpose.value, row.outcome.value]
        if row.outcome is not Outcome.REFUSED:
            connections.add_metric(kind, row.connections)
            moved.add_metric([*kind, "sent"], row.sent)
            moved.add_metric([*kind, "received"], row.received)
    yield connections
    yield moved
    refused = sum(row.connections for row in rows if row.outcome is Outcome.REFUSED)
    yield CounterMetricFamily("transcribe_outbound_refused", "Connections to anything else, refused.", value=refused)


def _of(vitals: Vitals) -> Iterator[Metric]:
    queues = {name: Queue(name=name, waiting=0, running=0, oldest_s=0.0) for name in STANDARD_QUEUES}
    queues |= {queue.name: queue for queue in vitals.queues}
    waiting = [([queue.name, "waiting"], queue.waiting) for queue in queues.values()]
    running = [([queue.name, "running"], queue.running) for queue in queues.values()]
    yield _labelled("transcribe_queue_jobs", "Jobs by queue and state.", ["queue", "state"], [*waiting, *running])
    yield _labelled(
        "transcribe_queue_oldest_seconds",
        "How long the oldest waiting job waits.",
        ["queue"],
        [([queue.name], queue.oldest_s) for queue in queues.values()],
    )
    kinds: dict[tuple[str, str, str], int] = {}
    for worker in alive(vitals):
        kind = (worker.lane.value, worker.device, worker.model)
        kinds[kind] = kinds.get(kind, 0) + 1
    yield _labelled(
        "transcribe_workers",
        "Living worker processes.",
        ["lane", "device", "model"],
        [(list(kind), n) for kind, n in kinds.items()],
    )
    yield _labelled(
        "transcribe_consults",
        "Consults by status.",
        ["status"],
        [([status.value], vitals.consults.get(status, 0)) for status in Status],
    )
    yield _labelled(
        "transcribe_consults_stopped",
        "Consults with a reason, by reason.",
        ["reason"],
        [([reason.value], vitals.stopped.get(reason, 0)) for reason in Reason],
    )
    if (factor := vitals.real_time_factor) is not None:
        yield GaugeMetricFamily(
            "transcribe_real_time_factor", "Seconds of work for a second of sound, over a day.", value=factor
        )
    yield GaugeMetricFamily(
        "transcribe_acknowledged_seconds", "Sound taken in, of consults that are still here.", value=vitals.recorded_s
    )
    yield GaugeMetricFamily(
        "transcribe_lost_seconds", "Of that: not readable any more. Must be 0.", value=vitals.lost_s
    )
    yield GaugeMetricFamily(
        "transcribe_erasures_uncleared",
        "Destroyed keys whose files or copies still have to go.",
        value=vitals.uncleared,
    )
    if vitals.backup_s is not None:
        yield GaugeMetricFamily("transcribe_backup_age_seconds", "Since the last back-up.", value=vitals.backup_s)
    if vitals.tended_s is not None:
        yield GaugeMetricFamily(
            "transcribe_keeper_age_seconds", "Since the keeper's last round began.", value=vitals.tended_s
        )


def _labelled(
    name: str, text: str, labels: Sequence[str], samples: Sequence[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
