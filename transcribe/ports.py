"""The outside world on one page: what the use cases ask of databases, disks, decoders and models.

Everything here is synchronous. Implementations meet one contract test each (``tests/contract``), the fakes of
``transcribe.testing`` included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import BinaryIO, Protocol
from uuid import UUID

from consent import Consent
from transcribe.accounts import Account, Limit
from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Transcript
from transcribe.audio.pcm import Decoded, Pcm, Samples, Span
from transcribe.consult import (
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    KeyPurpose,
    Lease,
    LedgerEntry,
    LogFilter,
    Logged,
    Part,
    PartSize,
    Role,
    Search,
    Stage,
    Status,
    Typed,
    Typing,
)
from transcribe.soep.check import Flags
from transcribe.soep.note import Note
from transcribe.soep.style import Rule, Style
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.video import Video, VideoPresets
from transcribe.vitals import Vitals

#: Of consults in a part of the worklist: whoever has more of them knows that it is too many.
MOST_COUNTED = 1000


class Store(Protocol):
    """All state but sound, of one practice. Thread-safe. One writing method: ``apply``.

    A consult of another practice is not there: every method does what it does for an id that nobody knows.

    Transcript and note are sealed with the consult's SOURCE key while it lives; the patient reference, and the note
    from approval on, with its RECORD key. The Store makes both keys when a consult is created and never hands out a
    wrapped one.
    """

    def apply(self, change: Change) -> None:
        """Write a change and its audit row in one transaction.

        ``change.consult.version`` must be one more than the stored version (1 for a new consult), else ``Conflict``
        and nothing is written; nor is one for another practice (``NotFound``). A change with a ``lease`` that is no
        longer the job's raises ``LeaseLost``, and nothing is written either: the work was taken over. Jobs are
        enqueued, or cancelled, with it.

        Keys named in ``change.destroy`` are gone when this returns: content sealed with them can't be read any more, by
        anybody; the certificates stay. A ``note`` written together with an ``approval``, or when the SOURCE key is
        gone, is sealed with the RECORD key. Approvals, deliveries, certificates and audit rows can only be added.
        """
        ...

    def log(self, event: AuditEvent, *, patient_ref: str = "") -> None:
        """Add an audit row for something that changes nothing (view, play, log in).

        ``patient_ref``: of whom, when there is no consult; only the pseudonym of it is kept.
        """
        ...

    def consult(self, consult_id: UUID) -> Consult:
        """Raises ``NotFound``. ``patient_ref`` is empty once the RECORD key is destroyed."""
        ...

    def search(self, wanted: Search, *, after: UUID | None = None, limit: int = 100) -> list[Consult]:
        """Newest first; ``after``: those that come after this one. Raises ``NotFound`` when that is not there."""
        ...

    def sizes(self, person: str = "") -> dict[Part, PartSize]:
        """Of all parts of that person's worklist. Counting stops at ``MOST_COUNTED``: beyond it a number tells nobody
        anything.
        """
        ...

    def consent(self, consult_id: UUID) -> Consent | None:
        """The newest version."""
        ...

    def transcript(self, consult_id: UUID) -> Transcript | None:
        """None before there is one. Raises ``Erased`` when its key was destroyed."""
        ...

    def note(self, consult_id: UUID, version: int | None = None) -> tuple[int, Note] | None:
        """The newest version (1, 2, ...) or the one named, and its number; None when there is none.

        Raises ``Erased`` when its key was destroyed.
        """
        ...

    def consents(self, consult_id: UUID) -> list[Consent]:
        """All versions, oldest first."""
        ...

    def approval(self, consult_id: UUID) -> Approval | None:
        """The newest."""
        ...

    def approvals(self, consult_id: UUID) -> list[Approval]:
        """Oldest first."""
        ...

    def deliveries(self, consult_id: UUID) -> list[Delivery]: ...

    def certificates(self, consult_id: UUID) -> list[Certificate]: ...

    def destroyed(self, since: datetime, before: datetime) -> list[Certificate]:
        """Certificates of keys that were destroyed from ``since`` on and before ``before``, oldest first."""
        ...

    def typing(self, consult_id: UUID) -> Typing:
        """Nothing when its key was destroyed. What was typed and not saved when somebody signed goes to the key of the
        signed note, so that it is not lost with the draft.
        """
        ...

    def keep_typing(self, consult_id: UUID, typed: Typed) -> None:
        """In the place of what was typed in that editor; no new version, no audit row. Sealed as the note is.

        Raises ``NotFound``, ``Erased``.
        """
        ...

    def message(self, consult_id: UUID) -> str:
        """That goes with a draft that was passed on (``Change.message``); "" when there is none, or its key was
        destroyed. Sealed as the note is.
        """
        ...

    def colleagues(self, practice: str) -> list[str]:
        """Names, each once: who signed lately in this practice, and between whom drafts were passed on that wait."""
        ...

    def video(self, consult_id: UUID) -> tuple[int, Video]:
        """What was recorded of a video consult before there was a note, and its version (0: nothing was).

        Nothing too when its key was destroyed. Raises ``NotFound``.
        """
        ...

    def keep_video(self, consult_id: UUID, seen: int, video: Video, audit: AuditEvent) -> None:
        """In the place of version ``seen``, sealed with the SOURCE key, with its audit row. The consult keeps its
        version: a worker that is at it goes on.

        Raises ``Conflict`` when there is a newer one, or when the consult has a note or is over; ``NotFound``,
        ``Erased``.
        """
        ...

    def ledger(self, since: date) -> list[LedgerEntry]:
        """Of drafts that were signed on that day or later, in that order."""
        ...

    def events(self, consult_id: UUID | None = None, *, limit: int = 1000) -> list[AuditEvent]:
        """The newest ``limit`` rows of the access log, oldest of them first; of one consult when named."""
        ...

    def logged(
        self, wanted: LogFilter, *, after: int | None = None, limit: int = 100, oldest_first: bool = False
    ) -> list[Logged]:
        """Rows of the access log by time, the newest first; ``after``: those that come after the row of that number.

        A patient's are those of all consults with that reference, erased ones too, and searches for it. Raises
        ``NotFound`` when there is no row ``after``.
        """
        ...

    def log_actors(self) -> list[str]:
        """Everybody who is in the access log, by name."""
        ...

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        """32 bytes. Raises ``Erased`` when destroyed, ``NotFound`` for an unknown consult."""
        ...

    def progress(self, consult_id: UUID, done_s: float, lease: Lease) -> None:
        """How far the recogniser is; no new version, no audit row. Raises ``LeaseLost``."""
        ...

    def keep(self, consult_id: UUID, piece: Piece, of: Lease | str) -> None:
        """A piece of finished work, sealed with the SOURCE key, so that a later attempt goes on from there.

        ``of``: the attempt that made it, or the recording (``Consult.upload``) when that is still being made. Raises
        ``LeaseLost``; ``Conflict`` when that recording is not being made any more; ``Erased`` when the key was
        destroyed.
        """
        ...

    def kept(self, consult_id: UUID) -> Kept:
        """What is finished of the transcription. It goes with the transcript, or with the SOURCE key."""
        ...

    def growing(self, consult_id: UUID) -> Growing | None:
        """What there is of the note while the recording is made; None before there is any. Goes with the pieces."""
        ...

    def flags(self, consult_id: UUID) -> Flags | None:
        """What was found in the draft when it was made. Goes with the transcript, or with the SOURCE key."""
        ...

    def recording_id(self, digest: bytes, nth: int) -> UUID:
        """The id of the consult that a recording of these contents (SHA-256) has in this practice; ``nth``: of those
        that were made of it one after the other. Keyed: nobody who has a recording can find it in a database.
        """
        ...


class SystemStore(Store, Protocol):
    """That of workers, keeper and commands of an administrator: consults of all practices."""

    def of(self, practice: str) -> Store:
        """For who acts for that practice. What is logged through it is logged as that practice's."""
        ...

    def idle(self) -> list[UUID]:
        """Consults that want a worker and have no job: after a restore, or a fault of ours."""
        ...

    def older(self, statuses: Sequence[Status], before: datetime, *, limit: int = 1000) -> list[UUID]:
        """Consults in one of these statuses since before that moment (``changed_at``), oldest first."""
        ...

    def notice(self, statuses: Sequence[Status], now: datetime, *, untouched: timedelta, warned: timedelta) -> int:
        """Give consults in these statuses that nobody changed for so long the moment at which they expire, ``warned``
        from now. Any change takes it away again. Returns how many.

        The clock of the store and the caller's must agree: time has passed when both say so, and there is time left as
        long as one of them says so.
        """
        ...

    def tended(self, *, off: timedelta) -> None:
        """Somebody looks after the consults. When nobody did for longer than ``off``, by the clock of the store, nobody
        could see the warnings either: that time does not count, and every consult expires so much later. What ran out
        since somebody was here runs out now: no date that people see lies in the past. The first time of all nobody
        knows how long it was: all warnings are taken back, to be given anew.
        """
        ...

    def expired(self, statuses: Sequence[Status], now: datetime, *, limit: int = 1000) -> list[UUID]:
        """Those in these statuses whose moment has come, by both clocks."""
        ...

    def uncleared(self, *, skip: int = 0, limit: int = 1000) -> list[Certificate]:
        """Certificates of destroyed keys whose files and copies may still be there, oldest first, after ``skip``."""
        ...

    def clear(self, certificates: Sequence[Certificate], at: datetime) -> None:
        """Everything those keys could open, and every copy of them that we keep, is gone: the proof is complete."""
        ...

    def vitals(self) -> Vitals: ...

    def measured(self, stage: Stage, audio_s: float, work_s: float) -> None:
        """What a finished step cost, for the real-time factor. Says nothing of which consult."""
        ...

    def prune(self, *, jobs_before: datetime) -> int:
        """Remove finished jobs, their events, dead workers and old measurements. Returns how many jobs."""
        ...


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Finished pieces of an unfinished transcription."""

    decoded: Decoded | None = None  # the PCM is there
    windows: tuple[HeardWindow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Growing:
    """The draft of what was said so far, and its source (without the times of words)."""

    note: Note
    transcript: Transcript


Piece = Decoded | HeardWindow | Growing | Flags


class Recording(Protocol):
    """A recording that is being made. One writer at a time, over all processes."""

    @property
    def position(self) -> int:
        """Bytes of PCM that are safe on disk: what may be acknowledged, and where a client goes on."""
        ...

    def append(self, pcm: bytes) -> None:
        """Raises ``DiskFull`` (``pcm`` is not kept, what was safe stays safe), ``NotFound`` when it was erased."""
        ...

    def sync(self) -> int:
        """Everything appended is on disk when this returns (fsync). Returns ``position``."""
        ...

    def close(self) -> None: ...


class Spool(Protocol):
    """Live recordings on the local disk, sealed, safe at any moment: 16 kHz s16le PCM, channels interleaved.

    Each opening begins a new segment, so that no nonce is ever used twice; what a crash tore off at the end of the one
    before is left out, and was never acknowledged.
    """

    @property
    def name(self) -> str:
        """Of this disk, and no other: by it the row of a consult says where its recording is."""
        ...

    def open(self, consult_id: UUID, key: bytes, *, new: bool = False) -> Recording:
        """Go on after what is there. Raises ``Conflict`` when another one has it open.

        ``new``: make a place for it when there is none, else ``NotFound`` is raised.
        """
        ...

    def read(self, consult_id: UUID, key: bytes) -> BinaryIO:
        """All that is safe now, seekable; also while it grows. Raises ``NotFound``, ``Unreadable``."""
        ...

    def last_sound(self, consult_id: UUID) -> datetime | None:
        """When the last of it was put there, or its writer left; None when there is none. Aware."""
        ...

    def delete(self, consult_id: UUID) -> None:
        """Fine when there is none. A writer that has it open finds it gone."""
        ...

    def follow(self, consult_id: UUID, key: bytes) -> Following | None:
        """The right to be the one process that transcribes it while it grows. None when another one has it.

        Raises ``NotFound``.
        """
        ...

    def consults(self) -> list[UUID]:
        """Those that have something here."""
        ...


class Following(Protocol):
    """A right that ends when it is closed, or with the process."""

    def read(self) -> BinaryIO:
        """As ``Spool.read``, without looking at all of it again."""
        ...

    def close(self) -> None: ...


class AudioStore(Protocol):
    """Sound at rest, always encrypted with the key given; names are ours ("upload", "pcm"), never a user's."""

    def write(self, consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        """Store the whole of ``chunks`` durably (fsync) under that name, or nothing at all. Returns the bytes."""
        ...

    def open(self, consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        """Seekable reader of the plain bytes. Raises ``NotFound``."""
        ...

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        """Remove one name or all of the consult; fine when there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a file says of itself before it is decoded."""

    duration_s: float | None  # None: the container does not say
    channels: int
    video: bool


class Decoder(Protocol):
    """Untrusted media files to 16 kHz PCM, in a child process with bounded memory and time."""

    def probe(self, source: BinaryIO) -> AudioInfo:
        """Raises an ``AudioProblem`` that says what is wrong with the file."""
        ...

    def decode(self, source: BinaryIO, *, max_s: float) -> AbstractContextManager[Decoding]: ...


class Decoding(Protocol):
    """A running decode: iterate over PCM chunks (16 kHz, s16le, interleaved), then ask for the result."""

    @property
    def channels(self) -> int:
        """1 or 2."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Raises an ``AudioProblem`` when nothing can be decoded or the recording is longer than ``max_s``."""
        ...

    def result(self) -> Decoded:
        """Only after the last chunk."""
        ...


class SpeechDetector(Protocol):
    def listen(self, *, live: bool = False) -> Ear:
        """To one channel. ``live``: judge what there is at once; else how the sound is cut makes no difference."""
        ...


class Ear(Protocol):
    """Where somebody speaks in one channel: seconds from the first sample, in order, not overlapping."""

    @property
    def open_s(self) -> float | None:
        """Where the stretch begins that is still going on; None in a pause."""
        ...

    @property
    def judged_s(self) -> float:
        """So far it is known where somebody speaks: of what was fed a part may wait for more."""
        ...

    def more(self, samples: Samples) -> list[Span]:
        """The stretches that turn out to have ended. Length never costs memory."""
        ...

    def end(self) -> list[Span]:
        """Those that were left when the recording ended."""
        ...

    def cut(self, at_s: float) -> None:
        """From here on no stretch begins before that moment; the one that is going on begins there."""
        ...


class Recogniser(Protocol):
    """A speech model. Not thread-safe; one belongs to one worker."""

    @property
    def name(self) -> str:
        """With revision, for the transcript."""
        ...

    def recognise(self, samples: Samples, *, language: str, hints: Sequence[str] = ()) -> list[HeardSegment]:
        """At most 30 s of sound. Deterministic: the same sound gives the same text. ``hints``: words that may occur."""
        ...


class Transcriber(Protocol):
    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        heard: Sequence[HeardWindow] = (),
        hints: Sequence[str] = (),
        profile: Profile | None = None,
        keep: Callable[[HeardWindow], None] = lambda _: None,
        progress: Callable[[float], None],
    ) -> Transcript:
        """The whole recording, ``speakers[i]`` on channel i. Raises ``NoSpeech`` when there is none.

        ``profile``: the voice of the huisarts, to know who is who when everybody is on one channel.

        ``heard``: windows of an earlier attempt, or from while it was recorded: those of the same model are not
        recognised again. ``keep`` gets each new one. ``progress`` gets the seconds done after each piece; whatever one
        of the two raises ends the work (withdrawal, take-over).
        """
        ...

    def listen(
        self, speakers: Sequence[Speaker], *, heard: Sequence[HeardWindow] = (), hints: Sequence[str] = ()
    ) -> Listening:
        """To a recording that is being made, from where ``heard`` ends."""
        ...


class Listening(Protocol):
    """One recording that is being made. What was recognised is never recognised again, and never changes."""

    def advance(self, pcm: Pcm, *, keep: Callable[[HeardWindow], None]) -> bool:
        """A piece of work with all sound there is now; False when there is nothing to do until more comes."""
        ...

    def so_far(self) -> Transcript: ...


class Drafter(Protocol):
    """A transcript to a draft. Pure as seen from here: keeps no state between consults."""

    @property
    def name(self) -> str:
        """With version, for the note."""
        ...

    def draft(self, transcript: Transcript) -> Note: ...


class Preferences(Protocol):
    """What one practice and its doctors set. Thread-safe; all processes of a service share it. Nothing of a patient."""

    def of(self, practice: str) -> Preferences:
        """Those of another practice that shares the service."""
        ...

    def style(self) -> Style:
        """The default before anything was set."""
        ...

    def set_style(self, style: Style) -> None: ...

    def rules(self, owner: str) -> list[Rule]:
        """Of one doctor, by what they replace: accepted ones, and what was noticed in more than one consult."""
        ...

    def add_rule(self, owner: str, said: str, written: str) -> None:
        """An accepted rule. It takes the place of another accepted one for the same words."""
        ...

    def accept_rule(self, owner: str, rule_id: UUID) -> None:
        """As ``add_rule`` with what was noticed. Fine when it is gone."""
        ...

    def remove_rule(self, owner: str, rule_id: UUID) -> None:
        """Fine when it is gone."""
        ...

    def noticed(self, owner: str, said: str, written: str, consult_id: UUID) -> None:
        """A doctor changed these words by hand; counted once for consecutive changes in one consult."""
        ...

    def own_words(self, owner: str) -> list[str]:
        """Names and words that the recogniser should know, by alphabet; of the whole practice without a name."""
        ...

    def words(self, owner: str) -> list[str]:
        """Those of one doctor, then those of the practice, each once: what the recogniser is given."""
        ...

    def add_word(self, owner: str, word: str) -> None:
        """Fine when it is there."""
        ...

    def remove_word(self, owner: str, word: str) -> None:
        """Fine when it is gone."""
        ...

    def video_presets(self) -> VideoPresets:
        """The default before anything was set."""
        ...

    def set_video_presets(self, presets: VideoPresets) -> None: ...

    def codes(self) -> dict[str, str]:
        """Code and description of the practice's own ICPC table; empty when it has none."""
        ...

    def import_codes(self, codes: Mapping[str, str]) -> None:
        """Take the place of the table there was."""
        ...


class VoiceProfiles(Protocol):
    """Voices of the doctors of one practice who agreed to that, by name. Thread-safe; shared by all processes."""

    def of(self, practice: str) -> VoiceProfiles:
        """Those of another practice that shares the service."""
        ...

    def find(self, owner: str) -> Enrolled | None:
        """Raises ``Unreadable`` for one that is damaged."""
        ...

    def keep(self, owner: str, enrolled: Enrolled, event: AuditEvent) -> None:
        """With its audit row, in one transaction. The key of the one there was is destroyed with it."""
        ...

    def remove(self, owner: str, event: AuditEvent) -> bool:
        """The key is gone when this returns, and the audit row is there. False: there was none, and nothing is logged.

        The keeper takes the key out of the copies of the keys.
        """
        ...


class Entry(Enum):
    """How far somebody is with logging in. The value is stored."""

    OPEN = "ingelogd"
    CODE = "tweede stap"  # the password was right
    ENROL = "uitnodiging"  # chooses a password and a second step
    SET_UP = "inrichten"  # the first of an installation, who has no account yet


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser that is logged in, or on its way there."""

    digest: bytes  # SHA-256 of the session id, which only the browser has
    token: str  # goes into every form: a page of another site can't know it
    began: datetime
    last_seen: datetime  # when a person last did something, to about ten seconds
    heard: frozenset[UUID] = frozenset()  # consults whose listening is already in the access log
    stage: Entry = Entry.OPEN
    account_id: UUID | None = None  # None: nobody in particular (a demonstration, or the set-up)
    epoch: int = 0  # of the account, when it began
    recording: UUID | None = None  # the consult of which sound last came from this browser
    sounded: datetime | None = None  # when that was, to about ten seconds


class Sessions(Protocol):
    """Who is logged in. Thread-safe; all web processes of a service share them."""

    def add(self, session: Session) -> None: ...

    def find(self, digest: bytes) -> Session | None: ...

    def seen(self, digest: bytes, at: datetime) -> None:
        """Fine when it is gone."""
        ...

    def heard(self, digest: bytes, consult_id: UUID) -> None:
        """Fine when it is gone, or when it was known."""
        ...

    def sounded(self, digest: bytes, consult_id: UUID, at: datetime) -> None:
        """Sound of that consult came in. Fine when it is gone."""
        ...

    def remove(self, digest: bytes) -> None:
        """Fine when it is gone."""
        ...

    def forget(self, before: datetime) -> None:
        """Remove those that were last seen before that moment."""
        ...

    def of(self, account_id: UUID) -> list[Session]:
        """Of one account, newest first; also those that its epoch ended."""
        ...


class Accounts(Protocol):
    """Who may log in, of all practices. Thread-safe; all processes of a service share it. Secrets are sealed."""

    def used(self) -> bool:
        """Is there an account that could ever log in? Then the installation was set up."""
        ...

    def add_first(self, account: Account, title: str) -> None:
        """The one that is made at the set-up, with the title of its practice, in the place of one that was never
        finished. Raises ``Conflict`` when the installation was set up before, or the log-in is taken.
        """
        ...

    def add(self, account: Account) -> None:
        """Raises ``Conflict`` when the log-in, or the name in that practice (``consult.name_key``), is taken."""
        ...

    def save(self, account: Account) -> None:
        """``account.version`` must be one more than the stored one, else ``Conflict``. Raises ``NotFound``."""
        ...

    def find(self, account_id: UUID) -> Account:
        """Raises ``NotFound``."""
        ...

    def by_login(self, login: str) -> Account | None: ...

    def by_invitation(self, digest: bytes) -> Account | None: ...

    def by_elsewhere(self, number: str) -> Account | None: ...

    def of(self, practice: str) -> list[Account]:
        """By name."""
        ...

    def active(self, practice: str, role: Role) -> bool:
        """Is there somebody with that role who can log in?"""
        ...

    def title(self, practice: str) -> str:
        """As people call it; "" when nobody said so."""
        ...

    def count_try(self, key: bytes, limit: Limit, now: datetime) -> datetime | None:
        """Counts a try before it is made, so that many at once are no way around. The moment to wait for, when it may
        not be made; then it is not counted.
        """
        ...

    def take_back(self, key: bytes, *, whole: bool) -> None:
        """The try was right: all of that key are forgotten, or just this one."""
        ...


class Passwords(Protocol):
    """Slow on purpose, and the same for every password."""

    def hashed(self, password: str) -> str: ...

    def right(self, kept: str, password: str) -> bool:
        """``kept``: what ``hashed`` gave."""
        ...

    def outdated(self, kept: str) -> bool:
        """Was it hashed with other settings than those of today?"""
        ...


class Handovers(Protocol):
    """Patient references that a HIS handed over and no page has shown yet, and what was searched for. Thread-safe;
    shared by all web processes.
    """

    def keep(self, signature: bytes, handle: str, patient_ref: str, *, now: datetime, until: datetime) -> bool:
        """Sealed with ``handle``, a secret that only the browser has, until ``take`` or ``until``.

        False: this signature was used before and its ``until`` is not past; then nothing is kept.
        """
        ...

    def look(self, handle: str, now: datetime) -> str | None:
        """As ``take``, and it stays."""
        ...

    def take(self, handle: str, now: datetime) -> str | None:
        """The reference, once. None: there is no such handle, it was taken, or it is too late."""
        ...
