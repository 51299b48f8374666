"""Following a recording that is being made, on fakes: what is done meanwhile, and when it is left alone."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consent import Purpose
from tests.unit.test_recorder import BOTH, GP, ONE, SECOND, House, ended
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.consult import Action, KeyPurpose
from transcribe.errors import StoreUnavailable
from transcribe.follower import DRAFT_S, Follower
from transcribe.naming import Naming
from transcribe.recorder import NothingRecorded
from transcribe.soep.note import Note
from transcribe.store.spool import FileSpool
from transcribe.testing import CONSULT, DRAFT, ScriptedTranscriber

SOUND = b"\x01\x00" * (SECOND // 2)


class Followed(House):
    def __init__(self) -> None:
        super().__init__()
        self.drafted: list[int] = []  # utterances
        self.problem: Exception | None = None
        self.spoiled: UUID | None = None
        self.transcriber = ScriptedTranscriber(CONSULT)
        self.follower = self.another()

    def another(self) -> Follower:
        return Follower(
            store=self.store,
            spool=self.spool,
            transcriber=self.transcriber,
            draft=self.draft,
            hints=lambda consult: (f"{consult.status.value}-woord",),
            elapsed=lambda: self.elapsed_s,
        )

    def draft(self, consult_id: UUID, transcript: Transcript) -> Note:
        if self.problem:
            raise self.problem
        if consult_id == self.spoiled:
            raise ValueError("as a fault of ours would")
        self.drafted.append(len(transcript.utterances))
        return DRAFT

    def windows(self, consult_id: UUID) -> list[float]:
        return [window.start_s for window in self.store.kept(consult_id).windows]


@pytest.fixture
def house() -> Followed:
    return Followed()


def test_what_was_said_is_heard_once_and_the_note_grows(house: Followed) -> None:
    consult_id = house.started()
    assert not house.follower.look(), "no sound yet"
    live = house.recorder.open(GP, consult_id)
    for second in range(1, 4):
        live.append(SOUND)
        live.sync()
        assert house.follower.look()
        assert not house.follower.look(), "until more comes"
        assert house.windows(consult_id) == list(range(second))
        assert house.transcriber.hints == ("opname loopt-woord",)
        house.later(seconds=DRAFT_S / 2)
    assert house.drafted == [1, 3], "not more often than people read"
    growing = house.store.growing(consult_id)
    assert growing is not None
    assert growing.note == DRAFT
    assert [utterance.text for utterance in growing.transcript.utterances] == [u.text for u in CONSULT[:3]]
    assert all(not utterance.words for utterance in growing.transcript.utterances)


def test_after_the_end_the_worker_has_what_was_heard(house: Followed) -> None:
    consult_id = house.recording(SOUND)
    assert house.follower.look()
    house.recorder.finish(GP, consult_id)
    assert not house.follower.look()
    assert house.windows(consult_id) == [0.0]


def test_another_worker_goes_on_when_the_first_is_gone(house: Followed) -> None:
    consult_id = house.recording(SOUND, SOUND)
    other = house.another()
    assert house.follower.look()
    assert not other.look(), "one at a time"
    house.follower.run(lambda _: True)  # asked to stop
    house.later(seconds=10)
    assert other.look()
    assert house.windows(consult_id) == [0.0, 1.0]


def test_a_withdrawal_ends_it(house: Followed) -> None:
    consult_id = house.recording(SOUND, SOUND)
    assert house.follower.look()
    house.workflow.withdraw(GP, consult_id)
    assert not house.follower.look()
    assert house.store.kept(consult_id).windows == ()


def test_sound_that_was_withdrawn_is_overdue_in_the_recogniser(house: Followed) -> None:
    house.recording(SOUND)
    found: list[bool] = []

    def draft(consult_id: UUID, _: Transcript) -> Note:
        found.append(house.follower.overdue())
        house.workflow.withdraw(GP, consult_id)
        found.append(house.follower.overdue())
        return DRAFT

    house.draft = draft  # type: ignore[method-assign]
    house.follower = house.another()
    assert not house.follower.overdue()
    house.follower.look()
    assert found == [False, True]
    assert not house.follower.overdue()


def test_only_recordings_that_are_made_here(house: Followed) -> None:
    beginning = house.consented()
    house.spool.open(beginning, house.store.data_key(beginning, KeyPurpose.SOURCE), new=True).close()
    unknown = UUID(int=7)
    house.spool.open(unknown, bytes(32), new=True).close()
    elsewhere = house.recording(SOUND)
    house.spool.name = "another disk"
    assert not house.another().look()
    assert house.windows(elsewhere) == []


class Slow:
    """A transcriber whose model takes a while to load: ``meanwhile``."""

    def __init__(self, of: ScriptedTranscriber, meanwhile: Callable[[], None]) -> None:
        self._of, self._meanwhile = of, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)

    def listen(self, speakers: Sequence[Speaker], **options: Any) -> Any:
        meanwhile, self._meanwhile = self._meanwhile, lambda: None
        listening = self._of.listen(speakers, **options)
        meanwhile()
        return listening


@pytest.mark.parametrize("loading", [False, True])
@pytest.mark.parametrize("on_disk", [False, True])
def test_begun_anew_it_is_another_recording(house: Followed, tmp_path: Path, on_disk: bool, loading: bool) -> None:
    """The wrong microphones were chosen: ended without a word, begun again. The new sound has other channels."""
    if on_disk:
        house.spool = FileSpool(tmp_path / "spool")  # type: ignore[assignment]
        house.recorder = house.restarted()
    consult_id = house.started(BOTH)

    def begin_anew() -> None:
        with pytest.raises(NothingRecorded):
            house.recorder.finish(GP, consult_id)
        house.recorder.start(GP, consult_id, ONE)

    if loading:
        house.transcriber = Slow(house.transcriber, begin_anew)  # type: ignore[assignment]
    follower, other = house.another(), house.another()
    follower.look()
    if not loading:
        begin_anew()
    live = house.recorder.open(GP, consult_id)
    for second in range(4):
        live.append(SOUND)
        live.sync()
        follower.look()
        assert all(window.start_s <= second for window in house.store.kept(consult_id).windows), "of one voice"
        house.later(seconds=6)
    live.close()
    while follower.look():
        pass
    assert house.windows(consult_id) == [0.0, 1.0, 2.0, 3.0]
    assert not other.look(), "one at a time"


def test_a_recording_that_can_not_be_read_stops_no_other(house: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, *good = (house.recording(SOUND) for _ in range(5))
    follow = house.spool.follow

    def broken(consult_id: UUID, key: bytes) -> object:
        if consult_id == bad:
            raise OSError(errno.EIO, "Input/output error")
        return follow(consult_id, key)

    monkeypatch.setattr(house.spool, "follow", broken)
    house.follower.look()
    assert [house.windows(consult_id) for consult_id in (bad, *good)] == [[], [0.0], [0.0], [0.0], [0.0]]


def test_trouble_of_one_does_not_stop_the_others(house: Followed) -> None:
    one, two = house.recording(SOUND), house.recording(SOUND, speakers=BOTH)
    assert house.recording(speakers=ONE)
    assert house.follower.look()
    assert (house.windows(one), house.windows(two)) == ([0.0], []), "half a second of two voices"


def test_the_note_grows_on_a_machine_that_is_behind(house: Followed) -> None:
    """There is always more to hear; the note is written all the same."""
    house.recording(SOUND, SOUND, SOUND, SOUND, SOUND)
    for _ in range(4):
        assert house.follower.look()
        house.later(seconds=DRAFT_S)
    assert house.drafted == [1, 2, 3, 4]


def test_a_recording_that_can_not_be_drafted_keeps_no_other_from_it(house: Followed) -> None:
    bad, *good = (house.recording(SOUND) for _ in range(5))
    house.spoiled = bad
    for _ in range(3):
        house.follower.look()
        house.later(seconds=DRAFT_S)
    assert all(house.windows(consult_id) == [0.0] for consult_id in (bad, *good))
    assert all(house.store.growing(consult_id) is not None for consult_id in good)
    assert house.store.growing(bad) is None


def test_nothing_is_transcribed_that_was_only_to_be_recorded(house: Followed) -> None:
    consult_id = house.recording(SOUND)
    other = house.recording(SOUND)
    given = house.store.consent(consult_id)
    assert given is not None
    narrow = replace(given, version=given.version + 1, purposes=frozenset({Purpose.RECORDING}))
    house.writer.apply(GP, house.consult(consult_id), Action.CONSENT_GIVEN, consent=narrow)
    assert house.follower.look()
    assert (house.windows(consult_id), house.windows(other)) == ([], [0.0])


@pytest.mark.parametrize("trouble", [StoreUnavailable(), OSError(errno.EIO, "no disk"), ValueError("a fault of ours")])
def test_it_goes_on_after_an_outage(house: Followed, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    consult_id = house.recording(SOUND)
    consults = house.spool.consults

    def away() -> list[UUID]:
        if house.problem:
            raise house.problem
        return consults()

    monkeypatch.setattr(house.spool, "consults", away)
    house.problem = trouble
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        house.later(seconds=seconds)
        if len(pauses) == 4:
            house.problem = None
        return len(pauses) == 7

    house.follower.run(wait)
    assert house.drafted == [1]
    assert house.windows(consult_id) == [0.0]
    assert max(pauses) >= 5


def test_of_a_recording_that_goes_on_the_channels_are_of_whom_a_person_said(
    house: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult_id = ended(house, speakers=BOTH)
    Naming(store=house.store, writer=house.writer).name(GP, consult_id, house.consult(consult_id).version, None)
    house.gone_on(consult_id)
    asked: list[Sequence[Speaker]] = []
    listen = house.transcriber.listen

    def heard_from(speakers: Sequence[Speaker], **given: Any) -> Any:
        asked.append(speakers)
        return listen(speakers, **given)

    monkeypatch.setattr(house.transcriber, "listen", heard_from)
    house.follower.look()
    assert asked == [(Speaker.PATIENT, Speaker.HUISARTS)]
