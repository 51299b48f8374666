"""Models on disk: found, added whole or not at all, verified, and the demo model recognised under any name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from models import catalog
from models.catalog import (
    ModelProblem,
    add,
    entries,
    entry,
    installed,
    main,
    pull,
    read_sums,
    unreadable,
    verify,
    write_sums,
)

CONTENT = {"config.json": b"{}", "model.bin": b"weights", "tokenizer.json": b"{}", "vocabulary.json": b"[]"}
MANIFEST = """
[demo]
demo_only = true
language = "nl"
licence = "Apache-2.0"
size_mb = 1
repo = ""
revision = ""
pack_s = 0.0

[big]
demo_only = false
language = "meertalig"
licence = "MIT"
size_mb = 3000
repo = "someone/big"
revision = ""
pack_s = 28.0
"""


def model_folder(path: Path, **changed: bytes | None) -> Path:
    """A folder with fake files; ``model_bin=None`` leaves that file out."""
    path.mkdir(parents=True)
    for name, content in CONTENT.items():
        content = changed.get(name.replace(".", "_"), content)
        if content is not None:
            (path / name).write_bytes(content)
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The manifest of a package that holds a demo model."""
    package = tmp_path / "package"
    write_sums(model_folder(package / "demo", model_bin=b"demo weights"))
    (package / "manifest.toml").write_text(MANIFEST)
    return package / "manifest.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


class Hub:
    """A model hub in memory, that may break off half-way."""

    def __init__(self, *, breaks: int = 0, **changed: bytes | None) -> None:
        self.breaks, self.changed, self.asked = breaks, changed, []

    def __call__(self, repo: str, revision: str, target: Path) -> str:
        self.asked.append((repo, revision))
        for name, content in CONTENT.items():
            content = self.changed.get(name.replace(".", "_"), content)
            if content is not None:
                (target / name).write_bytes(content)
            if self.breaks:
                self.breaks -= 1
                raise ConnectionError
        (target / ".cache").mkdir(exist_ok=True)
        (target / ".cache" / "lock").write_text("")
        return "abcdef0123456789"


def test_the_real_manifest() -> None:
    known = {one.name: one for one in entries()}
    assert known["demo-nl"].demo_only
    assert [name for name, one in known.items() if not one.hints] == ["demo-nl"]  # never trained with them
    assert [name for name, one in known.items() if one.demo_only] == ["demo-nl"]
    assert {"large-v3", "large-v3-turbo", "large-v2", "medium", "small"} <= known.keys()
    assert all(0 <= one.pack_s <= 28 and one.licence and one.size_mb > 0 for one in known.values())
    assert all("/" in one.repo for one in known.values() if not one.demo_only)


def test_the_demo_model_is_what_its_sums_say() -> None:
    """After training a new one: ``python -m models.catalog sums models/demo-nl``."""
    (demo,) = (model for model in installed() if model.name == "demo-nl")
    assert demo.demo_only
    assert set(demo.sha256) == set(catalog.hashes(demo.path))
    assert verify(demo) == []
    assert demo.label.startswith("demo-nl@")
    assert len(demo.label) == len("demo-nl@") + 12


def test_nothing_installed(folder: Path, manifest: Path) -> None:
    assert [model.name for model in installed(folder, manifest.parent)] == ["demo"]
    assert [model.name for model in installed(None, manifest.parent)] == ["demo"]


def test_add_and_find(tmp_path: Path, folder: Path, manifest: Path) -> None:
    source = model_folder(tmp_path / "stick")
    (source / "virus.exe").write_bytes(b"x")
    added = add(source, folder, name="big", manifest=manifest)
    assert installed(folder, manifest.parent)[0] == added
    assert (added.path, added.licence, added.demo_only, added.pack_s) == (folder / "big", "MIT", False, 28.0)
    assert added.hints
    assert added.sha256["model.bin"] == hashlib.sha256(b"weights").hexdigest()
    assert verify(added) == []
    assert sorted(file.name for file in added.path.iterdir()) == sorted([*CONTENT, "model.toml"])
    assert [path.name for path in folder.iterdir()] == ["big"]


def test_add_takes_the_name_of_the_folder(tmp_path: Path, folder: Path, manifest: Path) -> None:
    added = add(model_folder(tmp_path / "ons-model"), folder, manifest=manifest)
    assert (added.name, added.licence) == ("ons-model", "onbekend")


def test_a_copy_of_an_installed_model_keeps_its_record(tmp_path: Path, folder: Path, manifest: Path) -> None:
    first = pull("big", Hub(), folder, manifest)
    second = add(first.path, tmp_path / "other", name="big", manifest=manifest)
    assert second == replace(first, path=second.path)
    assert second.revision == "abcdef0123456789"


@pytest.mark.parametrize("gone", list(CONTENT))
def test_an_incomplete_folder_is_refused(tmp_path: Path, folder: Path, manifest: Path, gone: str) -> None:
    source = model_folder(tmp_path / "stick", **{gone.replace(".", "_"): None})
    with pytest.raises(ModelProblem, match=gone):
        add(source, folder, manifest=manifest)
    assert installed(folder, manifest.parent)[0].name == "demo"


@pytest.mark.parametrize("name", ["../weg", "a/b", ".verborgen", "", "x" * 65, "a b"])
def test_odd_names_are_refused(tmp_path: Path, folder: Path, manifest: Path, name: str) -> None:
    source = model_folder(tmp_path / "  ")
    with pytest.raises(ModelProblem, match="modelnaam"):
        add(source, folder, name=name, manifest=manifest)


def test_wrong_sums_are_refused_and_leave_what_was_there(tmp_path: Path, folder: Path, manifest: Path) -> None:
    good = add(model_folder(tmp_path / "good"), folder, name="big", manifest=manifest)
    source = model_folder(tmp_path / "bad")
    write_sums(source)
    (source / "model.bin").write_bytes(b"other")
    with pytest.raises(ModelProblem, match=r"model\.bin klopt niet"):
        add(source, folder, name="big", manifest=manifest)
    assert verify(good) == []


def test_the_demo_model_stays_a_demo_model_under_any_name(folder: Path, manifest: Path) -> None:
    copied = add(manifest.parent / "demo", folder, name="heel-goed", manifest=manifest)
    assert (copied.demo_only, copied.hints) == (True, False)


def test_verify_sees_change_and_loss(tmp_path: Path, folder: Path, manifest: Path) -> None:
    model = add(model_folder(tmp_path / "m"), folder, manifest=manifest)
    (model.path / "model.bin").write_bytes(b"Weights")
    (model.path / "config.json").unlink()
    assert verify(model) == ["config.json ontbreekt", "model.bin is gewijzigd of beschadigd"]
    assert verify(replace(model, sha256={}))[0] == "er zijn geen controlegetallen vastgelegd"


def test_pull_records_what_it_got(folder: Path, manifest: Path) -> None:
    hub = Hub()
    model = pull("big", hub, folder, manifest)
    assert hub.asked == [("someone/big", "")]
    assert (model.revision, model.label) == ("abcdef0123456789", "big@abcdef012345")
    assert verify(model) == []
    assert sorted(file.name for file in model.path.iterdir()) == sorted([*CONTENT, "model.toml"])


def test_pull_again_does_nothing_unless_it_is_damaged(folder: Path, manifest: Path) -> None:
    hub = Hub()
    model = pull("big", hub, folder, manifest)
    assert pull("big", hub, folder, manifest) == model
    assert len(hub.asked) == 1
    (model.path / "model.bin").write_bytes(b"")
    assert pull("big", hub, folder, manifest) == model
    assert verify(model) == []


def test_a_broken_off_pull_goes_on(folder: Path, manifest: Path) -> None:
    hub = Hub(breaks=1)
    with pytest.raises(ConnectionError):
        pull("big", hub, folder, manifest)
    assert (folder / ".big.part" / "config.json").is_file()
    assert [model.name for model in installed(folder, manifest.parent)] == ["demo"]
    pull("big", hub, folder, manifest)
    assert [path.name for path in folder.iterdir()] == ["big"]


def test_pull_refuses_the_unknown_the_bundled_and_the_wrong(folder: Path, manifest: Path) -> None:
    with pytest.raises(ModelProblem, match="niet bekend"):
        pull("weg", Hub(), folder, manifest)
    (manifest.parent / "demo" / "model.bin").write_bytes(b"broken")
    with pytest.raises(ModelProblem, match="hoort bij dit programma"):
        pull("demo", Hub(), folder, manifest)
    with pytest.raises(ModelProblem, match=r"model\.bin ontbreekt"):
        pull("big", Hub(model_bin=None), folder, manifest)
    pinned = MANIFEST.replace('repo = "someone/big"\nrevision = ""', 'repo = "someone/big"\nrevision = "fedcba"')
    manifest.write_text(pinned)
    with pytest.raises(ModelProblem, match="andere versie"):
        pull("big", Hub(), folder, manifest)
    manifest.write_text(MANIFEST + '\n[big.sha256]\n"model.bin" = "00"\n')
    with pytest.raises(ModelProblem, match="klopt niet"):
        pull("big", Hub(), folder, manifest)


def test_an_unreadable_record_is_told(tmp_path: Path, folder: Path, manifest: Path) -> None:
    model = add(model_folder(tmp_path / "m"), folder, manifest=manifest)
    (model.path / "model.toml").write_text("demo_only = ")
    other = add(model_folder(tmp_path / "n"), folder, name="n", manifest=manifest)
    assert other.name in {found.name for found in installed(folder, manifest.parent)}, "one must not hide the others"
    (problem,) = unreadable(folder)
    assert "model.toml is niet te lezen" in problem


def test_sums_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = model_folder(tmp_path / "m")
    assert main(["sums", str(path)]) == 0
    assert read_sums(path) == catalog.hashes(path)
    assert (path / "SHA256SUMS").read_text().splitlines()[0] == hashlib.sha256(b"{}").hexdigest() + "  config.json"
    assert main([]) == 2
    assert "sums DIR" in capsys.readouterr().err


def test_entry(manifest: Path) -> None:
    assert entry("big", manifest).repo == "someone/big"
