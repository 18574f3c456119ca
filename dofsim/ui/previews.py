"""The way of a preview to the browser: one request, answered with the bytes of a JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from dofsim.ui.answers import Answers

PLACE = "/dofsim/preview"


def preview_route(answers: Answers) -> Route:
    """The route by which the viewer asks for previews, beside those of Gradio, whose events take longer.

    A wish is JSON: ``token``, ``view`` and ``settings`` (see :meth:`dofsim.ui.answers.Answers.draw`). The answer is a
    JPEG, with what it shows, percent-encoded, in the header ``X-About``, and with the time that it took in
    ``Server-Timing``; or, with status 400, ``{"error": ...}``.

    Parameters
    ----------
    answers : Answers

    Returns
    -------
    starlette.routing.Route
    """

    async def preview(request: Request) -> Response:
        wish = await _wish(request)
        if wish is None:
            return JSONResponse({"error": "this is no wish for a picture"}, 400)
        drawn = await run_in_threadpool(answers.draw, wish)
        if isinstance(drawn, str):
            return JSONResponse({"error": drawn}, 400)
        timing = f"draw;dur={drawn.milliseconds:.1f}"
        headers = {"X-About": quote(drawn.about), "Server-Timing": timing, "Cache-Control": "no-store"}
        return Response(drawn.jpeg, media_type="image/jpeg", headers=headers)

    return Route(PLACE, preview, methods=["POST"])


async def _wish(request: Request) -> dict[str, Any] | None:
    try:
        wish = await request.json()
    except (ClientDisconnect, ValueError, RecursionError):
        return None
    fits = isinstance(wish, dict) and isinstance(wish.get("settings", {}), dict)
    return wish if fits else None
