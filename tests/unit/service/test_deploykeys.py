"""What may be a deploy key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from outrider_service.vault.accounts import git_server
from outrider_service.vault.deploykeys import as_login, deploy_key

OPENSSH, PKCS8 = serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8


def key(form: serialization.PrivateFormat, password: bytes | None = None) -> str:
    seal = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, form, seal).decode()


@pytest.mark.parametrize("form", [OPENSSH, PKCS8])
def test_a_key_is_kept_with_its_hosts_whatever_its_line_ends(form: serialization.PrivateFormat) -> None:
    text = key(form)
    found = as_login(deploy_key("  " + text.replace("\n", "\r\n"), "git.example ssh-ed25519 AAAA\r\n"))
    assert (found.username, found.password) == ("git.example ssh-ed25519 AAAA\n", text)


def test_a_passphrase_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="passphrase"):
        deploy_key(key(PKCS8, b"secret"), "")
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    made = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(made)], check=True)
    with pytest.raises(ValueError, match="passphrase"):
        deploy_key(made.read_text(), "")


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA me@here", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_private_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an SSH private key"):
        deploy_key(text, "")


def test_each_address_has_its_own_kind_of_credentials() -> None:
    assert git_server("https://Git.example:8443/a") == ("git", "git.example:8443")
    assert git_server("ssh://git@Git.example/a") == ("ssh", "git.example")
