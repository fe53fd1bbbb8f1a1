"""Seals values with keys kept outside the database, so that neither the keys nor the database alone reveal
anything."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Unreadable(Exception):
    """The value was encrypted with a key that is gone, or for another place."""


class Seal:
    """Seals with the newest key and opens with any. The file has one key per line, newest first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        keys: list[bytes] = []
        with contextlib.suppress(FileNotFoundError):
            keys = path.read_bytes().split()
        self._set(keys or [Fernet.generate_key()], write=not keys)

    def _set(self, keys: list[bytes], *, write: bool) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._keys = keys
        if write:
            _replace(self._path, b"".join(key + b"\n" for key in keys))

    def close(self, place: list[str], value: dict[str, str]) -> str:
        """Seal for one place: copied to another row, the value cannot be opened."""
        return self._fernet.encrypt(orjson.dumps([place, value])).decode()

    def open(self, place: list[str], sealed: str) -> dict[str, str]:
        """Raises Unreadable."""
        try:
            found, value = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise Unreadable("The key that encrypted this secret is gone. Set the secret again.") from error
        if found != place:
            raise Unreadable("This was encrypted for another secret. Set the secret again.")
        return dict(value)

    def add_key(self) -> None:
        """Add a key that seals from now on; older keys still open."""
        self._set([Fernet.generate_key(), *self._keys], write=True)

    def again(self, sealed: str) -> str:
        """Seal again with the newest key. Raises Unreadable."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unreadable("encrypted with a key that is gone") from error

    def drop_old_keys(self) -> None:
        """Remove all but the newest key. Call when nothing is sealed with the others."""
        self._set(self._keys[:1], write=True)


def _replace(path: Path, content: bytes) -> None:
    """Write a private file and sync it before it replaces the old one."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
