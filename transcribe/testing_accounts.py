"""Fakes of accounts and passwords, for tests: as ``testing``."""

from __future__ import annotations

import hashlib
from datetime import datetime
from threading import RLock
from uuid import UUID

from transcribe.accounts import Account, Limit, State, Tries, one_more
from transcribe.consult import Role, name_key
from transcribe.errors import Conflict, NotFound


class MemoryAccounts:
    """See ``ports.Accounts``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._accounts: dict[UUID, Account] = {}
        self._titles: dict[str, str] = {}
        self._tries: dict[bytes, Tries] = {}

    def used(self) -> bool:
        with self._lock:
            return any(one.since for one in self._accounts.values())

    def add_first(self, account: Account, title: str) -> None:
        with self._lock:
            if self.used():
                raise Conflict
            left = {key: one for key, one in self._accounts.items() if one.invitation}
            if any(_clash(one, account) for one in left.values()):
                raise Conflict
            self._accounts = left | {account.id: account}
            self._titles[account.practice] = title

    def add(self, account: Account) -> None:
        with self._lock:
            if any(_clash(one, account) for one in self._accounts.values()):
                raise Conflict
            self._accounts[account.id] = account

    def save(self, account: Account) -> None:
        with self._lock:
            before = self.find(account.id)
            others = [one for one in self._accounts.values() if one.id != account.id]
            if before.version != account.version - 1 or any(_clash(one, account) for one in others):
                raise Conflict
            self._accounts[account.id] = account

    def find(self, account_id: UUID) -> Account:
        with self._lock:
            if account_id not in self._accounts:
                raise NotFound
            return self._accounts[account_id]

    def by_login(self, login: str) -> Account | None:
        with self._lock:
            return next((one for one in self._accounts.values() if one.login == login), None)

    def by_invitation(self, digest: bytes) -> Account | None:
        with self._lock:
            return next((one for one in self._accounts.values() if one.invitation == digest), None)

    def by_elsewhere(self, number: str) -> Account | None:
        with self._lock:
            return next((one for one in self._accounts.values() if one.elsewhere == number), None)

    def of(self, practice: str) -> list[Account]:
        with self._lock:
            found = [one for one in self._accounts.values() if one.practice == practice]
        return sorted(found, key=lambda one: name_key(one.name))

    def active(self, practice: str, role: Role) -> bool:
        return any(one.role is role and one.state is State.ACTIVE for one in self.of(practice))

    def title(self, practice: str) -> str:
        return self._titles.get(practice, "")

    def count_try(self, key: bytes, limit: Limit, now: datetime) -> datetime | None:
        with self._lock:
            before = self._tries.get(key)
            counted = one_more(before, now, limit)
            if counted is None:
                assert before is not None
                return before.closed_until
            self._tries[key] = counted
            return None

    def take_back(self, key: bytes, *, whole: bool) -> None:
        with self._lock:
            if (before := self._tries.get(key)) is not None:
                left = 0 if whole else max(before.count - 1, 0)
                self._tries[key] = Tries(count=left, last=before.last)


class QuickPasswords:
    """See ``ports.Passwords``. Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def hashed(self, password: str) -> str:
        return "$snel$" + hashlib.sha256(password.encode()).hexdigest()

    def right(self, kept: str, password: str) -> bool:
        self.asked += 1
        return kept == self.hashed(password)

    def outdated(self, kept: str) -> bool:
        return not kept.startswith("$snel$")


def _clash(one: Account, other: Account) -> bool:
    if one.elsewhere and one.elsewhere == other.elsewhere:
        return True
    return one.login == other.login or (one.practice, name_key(one.name)) == (other.practice, name_key(other.name))
