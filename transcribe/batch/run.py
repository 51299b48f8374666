"""One run over a batch: what is taken in when, what is watched, and how it ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from transcribe.batch.intake import Intake, NotProven, NotWritable
from transcribe.batch.items import BEGUN, SETTLED, WAITS, WRONG, Item, State
from transcribe.batch.manifest import Entry
from transcribe.errors import Conflict, DecoderFailed, DiskFull, DiskLow

#: So many recordings are stored ahead of the workers: more would fill the disk twice for nothing.
AHEAD = 8
#: A file that did not change for so long is whole.
STILL_S = 5.0
#: What failed for a reason that may pass is tried again after so long, while a folder is watched.
AGAIN_S = 60.0
#: The decoder is slow or killed on a machine that is busy, but also by some files: so often one is tried.
DECODINGS = 3
#: Without consent, but it may have been done before: that has to be told.
UNSURE = frozenset({State.NO_CONSENT, State.REFUSED})


class Batch:
    """One run. ``step`` does a little and returns; ``items`` is how far everything is."""

    def __init__(
        self,
        intake: Intake,
        *,
        delete_source: bool = False,
        settled: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``settled``: a file that still changes waits."""
        self.items: dict[str, Item] = {}
        self._earlier: dict[UUID, Item] = {}  # begun; then another file or row came under its name
        self._used: dict[str, Item] = {}  # by the name in its row: what that row was used for last
        self._intake = intake
        self._delete_source = delete_source
        self._settled = settled
        self._clock = clock
        self._sizes: dict[str, tuple[int, float, float]] = {}  # by path: size, time of change, since when by our clock
        self._tried: dict[str, float] = {}  # by name: when
        self._undecoded: Counter[tuple[tuple[str, int, int], ...]] = Counter()  # by ``Item.mark``: so often

    @property
    def everything(self) -> list[Item]:
        return [*self._earlier.values(), *self.items.values()]

    def plan(self, items: list[Item]) -> None:
        """Rows and files as they are now. What was begun stays, and is looked at anew when its file or its row is
        another one.
        """
        for item in items:
            old = self.items.get(item.name)
            if old is not None and self._stands(old, item):
                continue
            if old is not None and old.consult_id is not None and old.state in BEGUN:
                self._earlier[old.consult_id] = replace(old, replaced=old.mark != item.mark)
            self.items[item.name] = item
        names = {item.name for item in items}
        for name, old in list(self.items.items()):
            if name not in names and old.state not in BEGUN:
                del self.items[name]

    def _stands(self, old: Item, item: Item) -> bool:
        """Is there nothing new about it?"""
        if old.state in BEGUN and (not item.whole or (item.entry is None and old.mark == item.mark)):
            return True  # it is stored: its file and its row may go
        if old.mark != item.mark or not _alike(old.entry, item.entry):
            return False
        if self._undecoded[old.mark] >= DECODINGS:
            return True
        return not (may_pass(old) and self._clock() - self._tried.get(old.name, 0.0) >= AGAIN_S)

    def step(self, *, take: bool = True) -> bool:
        """Look at what is under way and, with ``take``, take in one more. False when nothing is left to wait for.

        Raises ``StoreUnavailable``; then nothing was lost, and the next step tries again.
        """
        for one, item in list(self._earlier.items()):
            if item.state not in SETTLED:
                self._earlier[one] = self._intake.look(item)
        for item in list(self._of(State.WAITING, State.BUSY)):
            self._put(self._intake.look(item))
        if take and (following := self._next()) is not None:
            self._put(self._intake.take(following, self._for(following)))
        return any(item.state not in SETTLED for item in self.everything) or self.can_take

    def _for(self, item: Item) -> Item | None:
        """What its row was used for before, as long as nobody changed that row. A recording of the next day may get
        the name of one that was done: neither patient nor consent are of that one.
        """
        assert item.entry is not None
        used = self._used.get(_row_name(item.entry))
        if item.state is not State.READY or used is None or used.entry is None:
            return None
        return used if used.entry.given == item.entry.given else None

    @property
    def can_take(self) -> bool:
        """Is there a next recording, and room for it before the workers?"""
        return self._next() is not None

    def _next(self) -> Item | None:
        under_way = sum(1 for item in self.everything if item.state in (State.WAITING, State.BUSY))
        ready = self._of(State.READY) if under_way < AHEAD else iter(())
        unsure = (item for item in self._of(*UNSURE) if item.whole and not item.looked)
        for candidates in (ready, unsure):
            for item in candidates:
                if not self._settled or self._still(item):
                    return item
        return None

    def _of(self, *states: State) -> Iterator[Item]:
        return (item for item in self.items.values() if item.state in states)

    def _put(self, item: Item) -> None:
        if self._delete_source and item.state in (State.DONE, State.BEFORE):
            item = self._intake.remove_source(item)
        if item.consult_id is not None:
            self._earlier.pop(item.consult_id, None)  # the same recording after all
            if item.entry is not None and item.state is not State.FAILED:
                self._used[_row_name(item.entry)] = item
        if isinstance(item.problem, DecoderFailed):
            self._undecoded[item.mark] += 1
        self._tried[item.name] = self._clock()
        self.items[item.name] = item

    def _still(self, item: Item) -> bool:
        """Nobody writes it any more, as far as its size and time tell."""
        at_rest = [self._at_rest(path) for path in item.paths]  # each is looked at each time
        return all(at_rest)

    def _at_rest(self, path: Path) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False
        size, changed, since = self._sizes.get(str(path), (-1, 0.0, 0.0))
        now = self._clock()
        if (size, changed) != (found.st_size, found.st_mtime):
            self._sizes[str(path)] = (found.st_size, found.st_mtime, now)
            return False
        return found.st_size > 0 and now - since >= STILL_S


def _row_name(entry: Entry) -> str:
    """As the list says it, also when two files turned out to be a pair."""
    return entry.given.get("bestand") or entry.name


def _alike(one: Entry | None, other: Entry | None) -> bool:
    """Do two readings of a row say the same? What a row says may become possible, as time goes by."""
    if one is None or other is None:
        return one is other
    return (one.given, one.second, one.layout, str(one.problem)) == (
        other.given,
        other.second,
        other.layout,
        str(other.problem),
    )


def may_pass(item: Item) -> bool:
    """Did it fail for a reason of the machine, or of the practice's settings, that may be gone the next time?"""
    if item.state is State.FAILED:
        return isinstance(item.problem, OSError | DiskFull | DiskLow | Conflict | DecoderFailed)
    if item.state is State.BAD_ROW:
        return item.looked
    return isinstance(item.kept, NotProven | NotWritable)


def seconds(items: list[Item]) -> tuple[float, float]:
    """Of speech that was done, and in all; of what was not looked at yet by its size."""
    wanted = [item for item in items if item.consult_id is not None or item.state is State.READY]
    known = [item for item in wanted if item.audio_s]
    size = sum(item.size for item in known)
    pace = sum(item.audio_s or 0.0 for item in known) / size if size else 0.0
    total = sum(item.audio_s or item.size * pace for item in wanted)
    done = sum((item.audio_s or 0.0) if item.state in SETTLED else item.done_s for item in wanted)
    return done, total


def wrong(item: Item, *, delete_source: bool = False) -> bool:
    """Must somebody look at it? ``delete_source``: a file that is not there was done and removed before."""
    if item.state is State.NO_FILE and not item.paths:
        return not delete_source
    return item.state in WRONG or item.kept is not None


def waits(items: list[Item]) -> bool:
    """Does anything wait for consent?"""
    return any(item.state in WAITS for item in items)
