"""Deploy keys for repositories over SSH: validation, and their form in the vault. Pure."""

from __future__ import annotations

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from .store import Login


def deploy_key(key: str, known_hosts: str) -> str:
    """The text to seal. Raises ValueError with a sentence if ssh could not use the key without asking."""
    text = key.replace("\r\n", "\n").strip() + "\n"
    load = load_ssh_private_key if "BEGIN OPENSSH" in text else load_pem_private_key
    try:
        load(text.encode(), None)
    except TypeError as error:
        raise ValueError(
            "has a passphrase, which nobody can enter at the start of a job; create a key without one"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            raise ValueError(
                "has a passphrase, which nobody can enter at the start of a job; create a key without one"
            ) from error
        raise ValueError("is not an SSH private key, such as the file id_ed25519") from error
    return orjson.dumps({"key": text, "known_hosts": known_hosts.replace("\r\n", "\n")}).decode()


def as_login(sealed: str) -> Login:
    """The deploy key as a login for the runner: the known hosts as user name, the private key as password."""
    found = orjson.loads(sealed)
    return Login(found["known_hosts"], found["key"])
