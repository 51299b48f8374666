"""Generated pages are fresh."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generated_docs_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_answers_without_heavy_imports() -> None:
    """``transcribe --help`` must stay quick: it loads none of the libraries that cost time."""
    code = (
        "import sys, transcribe.__main__\n"
        "heavy = {'numpy', 'av', 'fastapi', 'faster_whisper', 'sqlalchemy', 'pydantic', 'rich', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_says_how_well_it_hears() -> None:
    """The pages take the figures from beside the model; without them they would say that nobody measured."""
    figures = tomllib.loads((ROOT / "models" / "demo-nl" / "figures.toml").read_text(encoding="utf-8"))
    assert set(figures) == {"wer_demo", "wer_open"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert figures["wer_open"] in readme


def test_every_hazard_is_guarded_by_tests_that_exist() -> None:
    hazards = tomllib.loads((ROOT / "docs" / "veiligheid" / "gevaren.toml").read_text(encoding="utf-8"))["gevaar"]
    fields = {"id", "naam", "oorzaak", "schade", "ernst", "voor", "na", "maatregelen", "toetsen", "rest"}
    assert len(hazards) >= 25
    assert [hazard["id"] for hazard in hazards] == [f"G{n:02}" for n in range(1, len(hazards) + 1)]
    for hazard in hazards:
        assert set(hazard) == fields
        assert 1 <= hazard["na"] <= hazard["voor"] <= 5
        assert 1 <= hazard["ernst"] <= 5
        assert hazard["maatregelen"]
        assert hazard["toetsen"]
        for test in hazard["toetsen"]:
            assert exists(test), f"{hazard['id']}: {test}"


#: What the table must have an answer to.
NAMED = ("IDOR", "CSRF", "fixation", "traversal", "header injection", "bom", "WebSocket", "transcript", "taalmodel")


def test_every_attack_is_tried_by_tests_that_exist() -> None:
    attacks = tomllib.loads((ROOT / "docs" / "veiligheid" / "aanvallen.toml").read_text(encoding="utf-8"))["aanval"]
    assert all(any(name in attack["naam"] for attack in attacks) for name in NAMED)
    for attack in attacks:
        assert set(attack) == {"naam", "hoe", "weigert", "toetsen"}
        assert attack["weigert"]
        assert attack["toetsen"]
        for test in attack["toetsen"]:
            assert exists(test), f"{attack['naam']}: {test}"


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).is_file() else ""
    return re.search(rf"^(?:async )?(?:def {name}\(|{name} = )", source, re.MULTILINE) is not None


def test_no_page_of_the_safety_pack_points_nowhere() -> None:
    folder = ROOT / "docs" / "veiligheid"
    pages = sorted(folder.glob("*.md"))
    assert {page.name for page in pages} >= {
        "README.md", "aanvallen.md", "beoogd-doel.md", "dpia.md", "gevarenlijst.md", "patientenfolder.md",
        "pilotplan.md", "verwerkersovereenkomst.md", "websitetekst.md",
    }  # fmt: skip
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
