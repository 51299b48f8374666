"""Who works here: logging in, invitations, and what people change of their own account and of others'.

Whatever way somebody proves who they are, it ends in an ``Account``, and the web opens a session of that account. All
of it is in the access log, by name; what was typed never is.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from transcribe import accounts as rules
from transcribe.accounts import (
    ACCOUNT,
    BROWSER,
    INVITATION_LIFE,
    SECRET_BYTES,
    TOTAL,
    Account,
    Limit,
    Person,
    State,
    UnknownHere,
    UsedInvitation,
    WrongCode,
    WrongLogin,
    WrongPassword,
)
from transcribe.consult import Action, Actor, Role, name_key
from transcribe.errors import N_, Conflict, InvalidInput, NotFound, NotLoggedIn, Refused, TooManyTries
from transcribe.policy import DOCTORS, receiver
from transcribe.ports import Accounts, Entry, Passwords, Session

#: Who tried to log in with a name that nobody here has.
STRANGER = Actor(name="onbekend", role=Role.SYSTEEM)
_TOTAL_KEY = b"total"


class Staff:
    """See ``web.access.Identities``, and the use cases. Thread-safe."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        *,
        practice: str,
        keyed: Callable[[str], bytes],
        log: Callable[[str, Actor, Action, str, str], None],
        forget_voice: Callable[[str, Actor, str], object] = lambda *_: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``practice``: of the first account. ``keyed``: 32 bytes that nobody else can make of a text. ``log``: in the
        access log of a practice. ``forget_voice``: destroys the voice profile of whoever has that name there.
        """
        self._accounts = accounts
        self._passwords = passwords
        self._practice = practice
        self._keyed = keyed
        self._log = log
        self._forget_voice = forget_voice
        self._clock = clock
        self._used = False
        self._nobody = ""

    # --- sessions --------------------------------------------------------------------------------------------------

    def key_opens(self) -> Entry | None:
        """The set-up, once; after that nothing."""
        self._used = self._used or self._accounts.used()
        return None if self._used else Entry.SET_UP

    def person(self, session: Session) -> Person:
        """Whose session that is. Raises ``NotLoggedIn`` when the account was disabled or changed since it began."""
        account = self.account(session)
        if account.state is not State.ACTIVE:
            raise NotLoggedIn
        # asked with each request, as all of this is: a new logbeheerder need not wait until doctors log in again
        log_kept = account.role in DOCTORS and self._accounts.active(account.practice, Role.LOGBEHEERDER)
        return replace(_person(account), log_kept=log_kept)

    def account(self, session: Session) -> Account:
        """Also of one who is on the way in. Raises ``NotLoggedIn``."""
        try:
            account = self._accounts.find(session.account_id) if session.account_id else None
        except NotFound:
            account = None
        if account is None or account.state is State.DISABLED or account.epoch != session.epoch:
            raise NotLoggedIn
        return account

    # --- logging in ------------------------------------------------------------------------------------------------

    def check_password(self, typed: str, password: str, *, browser: str = "") -> Account:
        """The first step. ``browser``: what ``remembered`` gave to it. Raises ``WrongLogin``, ``TooManyTries``."""
        # looked at for log-ins that nobody has: a wrong name costs the time of a wrong password
        self._nobody = self._nobody or self._passwords.hashed(secrets.token_urlsafe(16))
        login = unicodedata.normalize("NFKC", typed).strip().lower()
        account = self._accounts.by_login(login)
        if account is not None and self._remembers(account, browser):
            strangers, key = False, b"browser " + rules.digest(browser)
            self._count(key, BROWSER)
        else:
            strangers, key = True, b"account " + rules.digest(login)
            self._count(key, ACCOUNT)
            try:
                self._count(_TOTAL_KEY, TOTAL)
            except TooManyTries:
                self._accounts.take_back(key, whole=False)
                raise
        active = account if account is not None and account.state is State.ACTIVE else None
        # nor does one who has no password, and always comes in by a provider
        kept = (active.password if active else "") or self._nobody
        right = self._passwords.right(kept, rules.normalised(password))
        if active is None or not right:
            if account is None:
                self._log(self._practice, STRANGER, Action.LOGIN_FAILED, "", "")
            else:
                self._log(account.practice, account.actor, Action.LOGIN_FAILED, "", "")
            raise WrongLogin
        self._accounts.take_back(key, whole=True)
        if strangers:
            self._accounts.take_back(_TOTAL_KEY, whole=False)
        if self._passwords.outdated(active.password):
            active = self._save(active, password=self._passwords.hashed(rules.normalised(password)))
        return active

    def check_code(self, account: Account, typed: str) -> Account:
        """The second step: a code of the app, or a recovery code. Each works once. Raises ``WrongCode``,
        ``TooManyTries``.
        """
        key = b"code " + account.id.bytes
        self._count(key, ACCOUNT)
        step = rules.step_of(account.secret, typed, self._clock(), after=account.last_step) if account.secret else None
        recovery = rules.recovery_digest(typed)
        try:
            if step is not None:
                account = self._save(account, last_step=step)
            elif recovery in account.recovery:
                left = tuple(one for one in account.recovery if one != recovery)
                account = self._save(account, recovery=left)
                self._log(
                    account.practice, account.actor, Action.RECOVERY_CODE_USED, f"nog {len(left)} herstelcodes", ""
                )
            else:
                raise WrongCode
        except (Conflict, WrongCode):  # used at this very moment, by another browser
            self._log(account.practice, account.actor, Action.LOGIN_FAILED, "tweede stap", "")
            raise WrongCode from None
        self._accounts.take_back(key, whole=True)
        return account

    def check_elsewhere(self, number: str, role_code: str, *, provider: str) -> Account:
        """Somebody of whom a provider proved who it is. Whoever manages wrote the number down, so who was only invited
        is let in by it. ``role_code``: see ``accounts.check_role_elsewhere``. Raises ``UnknownHere``, ``OtherRole``.
        """
        account = self._accounts.by_elsewhere(number) if number else None
        if account is None or account.state is State.DISABLED:
            actor, practice = (STRANGER, self._practice) if account is None else (account.actor, account.practice)
            self._log(practice, actor, Action.LOGIN_FAILED, "", "")
            raise UnknownHere(name=provider)
        try:
            rules.check_role_elsewhere(account.role, role_code, name=provider)
        except Refused:
            self._log(account.practice, account.actor, Action.LOGIN_FAILED, "", "")
            raise
        if account.state is State.INVITED:
            account = self._save(
                account,
                state=State.ACTIVE,
                invitation=b"",
                invited_until=None,
                since=account.since or self._clock(),
                epoch=account.epoch + 1,
            )
            self._log(account.practice, account.actor, Action.ACCOUNT_OPENED, account.role.value, account.name)
        return account

    def remembered(self, account: Account) -> str:
        """For the browser in which somebody logged in: tries of strangers don't keep it waiting. It opens nothing."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._mark(account, nonce)}"

    def _remembers(self, account: Account, browser: str) -> bool:
        nonce, _, mark = browser.partition(".")
        return hmac.compare_digest(mark.encode(), self._mark(account, nonce).encode())

    def _mark(self, account: Account, nonce: str) -> str:
        return self._keyed(f"browser {account.id} {nonce}").hex()

    def _count(self, key: bytes, limit: Limit) -> None:
        now = self._clock()
        until = self._accounts.count_try(key, limit, now)
        if until is not None:
            raise TooManyTries(seconds=int((until - now).total_seconds()) + 1)

    # --- the way in ------------------------------------------------------------------------------------------------

    def set_up(self, *, title: str, name: str, role: str, login: str, password: str, again: str) -> Account:
        """The first account, which manages the others. It can log in when ``finish`` was done."""
        title = " ".join(title.split())
        if not title or len(title) > rules.MOST_NAME or not title.isprintable():
            raise InvalidInput(problem=N_("Vul de naam van de praktijk in (hoogstens 100 tekens)."))
        account = Account(
            id=uuid4(),
            practice=self._practice,
            login=rules.checked_login(login),
            name=rules.checked_name(name),
            role=_role(role),
            manages=True,
            state=State.INVITED,
            version=1,
        )
        account = replace(account, password=self._new_password(account, password, again, title=title))
        try:
            self._accounts.add_first(account, title)
        except Conflict:
            raise InvalidInput(
                problem=N_(
                    "Deze installatie is al ingericht, of de gebruikersnaam is bezet. Log in of kies een andere."
                )
            ) from None
        return account

    def invited(self, code: str) -> Account:
        """Whom a link is for. Raises ``UsedInvitation``."""
        account = self._accounts.by_invitation(rules.digest(code)) if code else None
        if account is None or account.state is not State.INVITED:
            raise UsedInvitation
        if account.invited_until is None or account.invited_until <= self._clock():
            raise UsedInvitation
        return account

    def choose_password(self, account: Account, password: str, again: str) -> Account:
        _check_invited(account)
        return self._save(account, password=self._new_password(account, password, again))

    def secret_for(self, session: Session) -> bytes:
        """Of a second step that is being set up in that session: the same for each of its pages, and kept nowhere."""
        return self._keyed(f"second step {session.digest.hex()} {session.epoch}")[:SECRET_BYTES]

    def finish(self, account: Account, secret: bytes, code: str) -> tuple[Account, list[str]]:
        """The invitation is used: from now on this person can log in. Gives the recovery codes, which are kept nowhere.

        Raises ``WrongCode``.
        """
        _check_invited(account)
        if not account.password:
            raise NotLoggedIn
        account, codes = self._with_second_step(
            account, secret, code, state=State.ACTIVE, invitation=b"", invited_until=None, epoch=account.epoch + 1
        )
        self._log(account.practice, account.actor, Action.ACCOUNT_OPENED, account.role.value, account.name)
        return account, codes

    def _with_second_step(
        self, account: Account, secret: bytes, code: str, **changes: object
    ) -> tuple[Account, list[str]]:
        self._count(b"code " + account.id.bytes, ACCOUNT)
        now = self._clock()
        step = rules.step_of(secret, code, now, after=0)
        if step is None:
            raise WrongCode
        codes = rules.new_recovery_codes()
        account = self._save(
            account,
            secret=secret,
            last_step=step,
            recovery=tuple(rules.recovery_digest(one) for one in codes),
            since=account.since or now,
            **changes,
        )
        self._accounts.take_back(b"code " + account.id.bytes, whole=True)
        return account, codes

    def _new_password(self, account: Account, password: str, again: str, *, title: str = "") -> str:
        if password != again:
            raise InvalidInput(problem=N_("De twee wachtwoorden zijn niet gelijk. Typ ze opnieuw."))
        title = title or self._accounts.title(account.practice)
        rules.check_password(password, [account.name, account.login, title, account.practice])
        return self._passwords.hashed(rules.normalised(password))

    def doctor(self, typed: str) -> str:
        """The name of a doctor of our practice as it stands in their account, for who writes it down elsewhere. Where
        nobody has an account it is what was typed, without blanks too many. Raises ``InvalidInput``.
        """
        accounts = self._accounts.of(self._practice)
        if not accounts:
            return " ".join(typed.split())
        for one in accounts:
            if one.state is State.ACTIVE and one.role in DOCTORS and name_key(one.name) == name_key(typed):
                return one.name
        raise InvalidInput(
            problem=N_(
                "Zo heet geen huisarts of waarnemer die hier kan inloggen. Noem de naam zoals die staat bij: "
                "transcribe accounts list."
            )
        )

    def title(self, practice: str) -> str:
        """Of a practice, as people call it."""
        return self._accounts.title(practice)

    # --- one's own account -----------------------------------------------------------------------------------------

    def own(self, person: Person) -> Account:
        if person.account_id is None:
            raise NotFound
        return self._accounts.find(person.account_id)

    def change_password(self, person: Person, current: str, password: str, again: str) -> Account:
        """All sessions end; the caller opens a new one. Raises ``WrongPassword``, ``TooManyTries``."""
        account = self._proven(person, current)
        kept = self._new_password(account, password, again)
        account = self._save(account, password=kept, epoch=account.epoch + 1)
        self._log(account.practice, account.actor, Action.PASSWORD_CHANGED, "", "")
        return account

    def unlock(self, person: Person, password: str) -> None:
        """Whoever sits before the locked screen is who logged in there. Raises ``WrongPassword``, ``TooManyTries``."""
        account = self.own(person)
        try:
            if not account.password:
                raise WrongPassword  # always comes in by a provider
            self._proven(person, password)
        except WrongPassword:
            self._log(account.practice, account.actor, Action.LOGIN_FAILED, "niet ontgrendeld", "")
            raise
        self._log(account.practice, account.actor, Action.LOGGED_IN, "ontgrendeld", "")

    def change_second_step(self, person: Person, current: str, secret: bytes, code: str) -> tuple[Account, list[str]]:
        """Another app, or another telephone, and new recovery codes. As ``change_password``; and ``WrongCode``."""
        account = self._proven(person, current)
        account, codes = self._with_second_step(account, secret, code, epoch=account.epoch + 1)
        self._log(account.practice, account.actor, Action.SECOND_STEP_CHANGED, "", "")
        return account, codes

    def end_sessions(self, person: Person) -> None:
        account = self.own(person)
        self._save(account, epoch=account.epoch + 1)
        self._log(account.practice, account.actor, Action.LOGGED_OUT_EVERYWHERE, "", "")

    def _proven(self, person: Person, password: str) -> Account:
        account = self.own(person)
        key = b"own " + account.id.bytes
        self._count(key, ACCOUNT)
        if not self._passwords.right(account.password, rules.normalised(password)):
            raise WrongPassword
        self._accounts.take_back(key, whole=True)
        return account

    # --- others' ---------------------------------------------------------------------------------------------------

    def all(self, person: Person) -> list[Account]:
        rules.check_manages(person)
        return self._accounts.of(person.practice)

    def invite(
        self, person: Person, *, name: str, login: str, role: str, manages: bool, elsewhere: str = ""
    ) -> tuple[Account, str]:
        """A new account, and the secret of its link, which is shown once. Raises ``InvalidInput``."""
        name = rules.checked_name(name)
        rules.check_name_free(self.all(person), name)
        code = secrets.token_urlsafe(32)
        account = Account(
            id=uuid4(),
            practice=person.practice,
            login=rules.checked_login(login),
            name=name,
            role=_role(role),
            manages=manages or _role(role) is Role.BEHEERDER,
            state=State.INVITED,
            version=1,
            invitation=rules.digest(code),
            invited_until=self._clock() + INVITATION_LIFE,
            elsewhere=rules.checked_elsewhere(elsewhere),
        )
        self._check_free_elsewhere(account)
        try:
            self._accounts.add(account)
        except Conflict:
            raise InvalidInput(problem=N_("Deze gebruikersnaam is al in gebruik. Kies een andere.")) from None
        self._log(person.practice, person.actor, Action.ACCOUNT_INVITED, account.role.value, account.name)
        return account, code

    def invite_again(self, person: Person, account_id: UUID) -> tuple[Account, str]:
        """For who forgot the password, lost the telephone or comes back: what opened before opens nothing now, the
        number at a provider no more than the password.
        """
        account = self._of(person, account_id)
        code = secrets.token_urlsafe(32)
        account = self._change(
            person,
            account,
            state=State.INVITED,
            password="",
            secret=b"",
            recovery=(),
            elsewhere="",
            invitation=rules.digest(code),
            invited_until=self._clock() + INVITATION_LIFE,
        )
        self._log(person.practice, person.actor, Action.ACCOUNT_INVITED, account.role.value, account.name)
        return account, code

    def change(self, person: Person, account_id: UUID, *, role: str, manages: bool, elsewhere: str = "") -> None:
        """Sessions end: a page of another role must not stay open. Raises ``OwnRole``."""
        account = self._of(person, account_id)
        manages = manages or _role(role) is Role.BEHEERDER
        changes = {"role": _role(role), "manages": manages, "elsewhere": rules.checked_elsewhere(elsewhere)}
        changed = replace(account, **changes)  # type: ignore[arg-type]
        if changed == account:
            if account.role not in DOCTORS:
                self._forget_voice(account.practice, person.actor, account.name)  # it may have failed the first time
            return
        rules.check_not_own_role(person, account, changed)
        self._check_free_elsewhere(changed)
        account = self._change(person, account, **changes)
        also = " met beheer" if manages else ""
        self._log(person.practice, person.actor, Action.ACCOUNT_CHANGED, f"{account.role.value}{also}", account.name)
        if account.role not in DOCTORS:
            self._forget_voice(account.practice, person.actor, account.name)

    def disable(self, person: Person, account_id: UUID) -> None:
        """At once, on every screen. The name stays, in approvals and in the access log; the voice does not."""
        account = self._of(person, account_id)
        if account.state is State.DISABLED:
            self._forget_voice(account.practice, person.actor, account.name)  # it may have failed the first time
            return
        account = self._change(
            person,
            account,
            state=State.DISABLED,
            password="",
            secret=b"",
            recovery=(),
            invitation=b"",
            elsewhere="",
        )
        self._log(person.practice, person.actor, Action.ACCOUNT_DISABLED, account.role.value, account.name)
        self._forget_voice(account.practice, person.actor, account.name)

    def _check_free_elsewhere(self, account: Account) -> None:
        found = self._accounts.by_elsewhere(account.elsewhere) if account.elsewhere else None
        if found is not None and found.id != account.id:
            raise InvalidInput(problem=N_("Dit nummer staat al bij een andere medewerker."))

    def _of(self, person: Person, account_id: UUID) -> Account:
        rules.check_manages(person)
        account = self._accounts.find(account_id)
        if account.practice != person.practice:
            raise NotFound
        return account

    def _change(self, person: Person, account: Account, **changes: object) -> Account:
        changed: Account = replace(account, **changes, epoch=account.epoch + 1)  # type: ignore[arg-type]
        if person.account_id is not None:  # the owner of the machine can always add one
            rules.check_still_managed(self.all(person), changed)
        return self._save(changed)

    def _save(self, account: Account, **changes: object) -> Account:
        saved: Account = replace(account, **changes, version=account.version + 1)  # type: ignore[arg-type]
        self._accounts.save(saved)
        return saved


def readers(accounts: Accounts, practice: str) -> list[str]:
    """Names by which drafts can wait: of who may read them, and is not gone."""
    return [one.name for one in accounts.of(practice) if one.state is not State.DISABLED and receiver(one.actor)]


def _person(account: Account) -> Person:
    return Person(actor=account.actor, practice=account.practice, manages=account.manages, account_id=account.id)


def _check_invited(account: Account) -> None:
    if account.state is not State.INVITED:
        raise UsedInvitation


def _role(value: str) -> Role:
    try:
        role = Role(value)
    except ValueError:
        role = Role.SYSTEEM
    if role is Role.SYSTEEM:
        raise InvalidInput(problem=N_("Kies een rol uit de lijst."))
    return role
