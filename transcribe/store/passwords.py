"""Passwords as argon2id hashes (RFC 9106, second recommended choice: 3 passes over 64 MiB, 4 lanes)."""

from __future__ import annotations

from threading import BoundedSemaphore

from argon2 import Parameters, PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

#: At the same time: whoever posts passwords by the hundred must not take all memory.
_AT_ONCE = 2


class Argon2Passwords:
    """See ``ports.Passwords``. Thread-safe."""

    def __init__(self, parameters: Parameters = profiles.RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._turns = BoundedSemaphore(_AT_ONCE)

    def hashed(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password)

    def right(self, kept: str, password: str) -> bool:
        with self._turns:
            try:
                return self._hasher.verify(kept, password)
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        return self._hasher.check_needs_rehash(kept)
