"""The words for the patient: plain, in two languages, and never changed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import TextKind, TextProblem, Texts
from consent.texts import Block, blocks, parsed
from consent.texts.reading import reading

OWN = """---
id: folder-depraktijk-2026-12
version: 2026-12
language: nl
kind: folder
---
# Opnemen bij ons

Wij nemen het gesprek op.
"""

#: SHA-256 of what was given out. A wording that has to change is a new file; a hash here never changes.
GIVEN_OUT = {
    "folder-en-2026-11": "21cd1abb",
    "folder-nl-2026-11": "85b17f4b",
    "mondeling-en-2026-11": "4d30a13f",
    "mondeling-en-2026-11-23": "1c01a324",
    "mondeling-nl-2026-11": "c17d4eaa",
    "mondeling-nl-2026-11-23": "30c911a1",
    "wachtkamer-en-2026-11": "3b94983d",
    "wachtkamer-nl-2026-11": "4eae1d84",
}


def test_what_was_given_out_stays_as_it_was() -> None:
    assert {one.id: one.sha256[:8] for one in Texts().all()} == GIVEN_OUT


@pytest.mark.parametrize("text_id", [one for one in GIVEN_OUT if "-nl-" in one])
def test_the_dutch_texts_are_plain(text_id: str) -> None:
    """B1 as far as it can be counted: see ``consent.texts.reading`` for what is measured and the limits."""
    level = reading(Texts().text(text_id).body)
    assert level.plain, level


def test_hard_language_is_noticed() -> None:
    hard = "Overeenkomstig de toepasselijke privacywetgeving verzoeken wij u ondubbelzinnig toestemming te verlenen."
    level = reading(hard)
    assert not level.plain
    assert (level.most_words, level.mean_words) == (11, 11)
    assert reading("# Kop\n\n- Een punt\n- Nog een punt\n\nEen zin. En nog een?").most_words == 3


@pytest.mark.parametrize("kind", TextKind)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_each_kind_is_there_in_both_languages(kind: TextKind, language: str) -> None:
    found = Texts().current(kind, language)
    assert (found.kind, found.language, found.own) == (kind, language, False)
    assert Texts().current(kind, "tr").language == "nl"


def test_the_patient_is_told_what_must_be_told() -> None:
    """Freely, informed, taken back at any time: each kind of text says so."""
    for kind in TextKind:
        words = Texts().current(kind).body
        assert "nee" in words
        assert "stoppen" in words
        assert "vernietigd" in words


def test_the_practices_own_text_is_used_before_ours(tmp_path: Path) -> None:
    texts = Texts(tmp_path)
    new = texts.check_new(OWN.encode())
    (tmp_path / f"{new.id}.md").write_bytes(OWN.encode())
    assert texts.current(TextKind.LEAFLET).id == "folder-depraktijk-2026-12"
    assert texts.current(TextKind.LEAFLET, "en").id == "folder-en-2026-11"
    assert texts.current(TextKind.SLIDE).id == "wachtkamer-nl-2026-11"
    assert texts.known(new.id, new.sha256) == new
    assert texts.known(new.id, "0" * 64) is None
    older = OWN.replace("2026-12", "2025-01")
    (tmp_path / "folder-depraktijk-2025-01.md").write_text(older)
    assert texts.current(TextKind.LEAFLET).id == new.id


def test_a_text_is_never_changed(tmp_path: Path) -> None:
    (tmp_path / "folder-depraktijk-2026-12.md").write_text(OWN)
    texts = Texts(tmp_path)
    assert texts.check_new(OWN.encode()).id == "folder-depraktijk-2026-12"
    with pytest.raises(TextProblem, match="verandert nooit"):
        texts.check_new(OWN.replace("gesprek", "consult").encode())
    with pytest.raises(TextProblem, match="verandert nooit"):
        texts.check_new(OWN.replace("folder-depraktijk-2026-12", "folder-nl-2026-11").encode())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("---\nid", "id"),
        ("version: 2026-12\n", ""),
        ("version: 2026-12", "version: 3"),
        ("language: nl", "language: nederlands"),
        ("kind: folder", "kind: poster"),
        ("kind: folder", "kind: folder\nkind: folder"),
        ("kind: folder", "kind: folder\nmaker: wij"),
        ("id: folder", "id: ../folder"),
        ("id: folder", "id: Folder"),
        ("# Opnemen bij ons\n\nWij nemen het gesprek op.\n", "\n"),
        ("gesprek", "ge\u202esprek"),
        ("gesprek", "gesprek" * 4000),
    ],
)
def test_a_file_that_is_not_in_order_is_refused(was: str, becomes: str) -> None:
    assert was in OWN
    with pytest.raises(TextProblem):
        parsed(OWN.replace(was, becomes).encode())


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"---\n{text}\n---\n{text}".encode()))
def test_anything_else_is_refused_too(content: bytes) -> None:
    with pytest.raises(TextProblem):
        parsed(content)


def test_what_is_damaged_or_unknown_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "kapot.md").write_bytes(b"\xff\xfe")
    (tmp_path / "anders.md").write_text(OWN)  # its id is another one
    texts = Texts(tmp_path)
    assert [one.id for one in texts.all()] == sorted(GIVEN_OUT)
    for unknown in ("anders", "nergens", "../texts/reading", "", "folder-nl-2026-11.md"):
        with pytest.raises(FileNotFoundError):
            texts.text(unknown)


def test_a_text_is_laid_out() -> None:
    assert list(blocks("# Kop\n\nEen\nregel.\n\n## Onder\n\n- een\n- twee")) == [
        Block(kind="h1", rows=("Kop",)),
        Block(kind="p", rows=("Een regel.",)),
        Block(kind="h2", rows=("Onder",)),
        Block(kind="ul", rows=("een", "twee")),
    ]
