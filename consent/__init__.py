"""The patient's consent: the record, the purposes, the words used, and the gate. Knows nothing of audio or notes."""

from consent.consent import AgeClass, Consent, ConsentStatus, GivenBy, How, Purpose, age_class, grant, refuse, withdraw
from consent.gate import ConsentMissing, ConsentProblem, allows, require
from consent.texts import ConsentText, current_text, text

__all__ = [
    "AgeClass",
    "Consent",
    "ConsentMissing",
    "ConsentProblem",
    "ConsentStatus",
    "ConsentText",
    "GivenBy",
    "How",
    "Purpose",
    "age_class",
    "allows",
    "current_text",
    "grant",
    "refuse",
    "require",
    "text",
    "withdraw",
]
