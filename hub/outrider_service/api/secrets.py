"""/secrets: variables and credentials for jobs. Their owners set and remove them; nobody can read them back."""

from __future__ import annotations

import re

from ..auth import CATALOG_ADMIN, JOBS_READ, JOBS_WRITE
from ..registry.reference import BadReference, normal_registry
from ..schema.jobs import EnvName
from ..schema.secrets import Rotation, SecretInfo, SecretList, SecretQuery, SecretWrite
from ..vault import EVERYBODY, GIT, REGISTRY, SSH, VARIABLE, Secret, TooManySecrets, group_subject, user_subject
from ..vault.deploykeys import deploy_key
from .errors import ApiError, not_found
from .render import instant
from .routing import Call, Route, checked

HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def render(secret: Secret) -> SecretInfo:
    kind, _, who = secret.subject.partition(":")
    return SecretInfo.model_validate(
        {
            "kind": secret.kind,
            "name": secret.name,
            "account": secret.account,
            "group": who if kind == "group" else None,
            "everybody": secret.subject == EVERYBODY,
            "changed_at": instant(secret.changed_at),
            "changed_by": secret.changed_by,
        }
    )


def _subject(call: Call) -> str:
    """Whose secrets are meant: the caller's, or a group's, whose members share them."""
    group = call.query.group
    if group is None:
        return user_subject(call.caller.name)
    if group not in call.caller.groups:
        raise ApiError(422, f"group: you are not in a group {group!r}", "group")
    return group_subject(group)


def _name(call: Call) -> tuple[str, str]:
    """Kind and name from the address, normalized."""
    kind, name = call.path["kind"], call.path["name"]
    if kind == VARIABLE:
        return kind, str(checked(EnvName, name, "name"))
    if kind == REGISTRY:
        try:
            return kind, normal_registry(name)
        except BadReference as error:
            raise ApiError(422, f"name: {error}", "name") from error
    if kind in (GIT, SSH):
        if not HOST.fullmatch(name.lower()):
            raise ApiError(422, f"name: {name!r} is not the name of a host, such as github.com", "name")
        return kind, name.lower()
    raise ApiError(422, "kind: must be variable, registry, git or ssh", "kind")


async def list_secrets(call: Call) -> SecretList:
    subjects = [user_subject(call.caller.name), *(group_subject(group) for group in call.caller.groups)]
    found = await call.service.vault.all_of([*subjects, EVERYBODY])
    return SecretList(items=[render(secret) for secret in found])


async def _put(call: Call, subject: str) -> SecretInfo:
    kind, name = _name(call)
    if kind == SSH:
        try:
            value = deploy_key(call.body.value, call.body.known_hosts)
        except ValueError as error:
            raise ApiError(422, f"value: {error}", "value") from error
        return await _kept(call, subject, kind, name, value, None)
    if call.body.known_hosts:
        raise ApiError(422, "known_hosts: only for SSH keys", "known_hosts")
    if kind != VARIABLE and call.body.account is None:
        raise ApiError(422, "account: required; the user name of the password", "account")
    account = call.body.account if kind != VARIABLE else None
    if kind != VARIABLE and ("\n" in call.body.value or "\r" in call.body.value):
        raise ApiError(422, "value: must be a single line", "value")
    return await _kept(call, subject, kind, name, call.body.value, account)


async def _kept(call: Call, subject: str, kind: str, name: str, value: str, account: str | None) -> SecretInfo:
    try:
        return render(await call.service.vault.put(subject, kind, name, value, account, call.caller.name))
    except TooManySecrets as error:
        raise ApiError(409, str(error)) from error


async def put_secret(call: Call) -> SecretInfo:
    return await _put(call, _subject(call))


async def remove_secret(call: Call) -> None:
    if not await call.service.vault.remove(_subject(call), *_name(call)):
        raise not_found("secret")


async def put_everybodys(call: Call) -> SecretInfo:
    call.path["kind"] = REGISTRY
    return await _put(call, EVERYBODY)


async def remove_everybodys(call: Call) -> None:
    call.path["kind"] = REGISTRY
    if not await call.service.vault.remove(EVERYBODY, *_name(call)):
        raise not_found("registry with credentials")


async def rotate(call: Call) -> Rotation:
    return Rotation(sealed=await call.service.vault.rotate())


ROUTES = [
    Route(
        "GET",
        "/secrets",
        list_secrets,
        JOBS_READ,
        "Names of the caller's secrets and their groups'",
        response=SecretList,
    ),
    Route(
        "POST", "/secrets/rotate", rotate, CATALOG_ADMIN, "Rotate the encryption key", response=Rotation, everybody=True
    ),
    Route(
        "PUT",
        "/secrets/{kind}/{name}",
        put_secret,
        JOBS_WRITE,
        "Set a secret",
        query=SecretQuery,
        request=SecretWrite,
        response=SecretInfo,
    ),
    Route(
        "DELETE",
        "/secrets/{kind}/{name}",
        remove_secret,
        JOBS_WRITE,
        "Remove a secret",
        query=SecretQuery,
        status=204,
    ),
    Route(
        "PUT",
        "/registries/{name}",
        put_everybodys,
        CATALOG_ADMIN,
        "Set registry credentials used for everybody's images",
        request=SecretWrite,
        response=SecretInfo,
        everybody=True,
    ),
    Route(
        "DELETE",
        "/registries/{name}",
        remove_everybodys,
        CATALOG_ADMIN,
        "Remove them",
        status=204,
        everybody=True,
    ),
]
