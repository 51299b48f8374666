"""A consent record as a FHIR R4 Consent resource. Nothing in it names a person but staff.

The patient is the contact: who that was stands in the practice's own file, and nowhere here. Codes without a system of
HL7 are text; what R4 has no place for is an extension with a name of ours.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from consent.consent import Consent, GivenBy, Relation, used
from consent.purposes import COMMON_PURPOSES, ConsentStatus, Purpose
from consent.texts import ConsentText

#: R4 has no code for "withdrawn".
STATUS = {
    ConsentStatus.ACTIVE: "active",
    ConsentStatus.REFUSED: "rejected",
    ConsentStatus.WITHDRAWN: "inactive",
}
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
#: Of v3-RoleCode; a mentor, a curator and "grootouder of kleinkind" have none that says just that.
_RELATION_CODES = {
    Relation.PARENT: "PRN",
    Relation.GUARDIAN: "GUARD",
    Relation.PROXY: "HPOWATT",
    Relation.PARTNER: "SIGOTHR",
    Relation.CHILD: "CHILD",
    Relation.SIBLING: "SIB",
}
_PURPOSE_TEXT = {
    Purpose.RECORDING: "het gesprek opnemen",
    Purpose.TRANSCRIPTION: "de opname automatisch uitschrijven",
    Purpose.DRAFT: "een conceptverslag laten maken",
    Purpose.KEEP_AUDIO: "de opname langer bewaren",
    Purpose.QUALITY: "de kwaliteit beoordelen",
    Purpose.IMPROVEMENT: "modellen verbeteren",
}
_OURS = "urn:transcribe:consent:"


@dataclass(frozen=True, kw_only=True)
class Destroyed:
    """What was destroyed, and when: the number is that of its certificate."""

    number: UUID
    what: str
    at: datetime


def fhir_consent(
    consent: Consent, consult_id: UUID, *, words: Sequence[ConsentText], destroyed: Sequence[Destroyed] = ()
) -> dict[str, Any]:
    """``words``: the texts of the record, as far as they are here."""
    patient = {
        "type": "Patient",
        "identifier": _identifier(consult_id),
        "display": "Patiënt van dit contact (pseudoniem)",
    }
    other = _other(consent, patient)
    performers = [patient] if consent.given_by in {None, GivenBy.PATIENT, GivenBy.PATIENT_AND_PARENT} else []
    performers += [{"reference": "#ander"}] if other else []
    first = next((one for one in words if one.id == consent.text_id), None)
    verification = {
        "verified": consent.status is not ConsentStatus.REFUSED,
        "verifiedWith": performers[-1],
        "verificationDate": _moment(consent.recorded_at),
    }
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "id": str(consent.id),
        "meta": {
            "versionId": str(consent.version),
            "lastUpdated": _moment(consent.withdrawn_at or consent.recorded_at),
        },
        "language": "nl",
        "contained": [other] if other else [],
        "extension": _extensions(consent, consult_id, destroyed),
        "identifier": [_identifier(consent.id)],
        "status": STATUS[consent.status],
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}],
        "patient": patient,
        "dateTime": _moment(consent.recorded_at),
        "performer": performers,
        "sourceAttachment": _attachment(first) if first else None,
        "policy": [{"uri": _name(one.sha256)} for one in used(consent)],
        "policyRule": {"text": "; ".join(f"tekst {one.id}, versie {one.version}" for one in used(consent))},
        "verification": [verification],
        "provision": _provision(consent),
    }
    filled: dict[str, Any] = _filled(resource)
    return filled


def _provision(consent: Consent) -> dict[str, Any]:
    """Nothing may be done but what was agreed to. Who took it back had agreed until then."""
    given = COMMON_PURPOSES if consent.status is ConsentStatus.WITHDRAWN else consent.purposes
    period = {"start": _moment(consent.recorded_at)}
    if consent.withdrawn_at:
        period["end"] = _moment(consent.withdrawn_at)
    return {
        "type": "deny",
        "period": period,
        "provision": [
            {
                "type": "permit" if purpose in given else "deny",
                "purpose": [{"system": _REASON, "code": "TREAT" if purpose in COMMON_PURPOSES else "HOPERAT"}],
                "code": [{"coding": [{"system": f"{_OURS}purpose", "code": purpose.value}], "text": text}],
            }
            for purpose, text in _PURPOSE_TEXT.items()
        ],
    }


def _other(consent: Consent, patient: dict[str, Any]) -> dict[str, Any] | None:
    """Who agreed for or beside the patient."""
    if consent.given_by in {None, GivenBy.PATIENT}:
        return None
    relation = consent.relation
    code = _RELATION_CODES.get(relation) if relation else None
    text = relation.value if relation else GivenBy.PARENT.value
    if consent.given_by is GivenBy.REPRESENTATIVE and relation is None:
        text = GivenBy.REPRESENTATIVE.value
    return {
        "resourceType": "RelatedPerson",
        "id": "ander",
        "patient": patient,
        "relationship": [{"coding": [{"system": _ROLE, "code": code}] if code else None, "text": text}],
    }


def _extensions(consent: Consent, consult_id: UUID, destroyed: Sequence[Destroyed]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"url": f"{_OURS}contact", "valueIdentifier": _identifier(consult_id)},
        {"url": f"{_OURS}validity", "valueCode": "this-contact"},
        {"url": f"{_OURS}informed-by", "valueString": consent.informed_by},
        {"url": f"{_OURS}recorded-by", "valueString": consent.recorded_by},
        {"url": f"{_OURS}age-class", "valueString": consent.age},
        {"url": f"{_OURS}age-exception", "valueString": consent.exception},
        {"url": f"{_OURS}given-how", "valueString": consent.how},
        *({"url": f"{_OURS}informed-how", "valueString": how} for how in sorted(consent.informed)),
        {"url": f"{_OURS}language", "valueString": consent.language},
        {"url": f"{_OURS}interpreter", "valueString": consent.interpreter},
        {"url": f"{_OURS}device", "valueString": consent.device},
    ]
    if consent.capacity:
        found += [
            {"url": f"{_OURS}capable", "valueBoolean": consent.capacity.capable},
            {"url": f"{_OURS}capacity-judged-by", "valueString": consent.capacity.judged_by},
        ]
    if consent.status is not ConsentStatus.REFUSED:
        found += [
            {"url": f"{_OURS}others-present", "valueBoolean": consent.others_present},
            {"url": f"{_OURS}others-agree", "valueBoolean": consent.others_informed},
        ]
    if consent.withdrawn_at:
        found += [
            {"url": f"{_OURS}withdrawn-by", "valueString": consent.withdrawn_by},
            {"url": f"{_OURS}withdrawal-recorded-by", "valueString": consent.withdrawal_recorded_by},
            {"url": f"{_OURS}withdrawal-scope", "valueCode": "all"},
        ]
    found += [
        {
            "url": f"{_OURS}destroyed",
            "extension": [
                {"url": "certificate", "valueString": str(one.number)},
                {"url": "what", "valueString": one.what},
                {"url": "when", "valueDateTime": _moment(one.at)},
            ],
        }
        for one in destroyed
    ]
    return [one for one in found if list(one.values())[1] not in (None, "")]


def _attachment(words: ConsentText) -> dict[str, Any]:
    return {
        "contentType": "text/markdown",
        "language": words.language,
        "title": words.id,
        "data": base64.b64encode(words.body.encode("utf-8")).decode("ascii"),
    }


def _identifier(number: UUID) -> dict[str, str]:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{number}"}


def _name(sha256: str) -> str:
    """A text by its hash (RFC 6920), so that nobody need host it."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode("ascii").rstrip("=")


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds")


def _filled(value: Any) -> Any:
    """Without what is empty: FHIR has no empty fields."""
    if isinstance(value, dict):
        return {name: found for name, one in value.items() if (found := _filled(one)) not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [found for one in value if (found := _filled(one)) not in (None, "", [], {})]
    return value
