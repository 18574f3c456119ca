"""What one visitor of the page may take: bytes of a request, room for uploads, and time to send either.

The server under the page has a limit for files alone: a text field or a JSON body would be held in memory whatever its
length, an upload that is given up stays on the disk, and a request that never ends keeps its connection.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

LARGEST_BODY = 1_000_000
"""Bytes of a request that uploads nothing; the page itself sends some hundreds."""
LARGEST_ENVELOPE = 100_000
"""Bytes that an upload may have beside its file."""
UPLOADS_HELD = 20
"""Uploads of the largest size for which there is room on the disk at a time."""
HEAD_S = 20.0
"""Seconds in which the head of a request has to be there."""
BODY_S = 30.0
"""Seconds for the body of a request that uploads nothing."""
UPLOAD_S = 900.0
"""Seconds for an upload."""
STALE_S = 1200.0
"""Seconds after which an upload that nothing became of is deleted."""
_LOOKS = 4
"""How often a connection is looked at in ``HEAD_S``."""


class Limits:
    """ASGI middleware that refuses requests which are too long, too many, or too slow.

    Parameters
    ----------
    app : callable
        The application behind it.
    uploads : Path
        Folder in which the uploads are kept.
    max_upload : int
        Bytes of a file.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], *, uploads: Path, max_upload: int) -> None:
        self._app, self._uploads, self._max_upload = app, uploads, max_upload
        self._coming = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass a request on, within its limits; 408, 413 or 503 if it goes beyond them."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        uploads = scope["path"].rstrip("/").endswith("/upload")
        most = self._max_upload + LARGEST_ENVELOPE if uploads else LARGEST_BODY
        body = _Body(receive, most, UPLOAD_S if uploads else BODY_S)
        stated = _stated_length(scope)
        if stated is not None and stated > most:
            await _refuse(send, 413, f"the request is longer than the {most} bytes that are taken")
            return
        reserved = (most if stated is None else stated) if uploads else 0
        if uploads and _held(self._uploads) + self._coming + reserved > UPLOADS_HELD * self._max_upload:
            await _refuse(send, 503, "too many photos are being sent to this page; try again in a minute")
            return
        answer = _Answer(send)
        self._coming += reserved
        try:
            await self._app(scope, body.receive, answer.send)
        except _RefusedError as refused:
            if not answer.begun:
                await _refuse(send, refused.code, str(refused))
        finally:
            self._coming -= reserved


class _RefusedError(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Body:
    """The body of a request as it comes, counted and timed."""

    def __init__(self, receive: Callable[[], Awaitable[dict[str, Any]]], most: int, seconds: float) -> None:
        self._receive, self._most = receive, most
        self._until = time.monotonic() + seconds
        self._ended = False

    async def receive(self) -> dict[str, Any]:
        import asyncio

        if self._ended:  # what comes now says that the browser has gone, whenever that is
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(self._until - time.monotonic(), 0.0))
        except TimeoutError:
            raise _RefusedError(408, "the request took too long to send") from None
        self._most -= len(message.get("body", b""))
        if self._most < 0:
            raise _RefusedError(413, "the request is longer than what is taken")
        self._ended = not message.get("more_body", False)
        return message


class _Answer:
    """Whether an answer has begun."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._send, self.begun = send, False

    async def send(self, message: dict[str, Any]) -> None:
        self.begun = True
        await self._send(message)


def _stated_length(scope: dict[str, Any]) -> int | None:
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text) if text.isdigit() else None


async def _refuse(send: Callable[[dict[str, Any]], Awaitable[None]], code: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})


def _held(uploads: Path) -> int:
    """Bytes of all uploads that are kept; those that are stale are deleted."""
    held = 0
    for path in uploads.rglob("*"):
        with suppress(OSError):
            facts = path.stat()
            if not path.is_file():
                continue
            if time.time() - facts.st_mtime > STALE_S:
                path.unlink()
            else:
                held += facts.st_size
    return held


@contextmanager
def closing_slow(server: Any) -> Iterator[None]:
    """Close connections that do not get the head of a request together, while the block runs.

    Parameters
    ----------
    server : uvicorn.Server
        Runs in another thread. It closes idle connections by itself, but lets one that has begun to say something go on
        for ever.
    """
    ended = threading.Event()
    asked: set[Any] = set()
    looks: dict[Any, int] = {}

    def look(connection: Any) -> None:
        asked.discard(connection)
        if not _is_between_requests(connection):
            looks.pop(connection, None)
            return
        looks[connection] = looks.get(connection, 0) + 1
        if looks[connection] > _LOOKS:
            connection.transport.close()

    def watch() -> None:
        while not ended.wait(HEAD_S / _LOOKS):
            connections = set(server.server_state.connections)
            for gone in set(looks) - connections:
                looks.pop(gone, None)
            # The loop itself looks, and is asked again once it has: while it is too busy to read what was said long
            # ago, no time passes for those who said it.
            for each in connections - asked:
                asked.add(each)
                with suppress(RuntimeError):  # its loop has ended
                    each.loop.call_soon_threadsafe(look, each)

    thread = threading.Thread(target=watch, name="closing slow connections", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(HEAD_S)


def _is_between_requests(connection: Any) -> bool:
    cycle = getattr(connection, "cycle", None)
    return hasattr(connection, "transport") and (cycle is None or cycle.response_complete)
