"""Sealing with keys that are kept beside the database, not in it: whoever has one of the two has nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Unreadable(Exception):
    """Sealed with a key that is no longer there, or not for this place."""


class Seal:
    """Encrypts and authenticates with the newest key, reads with any. One key a line in the file, the newest first."""

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
        """Sealed for one place: copied into another row, it cannot be opened."""
        return self._fernet.encrypt(orjson.dumps([place, value])).decode()

    def open(self, place: list[str], sealed: str) -> dict[str, str]:
        """Raises Unreadable."""
        try:
            found, value = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise Unreadable("The key that this was sealed with is gone. Set the secret again.") from error
        if found != place:
            raise Unreadable("This was sealed for another place. Set the secret again.")
        return dict(value)

    def add_key(self) -> None:
        """A fresh key for what is sealed from now on; the old ones still open."""
        self._set([Fernet.generate_key(), *self._keys], write=True)

    def again(self, sealed: str) -> str:
        """The same, sealed with the newest key. Raises Unreadable."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unreadable("sealed with a key that is gone") from error

    def drop_old_keys(self) -> None:
        """Once nothing is sealed with them any more."""
        self._set(self._keys[:1], write=True)


def _replace(path: Path, content: bytes) -> None:
    """The file as a whole, private, on the disk before it takes the old one's place."""
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
