"""Logging out: JupyterHub's own way, but only when the person asks for it.

The two functions replace methods of JupyterHub's ``LogoutHandler``, from which authenticators derive.
"""

from __future__ import annotations

from jupyterhub.handlers.login import LogoutHandler

log_out = LogoutHandler.get


async def get(handler: LogoutHandler) -> None:
    """Logs out whoever follows a link on this origin. Others may have been sent here, so a page asks them."""
    if handler.current_user is None or handler.request.headers.get("Sec-Fetch-Site") == "same-origin":
        await log_out(handler)
        return
    handler.finish(await handler.render_template("outrider_logout.html", xsrf=handler.xsrf_token.decode("ascii")))


async def post(handler: LogoutHandler) -> None:
    """The form of that page, which the anti-forgery token protects."""
    await log_out(handler)
