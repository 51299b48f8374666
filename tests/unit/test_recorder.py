"""A recording from its start to its end, on fakes: what is refused, what a crash leaves, what nobody finished."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

import pytest

from consent import ConsentMissing, How, current_text, grant
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.pcm import Span, Unheard
from transcribe.consult import Action, Actor, Change, Consult, KeyPurpose, Role, Space, Status
from transcribe.contact import Contact, ContactType
from transcribe.errors import (
    Conflict,
    DiskFull,
    DiskLow,
    Erased,
    InvalidInput,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    Unreadable,
    WaitsFor,
    WrongStatus,
)
from transcribe.recorder import CanNotGoOn, Elsewhere, Finishing, NothingRecorded, Recorder, SoundLeft, TakenOver
from transcribe.soep.note import Section
from transcribe.testing import CONSULT, DRAFT, MemoryAudioStore, MemorySpool, MemoryStore, ScriptedDecoder, confirm_seen
from transcribe.workflow import Workflow
from transcribe.writer import PCM, Writer

GP = Actor(name="Dr. Test", role=Role.HUISARTS)
ASSISTANT = Actor(name="A. Test", role=Role.ASSISTENTE)
ONE, BOTH = (Speaker.ONBEKEND,), (Speaker.HUISARTS, Speaker.PATIENT)
SECOND = 32_000  # bytes on one channel
WORDS = current_text()
HEARD = Transcript(utterances=CONSULT, duration_s=1.0)


class House:
    """The use cases on fakes, with clocks that stand still."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        self.space = Space(total=100, free=50)
        self.store, self.audio, self.spool = MemoryStore(), MemoryAudioStore(), MemorySpool(clock=lambda: self.now)
        self.writer = Writer(self.store, clock=lambda: self.now)
        self.workflow = Workflow(
            store=self.store,
            audio=self.audio,
            spool=self.spool,
            decoder=ScriptedDecoder(),
            writer=self.writer,
            space=lambda: self.space,
        )
        self.recorder = self.restarted()

    def restarted(self) -> Recorder:
        return Recorder(
            store=self.store,
            audio=self.audio,
            spool=self.spool,
            writer=self.writer,
            space=lambda: self.space,
            min_free_percent=5.0,
            max_minutes=60,
            elapsed=lambda: self.elapsed_s,
        )

    def consented(self) -> UUID:
        consult = self.workflow.create(GP, "P-1")
        given = grant(
            how=How.SPOKEN,
            informed_by="Dr. Test",
            text_id=WORDS.id,
            text_sha256=WORDS.sha256,
            others_informed=True,
            now=self.now,
        )
        return self.workflow.record_consent(GP, consult.id, given).id

    def started(self, speakers: tuple[Speaker, ...] = ONE) -> UUID:
        return self.recorder.start(GP, self.consented(), speakers).id

    def recording(self, *pieces: bytes, speakers: tuple[Speaker, ...] = ONE) -> UUID:
        """One that holds this sound, with nobody writing."""
        consult_id = self.started(speakers)
        live = self.recorder.open(GP, consult_id)
        for piece in pieces:
            live.append(piece)
            live.sync()
        live.close()
        return consult_id

    def gone_on(self, consult_id: UUID) -> Consult:
        """As who sees it now."""
        return self.recorder.go_on(GP, consult_id, self.consult(consult_id).version)

    def consult(self, consult_id: UUID) -> Consult:
        return self.store.consult(consult_id)

    def sound(self, consult_id: UUID) -> bytes:
        with self.audio.open(consult_id, PCM, self.store.data_key(consult_id, KeyPurpose.SOURCE)) as file:
            return file.read()

    def actions(self, consult_id: UUID) -> list[Action]:
        return [event.action for event in self.store.events(consult_id)]

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.elapsed_s += timedelta(**time).total_seconds()


@pytest.fixture
def house() -> House:
    return House()


# --- beginning -----------------------------------------------------------------------------------------------------


def test_without_consent_nothing_is_recorded(house: House) -> None:
    consult_id = house.workflow.create(GP, "P-1").id
    with pytest.raises(WrongStatus):
        house.recorder.start(GP, consult_id, ONE)
    with pytest.raises(WrongStatus):
        house.recorder.open(GP, consult_id)
    assert house.spool.consults() == []


def test_a_start_is_a_status_and_a_row_in_the_log(house: House) -> None:
    consult = house.consult(house.started(BOTH))
    assert (consult.status, consult.channels) == (Status.RECORDING, BOTH)
    assert house.actions(consult.id)[-1] is Action.RECORDING_STARTED
    with pytest.raises(WrongStatus):
        house.recorder.start(GP, consult.id, ONE)


def test_a_purpose_not_agreed_to_is_refused_at_each_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, running = house.consented(), house.started()
    monkeypatch.setattr(house.store, "consent", lambda _: None)
    for call in (
        lambda: house.recorder.start(GP, fresh, ONE),
        lambda: house.recorder.open(GP, running),
        lambda: house.recorder.resume(GP, running),
    ):
        with pytest.raises(ConsentMissing):
            call()


def test_a_nearly_full_disk_begins_no_recording_and_ends_none(house: House) -> None:
    running, fresh = house.started(), house.consented()
    house.space = Space(total=1000, free=49)
    with pytest.raises(DiskLow, match="4 %"):
        house.recorder.start(GP, fresh, ONE)
    live = house.recorder.open(GP, running)
    live.append(bytes(SECOND))
    assert live.sync() == SECOND
    house.space = Space(total=1000, free=50)
    house.recorder.start(GP, fresh, ONE)


@pytest.mark.parametrize("speakers", [(), (*BOTH, Speaker.BEGELEIDER)])
def test_one_channel_or_two(house: House, speakers: tuple[Speaker, ...]) -> None:
    with pytest.raises(InvalidInput):
        house.recorder.start(GP, house.consented(), speakers)


def test_the_system_is_nobody_who_may_record(house: House) -> None:
    system = Actor(name="transcribe", role=Role.SYSTEEM)
    consult_id = house.started()
    for call in (house.recorder.pause, house.recorder.resume, house.recorder.open, house.recorder.finish):
        with pytest.raises(NotAllowed):
            call(system, consult_id)


# --- while it runs -------------------------------------------------------------------------------------------------


def test_pause_and_resume_may_be_said_twice(house: House) -> None:
    consult_id = house.started()
    for _ in range(2):
        assert house.recorder.pause(GP, consult_id).status is Status.PAUSED
    for _ in range(2):
        assert house.recorder.resume(GP, consult_id).status is Status.RECORDING
    assert house.actions(consult_id)[-2:] == [Action.RECORDING_PAUSED, Action.RECORDING_RESUMED]


def test_a_later_connection_takes_over_from_an_earlier_one(house: House) -> None:
    consult_id = house.started()
    first = house.recorder.open(GP, consult_id)
    first.append(b"ab")
    first.sync()
    second = house.recorder.open(GP, consult_id)
    assert second.position == 2
    for call in (lambda: first.append(b"cd"), first.sync):
        with pytest.raises(TakenOver):
            call()
    first.close()
    second.append(b"cd")
    assert second.sync() == 4


def test_a_writer_in_another_process_is_a_conflict(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcribe.recorder.HAND_OVER_S", 0.0)
    consult_id = house.started()
    house.recorder.open(GP, consult_id)
    other = house.restarted()
    with pytest.raises(Conflict):
        other.open(GP, consult_id)
    with pytest.raises(Conflict):
        other.finish(GP, consult_id)
    assert house.consult(consult_id).status is Status.RECORDING


def test_withdrawal_ends_the_writing_and_leaves_nothing(house: House) -> None:
    consult_id = house.started()
    live = house.recorder.open(GP, consult_id)
    live.append(bytes(SECOND))
    live.sync()
    house.workflow.withdraw(GP, consult_id)
    with pytest.raises(NotFound):
        live.append(bytes(SECOND))
    with pytest.raises(WrongStatus):
        house.recorder.open(GP, consult_id)
    with pytest.raises(WrongStatus):
        house.recorder.finish(GP, consult_id)
    assert house.spool.consults() == []
    assert house.audio.names(consult_id) == []


def test_withdrawal_in_the_middle_of_opening_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.started()
    open_spool = house.spool.open

    def withdrawn(*args: Any) -> Any:
        house.workflow.withdraw(GP, consult_id)
        return open_spool(*args)

    monkeypatch.setattr(house.spool, "open", withdrawn)
    with pytest.raises(WrongStatus):
        house.recorder.open(GP, consult_id)
    assert house.spool.consults() == []


def test_what_is_safe_can_be_heard_and_told_before_the_end(house: House) -> None:
    consult_id = house.started(BOTH)
    live = house.recorder.open(GP, consult_id)
    live.append(b"ab" * SECOND)
    live.sync()
    live.append(b"never")
    assert house.recorder.progress(consult_id).safe_s == 1.0
    heard = house.recorder.read(GP, consult_id, first=True)
    assert (heard.channels, heard.file.read()) == (2, b"ab" * SECOND)
    house.recorder.read(GP, consult_id, first=False)
    assert house.actions(consult_id).count(Action.AUDIO_PLAYED) == 1
    live.close()
    assert house.restarted().progress(consult_id).safe_s == 1.0
    with pytest.raises(NotAllowed):
        house.recorder.read(ASSISTANT, consult_id, first=True)
    house.recorder.finish(GP, consult_id)
    with pytest.raises(WrongStatus):
        house.recorder.read(GP, consult_id, first=True)


def test_the_limit_is_in_bytes_of_all_channels(house: House) -> None:
    assert house.recorder.limit(house.consult(house.started(BOTH))) == 60 * 60 * 2 * SECOND


def test_what_stays_outside_the_record_is_in_the_log_with_its_length(house: House) -> None:
    consult_id = house.started()
    house.recorder.pause(GP, consult_id)
    assert house.recorder.aside_since(consult_id) is None
    house.recorder.resume(GP, consult_id)
    for _ in range(2):
        assert house.recorder.pause(GP, consult_id, aside=True).status is Status.PAUSED
    assert house.recorder.aside_since(consult_id) == house.now
    house.later(seconds=42)
    house.recorder.resume(GP, consult_id)
    assert house.recorder.aside_since(consult_id) is None
    turns = {Action.RECORDING_PAUSED, Action.RECORDING_RESUMED}
    said = [event.detail for event in house.store.events(consult_id) if event.action in turns]
    assert said == ["", "", "buiten verslag: na 0.0 s", "buiten verslag: 42 s"]


def test_what_the_recording_has_nothing_of_is_kept_with_it(house: House) -> None:
    """A gap that was filled with silence, an aside where it was, and neither a pause nor silence of people."""
    said, hush = b"\1\0" * (SECOND // 2), bytes(SECOND)
    consult_id = house.recording(said * 12 + hush * 10 + said + hush + said)
    house.recorder.pause(GP, consult_id, aside=True)
    house.later(seconds=40)
    house.recorder.resume(GP, consult_id)
    with closing(house.recorder.open(GP, consult_id)) as live:
        live.append(hush + said)
        live.sync()
    house.recorder.pause(GP, consult_id, aside=True)
    house.later(seconds=7)
    house.recorder.finish(GP, consult_id)
    decoded = house.store.kept(consult_id).decoded
    assert decoded is not None
    assert decoded.missing == ()
    assert [(one.kind, one.at_s, one.length_s) for one in decoded.unrecorded] == [
        (Unheard.GAP, 12.0, 10.0),
        (Unheard.ASIDE, 25.0, 40.0),
        (Unheard.ASIDE, 27.0, 7.0),
    ]


def test_a_microphone_that_was_gone_beside_a_call_is_told(house: House) -> None:
    """Not a call in which nobody speaks: that is digital silence as well."""
    both, call, mine, hush = b"\1\0\2\0" * 16_000, b"\0\0\2\0" * 16_000, b"\1\0\0\0" * 16_000, bytes(64_000)
    speakers = (Speaker.HUISARTS, Speaker.PATIENT)
    talk = (call + hush) * 4 + call
    consult_id = house.recording(both + call * 2 + both + talk + mine * 9 + hush * 4 + both, speakers=speakers)
    house.recorder.finish(GP, consult_id)
    decoded = house.store.kept(consult_id).decoded
    assert decoded is not None
    assert [(one.kind, one.at_s, one.length_s) for one in decoded.unrecorded] == [
        (Unheard.VOICE, 4.0, 9.0),
        (Unheard.GAP, 22.0, 4.0),
    ]


def test_a_client_that_comes_back_by_itself_takes_nothing_from_another(house: House) -> None:
    consult_id = house.started()
    first = house.recorder.open(GP, consult_id)
    again = house.recorder.open(GP, consult_id, first.turn)
    assert again.turn == first.turn
    with pytest.raises(TakenOver):
        first.sync()
    second = house.recorder.open(GP, consult_id)
    assert second.turn != first.turn
    with pytest.raises(TakenOver):
        house.recorder.open(GP, consult_id, first.turn)
    assert second.sync() == 0
    second.close()
    assert house.recorder.open(GP, consult_id, first.turn).turn == first.turn


def test_the_key_of_a_client_is_its_own_and_goes_with_the_consult(house: House) -> None:
    one, other = house.started(), house.started()
    keys = {house.recorder.client_key(GP, one), house.recorder.client_key(GP, other)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 2
    assert house.recorder.client_key(GP, one) in keys
    assert not keys & {house.store.data_key(one, KeyPurpose.SOURCE), house.store.data_key(other, KeyPurpose.SOURCE)}
    with pytest.raises(NotAllowed):
        house.recorder.client_key(Actor(name="transcribe", role=Role.SYSTEEM), one)
    house.workflow.withdraw(GP, one)
    with pytest.raises(Erased):
        house.recorder.client_key(GP, one)


def test_the_mark_is_of_the_sound_just_before_a_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.recording(b"ab" * 50, b"cd" * 50)
    consult = house.consult(consult_id)
    assert house.recorder.mark(consult, 200, 100) == hashlib.sha256(b"cd" * 50).hexdigest()
    assert house.recorder.mark(consult, 50, 100) == ""
    monkeypatch.setattr(house.spool, "read", raises(Unreadable))
    assert house.recorder.mark(consult, 200, 100) == ""


def raises(problem: type[Exception]) -> Callable[..., Any]:
    def fails(*_: object) -> Any:
        raise problem

    return fails


# --- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speakers", [ONE, BOTH])
@pytest.mark.parametrize("paused", [False, True])
def test_a_finished_recording_is_stored_whole_and_asks_for_its_transcript(
    house: House, monkeypatch: pytest.MonkeyPatch, speakers: tuple[Speaker, ...], paused: bool
) -> None:
    sound = bytes(range(256)) * 500
    consult_id = house.recording(sound[:1000], sound[1000:], speakers=speakers)
    if paused:
        house.recorder.pause(GP, consult_id)
    changes: list[Change] = []
    apply = house.store.apply
    monkeypatch.setattr(house.store, "apply", lambda change: (changes.append(change), apply(change))[1])
    consult = house.recorder.finish(GP, consult_id)
    assert house.consult(consult_id) == consult
    seconds = len(sound) / SECOND / len(speakers)
    assert (consult.status, consult.audio_s, consult.lost_s) == (Status.RECORDED, seconds, 0.0)
    assert house.sound(consult_id) == sound
    assert house.spool.consults() == []
    (change,) = changes
    assert change.decoded is not None
    assert (change.decoded.duration_s, change.decoded.channels, change.decoded.missing) == (seconds, len(speakers), ())
    assert [job.stage for job in change.jobs] == ["uitschrijven"]
    assert change.audit.action is Action.AUDIO_STORED


def test_the_end_comes_after_what_is_being_written_and_stops_the_writer(house: House) -> None:
    consult_id = house.started()
    live = house.recorder.open(GP, consult_id)
    live.append(b"ab" * 16_000)
    live.sync()
    assert house.recorder.finish(GP, consult_id).audio_s == 1.0
    with pytest.raises(Finishing):
        live.append(b"cd")
    live.close()


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("where", ["audio.write", "audio.written", "store.apply", "store.applied", "spool.delete"])
def test_a_crash_while_finishing_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    room, _, step = where.partition(".")
    part = getattr(house, room)
    name = {"written": "write", "applied": "apply"}.get(step, step)
    real: Callable[..., Any] = getattr(part, name)

    def dies(*args: Any) -> None:
        if name != step:
            real(*args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(part, name, dies)
        with pytest.raises(Crash):
            house.recorder.finish(GP, consult_id)
    house.spool._writers.clear()
    house.recorder = house.restarted()
    consult = house.recorder.finish(GP, consult_id)
    assert (consult.status, consult.audio_s) == (Status.RECORDED, 2.0)
    assert house.sound(consult_id) == b"ab" * SECOND
    assert house.spool.consults() == []
    assert house.actions(consult_id).count(Action.AUDIO_STORED) == 1
    assert house.recorder.finish(GP, consult_id) == consult


def test_a_database_that_is_away_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.recording(b"ab" * SECOND)

    def away(_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "apply", away)
        with pytest.raises(StoreUnavailable):
            house.recorder.finish(GP, consult_id)
    assert house.recorder.finish(GP, consult_id).audio_s == 2.0


def interrupt(house: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """``act`` comes in between when the sound has been stored."""
    write = house.audio.write

    def acting(consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        written = write(consult_id, name, key, chunks)
        monkeypatch.setattr(house.audio, "write", write)
        act()
        return written

    monkeypatch.setattr(house.audio, "write", acting)


def test_a_pause_in_the_middle_of_finishing_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    interrupt(house, monkeypatch, lambda: house.recorder.pause(GP, consult_id))
    assert house.recorder.finish(GP, consult_id).status is Status.RECORDED


def test_withdrawal_in_the_middle_of_finishing_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    interrupt(house, monkeypatch, lambda: house.workflow.withdraw(GP, consult_id))
    with pytest.raises(WrongStatus):
        house.recorder.finish(GP, consult_id)
    assert house.audio.names(consult_id) == []
    assert house.consult(consult_id).status is Status.WITHDRAWN
    assert house.spool.consults() == []


def test_an_empty_recording_goes_back_and_says_why(house: House) -> None:
    consult_id = house.recording()
    with pytest.raises(NothingRecorded, match="geen geluid opgenomen"):
        house.recorder.finish(GP, consult_id)
    consult = house.consult(consult_id)
    assert (consult.status, consult.channels) == (Status.CONSENTED, ())
    assert house.audio.names(consult_id) == []
    assert house.spool.consults() == []
    house.recorder.start(GP, consult_id, BOTH)


def test_sound_that_lies_on_another_machine_is_not_taken_for_none(house: House) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    house.recorder = replace_spool(house, MemorySpool())
    with pytest.raises(Elsewhere):
        house.recorder.finish(GP, consult_id)
    assert house.consult(consult_id).status is Status.RECORDING


def replace_spool(house: House, spool: MemorySpool) -> Recorder:
    house.spool = spool
    return house.restarted()


def test_before_and_after_a_recording_there_is_nothing_to_finish(house: House) -> None:
    consult_id = house.consented()
    with pytest.raises(WrongStatus):
        house.recorder.finish(GP, consult_id)
    house.workflow.withdraw(GP, consult_id)
    with pytest.raises(WrongStatus):
        house.recorder.finish(GP, consult_id)


class Damaged:
    """A reader that can't read some of it."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._end = file, start, end

    def __enter__(self) -> Damaged:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, length: int) -> bytes:
        place = self._file.tell()
        if place < self._end and place + length > self._start:
            raise Unreadable
        return self._file.read(length)


def test_what_can_not_be_read_back_is_silence_and_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = b"ab" * SECOND
    consult_id = house.recording(sound)
    read = house.spool.read
    monkeypatch.setattr(house.spool, "read", lambda *args: Damaged(read(*args), 17_000, 20_000))
    changes: list[Change] = []
    apply = house.store.apply
    monkeypatch.setattr(house.store, "apply", lambda change: (changes.append(change), apply(change))[1])
    consult = house.recorder.finish(GP, consult_id)
    assert consult.lost_s == consult.missing_s == pytest.approx(0.2)
    assert consult.audio_s == 2.0
    assert changes[0].decoded is not None
    assert changes[0].decoded.missing == (Span(start_s=0.5, end_s=0.7),)
    assert house.sound(consult_id) == sound[:16_000] + bytes(6_400) + sound[22_400:]


# --- what nobody finished ------------------------------------------------------------------------------------------


def test_a_recording_that_nobody_finished_gets_its_draft_after_all(house: House) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    assert house.recorder.finish_abandoned() == 0
    house.later(minutes=29)
    assert house.recorder.finish_abandoned() == 0
    house.later(minutes=2)
    assert house.recorder.finish_abandoned() == 1
    assert house.consult(consult_id).status is Status.RECORDED
    assert house.store.events(consult_id)[-1].role is Role.SYSTEEM
    assert house.recorder.finish_abandoned() == 0
    decoded = house.store.kept(consult_id).decoded
    assert decoded is not None
    assert [(one.kind, one.at_s) for one in decoded.unrecorded] == [(Unheard.LEFT, 2.0)]


def test_a_pause_that_was_the_end_is_no_broken_recording(house: House) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    house.recorder.pause(GP, consult_id)
    house.recorder.finish_abandoned()
    house.later(minutes=241)
    assert house.recorder.finish_abandoned() == 1
    decoded = house.store.kept(consult_id).decoded
    assert decoded is not None
    assert decoded.unrecorded == ()


def test_sound_that_comes_in_keeps_it_going(house: House) -> None:
    consult_id = house.started()
    live = house.recorder.open(GP, consult_id)
    for _ in range(10):
        live.append(b"ab")
        live.sync()
        assert house.recorder.finish_abandoned() == 0
        house.later(minutes=20)
    assert house.consult(consult_id).status is Status.RECORDING


def test_sound_that_another_process_writes_keeps_it_going_too(house: House) -> None:
    consult_id = house.started()
    other = house.restarted()
    for _ in range(5):
        live = house.recorder.open(GP, consult_id)
        live.append(b"ab")
        live.sync()
        live.close()  # between two connections nobody holds it
        assert other.finish_abandoned() == 0
        house.later(minutes=20)


def test_a_paused_one_is_left_alone_for_longer(house: House) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    house.recorder.pause(GP, consult_id)
    house.recorder.finish_abandoned()
    house.later(hours=3, minutes=59)
    assert house.recorder.finish_abandoned() == 0
    house.recorder.resume(GP, consult_id)
    house.later(minutes=29)
    assert house.recorder.finish_abandoned() == 0
    house.recorder.pause(GP, consult_id)
    assert house.recorder.finish_abandoned() == 0
    house.later(hours=4, minutes=1)
    assert house.recorder.finish_abandoned() == 1


def test_an_abandoned_recording_without_sound_goes_back(house: House) -> None:
    consult_id = house.started()
    house.recorder.finish_abandoned()
    house.later(minutes=31)
    assert house.recorder.finish_abandoned() == 0
    assert house.consult(consult_id).status is Status.CONSENTED


def test_what_a_crash_left_of_finished_or_erased_recordings_goes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    finished, withdrawn, fresh = house.recording(b"ab"), house.recording(b"ab"), house.consented()
    with monkeypatch.context() as patch:
        patch.setattr(house.spool, "delete", lambda _: None)
        house.recorder.finish(GP, finished)
        house.workflow.withdraw(GP, withdrawn)
    house.spool.open(fresh, house.store.data_key(fresh, KeyPurpose.SOURCE), new=True).close()
    assert len(house.spool.consults()) == 3
    house.recorder.finish_abandoned()
    assert house.spool.consults() == []


@pytest.mark.parametrize("trouble", [Erased(), OSError(errno.EIO, "Input/output error")], ids=["erased", "disk"])
def test_one_that_can_not_be_finished_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    bad, good, unknown = house.recording(b"ab"), house.recording(b"ab"), UUID(int=7)
    house.spool.open(unknown, bytes(32), new=True).close()
    house.recorder.finish_abandoned()
    house.later(minutes=31)
    write = house.audio.write

    def failing(consult_id: UUID, *args: Any) -> int:
        if consult_id == bad:
            raise trouble
        return write(consult_id, *args)

    monkeypatch.setattr(house.audio, "write", failing)
    assert house.recorder.finish_abandoned() == 1
    assert house.consult(good).status is Status.RECORDED
    assert house.consult(bad).status is Status.RECORDING
    assert sorted(house.spool.consults()) == sorted([bad, unknown])


@pytest.mark.parametrize("hours", [-5, 5])
@pytest.mark.parametrize("paused", [False, True])
def test_a_clock_that_is_set_finishes_nothing(house: House, hours: float, paused: bool) -> None:
    """Under a GP who paused, or whose connection is away for a moment."""
    consult_id = house.recording(b"ab")
    if paused:
        house.recorder.pause(GP, consult_id)
    house.recorder.finish_abandoned()
    house.now += timedelta(hours=hours)
    assert house.recorder.finish_abandoned() == 0
    house.later(minutes=29)
    assert house.recorder.finish_abandoned() == 0
    assert house.consult(consult_id).status in (Status.RECORDING, Status.PAUSED)
    house.later(hours=4)
    assert house.recorder.finish_abandoned() == 1


# --- two machines, and what a restore leaves -----------------------------------------------------------------------


class Neighbour:
    """Another machine on the same database and audio store, with a spool of its own."""

    def __init__(self, house: House) -> None:
        self.spool = MemorySpool()
        self.recorder = Recorder(
            store=house.store,
            audio=house.audio,
            spool=self.spool,
            writer=house.writer,
            space=lambda: house.space,
            elapsed=lambda: house.elapsed_s,
        )


@pytest.mark.parametrize("sound", [b"", b"ab" * SECOND])
def test_the_recording_of_another_machine_is_refused_and_left_alone(house: House, sound: bytes) -> None:
    consult_id = house.recording(sound)
    other = Neighbour(house)
    for _ in range(2):
        for call in (
            lambda: other.recorder.open(GP, consult_id),
            lambda: other.recorder.finish(GP, consult_id),
            lambda: other.recorder.read(GP, consult_id, first=True),
        ):
            with pytest.raises(Elsewhere):
                call()
    house.later(hours=5)
    assert other.recorder.finish_abandoned() == 0
    assert other.spool.consults() == []
    assert house.consult(consult_id).status is Status.RECORDING
    live = house.recorder.open(GP, consult_id)
    assert live.position == len(sound)
    live.append(b"cd" * SECOND)
    live.sync()
    assert house.recorder.finish(GP, consult_id).status is Status.RECORDED
    assert house.sound(consult_id) == sound + b"cd" * SECOND


def test_a_begin_that_broke_off_elsewhere_claims_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away in the middle of a begin on one machine; then it is begun on another."""
    consult_id = house.consented()
    other = Neighbour(house)

    def away(_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(house.store, "apply", away)
        with pytest.raises(StoreUnavailable):
            other.recorder.start(GP, consult_id, (Speaker.HUISARTS,))
    assert other.spool.consults() == [consult_id]  # it could not know whether its change was written
    house.recorder.start(GP, consult_id, (Speaker.HUISARTS,))
    live = house.recorder.open(GP, consult_id)
    live.append(b"ab" * SECOND)
    live.sync()
    for call in (
        lambda: other.recorder.open(GP, consult_id),
        lambda: other.recorder.finish(GP, consult_id),
        lambda: other.recorder.read(GP, consult_id, first=True),
    ):
        with pytest.raises(Elsewhere):
            call()
    house.later(hours=5)
    assert other.recorder.finish_abandoned() == 0
    assert other.spool.consults() == []
    assert house.recorder.finish(GP, consult_id).status is Status.RECORDED
    assert house.sound(consult_id) == b"ab" * SECOND


def test_a_recording_that_two_machines_start_belongs_to_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.consented()
    other = Neighbour(house)
    open_spool = other.spool.open

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        recording = open_spool(*args, **kwargs)
        consult = house.store.consult

        def read(wanted: UUID) -> Consult:
            found = consult(wanted)
            monkeypatch.setattr(house.store, "consult", consult)
            house.recorder.start(GP, consult_id, ONE)
            return found

        monkeypatch.setattr(house.store, "consult", read)
        return recording

    monkeypatch.setattr(other.spool, "open", overtaken)
    with pytest.raises(Conflict):
        other.recorder.start(GP, consult_id, BOTH)
    assert other.spool.consults() == []
    assert house.consult(consult_id).channels == ONE
    house.recorder.open(GP, consult_id).close()


def test_a_second_start_on_one_machine_leaves_the_first_its_place(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult_id = house.consented()
    open_spool = house.spool.open

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(house.spool, "open", open_spool)
        house.recorder.start(GP, consult_id, ONE)
        return open_spool(*args, **kwargs)

    monkeypatch.setattr(house.spool, "open", overtaken)
    with pytest.raises(WrongStatus):
        house.recorder.start(GP, consult_id, BOTH)
    house.recorder.open(GP, consult_id).close()
    assert house.spool.consults() == [consult_id]


def test_sound_of_an_earlier_recording_is_never_continued_nor_removed(house: House) -> None:
    """An older back-up was restored: by it nothing was recorded yet."""
    consult_id = house.consented()
    key = house.store.data_key(consult_id, KeyPurpose.SOURCE)
    earlier = house.spool.open(consult_id, key, new=True)
    earlier.append(b"ab" * SECOND)
    earlier.sync()
    earlier.close()
    house.recorder.finish_abandoned()
    with pytest.raises(SoundLeft, match="eerdere opname"):
        house.recorder.start(GP, consult_id, BOTH)
    house.later(days=1)
    house.recorder.finish_abandoned()
    assert house.consult(consult_id).status is Status.CONSENTED
    house.workflow.receive(GP, consult_id, [b"a file"], ONE)
    house.recorder.finish_abandoned()
    with house.spool.read(consult_id, key) as file:
        assert file.read() == b"ab" * SECOND
    house.workflow.withdraw(GP, consult_id)
    assert house.spool.consults() == []


def test_a_recording_that_never_began_claims_no_place(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.consented()

    def dies(_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "apply", dies)
        with pytest.raises(Crash):
            house.recorder.start(GP, consult_id, ONE)
    house.recorder.finish_abandoned()
    assert house.spool.consults() == [], "another machine may start it now"
    other = Neighbour(house)
    other.recorder.start(GP, consult_id, ONE)
    with pytest.raises(Elsewhere):
        house.recorder.open(GP, consult_id)


def test_a_place_that_a_start_has_just_made_is_left_to_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = house.consented()
    apply = house.store.apply

    def meanwhile(change: Change) -> None:
        house.restarted().finish_abandoned()
        apply(change)

    monkeypatch.setattr(house.store, "apply", meanwhile)
    house.recorder.start(GP, consult_id, ONE)
    house.recorder.open(GP, consult_id).close()


@pytest.mark.parametrize("trouble", [DiskFull, StoreUnavailable, OSError])
def test_who_records_goes_on_when_finishing_fails(
    house: House, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    consult_id = house.recording(b"ab" * SECOND)
    live = house.recorder.open(GP, consult_id)

    def fails(*_: object) -> None:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(house.audio, "write", fails)
        with pytest.raises(trouble):
            house.recorder.finish(GP, consult_id)
    with pytest.raises(Finishing):  # not: it is over
        live.append(b"cd" * SECOND)
    live.close()
    again = house.recorder.open(GP, consult_id)
    again.append(b"cd" * SECOND)
    again.sync()
    house.recorder.finish(GP, consult_id)
    assert house.sound(consult_id) == b"ab" * SECOND + b"cd" * SECOND


def test_what_can_not_be_read_is_silence_to_who_listens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = bytes(range(1, 251)) * 256
    consult_id = house.recording(sound)
    read = house.spool.read
    monkeypatch.setattr(house.spool, "read", lambda *args: Damaged(read(*args), 17_000, 20_000))
    with house.recorder.read(GP, consult_id, first=True).file as file:
        assert file.seek(0, 2) == len(sound)
        file.seek(0)
        assert file.read() == sound[:16_000] + bytes(6_400) + sound[22_400:]
        file.seek(17_500)
        assert file.read(5_000) == bytes(4_900) + sound[22_400:22_500]


# --- the contact ---------------------------------------------------------------------------------------------------


def sounded(house: House, consult_id: UUID, seconds: int) -> None:
    """So much sound comes in as it is said."""
    live = house.recorder.open(GP, consult_id)
    live.append(bytes(seconds * SECOND))
    live.sync()
    live.close()
    house.later(seconds=seconds)


def test_a_contact_lasts_from_the_start_to_the_stop_pauses_and_asides_included(house: House) -> None:
    consult_id = house.started()
    began = house.now
    assert (house.consult(consult_id).contact.began, house.consult(consult_id).contact.ended) == (began, None)
    sounded(house, consult_id, 2)
    house.recorder.pause(GP, consult_id)
    house.later(minutes=3)
    house.recorder.resume(GP, consult_id)
    sounded(house, consult_id, 1)
    house.recorder.pause(GP, consult_id, aside=True)
    house.later(minutes=4)
    house.recorder.resume(GP, consult_id)
    house.recorder.pause(GP, consult_id)
    ended = house.now
    house.later(hours=4)  # the patient has left; the GP rounds it off when the surgery is over
    contact = house.recorder.finish(GP, consult_id).contact
    assert contact.length == timedelta(minutes=7, seconds=3)
    assert (contact.began, contact.ended) == (began, ended)


def test_sound_that_came_in_long_after_it_was_said_leaves_the_end_open(house: House) -> None:
    """The link was away when the doctor stopped: what waited in the browser comes ten minutes later."""
    consult_id = house.started()
    house.later(minutes=10)
    sounded(house, consult_id, 2)
    contact = house.recorder.finish(GP, consult_id).contact
    assert contact.began is not None
    assert contact.ended is None


def test_nobody_knows_when_a_contact_ended_whose_recording_was_left_alone(house: House) -> None:
    consult_id = house.recording(bytes(SECOND))
    house.recorder.finish_abandoned()
    house.later(minutes=31)
    assert house.recorder.finish_abandoned() == 1
    contact = house.consult(consult_id).contact
    assert contact.began is not None
    assert contact.ended is None


def test_a_recording_without_sound_began_nothing(house: House) -> None:
    consult_id = house.started()
    with pytest.raises(NothingRecorded):
        house.recorder.finish(GP, consult_id)
    assert house.consult(consult_id).contact.began is None
    house.later(hours=1)
    house.recorder.start(GP, consult_id, ONE)
    assert house.consult(consult_id).contact.began == house.now


# --- going on after the end ----------------------------------------------------------------------------------------


def ended(house: House, *, status: Status = Status.DRAFTED, speakers: tuple[Speaker, ...] = ONE) -> UUID:
    """A recording of a second, with what was made of it since."""
    consult_id = house.recording(b"ab" * (len(speakers) * SECOND // 2), speakers=speakers)
    consult = house.recorder.finish(GP, consult_id)
    if status is not Status.RECORDED:
        consult = house.writer.apply(
            GP, consult, Action.TRANSCRIBED, status=Status.TRANSCRIBED, transcript=HEARD, progress_s=1.0
        )
    if status is Status.DRAFTED:
        house.writer.apply(GP, consult, Action.DRAFTED, status=Status.DRAFTED, note=DRAFT)
    return consult_id


def more(house: House, consult_id: UUID, sound: bytes) -> Consult:
    live = house.recorder.open(GP, consult_id)
    assert live.position == SECOND
    live.append(sound)
    live.sync()
    return house.recorder.finish(GP, consult_id)


@pytest.mark.parametrize("status", [Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED])
def test_a_recording_goes_on_after_its_end(house: House, status: Status) -> None:
    """The patient begins about something else at the door; what comes is one recording with what there was."""
    consult_id = ended(house, status=status)
    house.workflow.keep_typing(GP, consult_id, "nieuw-P", "Terug bij klachten.") if status is Status.DRAFTED else None
    running = house.gone_on(consult_id)
    assert (running.status, running.reason) == (Status.PAUSED, None)
    assert house.store.events(consult_id)[-1].detail == "na afronden"
    assert house.gone_on(consult_id) == running
    assert house.recorder.progress(consult_id).safe_s == 1.0
    consult = more(house, consult_id, b"cd" * (SECOND // 2))
    assert (consult.status, consult.audio_s) == (Status.RECORDED, 2.0)
    assert house.sound(consult_id) == b"ab" * (SECOND // 2) + b"cd" * (SECOND // 2)
    assert house.spool.consults() == []
    house.writer.apply(GP, consult, Action.TRANSCRIBED, status=Status.TRANSCRIBED, transcript=HEARD)
    assert house.store.typing(consult_id).texts == ()


@pytest.mark.parametrize("status", [Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED])
@pytest.mark.parametrize("by", ["a person", "time"])
def test_nothing_is_added_and_all_is_as_it_was(house: House, status: Status, by: str) -> None:
    """A slip of the hand: what was changed in the draft is there again."""
    consult_id = ended(house, status=status)
    if status is Status.DRAFTED:
        house.workflow.edit_line(GP, consult_id, house.consult(consult_id).version, "L1", "Keelpijn.")
    before, note = house.consult(consult_id), house.store.note(consult_id)
    house.gone_on(consult_id)
    if by == "time":
        house.recorder.finish_abandoned()
        house.later(hours=4, minutes=1)
        assert house.recorder.finish_abandoned() == 1
    else:
        house.later(minutes=2)
        house.recorder.resume(GP, consult_id)
        house.recorder.finish(GP, consult_id)
    after = house.consult(consult_id)
    assert (after.status, after.contact, after.audio_s) == (status, before.contact, 1.0)
    assert house.store.note(consult_id) == note
    assert house.sound(consult_id) == b"ab" * (SECOND // 2)
    assert house.spool.consults() == []


def test_a_draft_of_other_sound_does_not_come_back(house: House) -> None:
    """Something was added, and before its transcript was there it went on once more, for nothing."""
    consult_id = ended(house)
    house.gone_on(consult_id)
    more(house, consult_id, b"cd" * SECOND)
    house.gone_on(consult_id)
    assert house.recorder.finish(GP, consult_id).status is Status.RECORDED


def test_only_who_saw_the_newest_draft_and_may_throw_it_away_goes_on(house: House) -> None:
    consult_id = ended(house)
    seen = house.consult(consult_id).version
    for nobody in (ASSISTANT, Actor(name="P. Test", role=Role.POH)):
        with pytest.raises(NotAllowed):
            house.recorder.go_on(nobody, consult_id, seen)
    house.workflow.edit_line(Actor(name="W. Neem", role=Role.WAARNEMER), consult_id, seen, "L1", "Keelpijn.")
    for old in (seen, None):
        with pytest.raises(Conflict):
            house.recorder.go_on(GP, consult_id, old)
    assert house.consult(consult_id).status is Status.DRAFTED
    fresh = ended(house, status=Status.RECORDED)
    assert house.recorder.go_on(ASSISTANT, fresh, None).status is Status.PAUSED


def test_sound_of_another_disk_is_nobodys_to_remove(house: House) -> None:
    consult_id = ended(house)
    other = House()
    other.store, other.audio = house.store, house.audio
    left = other.spool.open(consult_id, house.store.data_key(consult_id, KeyPurpose.SOURCE), new=True)
    left.append(b"xy")
    left.sync()
    left.close()
    house.spool = other.spool
    house.recorder = house.restarted()
    with pytest.raises(SoundLeft):
        house.gone_on(consult_id)
    house.recorder.finish_abandoned()
    assert house.spool.consults() == [consult_id]


def test_when_the_stored_sound_is_gone_that_is_said(house: House) -> None:
    consult_id = ended(house)
    house.audio.delete(consult_id)
    with pytest.raises(CanNotGoOn):
        house.gone_on(consult_id)
    assert (house.consult(consult_id).status, house.spool.consults()) == (Status.DRAFTED, [])


def test_the_draft_that_counts_is_the_newest(house: House) -> None:
    """What a second draft changed was not changed by a person, and the time begins with a look at it."""
    consult_id = ended(house)
    house.workflow.review(GP, consult_id)
    house.gone_on(consult_id)
    consult = more(house, consult_id, b"cd" * (SECOND // 2))
    house.later(hours=1)
    consult = house.writer.apply(GP, consult, Action.TRANSCRIBED, status=Status.TRANSCRIBED, transcript=HEARD)
    lines = tuple(replace(line, text="Iets anders.", confirmed=True) for line in DRAFT.lines())
    second = replace(DRAFT, reports=(replace(DRAFT.reports[0], lines=lines),))
    house.writer.apply(GP, consult, Action.DRAFTED, status=Status.DRAFTED, note=second)
    review = house.workflow.review(GP, consult_id)
    house.later(seconds=20)
    house.workflow.approve(GP, consult_id, review.sha256)
    (entry,) = house.store.ledger(house.now.date())
    assert sum(one.changed for one in entry.checked.sections) == 0
    assert entry.checked.seconds == 20


def test_what_can_not_go_on(house: House) -> None:
    from_a_file = house.workflow.receive(GP, house.consented(), [b"sound"], ONE).id
    signed, withdrawn, damaged = ended(house), ended(house), ended(house)
    confirm_seen(house.workflow, GP, signed, "L3")
    house.workflow.approve(GP, signed, house.workflow.review(GP, signed).sha256)
    with pytest.raises(CanNotGoOn):
        house.gone_on(signed)
    again = house.workflow.add_line(GP, signed, house.consult(signed).version, Section.P, "Controle.")
    house.workflow.withdraw(GP, withdrawn)
    house.writer.apply(GP, house.consult(damaged), Action.NOTE_EDITED, lost_s=1.0)
    for consult_id in (from_a_file, again.id, withdrawn, damaged, house.consented()):
        before = house.consult(consult_id)
        with pytest.raises(CanNotGoOn):
            house.gone_on(consult_id)
        assert house.consult(consult_id) == before
    assert house.spool.consults() == []


def test_what_waits_for_a_colleague_does_not_go_on_under_their_hands(house: House) -> None:
    consult_id = ended(house)
    passed = house.workflow.pass_on(GP, consult_id, house.consult(consult_id).version, "W. Neem", "Klopt dit?")
    with pytest.raises(WaitsFor):
        house.gone_on(consult_id)
    assert house.consult(consult_id) == passed
    assert house.spool.consults() == []
    running = house.recorder.go_on(Actor(name="W. Neem", role=Role.WAARNEMER), consult_id, passed.version)
    # the next draft is another one
    assert (running.waits_for, house.store.message(consult_id)) == ("", "")


def test_going_on_asks_what_a_start_asks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = ended(house)
    with pytest.raises(NotAllowed):
        house.recorder.go_on(Actor(name="transcribe", role=Role.SYSTEEM), consult_id, 1)
    with monkeypatch.context() as patch:
        patch.setattr(house, "space", Space(total=100, free=4))
        with pytest.raises(DiskLow):
            house.gone_on(consult_id)
    with monkeypatch.context() as patch:
        patch.setattr(house.store, "consent", lambda _: None)
        with pytest.raises(ConsentMissing):
            house.gone_on(consult_id)
    assert house.consult(consult_id).status is Status.DRAFTED
    assert house.spool.consults() == []


@pytest.mark.parametrize("where", ["audio.open", "store.apply", "store.applied", "keeper"])
def test_a_crash_while_it_goes_on_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    consult_id = ended(house)
    room, _, step = where.partition(".")
    if step:
        part = getattr(house, room)
        name = {"applied": "apply"}.get(step, step)
        real: Callable[..., Any] = getattr(part, name)

        def dies(*args: Any) -> None:
            if name != step:
                real(*args)
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(part, name, dies)
            patch.setattr(house.spool, "delete", lambda _: None)  # a process that is gone removes nothing
            with pytest.raises(Crash):
                house.gone_on(consult_id)
    house.spool._writers.clear()
    house.recorder = house.restarted()
    house.recorder.finish_abandoned()
    house.gone_on(consult_id)
    house.recorder.finish_abandoned()
    more(house, consult_id, b"cd" * (SECOND // 2))
    assert house.sound(consult_id) == b"ab" * (SECOND // 2) + b"cd" * (SECOND // 2)


def test_a_database_that_is_away_when_it_goes_on_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have written it down all the same: then what is here is the recording, and stays."""
    consult_id = ended(house)
    apply = house.store.apply

    def lost(change: Change) -> None:
        apply(change)
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "apply", lost)
        with pytest.raises(StoreUnavailable):
            house.gone_on(consult_id)
    house.gone_on(consult_id)
    more(house, consult_id, b"cd" * (SECOND // 2))
    assert house.sound(consult_id) == b"ab" * (SECOND // 2) + b"cd" * (SECOND // 2)


def test_two_that_go_on_at_once_are_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one, and the keeper, come by while the sound is copied."""
    consult_id = ended(house)
    opened = house.audio.open
    refused: list[type[BaseException]] = []

    def meanwhile(*args: Any) -> BinaryIO:
        house.recorder.finish_abandoned()
        try:
            house.restarted().go_on(GP, consult_id, house.consult(consult_id).version)
        except Conflict as why:
            refused.append(type(why))
        return opened(*args)

    monkeypatch.setattr(house.audio, "open", meanwhile)
    house.gone_on(consult_id)
    monkeypatch.undo()
    assert refused == [Conflict]
    more(house, consult_id, b"cd" * (SECOND // 2))
    assert house.sound(consult_id) == b"ab" * (SECOND // 2) + b"cd" * (SECOND // 2)


def test_it_goes_on_at_another_machine_too(house: House) -> None:
    """What is stored is everybody's; the new name says on whose disk it is now."""
    consult_id = ended(house)
    before = house.consult(consult_id).upload
    house.spool = MemorySpool()
    house.recorder = house.restarted()
    assert house.gone_on(consult_id).upload != before
    more(house, consult_id, b"cd" * (SECOND // 2))
    assert house.sound(consult_id) == b"ab" * (SECOND // 2) + b"cd" * (SECOND // 2)


@pytest.mark.parametrize(("gap_min", "same"), [(2, True), (9, False), (180, False)])
def test_the_contact_lasts_until_the_last_end(house: House, gap_min: int, same: bool) -> None:
    """Of who talks on at the door. What is added later is something else."""
    consult_id = house.started()
    began = house.now
    sounded(house, consult_id, 2)
    ended_at = house.recorder.finish(GP, consult_id).contact.ended
    house.later(minutes=gap_min)
    house.gone_on(consult_id)
    house.later(seconds=20)
    house.recorder.resume(GP, consult_id)
    sounded(house, consult_id, 1)
    contact = house.recorder.finish(GP, consult_id).contact
    assert (contact.began, contact.ended) == (began, house.now if same else ended_at)


def test_a_contact_that_was_declared_stays_as_it_was_declared(house: House) -> None:
    consult_id = ended(house)
    declared = Contact(kind=ContactType.CONSULT, began=house.now - timedelta(minutes=9), ended=house.now)
    house.workflow.change_contact(GP, consult_id, house.consult(consult_id).version, declared)
    house.gone_on(consult_id)
    house.recorder.resume(GP, consult_id)
    house.later(minutes=1)
    assert more(house, consult_id, b"cd" * (SECOND // 2)).contact == declared


# --- is there sound? -----------------------------------------------------------------------------------------------


def test_a_recording_without_sound_is_known_for_it(house: House) -> None:
    consult_id = house.recording(bytes(SECOND))
    began = house.now
    house.later(seconds=9)
    assert house.recorder.silent_since(house.consult(consult_id)) is None
    house.later(seconds=1)
    assert house.recorder.silent_since(house.consult(consult_id)) == began
    with closing(house.recorder.open(GP, consult_id)) as live:
        live.append(bytes(SECOND))
        live.sync()
        assert house.recorder.silent_since(house.consult(consult_id)) is None
    house.later(seconds=20)
    house.recorder.pause(GP, consult_id)
    house.later(hours=1)
    assert house.recorder.silent_since(house.consult(consult_id)) is None, "nobody expects any"
    resumed = house.now
    house.recorder.resume(GP, consult_id)
    assert house.recorder.silent_since(house.consult(consult_id)) is None
    house.later(minutes=1)
    assert house.recorder.silent_since(house.consult(consult_id)) == resumed


def test_of_a_recording_on_another_machine_nothing_is_said(house: House) -> None:
    consult_id = house.started()
    house.later(minutes=1)
    assert house.recorder.silent_since(house.consult(consult_id))
    assert house.recorder.silent_since(replace(house.consult(consult_id), upload="live-elders-1")) is None
