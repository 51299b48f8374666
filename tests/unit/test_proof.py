"""What the proof claims, and the parts that it lists: never more than was seen."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from models.catalog import installed
from transcribe.outbound import Counted, Outcome, Purpose
from transcribe.proof import BILL, FACTS, REPORT, Model, Proof, Row, Verdict, judge, standing_out, write
from transcribe.proof.parts import UNKNOWN, Part, cyclonedx, parts, permissive

SEEN = {
    "outside": {"interfaces": ["eth0", "lo"], "routes": {"ipv4": "route", "ipv6": "ENETUNREACH"}},
    "how": "network",
    "other_namespace": True,
    "inside": {"interfaces": ["lo"], "routes": {"ipv4": "ENETUNREACH", "ipv6": "ENETUNREACH"}},
}
DONE = {"steps": [["Opname bewaard.", True], ["Gewist.", True]], "problem": "", "after": {"lo": {"sent": 9}}}
MODEL = Model(name="demo-nl", licence="CC BY 4.0", use="demo", revision="", problems=(), sha256={"model.bin": "a" * 64})


def test_all_that_was_asked_was_seen() -> None:
    assert judge(SEEN, DONE, [])[0] is Verdict.PROVEN


@pytest.mark.parametrize(
    ("seen", "done", "verdict"),
    [
        ({"inside": {**SEEN["inside"], "interfaces": ["eth0", "lo"]}}, {}, Verdict.FAILED),
        ({"inside": {**SEEN["inside"], "routes": {"ipv4": "route", "ipv6": "ENETUNREACH"}}}, {}, Verdict.FAILED),
        ({"inside": {}}, {}, Verdict.FAILED),
        ({"other_namespace": False}, {}, Verdict.FAILED),
        ({}, {"after": {"lo": {}, "eth0": {}}}, Verdict.FAILED),
        ({}, {"after": {}}, Verdict.FAILED),
        ({}, {"steps": []}, Verdict.FAILED),
        ({}, {"steps": [["Gewist.", False]]}, Verdict.FAILED),
        ({}, {"problem": "de dienst werd onderbroken"}, Verdict.FAILED),
        ({"why_not": "EPERM"}, {}, Verdict.NOT_PROVEN),
        ({"why_not": "EPERM"}, {"problem": "stuk"}, Verdict.FAILED),
    ],
)
def test_anything_less_is_not_called_proven(seen: dict[str, object], done: dict[str, object], verdict: Verdict) -> None:
    found, why = judge({**SEEN, **seen}, {**DONE, **done}, [])
    assert found is verdict
    assert why


def test_nothing_seen_proves_nothing() -> None:
    assert judge({}, {}, [])[0] is Verdict.FAILED
    assert judge({}, DONE, [])[0] is Verdict.FAILED


def test_a_changed_model_proves_nothing() -> None:
    changed = Model(**{**vars(MODEL), "problems": ("model.bin is gewijzigd of beschadigd",)})
    verdict, why = judge(SEEN, DONE, [changed])
    assert verdict is Verdict.FAILED
    assert "demo-nl" in why


# --- parts -----------------------------------------------------------------------------------------------------------


def test_what_the_program_needs_is_listed_and_what_only_tests_need_is_not() -> None:
    names = {part.name for part in parts()}
    assert {"psycopg", "psycopg-binary", "faster-whisper", "ctranslate2", "obstore", "jinja2"} <= names
    assert not {"pytest", "playwright", "cyclonedx-python-lib", "transcribe"} & names


def test_what_is_not_permissive_stands_out() -> None:
    found = {part.name: part for part in standing_out(parts())}
    assert found["psycopg"].licence == "LGPL-3.0-only"
    assert "numpy" not in found
    libraries = {part.of for part in found.values() if part.of}
    assert "av" in libraries  # FFmpeg and its encoders: measured, the package's own field says BSD


@pytest.mark.parametrize(
    ("licence", "good"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("CC BY 4.0", True),
        (UNKNOWN, False),
        ("", False),
        ("Proprietary", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
    ],
)
def test_which_licences_are_permissive(licence: str, good: bool) -> None:
    assert permissive(licence) is good


licences = st.sampled_from(["MIT", "BSD", "Apache-2.0 OR BSD-3-Clause", "MPL-2.0 AND MIT", UNKNOWN, "Zelf bedacht, v2"])


@given(st.lists(st.tuples(st.sampled_from("abcdef"), licences), unique_by=lambda one: one[0]))
def test_any_list_of_parts_is_a_valid_bill(named: list[tuple[str, str]]) -> None:
    found = [Part(name=name, version="1.0", licence=licence) for name, licence in named]
    found += [
        Part(name=f"lib{part.name}.so.1", version="1", licence=part.licence, of=part.name, sha256="a" * 64)
        for part in found
    ]
    _check_bill(cyclonedx(found, [], version="0.1.0", at=datetime(2026, 11, 23, tzinfo=UTC), number=UUID(int=7)))


def test_the_bill_of_this_installation_is_valid_and_names_the_model() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    bill = cyclonedx(parts(), installed(), version="0.1.0", at=at, number=UUID(int=7))
    _check_bill(bill)
    (model,) = [one for one in bill["components"] if one["type"] == "machine-learning-model"]
    assert model["name"] == "demo-nl"
    assert len(model["hashes"][0]["content"]) == 64


def _check_bill(bill: object) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill))
    assert problem is None, problem


# --- the page --------------------------------------------------------------------------------------------------------


def proof(**changes: object) -> Proof:
    given = {
        "made_at": datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
        "verdict": Verdict.PROVEN,
        "why": "Het werkt zonder netwerk.",
        "isolation": SEEN,
        "pipeline": {**DONE, "seconds": 28.4, "model": "demo-nl@x", "connections": 0, "refused": 0},
        "settings": (Row(name="Toegestane adressen", found="geen"),),
        "places": (Row(name="Gegevensmap", found="/srv/<data>"),),
        "models": (MODEL,),
        "parts": (Part(name="psycopg", version="3", licence="LGPL-3.0-only"),),
        "counted": (
            Counted(host="llm.example", port=443, purpose=Purpose.LANGUAGE_MODEL, outcome=Outcome.DONE, connections=3),
            Counted(host="", port=80, purpose=Purpose.UNKNOWN, outcome=Outcome.REFUSED, connections=2),
        ),
        "counted_since": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return Proof(**{**given, **changes})


def page_of(found: Proof, folder: Path, hide: tuple[tuple[str, str], ...] = ()) -> str:
    write(found, folder, [], hide=hide)
    return (folder / REPORT).read_text(encoding="utf-8")


def test_the_report_stands_by_itself(tmp_path: Path) -> None:
    page = page_of(proof(), tmp_path)
    assert "Bewezen" in page
    assert "llm.example:443" in page
    assert "niet op de lijst" in page
    assert "/srv/&lt;data&gt;" in page
    for outside in ("http://", "https://", "<script", "src=", "@import", "url("):
        assert outside not in page


@pytest.mark.parametrize(
    ("verdict", "says"),
    [(Verdict.NOT_PROVEN, "Niet bewezen op deze machine"), (Verdict.FAILED, "dit verslag bewijst niets")],
)
def test_a_report_that_proves_nothing_says_so(tmp_path: Path, verdict: Verdict, says: str) -> None:
    page = page_of(proof(verdict=verdict, isolation={"why_not": "EPERM"}, pipeline={}, counted_since=None), tmp_path)
    assert says in page
    assert "Bewezen:" not in page


def test_what_an_installation_opened_is_said_beside_the_verdict(tmp_path: Path) -> None:
    opened = (Row(name="Toegestane adressen", found="llm.example", open=True),)
    assert "zelf wel iets opengezet" in page_of(proof(settings=opened), tmp_path)
    assert "zelf wel iets opengezet" not in page_of(proof(), tmp_path)


def test_a_report_to_pass_on_does_not_tell_the_hour(tmp_path: Path) -> None:
    page = page_of(proof(), tmp_path)
    assert "10:00 uur" in page
    passed_on = page_of(proof(neutral=True), tmp_path)
    assert "23-11-2026" in passed_on
    assert not re.search(r"\d\d:\d\d", words(passed_on))
    facts = json.loads((tmp_path / FACTS).read_text(encoding="utf-8"))
    assert (facts["made_at"], facts["outbound"]["since"]) == ("2026-11-23", "2026-11-01")


def words(page: str) -> str:
    """What a reader sees of it."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


# --- the example of docs/proof ---------------------------------------------------------------------------------------

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "proof"


def test_the_example_says_nothing_of_where_it_was_made() -> None:
    facts = (EXAMPLE / FACTS).read_text(encoding="utf-8")
    bill = json.loads((EXAMPLE / BILL).read_text(encoding="utf-8"))
    page = words((EXAMPLE / REPORT).read_text(encoding="utf-8"))
    parts_of_it = "\n".join(found["name"] for found in bill["components"])
    for said in (facts, page, parts_of_it):
        assert not re.search(r"(?<![\w)])/\w+/\w", said), "a path"
        assert not re.search(r"\d+\.\d+\.\d+\.\d+(?!\.)", said.replace("192.0.2.1", "")), "an address"
        assert not re.search(r"\b\d\d:\d\d\b", said), "an hour"
    assert bill["metadata"]["timestamp"].endswith("T00:00:00+00:00")
    found = {row["name"]: row["found"] for row in json.loads(facts)["places"]}
    assert found["Gegevensmap"].startswith("(gegevensmap)")
    assert set(json.loads(facts)["isolation"]["outside"]["interfaces"]) <= {f"kaart {n}" for n in range(99)}


def test_the_example_has_the_form_of_today(tmp_path: Path) -> None:
    """When this fails: ``transcribe proof --neutral --out docs/proof``, with an empty data folder."""
    today, shown = page_of(proof(neutral=True), tmp_path), (EXAMPLE / REPORT).read_text(encoding="utf-8")
    heads = re.compile(r"<h[12]>.*?</h[12]>|<style>.*?</style>", re.DOTALL)
    assert heads.findall(shown) == heads.findall(today)
    made, example = (json.loads((one / FACTS).read_text(encoding="utf-8")) for one in (tmp_path, EXAMPLE))
    assert form(example) == form(made)
    assert example["verdict"] == Verdict.PROVEN.value
    assert all(good for _, good in example["pipeline"]["steps"])
    assert example["isolation"]["inside"]["interfaces"] == ["lo"]
    _check_bill(json.loads((EXAMPLE / BILL).read_text(encoding="utf-8")))


def form(facts: dict[str, object]) -> object:
    """Names of what is in it, but for what differs with what was seen."""
    inside = {name: sorted(part) for name, part in facts.items() if isinstance(part, dict)}
    return sorted(facts), {**inside, "pipeline": None, "isolation": None}


def test_paths_and_names_can_be_left_out(tmp_path: Path) -> None:
    page = page_of(proof(), tmp_path, (("llm.example", "(taalmodel)"), ("/srv/&lt;data&gt;", "(gegevensmap)")))
    assert "llm.example" not in page + (tmp_path / FACTS).read_text(encoding="utf-8")
    assert "(gegevensmap)" in page
