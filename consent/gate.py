"""The gate: no active consent for a purpose, no step that needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent.purposes import ConsentStatus, Purpose

if TYPE_CHECKING:
    from consent.consent import Consent


class ConsentProblem(Exception):
    """A consent that can't be recorded as asked. The message is a Dutch sentence for the person at the screen."""


class ConsentMissing(Exception):
    """There is no active consent for what was asked."""

    def __init__(self, purpose: Purpose) -> None:
        self.purpose = purpose
        super().__init__(f"Er is geen toestemming van de patiënt voor: {purpose.value}. Leg eerst de toestemming vast.")


def allows(consent: Consent | None, purpose: Purpose) -> bool:
    return consent is not None and consent.status is ConsentStatus.ACTIVE and purpose in consent.purposes


def require(consent: Consent | None, purpose: Purpose) -> None:
    """Raises ``ConsentMissing`` unless the consent is active and covers the purpose."""
    if not allows(consent, purpose):
        raise ConsentMissing(purpose)
