"""What a practice and its doctors set, on PostgreSQL: the web changes it, the workers read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from transcribe.soep.own_words import alphabetical
from transcribe.soep.style import Order, Rule, Style
from transcribe.store import tables
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.tenancy import act_for
from transcribe.video import VideoPresets

_CONNECT: dict[str, object] = {
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c log_parameter_max_length_on_error=0"
}
#: More than the server's own limit above.
_SILENCE_S = 8.0


class PostgresPreferences:
    """See ``ports.Preferences``. All methods raise ``StoreUnavailable`` when the database is away.

    Ends with its block; those made by ``of`` end with it.
    """

    def __init__(
        self, url: str, practice: str = "", *, hashed: Callable[[str], bytes], engine: Engine | None = None
    ) -> None:
        """``hashed``: with a key, so that a few words can't be found by trying all of them."""
        self._url = url
        self._practice = practice
        self._hashed = hashed
        self._engine = engine or impatient_engine(
            url, silence_s=_SILENCE_S, connect=_CONNECT, pool_pre_ping=True, pool_timeout=5
        )

    def of(self, practice: str) -> PostgresPreferences:
        return PostgresPreferences(self._url, practice, hashed=self._hashed, engine=self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def style(self) -> Style:
        table = tables.style
        with self._begin() as tx:
            row = tx.execute(select(table).where(table.c.practice == self._practice)).one_or_none()
        if row is None:
            return Style()
        return Style(abbreviations=row.abbreviations, line_words=row.line_words, order=Order(row.line_order))

    def set_style(self, style: Style) -> None:
        values = {
            "abbreviations": style.abbreviations,
            "line_words": style.line_words,
            "line_order": style.order.value,
        }
        with self._begin() as tx:
            tx.execute(
                upsert(tables.style)
                .values(practice=self._practice, **values)
                .on_conflict_do_update(index_elements=["practice"], set_=values)
            )

    def rules(self, owner: str) -> list[Rule]:
        table = tables.style_rule
        with self._begin() as tx:
            rows = tx.execute(select(table).where(self._of(owner)).order_by(table.c.said, table.c.written)).all()
        return [
            Rule(id=row.id, said=row.said, written=row.written, accepted=row.accepted, seen=row.seen) for row in rows
        ]

    def add_rule(self, owner: str, said: str, written: str) -> None:
        with self._begin() as tx:
            self._only(tx, owner, said)
            values = {"practice": self._practice, "owner": owner, "said": said, "written": written}
            tx.execute(
                upsert(tables.style_rule)
                .values(id=uuid4(), accepted=True, seen=0, **values)
                .on_conflict_do_update(index_elements=list(values), set_={"accepted": True})
            )

    def accept_rule(self, owner: str, rule_id: UUID) -> None:
        table = tables.style_rule
        chosen = and_(self._of(owner), table.c.id == rule_id)
        with self._begin() as tx:
            said = tx.execute(select(table.c.said).where(chosen)).scalar_one_or_none()
            if said is not None:
                self._only(tx, owner, said, but=rule_id)
                tx.execute(update(table).where(chosen).values(accepted=True))

    def remove_rule(self, owner: str, rule_id: UUID) -> None:
        table = tables.style_rule
        with self._begin() as tx:
            tx.execute(delete(table).where(self._of(owner), table.c.id == rule_id))

    def noticed(self, owner: str, said: str, written: str, consult_id: UUID) -> None:
        """The words of one consult are kept as a keyed hash only; in clear are words that two consults share."""
        glimpse, rule = tables.style_glimpse, tables.style_rule
        words = self._hashed("\0".join((self._practice, owner, said, written)))
        consult = self._hashed(str(consult_id))
        with self._begin() as tx:
            new = upsert(glimpse).values(practice=self._practice, words=words, consult=consult)
            tx.execute(new.on_conflict_do_nothing())
            other = and_(glimpse.c.practice == self._practice, glimpse.c.words == words, glimpse.c.consult != consult)
            if tx.scalar(update(glimpse).where(other).values(consult=consult).returning(glimpse.c.words)) is None:
                return
            values = {"practice": self._practice, "owner": owner, "said": said, "written": written}
            tx.execute(
                upsert(rule)
                .values(id=uuid4(), accepted=False, seen=2, **values)
                .on_conflict_do_update(index_elements=list(values), set_={"seen": rule.c.seen + 1})
            )

    def own_words(self, owner: str) -> list[str]:
        return self._words(owner)[owner]

    def words(self, owner: str) -> list[str]:
        found = self._words(owner, "")
        return list(dict.fromkeys(found[owner] + found[""]))

    def add_word(self, owner: str, word: str) -> None:
        values = {"practice": self._practice, "owner": owner, "word": word}
        with self._begin() as tx:
            tx.execute(upsert(tables.own_word).values(**values).on_conflict_do_nothing())

    def remove_word(self, owner: str, word: str) -> None:
        table = tables.own_word
        chosen = and_(table.c.practice == self._practice, table.c.owner == owner, table.c.word == word)
        with self._begin() as tx:
            tx.execute(delete(table).where(chosen))

    def video_presets(self) -> VideoPresets:
        table = tables.video_preset
        with self._begin() as tx:
            row = tx.execute(select(table).where(table.c.practice == self._practice)).one_or_none()
        return VideoPresets() if row is None else VideoPresets(apps=tuple(row.apps), app=row.app)

    def set_video_presets(self, presets: VideoPresets) -> None:
        values = {"apps": list(presets.apps), "app": presets.app}
        with self._begin() as tx:
            tx.execute(
                upsert(tables.video_preset)
                .values(practice=self._practice, **values)
                .on_conflict_do_update(index_elements=["practice"], set_=values)
            )

    def codes(self) -> dict[str, str]:
        table = tables.icpc_code
        with self._begin() as tx:
            rows = tx.execute(select(table).where(table.c.practice == self._practice).order_by(table.c.code)).all()
        return {row.code: row.title for row in rows}

    def import_codes(self, codes: Mapping[str, str]) -> None:
        table = tables.icpc_code
        rows = [{"practice": self._practice, "code": code, "title": title} for code, title in codes.items()]
        with self._begin() as tx:
            tx.execute(delete(table).where(table.c.practice == self._practice))
            if rows:
                tx.execute(insert(table), rows)

    def _words(self, *owners: str) -> dict[str, list[str]]:
        table = tables.own_word
        wanted = and_(table.c.practice == self._practice, table.c.owner.in_(owners))
        with self._begin() as tx:
            rows = tx.execute(select(table).where(wanted)).all()
        found = sorted(((row.owner, row.word) for row in rows), key=lambda pair: alphabetical(pair[1]))
        return {owner: [word for of, word in found if of == owner] for owner in owners}

    def _only(self, tx: Connection, owner: str, said: str, *, but: UUID | None = None) -> None:
        """No other accepted rule for the same words."""
        table = tables.style_rule
        others = and_(self._of(owner), table.c.said == said, table.c.accepted, table.c.id.is_distinct_from(but))
        tx.execute(delete(table).where(others))

    def _of(self, owner: str) -> ColumnElement[bool]:
        table = tables.style_rule
        return and_(table.c.practice == self._practice, table.c.owner == owner)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as tx:
            act_for(tx, self._practice)
            yield tx
