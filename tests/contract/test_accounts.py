"""What is promised of accounts, in memory and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from argon2.profiles import CHEAPEST
from sqlalchemy import create_engine, text

from transcribe.accounts import Account, Limit, State
from transcribe.consult import Role
from transcribe.errors import Conflict, NotFound, StoreUnavailable
from transcribe.ports import Accounts, Passwords
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.database import database_url
from transcribe.store.lasting import LastingKeys, Use
from transcribe.store.passwords import Argon2Passwords
from transcribe.testing_accounts import MemoryAccounts, QuickPasswords

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYS = LastingKeys(_keys=dict.fromkeys(Use, bytes(range(32))))
LIMIT = Limit(free=3, longest=timedelta(minutes=5), forgotten=timedelta(hours=1))


@pytest.fixture(params=["memory", "postgres"])
def accounts(request: pytest.FixtureRequest) -> Iterator[Accounts]:
    if request.param == "memory":
        yield MemoryAccounts()
        return
    with PostgresAccounts(request.getfixturevalue("postgres_url"), KEYS) as found:
        yield found


def made(login: str, **changes: object) -> Account:
    account = Account(
        id=uuid4(),
        practice="Linde",
        login=login,
        name=f"Dr. {login}",
        role=Role.HUISARTS,
        manages=False,
        state=State.INVITED,
        version=1,
        invitation=login.encode() * 4,
        invited_until=NOW + timedelta(days=3),
    )
    return replace(account, **changes)  # type: ignore[arg-type]


def whole(login: str) -> Account:
    """With everything an account can have."""
    return made(
        login,
        role=Role.POH,
        manages=True,
        state=State.ACTIVE,
        epoch=3,
        since=NOW,
        password="$argon2id$...",
        secret=b"12345678901234567890",
        last_step=59_000_000,
        recovery=(b"een", b"twee"),
        elsewhere="900012345",
    )


def test_what_was_added_is_found(accounts: Accounts) -> None:
    account = whole("jansen")
    accounts.add(account)
    assert accounts.find(account.id) == account
    assert accounts.by_login("jansen") == account
    assert accounts.by_invitation(account.invitation) == account
    assert accounts.by_elsewhere("900012345") == account
    assert accounts.by_elsewhere("900054321") is None
    assert accounts.by_login("neem") is None
    assert accounts.by_invitation(b"geraden") is None
    with pytest.raises(NotFound):
        accounts.find(uuid4())


def test_those_of_one_practice_come_by_name(accounts: Accounts) -> None:
    for login in ("zwart", "aarts"):
        accounts.add(made(login))
    accounts.add(made("elders", practice="Beuk"))
    assert [one.login for one in accounts.of("Linde")] == ["aarts", "zwart"]
    assert accounts.of("Eik") == []


def test_of_a_role_somebody_can_log_in(accounts: Accounts) -> None:
    assert not accounts.active("Linde", Role.LOGBEHEERDER)
    account = made("l.og", role=Role.LOGBEHEERDER)
    accounts.add(account)
    for version, state in enumerate((State.INVITED, State.ACTIVE, State.DISABLED), start=2):
        accounts.save(replace(account, state=state, version=version))
        assert accounts.active("Linde", Role.LOGBEHEERDER) is (state is State.ACTIVE)
        assert not accounts.active("Linde", Role.HUISARTS)
        assert not accounts.active("Beuk", Role.LOGBEHEERDER)


def test_a_login_is_of_one_person_and_a_name_of_one_in_a_practice(accounts: Accounts) -> None:
    first = made("jansen")
    accounts.add(first)
    with pytest.raises(Conflict):
        accounts.add(made("jansen", practice="Beuk", invitation=b"x"))
    with pytest.raises(Conflict):
        accounts.add(made("jansen2", name="DR. Jansen"))
    accounts.add(made("jansen3", name=first.name, practice="Beuk"))
    accounts.add(made("klein", elsewhere="1"))
    with pytest.raises(Conflict):
        accounts.add(made("groot", elsewhere="1"))
    other = made("neem")
    accounts.add(other)
    with pytest.raises(Conflict):
        accounts.save(replace(other, name="dr. jansen", version=2))


def test_a_change_is_of_the_version_that_was_seen(accounts: Accounts) -> None:
    account = made("jansen")
    accounts.add(account)
    second = replace(account, state=State.DISABLED, version=2)
    accounts.save(second)
    assert accounts.find(account.id) == second
    with pytest.raises(Conflict):
        accounts.save(replace(account, role=Role.POH, version=2))
    with pytest.raises(NotFound):
        accounts.save(made("niemand", version=2))


def test_of_many_at_once_one_is_the_first(accounts: Accounts) -> None:
    """A code that is typed in two browsers at the same moment opens one."""
    account = made("jansen")
    accounts.add(account)

    def change(step: int) -> bool:
        try:
            accounts.save(replace(account, last_step=step, version=2))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(change, range(8))) == 1


def test_the_set_up_is_done_once(accounts: Accounts) -> None:
    unfinished = made("eerste", invitation=b"")
    accounts.add_first(unfinished, "De Linde")
    assert not accounts.used()
    assert accounts.title("Linde") == "De Linde"
    again = made("eerste", invitation=b"")
    accounts.add_first(again, "Praktijk De Linde")  # the browser was closed half-way
    assert accounts.of("Linde") == [again]
    assert accounts.title("Linde") == "Praktijk De Linde"
    assert accounts.title("Beuk") == ""
    accounts.save(replace(again, since=NOW, version=2))
    assert accounts.used()
    with pytest.raises(Conflict):
        accounts.add_first(made("tweede", invitation=b""), "Overgenomen")
    assert accounts.title("Linde") == "Praktijk De Linde"


def test_the_set_up_takes_nobody_away(accounts: Accounts) -> None:
    invited = made("gevraagd")
    accounts.add(invited)
    with pytest.raises(Conflict):
        accounts.add_first(made("gevraagd", name="Iemand anders", invitation=b""), "De Linde")
    accounts.add_first(made("eerste", invitation=b""), "De Linde")
    assert accounts.by_login("gevraagd") == invited


def test_tries_are_counted_before_they_are_made(accounts: Accounts) -> None:
    for _ in range(3):
        assert accounts.count_try(b"een", LIMIT, NOW) is None
    assert accounts.count_try(b"een", LIMIT, NOW) == NOW + timedelta(seconds=1)
    assert accounts.count_try(b"ander", LIMIT, NOW) is None
    assert accounts.count_try(b"een", LIMIT, NOW + timedelta(seconds=1)) is None
    assert accounts.count_try(b"een", LIMIT, NOW + timedelta(seconds=2)) == NOW + timedelta(seconds=3)


def test_many_tries_at_once_are_no_way_around(accounts: Accounts) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: accounts.count_try(b"een", LIMIT, NOW), range(24)))
    assert sum(until is None for until in found) == LIMIT.free


def test_a_right_one_is_taken_back(accounts: Accounts) -> None:
    for _ in range(3):
        accounts.count_try(b"een", LIMIT, NOW)
    accounts.take_back(b"een", whole=True)
    for _ in range(2):
        assert accounts.count_try(b"een", LIMIT, NOW) is None
    accounts.take_back(b"een", whole=False)
    for _ in range(2):
        assert accounts.count_try(b"een", LIMIT, NOW) is None
    assert accounts.count_try(b"een", LIMIT, NOW) is not None
    accounts.take_back(b"onbekend", whole=True)


# --- PostgreSQL alone ----------------------------------------------------------------------------------------------


def test_the_secret_of_the_second_step_is_sealed(postgres_url: str) -> None:
    account = whole("jansen")
    with PostgresAccounts(postgres_url, KEYS) as accounts:
        accounts.add(account)
    engine = create_engine(database_url(postgres_url))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT account::text AS shown, secret FROM account")).one()
    engine.dispose()
    assert account.secret not in row.secret
    assert account.secret.hex() not in row.shown
    with PostgresAccounts(postgres_url, LastingKeys(_keys=dict.fromkeys(Use, os.urandom(32)))) as elsewhere:
        found = elsewhere.find(account.id)
    assert found == replace(account, secret=b"")  # a recovery code still opens


def test_a_restart_forgets_no_tries(postgres_url: str) -> None:
    for _ in range(LIMIT.free):
        with PostgresAccounts(postgres_url, KEYS) as accounts:
            assert accounts.count_try(b"een", LIMIT, NOW) is None
    with PostgresAccounts(postgres_url, KEYS) as accounts:
        assert accounts.count_try(b"een", LIMIT, NOW) is not None


def test_without_a_database_there_is_an_error_that_says_so() -> None:
    with (
        PostgresAccounts("postgresql://niemand@127.0.0.1:1/niets", KEYS) as away,
        pytest.raises(StoreUnavailable),
    ):
        away.by_login("jansen")


# --- passwords -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["quick", "argon2"])
def passwords(request: pytest.FixtureRequest) -> Passwords:
    return QuickPasswords() if request.param == "quick" else Argon2Passwords(CHEAPEST)


def test_a_password_fits_its_own_hash_alone(passwords: Passwords) -> None:
    kept = passwords.hashed("vier paarden op zolder")
    assert passwords.right(kept, "vier paarden op zolder")
    assert not passwords.right(kept, "vier paarden op zolde")
    assert not passwords.outdated(kept)
    assert "paarden" not in kept


@pytest.mark.parametrize("kept", ["", "geen hash", "$argon2id$v=19$m=8,t=1,p=1$stuk"])
def test_what_is_no_hash_fits_nothing(passwords: Passwords, kept: str) -> None:
    assert not passwords.right(kept, "")
    assert not passwords.right(kept, "vier paarden op zolder")


def test_a_hash_of_cheaper_settings_is_outdated() -> None:
    passwords = Argon2Passwords()
    cheap = Argon2Passwords(CHEAPEST).hashed("vier paarden op zolder")
    assert passwords.right(cheap, "vier paarden op zolder")
    assert passwords.outdated(cheap)
    kept = passwords.hashed("vier paarden op zolder")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, second choice
