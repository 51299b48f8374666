"""The access log for other programs: CSV for a spreadsheet, FHIR R4 AuditEvent for a log server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any
from uuid import UUID

from transcribe.access_log import KINDS, Kind
from transcribe.consult import Action, Logged
from transcribe.sheet import MARK, line

COLUMNS = (
    "regel", "tijd", "gebeurtenis", "handeling", "actie", "uitkomst", "gebruiker", "gebruiker-id", "rol", "namens",
    "andere-persoon", "consult", "patient-pseudoniem", "object", "levensfase", "detail", "recht", "toestemming",
    "toestemming-versie", "toegangspunt", "adres", "verzoek", "bron", "programma", "hash",
    "praktijk",
)  # fmt: skip

#: In the column of the practice, of a row that names none. No practice can be called so.
NO_PRACTICE = "(geen)"

_TERMS = "http://terminology.hl7.org/CodeSystem/"
_ENTITY, _ROLE, _LIFE = _TERMS + "audit-entity-type", _TERMS + "object-role", _TERMS + "dicom-audit-lifecycle"
_REQUEST = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_TREATMENT = {"code": "TREAT", "display": "treatment"}
_BREAK_GLASS = {"code": "BTG", "display": "break the glass"}
#: Names of the codes in ``access_log.Thing``.
_NAMES = {
    "1": "Patient",
    "3": "Report",
    "4": "Domain Resource",
    "5": "Master file",
    "6": "User",
    "11": "Security User Entity",
    "13": "Security Resource",
    "24": "Query",
}


def as_csv(rows: Iterable[Logged]) -> Iterator[str]:
    """Lines with semicolons, as a Dutch spreadsheet wants them; no field can become a formula."""
    yield MARK + line(COLUMNS)
    for row in rows:
        event, kind = row.event, KINDS[row.event.action]
        yield line(
            (
                row.seq, event.at.astimezone(UTC).isoformat(), f"{kind.event.value[0]} {kind.event.value[1]}",
                event.action.value, kind.act.value, event.outcome.value, event.actor, event.user_id, event.role.value,
                event.responsible, event.whom, event.consult_id or "", row.patient.hex() if row.patient else "",
                kind.thing.value[2], f"{kind.life.value[0]} {kind.life.value[1]}", event.detail, event.allowed_by,
                row.consent_id or "", row.consent_version or "", event.client.value, event.address, event.request,
                row.source or "", row.product, row.hash.hex(),
                NO_PRACTICE if row.practice is None else row.practice,
            )
        )  # fmt: skip


def as_fhir(rows: Iterable[Logged]) -> Iterator[str]:
    """A Bundle (collection), a piece at a time."""
    yield '{"resourceType":"Bundle","type":"collection","entry":['
    between = ""
    for row in rows:
        yield between + json.dumps({"resource": audit_event(row)}, ensure_ascii=False, separators=(",", ":"))
        between = ",\n"
    yield "]}\n"


def audit_event(row: Logged) -> dict[str, Any]:
    """FHIR R4 AuditEvent, with the codes of ``access_log``."""
    event, kind = row.event, KINDS[row.event.action]
    code, display = kind.event.value
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"regel-{row.seq}",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": code, "display": display},
        "subtype": [
            {"system": "urn:transcribe:action", "code": event.action.name.lower(), "display": event.action.value}
        ],
        "action": kind.act.value,
        "recorded": event.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "outcome": str(event.outcome.value),
        "agent": [_agent(row)],
        "source": {
            "observer": {
                "display": f"transcribe {row.product}".strip(),
                **({"identifier": _number(row.source)} if row.source else {}),
            },
            **({"site": row.practice} if row.practice else {}),
            "type": [{"system": _TERMS + "security-source-type", "code": "4", "display": "Application Server"}],
        },
        "entity": list(_entities(row, kind)),
    }
    for name in filter(None, (event.responsible, event.whom)):
        found["agent"].append({"name": name, "requestor": False})
    return found


def _agent(row: Logged) -> dict[str, Any]:
    event = row.event
    agent: dict[str, Any] = {
        "role": [{"text": event.role.value}],
        "name": event.actor,
        "requestor": True,
        "who": {"display": event.actor, **({"identifier": {"value": event.user_id}} if event.user_id else {})},
    }
    if event.address:
        agent["network"] = {"address": event.address, "type": "2"}
    else:
        agent["network"] = {"address": f"{event.client.value} {row.source or ''}".strip(), "type": "1"}
    policies = [f"urn:transcribe:right:{event.allowed_by}"] if event.allowed_by else []
    if row.consent_id:
        policies.append(f"urn:uuid:{row.consent_id}#{row.consent_version}")
    if policies:
        agent["policy"] = policies
    if row.event.consult_id:
        why = _BREAK_GLASS if event.action is Action.EMERGENCY_ACCESS else _TREATMENT
        agent["purposeOfUse"] = [{"coding": [{"system": _TERMS + "v3-ActReason", **why}]}]
    return agent


def _entities(row: Logged, kind: Kind) -> Iterator[dict[str, Any]]:
    event = row.event
    entity, role, name = kind.thing.value
    life, phase = kind.life.value
    yield {
        **({"what": {"identifier": _number(event.consult_id)}} if event.consult_id else {}),
        "type": {"system": _ENTITY, "code": entity, "display": "System Object"},
        "role": {"system": _ROLE, "code": role, "display": _NAMES[role]},
        "lifecycle": {"system": _LIFE, "code": life, "display": phase},
        "name": name,
        **({"detail": [{"type": "detail", "valueString": event.detail}]} if event.detail else {}),
    }
    if row.patient:
        yield {
            "what": {"identifier": {"system": "urn:transcribe:pseudonym", "value": row.patient.hex()}},
            "type": {"system": _ENTITY, "code": "1", "display": "Person"},
            "role": {"system": _ROLE, "code": "1", "display": _NAMES["1"]},
        }
    if event.request:
        yield {
            "what": {"identifier": {"value": event.request}},
            "type": {"system": _REQUEST, "code": "XrequestId"},
        }


def _number(found: UUID) -> dict[str, str]:
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{found}"}
