"""What is kept can be read, changed and moved to another key only by who has the secret.

A byte of format, four of the secret's number, twelve that are never the same again, and what
AES-GCM makes of the rest: 33 bytes more than there were.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from os import urandom
from typing import Any, Final

from .codecs import UnreadableError
from .errors import ConfigurationError

Secret = bytes | str
Secrets = Secret | Sequence[Secret]

_FORMAT: Final = b"\x01"
_HEAD: Final = 5
_NONCE: Final = 12
_LEAST: Final = _HEAD + _NONCE + 16
_LENGTHS: Final = (16, 24, 32)


class Encryption:
    """A stage that encrypts with the first of *secrets*, and reads what any of them encrypted.

    What is encrypted belongs to the key that this stage is given: all of a name after its first
    *start* characters.
    """

    word: str = "encrypted"
    writes_json: bool = False

    def __init__(self, secrets: Secrets, start: int) -> None:
        self._start = start
        ring = _ring(secrets)
        self._first = ring[0][0]
        self._encrypt = ring[0][1].encrypt
        self._decrypt = {head: cipher.decrypt for head, cipher in ring}

    def seal(self, name: str, raw: bytes) -> bytes:
        """*raw*, for nobody else and for no other key."""
        head, nonce = self._first, urandom(_NONCE)
        kept: bytes = self._encrypt(nonce, raw, head + name[self._start :].encode())
        return head + nonce + kept

    def open(self, name: str, raw: bytes) -> bytes:
        """What was to be sealed."""
        head = raw[:_HEAD]
        decrypt = self._decrypt.get(head)
        if decrypt is None or len(raw) < _LEAST:
            raise UnreadableError(_problem(raw))
        problem: UnreadableError | None = None
        whole = b""
        try:
            bound = head + name[self._start :].encode()
            whole = decrypt(raw[_HEAD : _HEAD + _NONCE], raw[_HEAD + _NONCE :], bound)
        except Exception:  # noqa: BLE001 - which one it is depends on the library
            problem = UnreadableError("it was changed, or written for another key")
        if problem is not None:
            raise problem
        return whole

    def is_stale(self, raw: bytes) -> bool:
        """Whether *raw* was not encrypted with the first secret."""
        return raw[:_HEAD] != self._first

    def __repr__(self) -> str:
        return f"<Encryption by {len(self._decrypt)} secrets>"


def _ring(secrets: Secrets) -> list[tuple[bytes, Any]]:
    """The ciphers of *secrets*, each with the first bytes of what it encrypts."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        message = "an encrypted store needs cryptography: pip install 'chatstorage[encrypted]'"
        raise ConfigurationError(message) from None
    listed: Sequence[Secret] = [secrets] if isinstance(secrets, (bytes, str)) else list(secrets)
    found = [_secret(one) for one in listed]
    if not found:
        raise ConfigurationError("an encrypted store needs a secret")
    ring = [(_FORMAT + _number(secret), AESGCM(secret)) for secret in found]
    if len({head for head, _ in ring}) < len(ring):
        raise ConfigurationError("a secret is given twice")
    return ring


def _secret(given: Secret) -> bytes:
    secret = given
    if isinstance(secret, str):
        try:
            secret = b64decode(secret.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            secret = b""
    if not isinstance(secret, bytes) or len(secret) not in _LENGTHS:
        message = "a secret is 16, 24 or 32 random bytes, or such bytes in base64"
        raise ConfigurationError(message)
    return secret


def _number(secret: bytes) -> bytes:
    """What tells which secret it was, and nothing else about it."""
    from hashlib import sha256  # dear, and seldom needed

    return sha256(b"chatstorage secret\0" + secret).digest()[: _HEAD - 1]


def _problem(raw: bytes) -> str:
    if raw[:1] != _FORMAT or len(raw) < _LEAST:
        return "it is not encrypted"
    return f"no secret here has the number {raw[1:_HEAD].hex()}, which it was encrypted with"
