"""A recording at the machine itself, on a scripted microphone: what is kept, what is not, and what is said of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from consent import Consent, ConsentProblem, How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.audio.microphone import (
    MicrophoneBusy,
    MicrophoneLost,
    NoMicrophone,
    Sound,
    UnknownDevice,
    chosen,
)
from transcribe.audio.pcm import RATE_HZ
from transcribe.consult import Action, Actor, Consult, KeyPurpose, Role, Space, Status
from transcribe.errors import ClosedConsult, Conflict, DiskLow, NotFound, StoreUnavailable
from transcribe.recorder import NothingRecorded, Recorder, TakenOver
from transcribe.testing import MemoryAudioStore, MemorySpool, MemoryStore, ScriptedDecoder, ScriptedMicrophone
from transcribe.workflow import Workflow
from transcribe.workstation.begin import BegunAsTalk, begun
from transcribe.workstation.screen import drawn, warnings
from transcribe.workstation.session import Destroyed, NotFinished, Order, Session, Standing, State, TwoChannels
from transcribe.workstation.switch import AlreadyRecording, NobodyRecords, Switch, ask
from transcribe.workstation.tape import FRAME_BYTES, SILENCE, Ear, Tape
from transcribe.writer import PCM, Writer

GP = Actor(name="Dr. Proef", role=Role.HUISARTS)
SECOND = RATE_HZ * 2  # bytes
RANDOM = np.random.default_rng(4)


def spoken(seconds: float) -> bytes:
    """Sound without a sample that is 0, so that it can be told from silence."""
    return RANDOM.integers(1000, 9000, int(seconds * RATE_HZ)).astype("<i2").tobytes()


def without_silence(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2")
    return samples[samples != 0].tobytes()


def agreed() -> Consent:
    words = current_text()
    now = Writer(MemoryStore()).clock()
    return grant(
        how=How.SPOKEN,
        informed_by=GP.name,
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=True,
        now=now,
    )


class Store(MemoryStore):
    away = False

    def consult(self, consult_id: UUID) -> Consult:
        if self.away:
            raise StoreUnavailable
        return super().consult(consult_id)


class House:
    def __init__(self) -> None:
        self.store, self.audio, self.spool = Store(), MemoryAudioStore(), MemorySpool()
        self.free = 50
        self.writer = Writer(self.store)
        self.workflow = Workflow(
            store=self.store,
            audio=self.audio,
            spool=self.spool,
            decoder=ScriptedDecoder(),
            writer=self.writer,
            space=self.space,
        )
        self.recorder, self.web = self.process(), self.process()
        self.microphone = ScriptedMicrophone()
        self.seen: list[Standing] = []
        self.until = time.monotonic() + 60  # else a script that waits in vain waits for ever
        self.consult_id = begun(self.workflow, self.recorder, GP, ref="P-1", consult_id=None, given=agreed)[0].id
        self.session = self.anew()

    def space(self) -> Space:
        return Space(total=100, free=self.free)

    def process(self) -> Recorder:
        """Another one knows nothing of who writes in this one."""
        return Recorder(store=self.store, audio=self.audio, spool=self.spool, writer=self.writer, space=self.space)

    def anew(self) -> Session:
        return Session(
            recorder=self.recorder,
            look=self.workflow.consult,
            microphone=self.microphone,
            actor=GP,
            consult=self.store.consult(self.consult_id),
            tick=self._look,
            clock=self.microphone.clock,
            wait=self.microphone.wait,
        )

    def _look(self) -> None:
        self.seen.append(self.session.standing)
        assert time.monotonic() < self.until, self.session.standing

    def run(self, *script: bytes | Order | Callable[[], object]) -> Consult:
        self.microphone.script = [self._pressed(act) if isinstance(act, Order) else act for act in script]
        return self.session.run()

    def _pressed(self, order: Order) -> Callable[[], object]:
        return lambda: self.session.order(order)

    def now(self, wanted: State) -> Callable[[], bool]:
        """It is so, and what was heard is safe."""
        return lambda: self.session.standing.state is wanted and self.session.standing.unsafe_s < 0.2

    def kept(self, said: bytes) -> Callable[[], bool]:
        """Its end is on disk."""
        return lambda: said[-100:] in self.safe()

    def status(self, wanted: Status) -> Callable[[], bool]:
        return lambda: self.store.consult(self.consult_id).status is wanted

    def safe(self) -> bytes:
        with self.spool.read(self.consult_id, self.store.data_key(self.consult_id, KeyPurpose.SOURCE)) as file:
            return file.read()

    def stored(self) -> bytes:
        with self.audio.open(self.consult_id, PCM, self.store.data_key(self.consult_id, KeyPurpose.SOURCE)) as file:
            return file.read()

    def turns(self) -> list[tuple[Action, str]]:
        turns = {Action.RECORDING_PAUSED, Action.RECORDING_RESUMED}
        return [(event.action, event.detail) for event in self.store.events(self.consult_id) if event.action in turns]


@pytest.fixture
def house() -> House:
    return House()


# --- the sound -------------------------------------------------------------------------------------------------------


def test_all_that_is_said_is_kept_but_what_was_said_aside(house: House) -> None:
    first, aside, second, break_, third = (spoken(seconds) for seconds in (1.23, 0.7, 0.51, 0.4, 0.3))
    done = house.run(
        first,
        Order.ASIDE,
        aside,
        house.status(Status.PAUSED),
        Order.ASIDE,
        second,
        house.now(State.RECORDING),
        Order.TOGGLE,
        break_,
        house.status(Status.PAUSED),
        Order.RESUME,
        third,
        Order.STOP,
    )
    assert done.status is Status.RECORDED
    stored = house.stored()
    assert without_silence(stored) == first + second + third
    assert len(stored) % FRAME_BYTES == 0
    # what was said before and after a break is no sentence
    for before, after in ((first, second), (second, third)):
        assert stored.index(after[:100]) - stored.index(before[-100:]) >= SECOND
    assert [detail.partition(":")[0] for _, detail in house.turns()] == ["buiten verslag", "buiten verslag", "", ""]


def test_it_is_said_to_run_only_once_the_sound_is_safe(house: House) -> None:
    sizes: list[tuple[State, int]] = []
    house.session._tick = lambda: sizes.append((house.session.standing.state, len(house.safe())))
    house.run(spoken(0.5), house.now(State.RECORDING), Order.PAUSE, house.status(Status.PAUSED), Order.STOP)
    assert {state for state, size in sizes if not size} == {State.WAITING}
    assert State.RECORDING in {state for state, size in sizes}


def test_a_microphone_that_is_away_leaves_silence_of_that_length(house: House) -> None:
    def unplug() -> None:
        house.microphone.plugged = False
        back_s = house.microphone.now_s + 7.0

        def back() -> bool:
            house.microphone.plugged = house.microphone.now_s >= back_s
            return house.microphone.plugged

        house.microphone.script.insert(1, back)

    before, after = spoken(1.0), spoken(1.0)
    house.run(before, unplug, after, house.now(State.RECORDING), Order.STOP)
    stored = house.stored()
    assert without_silence(stored) == before + after
    gap_s = (stored.index(after[:100]) - stored.index(before[-100:])) / SECOND
    assert 7.0 <= gap_s <= 8.2  # it is looked for once a second
    lost = [standing for standing in house.seen if isinstance(standing.trouble, MicrophoneLost | NoMicrophone)]
    assert lost
    assert all(standing.state is State.WAITING for standing in lost)
    assert house.session.standing.missed_s == pytest.approx(gap_s, abs=0.1)


def test_a_full_disk_is_said_and_costs_nothing(house: House) -> None:
    def full(now: bool) -> Callable[[], None]:
        return lambda: setattr(house.spool, "full", now)

    said = spoken(0.5), spoken(3.0), spoken(0.5)
    house.run(
        said[0], house.now(State.RECORDING), full(True), said[1], lambda: house.session.standing.disk, full(False),
        said[2], house.now(State.RECORDING), Order.STOP,
    )  # fmt: skip
    assert without_silence(house.stored()) == b"".join(said)
    assert not house.session.standing.disk


def test_sound_gets_onto_the_disk_while_the_database_is_away(house: House) -> None:
    first, second, third = spoken(0.5), spoken(1.0), spoken(0.5)
    kept: list[bytes] = []

    def away(now: bool) -> Callable[[], None]:
        return lambda: setattr(house.store, "away", now)

    house.run(
        first, house.now(State.RECORDING), away(True), lambda: not house.session.standing.database, second,
        house.kept(second), lambda: kept.append(house.safe()), Order.PAUSE, house.now(State.PAUSED),
        away(False), house.status(Status.PAUSED), Order.RESUME, third, house.now(State.RECORDING), away(True),
        Order.STOP, lambda: not house.session.standing.database, away(False),
    )  # fmt: skip
    assert without_silence(kept[0])[: len(first + second)] == first + second
    assert without_silence(house.stored()) == first + second + third


def test_after_a_crash_the_same_recording_goes_on(house: House) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    first, second = spoken(1.0), spoken(1.0)
    early, late = first[: -SECOND // 4], first[-SECOND // 4 :]
    with pytest.raises(Killed):
        house.run(early, house.kept(early), late, kill)
    found, ours = begun(house.workflow, house.recorder, GP, ref="p-1", consult_id=None, given=agreed)
    assert (found.id, ours) == (house.consult_id, False)
    house.session = house.anew()
    house.run(second, house.now(State.RECORDING), Order.STOP)
    stored = without_silence(house.stored())
    lost = len(first + second) - len(stored)
    assert lost <= 0.3 * SECOND
    assert stored == first[: len(first) - lost] + second


def test_who_was_aside_when_it_crashed_is_not_recorded_after_it(house: House) -> None:
    house.recorder.pause(GP, house.consult_id, aside=True)
    house.session = house.anew()
    said = spoken(0.5)
    house.run(spoken(0.5), house.now(State.ASIDE), Order.ASIDE, said, house.now(State.RECORDING), Order.STOP)
    assert without_silence(house.stored()) == said


# --- the end ---------------------------------------------------------------------------------------------------------


def test_nothing_heard_gives_no_recording(house: House) -> None:
    house.microphone.plugged = False
    with pytest.raises(NothingRecorded):
        house.run(Order.STOP)
    assert house.store.consult(house.consult_id).status is Status.CONSENTED


@pytest.mark.parametrize("paused", [False, True])
def test_withdrawal_leaves_nothing(house: House, paused: bool) -> None:
    wait = [Order.ASIDE, house.status(Status.PAUSED)] if paused else []
    with pytest.raises(Destroyed):
        house.run(
            spoken(0.5),
            house.now(State.RECORDING),
            *wait,
            lambda: house.workflow.withdraw(GP, house.consult_id) and None,
        )
    assert house.spool.consults() == []
    assert house.audio.names(house.consult_id) == []


def test_who_stops_twice_leaves_what_is_safe(house: House) -> None:
    said = spoken(0.5)

    def full() -> None:
        house.spool.full = True

    with pytest.raises(NotFinished, match="niet bewaard"):
        house.run(said, house.now(State.RECORDING), full, spoken(0.5), Order.STOP, spoken(1.2), Order.STOP)
    house.spool.full = False
    assert without_silence(house.safe())[: len(said)] == said
    house.session = house.anew()
    house.run(Order.STOP)
    assert without_silence(house.stored()) == said


def test_a_key_that_is_held_down_stops_once(house: House) -> None:
    said = spoken(0.5)
    done = house.run(said, house.now(State.RECORDING), *[Order.STOP] * 5)
    assert done.status is Status.RECORDED
    assert without_silence(house.stored()) == said


def test_the_longest_recording_ends_by_itself(house: House) -> None:
    house.recorder = Recorder(
        store=house.store,
        audio=house.audio,
        spool=house.spool,
        writer=house.writer,
        space=house.space,
        max_minutes=1,
    )
    house.session = house.anew()
    assert 60 <= (house.run(spoken(61)).audio_s or 0) <= 61


# --- another screen --------------------------------------------------------------------------------------------------


def test_paused_resumed_and_finished_on_another_screen(house: House) -> None:
    first, aside, second = spoken(0.5), spoken(0.5), spoken(0.5)
    web: list[threading.Thread] = []

    def finish() -> None:
        web.append(threading.Thread(target=house.web.finish, args=(GP, house.consult_id)))
        web[0].start()

    done = house.run(
        first, house.now(State.RECORDING), lambda: house.web.pause(GP, house.consult_id, aside=True) and None,
        house.now(State.ASIDE), aside, lambda: house.web.resume(GP, house.consult_id) and None,
        lambda: house.session.standing.state is State.WAITING, second, house.now(State.RECORDING), finish,
    )  # fmt: skip
    web[0].join()
    assert done.status is Status.RECORDED
    assert without_silence(house.stored()) == first + second


def test_a_screen_that_takes_over_gets_all_that_was_heard(house: House) -> None:
    said, later = spoken(0.5), spoken(0.5)
    taken: list[Any] = []

    def take() -> None:
        threading.Thread(target=lambda: taken.append(house.web.open(GP, house.consult_id))).start()

    with pytest.raises(TakenOver):
        house.run(said, house.now(State.RECORDING), take, lambda: bool(taken), Order.RESUME)
    live = taken[0]
    live.append(later)
    live.sync()
    live.close()
    assert without_silence(house.safe()) == said + later


def test_a_recording_that_another_screen_makes_is_left_alone(house: House) -> None:
    live = house.web.open(GP, house.consult_id)
    with pytest.raises(TakenOver):
        house.run(spoken(0.5))
    live.append(spoken(0.1))
    live.sync()
    assert house.store.consult(house.consult_id).status is Status.RECORDING


def test_a_video_call_goes_on_in_the_browser(house: House) -> None:
    consult = replace(house.store.consult(house.consult_id), channels=(Speaker.HUISARTS, Speaker.PATIENT))
    with pytest.raises(TwoChannels):
        Session(
            recorder=house.recorder,
            look=house.workflow.consult,
            microphone=house.microphone,
            actor=GP,
            consult=consult,
        )


# --- which consult ---------------------------------------------------------------------------------------------------


def test_no_consent_no_consult(house: House) -> None:
    def refused() -> Consent:
        raise ConsentProblem("nee")

    before = house.workflow.sizes()
    with pytest.raises(ConsentProblem):
        begun(house.workflow, house.recorder, GP, ref="P-2", consult_id=None, given=refused)
    assert house.workflow.sizes() == before


def test_a_consult_that_can_not_be_recorded_is_not_left_behind(house: House) -> None:
    house.free = 1
    with pytest.raises(DiskLow):
        begun(house.workflow, house.recorder, GP, ref="P-2", consult_id=None, given=agreed)
    assert house.spool.consults() == [house.consult_id]
    made = [event.consult_id for event in house.store.events() if event.consult_id != house.consult_id][-1]
    assert made is not None
    assert house.store.consult(made).status is Status.DISCARDED


def test_a_consult_of_the_web_is_recorded_here(house: House) -> None:
    made = house.workflow.create(GP, "P-3")
    house.workflow.record_consent(GP, made.id, agreed())
    found, ours = begun(house.workflow, house.recorder, GP, ref=None, consult_id=made.id, given=agreed)
    assert (found.status, ours) == (Status.RECORDING, False)
    with pytest.raises(NotFound):
        begun(house.workflow, house.recorder, GP, ref=None, consult_id=UUID(int=9), given=agreed)


def test_a_dictation_is_recorded_as_one_and_a_talk_does_not_become_one(house: House) -> None:
    talk = house.store.consult(house.consult_id)
    with pytest.raises(BegunAsTalk):
        begun(house.workflow, house.recorder, GP, ref="P-1", consult_id=None, given=agreed, dictation=True)
    with pytest.raises(BegunAsTalk):
        begun(house.workflow, house.recorder, GP, ref=None, consult_id=talk.id, given=agreed, dictation=True)
    assert house.store.consult(talk.id) == talk
    made, ours = begun(house.workflow, house.recorder, GP, ref="P-5", consult_id=None, given=agreed, dictation=True)
    assert (made.channels, ours) == ((Speaker.HUISARTS,), True)
    for dictation in (True, False):  # after a crash: what it was begun as
        again = begun(house.workflow, house.recorder, GP, ref="P-5", consult_id=None, given=agreed, dictation=dictation)
        assert again == (house.store.consult(made.id), False)
    web = house.workflow.create(GP, "P-6")
    house.workflow.record_consent(GP, web.id, agreed())
    found, _ = begun(house.workflow, house.recorder, GP, ref=None, consult_id=web.id, given=agreed, dictation=True)
    assert found.channels == (Speaker.HUISARTS,)


def test_a_consult_that_is_closed_to_somebody_is_not_recorded_by_them(house: House) -> None:
    locum = replace(GP, name="W. Neem")
    made = house.workflow.create(locum, "P-4")
    house.workflow.record_consent(locum, made.id, agreed())
    house.workflow.close(locum, made.id, house.workflow.consult(made.id).version)
    with pytest.raises(ClosedConsult):
        begun(house.workflow, house.recorder, GP, ref=None, consult_id=made.id, given=agreed)
    assert house.store.consult(made.id).status is Status.CONSENTED


# --- sound and the clock ---------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    cuts=st.lists(st.integers(1, 4000), min_size=1, max_size=40),
    first=st.integers(0, 20_000),
    length=st.integers(1, 30_000),
)
def test_what_was_heard_between_two_moments_and_nothing_else(cuts: list[int], first: int, length: int) -> None:
    samples = np.arange(1, sum(cuts) + 1, dtype="<i4") % 30_000 + 1
    tape = Tape()
    frames = tape.run(first / RATE_HZ)
    tape.hold((first + length) / RATE_HZ)
    at = 0
    for count in cuts:
        pcm = samples[at : at + count].astype("<i2").tobytes()
        at += count
        frames += tape.take(Sound(pcm=pcm, until_s=at / RATE_HZ))
    frames += tape.settle()
    assert all(len(frame) == FRAME_BYTES for frame in frames)
    heard = np.frombuffer(without_silence(b"".join(frames)), "<i2")
    wanted = samples[first : first + length]
    # a moment is a float: a sample more or less at either end
    assert abs(len(heard) - len(wanted)) <= 2
    if len(wanted) > 4:
        assert wanted[2:-2].astype("<i2").tobytes() in heard.tobytes()


def test_what_the_system_lost_is_silence_and_what_came_late_is_not() -> None:
    tape = Tape()
    frames = tape.run(0.0)
    for until_s in (0.1, 0.2, 1.9, 1.91, 1.92, 6.0):
        frames += tape.take(Sound(pcm=spoken(0.1), until_s=until_s))
    # 0.5 s came by 1.92 s, late but in order; then 4 s and what was missing before it
    assert [frame == SILENCE for frame in frames] == [False] * 5 + [True] * 54 + [False]
    assert tape.missed_s == pytest.approx(5.4)


def test_speech_stands_out_above_the_hum_of_a_room() -> None:
    ear = Ear()
    hum = (RANDOM.standard_normal(1600) * 60).astype("<i2").tobytes()
    speech = (RANDOM.standard_normal(1600) * 3000).astype("<i2").tobytes()
    ear.hear(speech)
    assert ear.quiet_s == 0.0
    for _ in range(60):
        ear.hear(hum)
    assert ear.quiet_s == pytest.approx(6.0, abs=0.1)
    ear.hear(speech)
    assert ear.quiet_s == 0.0
    for _ in range(60):
        ear.hear(SILENCE)
    assert ear.quiet_s == pytest.approx(6.0)


def test_a_microphone_is_found_by_number_name_or_part_of_it() -> None:
    microphone = ScriptedMicrophone()
    devices = microphone.devices()
    found = [chosen(devices, wanted).index for wanted in ("", "1", "kraag", "usb")]
    assert found == [0, 1, 1, 2]
    for wanted in ("9", "raag", "iets anders"):
        with pytest.raises(UnknownDevice):
            chosen(devices, wanted)
    with pytest.raises(NoMicrophone):
        chosen([], "")
    microphone.busy = True
    with pytest.raises(MicrophoneBusy, match="Kraag USB"):
        microphone.open("2")


# --- buttons and screen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", [False, True], ids=["short name", "too long for a socket"])
def test_the_buttons_find_who_records(tmp_path: Path, deep: bool) -> None:
    folder = tmp_path / ("x" * 100 if deep else "x")
    folder.mkdir()
    with pytest.raises(NobodyRecords):
        ask(folder, "status")
    switch = Switch(folder)
    with pytest.raises(AlreadyRecording):
        Switch(folder)
    assert (folder / "record.sock").stat().st_mode & 0o77 == 0
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.01):
            switch.answer(lambda question: f"gehoord: {question}")

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        assert ask(folder, "pause 1.5") == "gehoord: pause 1.5"
    finally:
        over.set()
        serving.join()
    switch._socket.close()  # type: ignore[union-attr]  # as a crash leaves it: the name is there, nobody listens
    with pytest.raises(NobodyRecords):
        ask(folder, "status")
    switch.close()
    Switch(folder).close()


def said(standing: Standing) -> str:
    return " ".join(warnings(standing, str, lambda problem: str(problem)))


def test_the_screen_says_what_is_wrong() -> None:
    running = Standing(state=State.RECORDING, safe_s=65.0, device="Kraag", level_db=-30.0)
    assert said(running) == ""
    assert "hoor niets" in said(replace(running, quiet_s=5.0))
    assert "schijf" in said(replace(running, disk=True))
    assert "nog niet veilig" in said(replace(running, unsafe_s=9.0))
    assert "database" in said(replace(running, database=False))
    assert "12 s geluid is gemist" in said(replace(running, missed_s=12.2))
    assert "te druk" in said(replace(running, overflow=2))
    assert "microfoon is weg" in said(replace(running, trouble=MicrophoneLost()))
    console = Console(width=100, record=True)
    with console.capture() as shown:
        console.print(drawn(running, str, lambda problem: str(problem)))
    assert "opname loopt" in shown.get()
    assert "01:05" in shown.get()


def test_another_program_that_does_not_let_go_is_a_conflict(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcribe.recorder.HAND_OVER_S", 0.1)
    house.recorder.open(GP, house.consult_id)  # and hangs
    with pytest.raises(Conflict):
        house.web.finish(GP, house.consult_id)
    assert house.store.consult(house.consult_id).status is Status.RECORDING
