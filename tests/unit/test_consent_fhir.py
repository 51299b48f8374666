"""A consent as FHIR R4, held against what R4 asks of a Consent."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from consent import (
    AgeClass,
    Capacity,
    Consent,
    GivenBy,
    How,
    Interpreter,
    Relation,
    Used,
    Withdrawer,
    current_text,
    grant,
    refuse,
    withdraw,
)
from consent.fhir import Destroyed, fhir_consent

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WORDS = current_text()
CONSULT = UUID("2c1f2b1e-58d3-4a37-9a0e-6f1f0f6a2b10")
FIELDS = {
    "how": How.SPOKEN,
    "informed_by": "A. de Wit (assistente)",
    "text_id": WORDS.id,
    "text_sha256": WORDS.sha256,
    "texts": (Used(id=WORDS.id, version=WORDS.version, sha256=WORDS.sha256),),
    "others_informed": True,
    "now": NOW,
}
GIVEN = grant(**FIELDS)
TEENAGER = grant(
    **FIELDS, age=AgeClass.FROM_12_TO_15, given_by=GivenBy.PATIENT_AND_PARENT, relation=Relation.PARENT,
    language="Turks", interpreter=Interpreter.PHONE, others_present=True,
)  # fmt: skip
SPOKEN_FOR = grant(
    **FIELDS, given_by=GivenBy.REPRESENTATIVE, relation=Relation.MENTOR,
    capacity=Capacity(capable=False, judged_by="B. Bos (huisarts)"),
)  # fmt: skip
REFUSED = refuse(informed_by="A. de Wit", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
WITHDRAWN = withdraw(TEENAGER, now=NOW + timedelta(minutes=4), by=Withdrawer.PARENT, recorded_by="B. Bos (huisarts)")

#: R4 Consent: elements with their types (R4 4.0.1, resource Consent), and those of which there is exactly one or more.
ELEMENTS = {
    "resourceType": str, "id": str, "meta": dict, "language": str, "contained": list, "extension": list,
    "identifier": list, "status": str, "scope": dict, "category": list, "patient": dict, "dateTime": str,
    "performer": list, "sourceAttachment": dict, "policy": list, "policyRule": dict, "verification": list,
    "provision": dict,
}  # fmt: skip
PROVISION = {"type": str, "period": dict, "provision": list, "purpose": list, "code": list}
REQUIRED = {"resourceType", "status", "scope", "category"}
STATUS = {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def checked(record: dict) -> dict:
    """Raises unless it is an R4 Consent as far as the shape tells, with the invariants of that resource."""
    assert record["resourceType"] == "Consent"
    assert set(record) >= REQUIRED
    for name, value in record.items():
        assert isinstance(value, ELEMENTS[name]), name
        assert value, f"{name} is empty"
    assert record["status"] in STATUS
    assert FHIR_ID.fullmatch(record["id"])
    assert "policy" in record or "policyRule" in record  # ppc-1
    assert record["scope"]["coding"][0]["code"] == "patient-privacy"
    assert "patient" in record  # ppc-2: a privacy consent names its patient
    for policy in record["policy"]:
        assert set(policy) <= {"authority", "uri"}
    for verification in record["verification"]:
        assert isinstance(verification["verified"], bool)
        assert DATE_TIME.fullmatch(verification["verificationDate"])
    assert DATE_TIME.fullmatch(record["dateTime"])
    provisions(record["provision"])
    text = json.dumps(record)
    for one in record.get("contained", []):
        assert set(one) <= {"resourceType", "id", "patient", "relationship"}
        assert f'"#{one["id"]}"' in text  # dom-3: what is contained is referred to
    for extension in record["extension"]:
        values = [name for name in extension if name.startswith("value")]
        assert len(values) + ("extension" in extension) == 1  # ext-1
    return record


def provisions(provision: dict) -> None:
    assert set(provision) <= set(PROVISION)
    assert provision["type"] in {"deny", "permit"}
    for purpose in provision.get("purpose", []):
        assert purpose["code"] in {"TREAT", "HOPERAT"}
        assert purpose["system"] == "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    for inner in provision.get("provision", []):
        provisions(inner)


def extension(record: dict, name: str):
    found = next((one for one in record["extension"] if one["url"].endswith(f":{name}")), {})
    return next((value for key, value in found.items() if key.startswith("value")), None)


@pytest.mark.parametrize(
    ("consent", "status"),
    [(GIVEN, "active"), (TEENAGER, "active"), (SPOKEN_FOR, "active"), (REFUSED, "rejected"), (WITHDRAWN, "inactive")],
)
def test_each_record_is_a_consent_of_r4(consent: Consent, status: str) -> None:
    record = checked(json.loads(json.dumps(fhir_consent(consent, CONSULT, words=[WORDS]))))
    assert record["status"] == status
    assert record["category"][0]["coding"][0]["code"] == "59284-0"
    assert record["meta"]["versionId"] == str(consent.version)
    assert base64.b64decode(record["sourceAttachment"]["data"]).decode() == WORDS.body
    assert record["policy"][0]["uri"].startswith("ni:///sha-256;")
    assert record["patient"]["identifier"]["value"] == f"urn:uuid:{CONSULT}"


def test_each_purpose_is_yes_or_no() -> None:
    def answers(consent: Consent) -> list[str]:
        record = fhir_consent(consent, CONSULT, words=())
        assert record["provision"]["type"] == "deny"
        return [one["type"] for one in record["provision"]["provision"]]

    assert answers(GIVEN) == ["permit"] * 3 + ["deny"] * 3
    assert answers(REFUSED) == ["deny"] * 6


def test_of_a_teenager_both_agreed() -> None:
    record = fhir_consent(TEENAGER, CONSULT, words=[WORDS])
    assert [one.get("type") or one["reference"] for one in record["performer"]] == ["Patient", "#ander"]
    assert record["contained"][0]["relationship"] == [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PRN"}], "text": "ouder"}
    ]
    assert [extension(record, name) for name in ("age-class", "language", "interpreter", "others-agree")] == [
        "12-15", "Turks", "tolk op afstand", True,
    ]  # fmt: skip


def test_who_speaks_for_a_patient_is_the_only_one_who_agreed() -> None:
    record = fhir_consent(SPOKEN_FOR, CONSULT, words=[WORDS])
    assert record["performer"] == [{"reference": "#ander"}]
    assert record["contained"][0]["relationship"] == [{"text": "mentor"}]
    assert extension(record, "capable") is False
    assert extension(record, "capacity-judged-by") == "B. Bos (huisarts)"


def test_a_withdrawal_has_its_end_and_what_was_destroyed() -> None:
    number = uuid4()
    gone = Destroyed(number=number, what="opname, transcript en concept", at=NOW + timedelta(minutes=4))
    record = checked(fhir_consent(WITHDRAWN, CONSULT, words=[WORDS], destroyed=[gone]))
    assert record["provision"]["period"] == {
        "start": "2026-11-22T09:00:00+00:00",
        "end": "2026-11-22T09:04:00+00:00",
    }
    assert extension(record, "withdrawn-by") == "ouder of voogd"
    proof = next(one for one in record["extension"] if one["url"].endswith(":destroyed"))["extension"]
    assert [next(iter(list(one.values())[1:])) for one in proof] == [
        str(number), "opname, transcript en concept", "2026-11-22T09:04:00+00:00",
    ]  # fmt: skip


def test_words_that_are_not_here_are_named_by_their_hash_only() -> None:
    record = checked(fhir_consent(GIVEN, CONSULT, words=()))
    assert "sourceAttachment" not in record
    hashed = record["policy"][0]["uri"].removeprefix("ni:///sha-256;")
    assert base64.urlsafe_b64decode(hashed + "=").hex() == WORDS.sha256
