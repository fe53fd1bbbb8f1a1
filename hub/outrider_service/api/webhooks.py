"""/webhooks: addresses that a user wants to be notified at."""

from __future__ import annotations

from ..auth import JOBS_READ, JOBS_WRITE, SPAWN
from ..clock import now
from ..notifications import NOTEBOOK_STOPPING, put
from ..notifications.webhooks import TooManyWebhooks, Webhook
from ..outbound import AddressRefused
from ..schema.webhooks import Culling, WebhookInfo, WebhookList, WebhookPatch, WebhookWrite
from .errors import ApiError, not_found
from .notebooks import server_name
from .render import instant, moment
from .routing import Call, Route


def render(hook: Webhook, key: str | None = None) -> WebhookInfo:
    return WebhookInfo(
        id=hook.id,
        url=hook.url,
        events=hook.events,
        enabled=hook.enabled,
        created_at=instant(hook.created_at),
        last_at=moment(hook.last_at),
        last_error=hook.last_error,
        key=key,
    )


async def _mine(call: Call) -> Webhook:
    hook = await call.service.webhooks.get(call.caller.name, call.path["webhook"])
    if hook is None:
        raise not_found("webhook")
    return hook


async def list_webhooks(call: Call) -> WebhookList:
    return WebhookList(items=[render(hook) for hook in await call.service.webhooks.all_of(call.caller.name)])


async def add_webhook(call: Call) -> WebhookInfo:
    try:
        # Only the address itself; what its name resolves to is checked at each delivery.
        call.service.webhook_guard.read_url(call.body.url)
        hook, key = await call.service.webhooks.add(call.caller.name, call.body.url, call.body.events)
    except AddressRefused as refusal:
        raise ApiError(422, f"url: {refusal}", "url") from refusal
    except TooManyWebhooks as error:
        raise ApiError(409, str(error)) from error
    return render(hook, key)


async def change_webhook(call: Call) -> WebhookInfo:
    hook = await _mine(call)
    values = {name: value for name, value in call.body.model_dump(exclude_unset=True).items() if value is not None}
    if values:
        await call.service.webhooks.change(hook, **values)
    return render(await _mine(call))


async def remove_webhook(call: Call) -> None:
    await call.service.webhooks.remove(await _mine(call))


async def test_webhook(call: Call) -> WebhookInfo:
    hook = await _mine(call)
    await call.service.webhooks.test(hook)
    call.service.deliverer.wake()
    return render(hook)


async def culling(call: Call) -> None:
    """The culler announces a stop, so that the owner is notified."""
    user, server = call.path["user"], server_name(call.path["server"])
    data = {"user": user, "server": server, "stops_at": call.body.stops_at.isoformat(), "reason": call.body.reason}
    async with call.service.db.write() as conn:
        await put(conn, user, NOTEBOOK_STOPPING, data, now())
    call.service.deliverer.wake()


ROUTES = [
    Route("GET", "/webhooks", list_webhooks, JOBS_READ, "The caller's webhooks", response=WebhookList),
    Route(
        "POST",
        "/webhooks",
        add_webhook,
        JOBS_WRITE,
        "Add a webhook; the answer holds the signing key, shown once",
        request=WebhookWrite,
        response=WebhookInfo,
        status=201,
    ),
    Route(
        "PATCH",
        "/webhooks/{webhook}",
        change_webhook,
        JOBS_WRITE,
        "Change its events, or switch it off or on",
        request=WebhookPatch,
        response=WebhookInfo,
    ),
    Route("DELETE", "/webhooks/{webhook}", remove_webhook, JOBS_WRITE, "Remove it", status=204),
    Route(
        "POST",
        "/webhooks/{webhook}/test",
        test_webhook,
        JOBS_WRITE,
        "Send a test message",
        response=WebhookInfo,
        status=202,
    ),
    Route(
        "POST",
        "/spawns/{user}/{server}/culling",
        culling,
        SPAWN,
        "The Hub's culler: the notebook will be stopped",
        request=Culling,
        status=204,
        everybody=True,
    ),
]
