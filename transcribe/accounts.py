"""Who works in a practice and how they prove it: values and rules. No storage, no screens.

A password and a code of an app on the telephone (RFC 6238), or one of ten recovery codes in its place. Rules for
passwords are those of NIST SP 800-63B: length, and nothing that is easily guessed; no signs for their own sake.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode
from uuid import UUID

from transcribe.consult import Actor, Role, name_key, plain_name
from transcribe.errors import N_, InvalidInput, NotAllowed, Refused
from transcribe.policy import DOCTORS, responsible

LEAST_PASSWORD, MOST_PASSWORD = 12, 200
MOST_NAME = 100
MOST_ELSEWHERE = 255  # of "sub" (OpenID Connect Core 2)
#: Bytes of a TOTP secret: what RFC 4226 recommends for SHA-1, the only hash that every app knows.
SECRET_BYTES = 20
STEP_S = 30
DIGITS = 6
RECOVERY_CODES = 10
INVITATION_LIFE = timedelta(days=3)
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{2,59}")


class State(StrEnum):
    INVITED = "uitgenodigd"  # chooses a password and a second step with a link; until then nobody gets in
    ACTIVE = "actief"
    DISABLED = "uitgeschakeld"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person of one practice. What proves who it is never shows in a ``repr``."""

    id: UUID
    practice: str
    login: str  # of all practices together
    name: str  # in approvals, in the access log, and by which drafts wait
    role: Role
    manages: bool  # the accounts, whatever the role
    state: State
    version: int  # grows by one with every change; a writer names the version it saw
    epoch: int = 0  # grows when all sessions must end: sessions of another epoch are none
    since: datetime | None = None  # when it could log in for the first time
    password: str = field(default="", repr=False)  # argon2id, as a PHC string
    secret: bytes = field(default=b"", repr=False)  # of the second step; sealed at rest
    last_step: int = 0  # of the newest code that was taken: each works once
    recovery: tuple[bytes, ...] = field(default=(), repr=False)  # SHA-256 of the codes that are left
    invitation: bytes = field(default=b"", repr=False)  # SHA-256 of the secret in the link
    invited_until: datetime | None = None
    elsewhere: str = ""  # by which a provider knows this person (``oidc.py``); of all practices together

    @property
    def actor(self) -> Actor:
        behalf = responsible(self.role, self.practice)
        return Actor(name=self.name, role=self.role, id=str(self.id), responsible=behalf)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whoever a request comes from."""

    actor: Actor
    practice: str = ""
    manages: bool = False
    account_id: UUID | None = None  # None: the one person of a demonstration
    log_kept: bool = False  # a logbeheerder of the practice reads the access log: doctors don't


class NotManager(Refused):
    text = N_("Dit mag alleen wie de medewerkers beheert. Vraag het de beheerder van uw praktijk.")


class LogKept(NotAllowed):
    text = N_("Het toegangslog van uw praktijk leest de logbeheerder. Vraag het die collega.")


class WrongLogin(Refused):
    text = N_("Deze gebruikersnaam en dit wachtwoord horen niet bij elkaar. Controleer ze en probeer het opnieuw.")


class WrongCode(Refused):
    text = N_("Deze code klopt niet of is al gebruikt. Wacht op de volgende code in uw app en probeer het opnieuw.")


class WrongPassword(Refused):
    text = N_("Uw huidige wachtwoord klopt niet.")


class UsedInvitation(Refused):
    text = N_("Deze uitnodiging is al gebruikt of verlopen. Vraag de beheerder van uw praktijk om een nieuwe.")


class UnknownHere(Refused):
    text = N_(
        "{name} weet wie u bent, maar u staat hier niet bij de medewerkers. Vraag de beheerder van uw praktijk om uw "
        "nummer bij {name} in te vullen."
    )


class OtherRole(Refused):
    text = N_("U bent bij {name} niet als arts ingelogd. Kies daar de rol die bij uw werk hier hoort.")


class OwnRole(Refused):
    """One click would show the consults to who may not see them, and another would hide it."""

    text = N_(
        "Uw eigen rol en uw eigen beheer wijzigt een andere beheerder, of u doet het op de machine zelf: transcribe "
        "accounts change."
    )


class LastManager(Refused):
    text = N_("Er moet iemand blijven die de medewerkers beheert. Geef eerst een collega het beheer.")


# --- names and passwords -------------------------------------------------------------------------------------------


def checked_login(typed: str) -> str:
    """As it is kept: lower case. Raises ``InvalidInput``."""
    login = unicodedata.normalize("NFKC", typed).strip().lower()
    if LOGIN.fullmatch(login) is None:
        raise InvalidInput(
            problem=N_(
                "Kies een gebruikersnaam van 3 tot 60 letters, cijfers, punten of streepjes, of een e-mailadres."
            )
        )
    return login


def checked_name(typed: str) -> str:
    name = plain_name(typed)
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise InvalidInput(
            problem=N_("Vul een naam in, zoals die bij een akkoord komt te staan (hoogstens 100 tekens).")
        )
    return name


def checked_elsewhere(typed: str) -> str:
    """By which a provider knows somebody; "" by nothing. Raises ``InvalidInput``."""
    number = typed.strip()
    if len(number) > MOST_ELSEWHERE or not number.isprintable():
        raise InvalidInput(problem=N_("Dit nummer kan niet. Neem het over zoals de aanbieder het noemt."))
    return number


def check_role_elsewhere(role: Role, code: str, *, name: str) -> None:
    """``code``: of the UZI register (01 and 01.xxx are doctors), "" when the provider does not say. Raises
    ``OtherRole``.
    """
    if code and role in DOCTORS and code != "01" and not code.startswith("01."):
        raise OtherRole(name=name)


def normalised(password: str) -> str:
    """As it is hashed: keyboards make the same letter in different ways."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, known: Iterable[str]) -> None:
    """``known``: names of the person, of the log-in and of the practice. Raises ``InvalidInput``.

    What is left without those, without words that everybody tries, and without repeats and rows must still be eight
    signs long.
    """
    password = normalised(password)
    if len(password) < LEAST_PASSWORD:
        raise InvalidInput(problem=N_("Kies een wachtwoord van 12 tekens of meer. Enkele losse woorden zijn goed."))
    if len(password) > MOST_PASSWORD:
        raise InvalidInput(problem=N_("Dit wachtwoord is te lang (hoogstens 200 tekens)."))
    left = _plain(password)
    words = {part for name in known for part in re.split(r"[\W_]+", _plain(name)) if len(part) >= 3}
    for word in sorted(words | COMMON, key=lambda word: (-len(word), word)):
        left = left.replace(word, "")
    if len(_without_rows(left)) < LEAST_LEFT:
        raise InvalidInput(
            problem=N_(
                "Dit wachtwoord is te raden: het lijkt op uw naam, op die van de praktijk of op wat velen kiezen. Kies "
                "een paar woorden die niets met elkaar te maken hebben."
            )
        )


LEAST_LEFT = 8
#: Words of passwords that are tried first, as they look after ``_plain``; years and rows of keys go another way.
_GUESSED_FIRST = """
wachtwoord welkom geheim password passwort welcome letmein admin beheerder login qwerty azerty qwertyuiop asdfgh
zxcvbn iloveyou ikhouvanjou monkey dragon football voetbal ajax feyenoord transcribe huisarts huisartsen
praktijk huisartsenpraktijk dokter doktersassistente medicom promedico microhis omnihis bricks nederland
amsterdam januari februari maart april mei juni juli augustus september oktober november december lente zomer
herfst winter summer maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
"""
COMMON = frozenset(_GUESSED_FIRST.split())


def _plain(text: str) -> str:
    """Lower case, without accents, and with the usual signs for letters undone."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).translate(_LOOKALIKES)


_LOOKALIKES = str.maketrans("@$!€", "asie")


def _without_rows(text: str) -> str:
    """Of repeats and of rows (aaaa, 1234, abcd, 4321) the first sign alone; years not at all."""
    text = re.sub(r"(?:19|20)[0-9]{2}", "", text)
    kept: list[str] = []
    for at, sign in enumerate(text):
        if at and abs(ord(sign) - ord(text[at - 1])) <= 1:
            continue
        kept.append(sign)
    whole = "".join(kept)
    # "abcabcabc" is as good as "abc"
    unit = re.fullmatch(r"(.+?)\1+", whole)
    return unit[1] if unit else whole


# --- the second step -----------------------------------------------------------------------------------------------


def code_at(secret: bytes, step: int) -> str:
    """RFC 4226: the code of that step of 30 seconds."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """The step of a code that may be used now: this one, or the one before or after it when a clock is off (RFC 6238,
    5.2). None: it is wrong, or not newer than ``after``.
    """
    typed = "".join(code.split())
    this = int(now.timestamp()) // STEP_S
    found = None
    for step in (this - 1, this, this + 1):
        right = hmac.compare_digest(code_at(secret, step).encode(), typed.encode())
        if right and step > after:
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """To type over, in groups of four."""
    text = base64.b32encode(secret).decode("ascii")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def secret_uri(secret: bytes, *, login: str, practice: str) -> str:
    """What the picture says to an app (the "Key URI Format" that all of them read)."""
    issuer = f"transcribe {practice}".strip()
    wanted = urlencode({"secret": base64.b32encode(secret).decode("ascii"), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(login)}?{wanted}"


def new_recovery_codes() -> list[str]:
    """80 bits each: a bare hash of one can't be undone by trying."""
    texts = [base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def recovery_digest(code: str) -> bytes:
    return digest("".join(sign for sign in code.lower() if sign.isalnum()))


def digest(secret: str) -> bytes:
    """Of a secret that nobody can guess: what is kept of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


# --- who may do what with accounts ---------------------------------------------------------------------------------


def check_manages(person: Person) -> None:
    if not person.manages:
        raise NotManager


def check_not_own_role(person: Person, before: Account, after: Account) -> None:
    """Raises ``OwnRole``."""
    if person.account_id == before.id and (before.role, before.manages) != (after.role, after.manages):
        raise OwnRole


def check_still_managed(before: Sequence[Account], after: Account) -> None:
    """Of all accounts of the practice somebody who can log in manages them. Raises ``LastManager``."""
    others = [one for one in before if one.id != after.id]
    if not any(one.manages and one.state is State.ACTIVE for one in [*others, after]):
        raise LastManager


def check_name_free(others: Iterable[Account], name: str) -> None:
    """Drafts wait for a person by name: two of one practice can't have the same. Raises ``InvalidInput``."""
    if any(name_key(one.name) == name_key(name) for one in others):
        raise InvalidInput(problem=N_("Er is al een medewerker met deze naam. Zet er een voorletter bij."))


# --- guessing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many tries without waiting; after that each costs twice the wait of the one before, up to ``longest``."""

    free: int
    longest: timedelta
    forgotten: timedelta  # a time without tries after which all is forgotten


@dataclass(frozen=True, kw_only=True)
class Tries:
    count: int
    last: datetime
    closed_until: datetime | None = None


#: Of one account, as a stranger finds it. The wait is short enough that a doctor behind a new computer gets in.
ACCOUNT = Limit(free=5, longest=timedelta(minutes=5), forgotten=timedelta(hours=1))
#: Of a browser in which this person logged in before: a stranger's tries don't count there (OWASP: device cookies).
BROWSER = Limit(free=10, longest=timedelta(minutes=5), forgotten=timedelta(hours=1))
#: Of all strangers together.
TOTAL = Limit(free=50, longest=timedelta(minutes=1), forgotten=timedelta(minutes=15))


def one_more(before: Tries | None, now: datetime, limit: Limit) -> Tries | None:
    """The tries with this one, which may be made; None when it is too early for it."""
    if before is None or now - before.last > limit.forgotten:
        return Tries(count=1, last=now)
    if before.closed_until is not None and now < before.closed_until:
        return None
    count = before.count + 1
    late = count - limit.free
    wait = min(timedelta(seconds=2 ** min(late, 20)), limit.longest) if late >= 0 else None
    return Tries(count=count, last=now, closed_until=None if wait is None else now + wait)
