"""A recording with the microphone of this machine: one loop for the sound, one thread for the database.

The loop takes sound, and puts it into the spool within a quarter of a second; it never waits for anything but that
disk. The desk (a thread) asks the database, which may be away: it tells of pauses, looks whether the consult is still
to be recorded, opens the recording and finishes it.
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from enum import StrEnum
from queue import Empty, SimpleQueue
from time import sleep
from uuid import UUID

from consent import ConsentMissing
from transcribe import policy
from transcribe.audio.microphone import Capture, Microphone, MicrophoneLost, clock_s
from transcribe.consult import Actor, Consult, Status
from transcribe.errors import (
    N_,
    Conflict,
    DiskFull,
    Erased,
    NotFound,
    Refused,
    StoreUnavailable,
    TranscribeError,
    WrongStatus,
)
from transcribe.recorder import FINISHED, Elsewhere, Live, NothingRecorded, Recorder, TakenOver
from transcribe.workstation.tape import APART, FRAME_BYTES, FRAME_S, Ear, Tape

#: Waiting for the next piece of sound: so fast are keys obeyed.
STEP_S = 0.05
#: What comes in so soon after one another is synced together.
TOGETHER_S = 0.15
#: How often the desk looks at the consult.
LOOK_S = 0.5
#: How often a microphone that is away and a disk that is full are tried again.
RETRY_S = 1.0
#: What a microphone still has when recording is held comes within this time.
REST_S = 1.0
#: So long after the first time "stop" means: leave it as it is.
TWICE_S = 1.0
#: Sound that can't be put on the disk waits in memory, so much of it (then in the microphone's own queue).
MOST_WAITING = 6000  # frames


class Order(StrEnum):
    """What a person presses."""

    PAUSE = "pause"
    RESUME = "resume"
    ASIDE = "aside"  # the second time: back into the record
    TOGGLE = "toggle"  # pause or resume
    STOP = "stop"  # the second time: leave it as it is


class State(StrEnum):
    WAITING = N_("wacht op microfoon")
    RECORDING = N_("opname loopt")  # and what was said is safe
    PAUSED = N_("gepauzeerd")
    ASIDE = N_("buiten verslag")
    STOPPING = N_("wordt afgerond")


class Destroyed(Erased):
    text = N_("De toestemming is ingetrokken of het consult is verwijderd. De opname is gestopt en vernietigd.")


class NotFinished(Refused):
    """``unsafe_s``: of sound that is only in this process."""

    text = N_(
        "De opname is nog niet afgerond; {safe} s is veilig opgeslagen, {unsafe} s is niet bewaard. Ga verder met "
        "dezelfde opdracht, of rond af in de browser."
    )


class TwoChannels(Refused):
    text = N_("Deze opname heeft twee kanalen (beeldbellen). Ga ermee verder in de browser.")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the screen shows. ``trouble`` is what keeps the microphone away."""

    state: State = State.WAITING
    safe_s: float = 0.0  # of the whole recording
    unsafe_s: float = 0.0  # heard, not on disk yet
    level_db: float = -math.inf
    quiet_s: float = 0.0
    missed_s: float = 0.0
    device: str = ""
    trouble: TranscribeError | None = None
    disk: bool = False  # takes nothing now
    database: bool = True
    overflow: int = 0  # times that the system lost sound


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What the loop wants of the desk. ``step`` counts what was pressed."""

    step: int = 0
    paused: bool = False
    aside: bool = False
    open: int = 0  # the number of this request to open the recording; 0: none
    finish: bool = False


@dataclass(frozen=True, kw_only=True)
class _News:
    """What the desk found. ``step``: of the wish that it knew."""

    step: int
    consult: Consult
    aside: bool = False
    live: Live | None = None


class Session:
    """``run`` in one thread; ``order`` and ``standing`` from any, a signal handler included."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        look: Callable[[UUID], Consult],
        microphone: Microphone,
        actor: Actor,
        consult: Consult,
        device: str = "",
        revive: Callable[[], None] = lambda: None,
        tick: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = clock_s,
        wait: Callable[[float], object] = sleep,
    ) -> None:
        """``consult``: one that is being recorded, or paused. ``look`` asks the store for it. ``revive`` starts our own
        database again when it died. ``tick`` is called at each turn of the loop. Raises ``TwoChannels``.
        """
        if len(consult.channels) != 1:
            raise TwoChannels
        self.standing = Standing()
        self._recorder = recorder
        self._look = look
        self._microphone = microphone
        self._actor = actor
        self._consult = consult
        self._device = device
        self._revive = revive
        self._tick = tick
        self._clock = clock
        self._wait = wait
        self._turn = secrets.token_hex(8)
        self._orders: SimpleQueue[tuple[Order, float]] = SimpleQueue()
        self._news: SimpleQueue[_News | BaseException] = SimpleQueue()
        self._kick, self._over = threading.Event(), threading.Event()
        self._tape, self._ear = Tape(), Ear()
        self._capture: Capture | None = None
        self._live: Live | None = None
        self._waiting: list[bytes] = []  # frames that are not on disk yet
        self._since_s = 0.0  # the first of them came
        self._heard = False  # some of them were heard, and are no silence of ours
        self._safe = False  # what is heard gets onto the disk
        self._position = 0  # bytes on disk
        self._began = False  # this session wrote something
        self._stopping = False
        self._leaving = False
        self._stopped_s: float | None = None  # when that was asked first
        self._held_s = -math.inf
        self._trouble: TranscribeError | None = None
        self._overflow = 0
        self._try_microphone_s = self._try_disk_s = -math.inf
        self._disk = False
        self._away = False
        paused = consult.status is Status.PAUSED
        aside = paused and recorder.aside_since(consult.id) is not None
        self._openings = 0
        self._wish = _Wish(paused=paused, aside=aside)

    def order(self, order: Order) -> None:
        self._orders.put((order, self._clock()))

    def press(self, order: Order, at_s: float) -> None:
        """At once, from ``tick``."""
        self._do(order, at_s)
        self._show()

    def run(self) -> Consult:
        """Until the recording is finished, here or elsewhere.

        Raises ``Destroyed``, ``NothingRecorded``, ``TakenOver``, ``Elsewhere``, ``ConsentMissing``, ``NotFinished``.
        """
        # what it does comes from this workstation too
        desk = threading.Thread(target=copy_context().run, args=(self._desk,), name="desk", daemon=True)
        desk.start()
        if not self._wish.paused:
            self._tape.run(self._clock())
        try:
            while True:
                self._tick()
                self._obey()
                self._hear()
                self._keep()
                done = self._learn()
                self._show()
                if done is not None:
                    return done
                if self._leaving:
                    raise NotFinished(safe=round(self.standing.safe_s), unsafe=round(self.standing.unsafe_s))
        finally:
            self._over.set()
            self._kick.set()
            if self._capture is not None:
                self._capture.close()
            desk.join(10)
            for news in self._all_news():
                if isinstance(news, _News) and news.live is not None:
                    news.live.close()
            if self._live is not None:
                self._live.close()

    # --- what is pressed -------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        with suppress(Empty):
            while True:
                order, at_s = self._orders.get_nowait()
                self._do(order, at_s)

    def _do(self, order: Order, at_s: float) -> None:
        wish = self._wish
        if order is Order.STOP:
            # a key that is held down says it twice at once
            self._leaving = self._stopped_s is not None and at_s - self._stopped_s >= TWICE_S
            if self._stopped_s is None:
                self._stopped_s = at_s
            self._stopping = True
            self._hold(at_s)
        elif self._stopping:
            return
        elif not wish.paused:
            if order is not Order.RESUME:
                self._pause(at_s, aside=order is Order.ASIDE)
        elif order in (Order.RESUME, Order.TOGGLE) or (order is Order.ASIDE and wish.aside):
            self._resume(at_s)

    def _pause(self, at_s: float, *, aside: bool) -> None:
        self._hold(at_s)
        self._want(step=self._wish.step + 1, paused=True, aside=aside)

    def _resume(self, at_s: float) -> None:
        self._go_on(at_s)
        self._want(step=self._wish.step + 1, paused=False, aside=False)

    def _hold(self, at_s: float) -> None:
        self._tape.hold(at_s)
        self._held_s = self._clock()
        self._ear = Ear()

    def _go_on(self, at_s: float) -> None:
        self._add(self._tape.run(at_s))
        self._add(APART if self._began else [])
        self._safe = False

    def _want(self, **wish: object) -> None:
        self._wish = replace(self._wish, **wish)  # type: ignore[arg-type]
        self._kick.set()

    # --- sound -----------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        if not self._recording and self._tape.running and self._clock() - self._held_s > REST_S:
            self._add(self._tape.settle())
        if self._capture is None:
            self._find()
        elif len(self._waiting) >= MOST_WAITING:
            self._wait(STEP_S)
        else:
            try:
                sound = self._capture.take(STEP_S)
            except MicrophoneLost as lost:
                self._capture.close()
                self._capture, self._trouble = None, lost
                self._safe, self._ear = False, Ear()
                return
            if sound is not None:
                self._trouble = None
                self._overflow += sound.overflow and self._tape.running
                frames = self._tape.take(sound)
                for frame in frames:
                    self._ear.hear(frame)
                self._add(frames)
                self._heard |= bool(frames)

    @property
    def _recording(self) -> bool:
        return not (self._wish.paused or self._stopping)

    def _find(self) -> None:
        now_s = self._clock()
        if now_s >= self._try_microphone_s and not self._stopping:
            self._try_microphone_s = now_s + RETRY_S
            try:
                self._capture = self._microphone.open(self._device)
            except TranscribeError as problem:
                self._trouble = problem
        if self._capture is None:
            self._wait(STEP_S)

    def _add(self, frames: list[bytes]) -> None:
        if frames and not self._waiting:
            self._since_s = self._clock()
        self._waiting += frames

    def _keep(self) -> None:
        """On disk, once there is enough of it."""
        now_s = self._clock()
        held = not self._tape.running
        due = held or now_s - self._since_s >= TOGETHER_S
        if self._live is not None and self._waiting and due and now_s >= self._try_disk_s:
            self._put(self._live, now_s)
        if held and not self._waiting and self._live is not None:
            self._live.close()  # whoever finishes it, or goes on elsewhere, needs it
            self._live = None
        if self._live is None and self._wanted != bool(self._wish.open):
            self._openings += 1
            self._want(open=self._openings if self._wanted else 0)
        if self._stopping and held and not self._waiting and not self._wish.finish:
            self._want(finish=True, open=0)

    @property
    def _wanted(self) -> bool:
        """Is there, or comes there, anything to be written?"""
        return bool(self._waiting) or self._recording

    def _put(self, live: Live, now_s: float) -> None:
        try:
            live.append(b"".join(self._waiting))
            self._position = live.sync()
        except (DiskFull, OSError):
            self._disk, self._try_disk_s = True, now_s + RETRY_S
        except (NotFound, Conflict):
            # withdrawn, most likely: the desk finds out
            self._live = None
            live.close()
        else:
            self._waiting.clear()
            self._disk, self._began = False, True
            self._safe |= self._heard
            self._heard = False
            if self._position >= self._recorder.limit(self._consult) and not self._stopping:
                self._do(Order.STOP, now_s)

    # --- the desk --------------------------------------------------------------------------------------------------

    def _desk(self) -> None:
        told = opened = 0  # the step that the database knows of, and the request that was answered
        while not self._over.is_set():
            wish = self._wish
            try:
                news = self._ask(wish, told, opened)
            except StoreUnavailable:
                self._away = True
                with suppress(TranscribeError, OSError):
                    self._revive()
            except (TakenOver, Elsewhere, NothingRecorded) as over:
                self._news.put(over)
            except (DiskFull, OSError):
                self._disk = True  # it can't be finished yet
            except Conflict:
                pass  # somebody was first: look again
            except (WrongStatus, ConsentMissing, NotFound, Erased) as problem:
                self._judge(wish, problem)
            except BaseException as fault:  # noqa: BLE001  (goes to the loop)
                self._news.put(fault)
            else:
                self._away = False
                told, opened = wish.step, wish.open
                self._news.put(news)
            self._kick.wait(LOOK_S)
            self._kick.clear()

    def _ask(self, wish: _Wish, told: int, opened: int) -> _News:
        consult = self._look(self._consult.id)
        if consult.status not in policy.RUNNING:
            return _News(step=wish.step, consult=consult)
        if wish.step != told:
            turn = self._recorder.pause if wish.paused else self._recorder.resume
            consult = turn(self._actor, consult.id, **({"aside": wish.aside} if wish.paused else {}))
        paused = consult.status is Status.PAUSED
        aside = paused and self._recorder.aside_since(consult.id) is not None
        live = None
        if wish.finish:
            consult = self._recorder.finish(self._actor, consult.id)
        elif wish.open not in (0, opened):
            live = self._recorder.open(self._actor, consult.id, self._turn)
        return _News(step=wish.step, consult=consult, aside=aside, live=live)

    def _judge(self, wish: _Wish, problem: BaseException) -> None:
        """It could not be done: because the consult is over?"""
        try:
            consult = self._look(self._consult.id)
        except StoreUnavailable:
            self._away = True
        except TranscribeError as gone:
            self._news.put(Destroyed() if isinstance(gone, NotFound | Erased) else gone)
        else:
            running = consult.status in policy.RUNNING
            self._news.put(problem if running else _News(step=wish.step, consult=consult))

    def _all_news(self) -> list[_News | BaseException]:
        found = []
        with suppress(Empty):
            while True:
                found.append(self._news.get_nowait())
        return found

    def _learn(self) -> Consult | None:
        """The consult, when its recording is finished."""
        for news in self._all_news():
            if isinstance(news, BaseException):
                self._waiting.clear()
                raise news
            if news.live is not None:
                if self._live is None and self._wanted:
                    self._live = news.live
                    self._position = self._live.position
                    if self._position and not self._began:  # of before a crash, or of another screen
                        self._began = True
                        self._waiting[:0] = APART
                    self._want(open=0)
                else:
                    news.live.close()
            if news.consult.status in policy.OVER:
                self._waiting.clear()
                raise Destroyed
            if news.consult.status in FINISHED:
                return news.consult
            paused = news.consult.status is Status.PAUSED
            if news.step == self._wish.step and paused != self._wish.paused and not self._stopping:
                # on another screen
                if paused:
                    self._hold(self._clock())
                else:
                    self._go_on(self._clock())
                self._want(paused=paused, aside=news.aside)
        return None

    # --- what is shown ---------------------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._stopping:
            state = State.STOPPING
        elif self._wish.paused:
            state = State.ASIDE if self._wish.aside else State.PAUSED
        elif self._capture is not None and self._safe:
            state = State.RECORDING
        else:
            state = State.WAITING
        waiting_s = self._capture.waiting_s if self._capture is not None and self._recording else 0.0
        self.standing = Standing(
            state=state,
            safe_s=self._position / FRAME_BYTES * FRAME_S,
            unsafe_s=len(self._waiting) * FRAME_S + waiting_s,
            level_db=self._ear.level_db if self._recording else -math.inf,
            quiet_s=self._ear.quiet_s if self._recording else 0.0,
            missed_s=self._tape.missed_s,
            device=self._capture.name if self._capture is not None else "",
            trouble=None if self._capture is not None else self._trouble,
            disk=self._disk,
            database=not self._away,
            overflow=self._overflow,
        )
