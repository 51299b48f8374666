"""Live sound from a browser or another client: ``docs/live-ingest.md``.

An acknowledgement means: encrypted, on disk, fsynced. What came in meanwhile is synced together. The database is not
asked for that: sound is kept safe while it is away.
"""

from __future__ import annotations

import json
import logging
import math
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

import anyio
from anyio import CapacityLimiter, Event, to_thread
from fastapi import APIRouter, Depends, Request, WebSocket
from fastapi.responses import Response
from starlette.websockets import WebSocketDisconnect

from consent import ConsentMissing
from transcribe import policy
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.consult import Consult, Status
from transcribe.errors import (
    N_,
    Conflict,
    DiskFull,
    Erased,
    InvalidInput,
    StoreUnavailable,
    TranscribeError,
    WrongStatus,
)
from transcribe.policy import RIGHTS
from transcribe.recorder import FINISHED, AlreadyStopped, Elsewhere, Live, NothingRecorded, TakenOver
from transcribe.web.errors import BAD_FORM
from transcribe.web.requests import Fields, FieldsDep, SessionDep, WebDep, check_open, checked, go, web_of
from transcribe.web.rights import check_right
from transcribe.web.views import LAYOUT_SPEAKERS, SECTION_TEXT, SPEAKER_TEXT, SUSPICION_TEXT, Layout, consult_view

log = logging.getLogger(__name__)

router = APIRouter(dependencies=[Depends(checked)])
#: Checked by the guard: host, origin, session.
live = APIRouter()

FRAME_S = 0.1
SEQUENCE = struct.Struct(">I")
#: What comes in so soon after one another is synced together.
TOGETHER_S = 0.15
#: More than this is synced without waiting for company.
PLENTY = 100  # frames
#: More than this is not read from the connection until some of it is safe.
MOST_WAITING = 600  # frames
#: How often the consult is looked at: is it still to be recorded?
LOOK_S = 1.0
#: How often a full disk is tried again, and how often that is said.
RETRY_S = 1.0
SAY_AGAIN_S = 10.0
#: Messages of a client are a few words.
MAX_TEXT = 1000

#: Close codes, as the client sees them.
DONE, NO_FURTHER, TRY_AGAIN = 1000, 4409, 1013

#: Threads that write and sync, so that a database that does not answer can't keep them all.
_writers = CapacityLimiter(16)

#: Utterances that are shown of what was understood, when that is asked for.
LAST_HEARD = 8

T = TypeVar("T")


class Destroyed(Erased):
    text = N_("De toestemming is ingetrokken of het consult is verwijderd. De opname is gestopt en vernietigd.")


class DiskTrouble(DiskFull):
    text = N_(
        "De schijf kan nu niets opnemen. Wat “veilig opgeslagen” heet is veilig; stop of pauzeer het gesprek en "
        "waarschuw de beheerder. De opname gaat verder zodra het weer kan, zolang u deze pagina open laat."
    )


class BadFrame(InvalidInput):
    text = N_("Deze pagina en de server verstaan elkaar niet. Herlaad de pagina; wat opgeslagen is, is veilig.")


# --- without scripts -----------------------------------------------------------------------------------------------


@router.post("/consult/{consult_id}/opname/begin")
def begin(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.recorder.start(web.actor, consult_id, LAYOUT_SPEAKERS[_layout(fields)])
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/opname/pauze")
def pause(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.recorder.pause(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/opname/hervat")
def resume(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.recorder.resume(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/opname/afronden")
def finish(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.recorder.finish(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/opname/verder")
def go_on(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """Record again after the end: at the door, or sound that came too late."""
    web.recorder.go_on(web.actor, consult_id, fields.number("versie"))
    return go(request, f"/consult/{consult_id}")


@router.get("/consult/{consult_id}/opname/sleutel")
def client_key(web: WebDep, consult_id: UUID) -> Response:
    """For a client that keeps sound until it is safe: gone for good when the consult's sound is destroyed."""
    return Response(web.recorder.client_key(web.actor, consult_id), media_type="application/octet-stream")


@router.get("/consult/{consult_id}/opname/stand")
def standing(request: Request, web: WebDep, consult_id: UUID) -> Response:
    """How much is safe, for the page that keeps itself fresh; the page is fetched anew when it is over."""
    consult = web.workflow.consult(consult_id)
    if consult.status not in policy.RUNNING:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return web.pages.render(
        request,
        "_recording.html",
        head=consult_view(consult, web.actor, silent_since=web.recorder.silent_since(consult)),
        consult=consult,
        rights=RIGHTS[web.actor.role],
        safe_s=web.recorder.progress(consult_id).safe_s,
    )


@router.get("/consult/{consult_id}/groei")
def growing(request: Request, web: WebDep, session: SessionDep, consult_id: UUID, gesprek: bool = False) -> Response:
    """The note so far, to glance at; ``gesprek``: with what was understood last. Nothing when no recording is made."""
    try:
        found = web.recorder.growing(web.actor, consult_id, session.digest)
    except WrongStatus:
        return Response(status_code=204)
    return web.pages.render(
        request,
        "_growing.html",
        consult=web.workflow.consult(consult_id),
        growing=found,
        waiting=False,
        sections=SECTION_TEXT,
        speakers=SPEAKER_TEXT,
        suspicions=SUSPICION_TEXT,
        talk=(found.transcript.utterances[-LAST_HEARD:] if found else ()) if gesprek else None,
    )


def _layout(fields: Fields) -> Layout:
    try:
        return Layout(fields.text("layout"))
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown


# --- sound ---------------------------------------------------------------------------------------------------------


@live.websocket("/consult/{consult_id}/opname")
async def stream(socket: WebSocket, consult_id: UUID) -> None:
    check_right(socket)
    await socket.accept()
    with suppress(WebSocketDisconnect):
        await Stream(socket, consult_id).run()


class Stream:
    """One connection. One task reads, one writes (and does what was asked, in order), one watches the consult."""

    def __init__(self, socket: WebSocket, consult_id: UUID) -> None:
        self._socket = socket
        self._recording: Live | None = None
        self._web = web_of(socket)
        self._consult_id = consult_id
        self._waiting: list[bytes] = []  # frames in order, not yet safe
        self._orders: list[tuple[int, str]] = []  # "pause", "aside", "resume", each behind so many frames
        self._obeying, self._obeyed = False, 0
        self._end: int | None = None  # frames in the whole recording, once the client has said so
        self._next = 0  # the frame that is wanted
        self._asked = -1  # the last one that was asked for by number
        self._wake, self._hurry, self._room = Event(), Event(), Event()
        self._ending = False  # by what this connection asked
        self._over = False  # the last word was said
        self._paused = False

    async def run(self) -> None:
        """Returns with the connection closed, or raises ``WebSocketDisconnect``."""
        try:
            if not await self._open():
                return
            async with anyio.create_task_group() as tasks:
                self._stop = tasks.cancel_scope.cancel
                for task in (self._read, self._write, self._watch):
                    tasks.start_soon(self._kept_up, task)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._leave, limiter=_writers)

    async def _kept_up(self, task: Callable[[], Awaitable[None]]) -> None:
        """A task that ends, for whatever reason, ends the others."""
        try:
            try:
                await task()
            except (TranscribeError, ConsentMissing) as problem:
                await self._refuse(problem)
        except WebSocketDisconnect:
            log.info("a recording client went away")
        self._stop()

    async def _open(self) -> bool:
        try:
            await check_open(self._socket)
            turn = self._socket.query_params.get("beurt", "")[:MAX_TEXT]
            live = await self._do(self._web.recorder.open, self._web.actor, self._consult_id, turn)
            self._recording = live
            consult = await self._do(self._web.workflow.consult, self._consult_id)
            frame = int(RATE_HZ * FRAME_S) * SAMPLE_BYTES * len(consult.channels)
            mark = await self._do(self._web.recorder.mark, consult, live.position // frame * frame, frame)
            aside = await self._do(self._web.recorder.aside_since, self._consult_id)
        except (TranscribeError, ConsentMissing) as problem:
            await self._refuse(problem)
            return False
        self._paused = consult.status is Status.PAUSED
        self._frame = frame
        self._most = self._web.recorder.limit(consult) // self._frame
        self._next = live.position // self._frame
        await self._say(
            resume_from=self._next,
            frame_bytes=self._frame,
            channels=len(consult.channels),
            most_frames=self._most,
            paused=self._paused,
            aside=self._paused and aside is not None,
            mark=mark,
            turn=live.turn,
        )
        self._check_length()
        return True

    # --- reading ---------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                await self._frame_came(message["bytes"])
            else:
                self._order_came(message.get("text") or "")

    async def _frame_came(self, message: bytes) -> None:
        if len(message) != SEQUENCE.size + self._frame:
            raise BadFrame
        (number,) = SEQUENCE.unpack_from(message)
        if number > self._next:
            if self._asked != self._next:  # once: the frames behind a gap come in a row
                self._asked = self._next
                await self._say(wanted=self._next)
            return
        if number < self._next or number >= self._most:
            return  # safe already, or longer than we record
        self._waiting.append(message[SEQUENCE.size :])
        self._next += 1
        self._check_length()
        self._wake.set()
        if len(self._waiting) >= PLENTY:
            self._hurry.set()
        while len(self._waiting) >= MOST_WAITING:
            await self._room.wait()

    def _order_came(self, text: str) -> None:
        try:
            order = json.loads(text) if len(text) <= MAX_TEXT else None
        except (ValueError, RecursionError):
            order = None
        if not isinstance(order, dict):
            raise BadFrame
        if "end" in order:
            if type(order["end"]) is not int or order["end"] < 0:  # a bool is an int as well
                raise BadFrame
            self._end = min(order["end"], self._most)
        if order.get("pause") is True:
            self._orders.append((self._next, "aside" if order.get("aside") is True else "pause"))
        if order.get("resume") is True:
            self._orders.append((self._next, "resume"))
        self._hurry.set()
        self._wake.set()

    def _check_length(self) -> None:
        """A recording that is as long as it may be is finished by itself."""
        if self._next >= self._most:
            self._end = self._most
            self._hurry.set()
            self._wake.set()

    # --- writing ---------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        said = -math.inf
        while True:
            await self._wake.wait()
            with anyio.move_on_after(TOGETHER_S):
                await self._hurry.wait()
            self._wake, self._hurry = Event(), Event()
            frames = len(self._waiting)
            try:
                position = await to_thread.run_sync(self._put, b"".join(self._waiting[:frames]), limiter=_writers)
            except (DiskFull, OSError) as problem:
                # kept, and tried again; the client keeps the rest
                if time.monotonic() - said > SAY_AGAIN_S:
                    said = time.monotonic()
                    log.error("a recording can't be written (%s)", type(problem).__name__)
                    await self._say(error=self._explain(DiskTrouble()), code="disk")
                await anyio.sleep(RETRY_S)
                self._wake.set()
                continue
            said = -math.inf
            del self._waiting[:frames]
            self._room.set()
            self._room = Event()
            safe = position // self._frame
            if frames:
                await self._say(ack=safe)
            await self._obey(safe)
            if self._end is not None and safe >= self._end:
                return await self._finish(safe)

    def _put(self, sound: bytes) -> int:
        assert self._recording is not None
        if sound:
            self._recording.append(sound)
        return self._recording.sync()

    async def _obey(self, safe: int) -> None:
        """What was asked, once all that was said before it is safe."""
        orders = [order for place, order in self._orders if place <= safe]
        self._obeying, self._orders = bool(orders), self._orders[len(orders) :]
        for order in orders:
            recorder = self._web.recorder
            do = recorder.resume if order == "resume" else partial(recorder.pause, aside=order == "aside")
            try:
                consult = await self._do(do, self._web.actor, self._consult_id)
            except (StoreUnavailable, Conflict) as problem:
                # sound goes on being safe; what was asked was not done, and that is said
                await self._say(error=self._explain(problem), code="not-done", paused=self._paused, ack=safe)
            else:
                self._paused = consult.status is Status.PAUSED
                await self._say(paused=self._paused, ack=safe)
        self._obeying, self._obeyed = False, self._obeyed + len(orders)

    async def _finish(self, safe: int) -> None:
        self._ending = True
        await self._do(self._web.recorder.finish, self._web.actor, self._consult_id)
        await self._stored(safe)

    async def _stored(self, frames: int) -> None:
        await self._last_word(DONE, stored=True, page=f"/consult/{self._consult_id}", frames=frames)

    # --- watching --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(LOOK_S)
            before = self._obeyed
            try:
                consult = await self._do(self._web.workflow.consult, self._consult_id)
            except StoreUnavailable:
                continue  # what is said now is kept all the same
            if self._ending:
                await anyio.sleep_forever()  # by this very connection
            if consult.status in policy.OVER:
                raise Destroyed
            if consult.status not in policy.RUNNING:
                raise AlreadyStopped
            paused = consult.status is Status.PAUSED
            # what was read while an order came or was obeyed here is no news of another screen
            ours = self._orders or self._obeying or self._obeyed != before
            if paused != self._paused and not ours:
                self._paused = paused
                await self._say(paused=paused, aside=paused and await self._aside())

    async def _aside(self) -> bool:
        with suppress(StoreUnavailable):
            return await self._do(self._web.recorder.aside_since, self._consult_id) is not None
        return False

    # --- talking ---------------------------------------------------------------------------------------------------

    async def _refuse(self, problem: TranscribeError | ConsentMissing) -> None:
        """Say why it does not go on, and end the connection. Whoever has to act reads it on the screen."""
        if not isinstance(problem, TakenOver | NothingRecorded):
            try:
                consult = await self._do(self._web.workflow.consult, self._consult_id)
            except TranscribeError as worse:
                problem = worse
            else:
                if consult.status in FINISHED:
                    await self._stored(_frames(consult))
                    return
                if consult.status in policy.OVER:
                    problem = Destroyed()
        code, close = _kind(problem)
        await self._last_word(close, error=self._explain(problem), code=code)

    def _explain(self, problem: TranscribeError | ConsentMissing) -> str:
        if isinstance(problem, ConsentMissing):
            return self._web.pages.sentence(self._socket, str(problem))
        return self._web.pages.explain(self._socket, problem)

    async def _say(self, **message: object) -> None:
        if not self._over:
            await self._socket.send_json(message)

    async def _last_word(self, close: int, **message: object) -> None:
        if not self._over:
            self._over = True
            await self._socket.send_json(message)
            await self._socket.close(close)

    async def _do(self, call: Callable[..., T], *args: object) -> T:
        return await to_thread.run_sync(lambda: call(*args))

    def _leave(self) -> None:
        """What came in is put on disk still, though nobody hears of it: it is said again from there."""
        if self._recording is None:
            return
        try:
            self._put(b"".join(self._waiting))
        except (TranscribeError, OSError):
            if self._waiting:
                log.info("%d frames of a recording are left to their client", len(self._waiting))
        self._recording.close()


def _kind(problem: Exception) -> tuple[str, int]:
    """For a script: what it is, and whether trying again makes sense."""
    if isinstance(problem, TakenOver):
        return "taken-over", NO_FURTHER
    if isinstance(problem, StoreUnavailable | DiskFull):
        return "unavailable", TRY_AGAIN
    if isinstance(problem, Erased):  # not NotFound: after a restore the client may have the only copy
        return "destroyed", NO_FURTHER
    if isinstance(problem, NothingRecorded):
        return "nothing", NO_FURTHER
    if isinstance(problem, AlreadyStopped):
        return "stopped", NO_FURTHER
    if isinstance(problem, Elsewhere):
        return "elsewhere", TRY_AGAIN
    if isinstance(problem, Conflict):
        return "busy", TRY_AGAIN
    return "refused", NO_FURTHER


def _frames(consult: Consult) -> int:
    return round((consult.audio_s or 0.0) / FRAME_S)
