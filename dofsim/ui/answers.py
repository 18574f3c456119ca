"""What the page answers when its user drops a photo, taps, drags, or wants another depth."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from dofsim.errors import DofsimError, StoppedError
from dofsim.photo import read_photo
from dofsim.ui.session import Session, explained

if TYPE_CHECKING:
    from dofsim.ui.store import SessionStore

_SOURCES = {"photo": "Phone", "estimator": "Network", "file": "File"}


@dataclass(frozen=True)
class Drawn:
    """A preview: a JPEG, what it shows, and the time that it took."""

    jpeg: bytes
    about: str
    milliseconds: float


class Answers:
    """The functions behind the page's events.

    Parameters
    ----------
    store : SessionStore
        Holds the photos of all users.
    first : Path, optional
        A photo that the page shows at once.
    max_pixels : float
        Larger photos are refused.
    """

    def __init__(self, store: SessionStore, first: Path | None, max_pixels: float) -> None:
        self._store, self._first, self._max_pixels = store, first, max_pixels

    def _start(self, session: Session, request: gr.Request) -> dict[str, Any]:
        return {"token": self._store.add(session, str(request.session_hash)), "revision": session.revision}

    def open_photo(self, path: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Take in an uploaded photo; its file is deleted."""
        if path is None:
            return (gr.skip(),) * 5
        try:
            session = Session(_read_and_remove(path, self._max_pixels))
        except Exception as error:  # noqa: BLE001 - the user shall see it, and be able to drop another one
            _complain(error)
            return None, *(gr.skip(),) * 4
        return None, self._start(session, request), *_depth_controls(session)

    def open_first(self, request: gr.Request) -> tuple[Any, ...]:
        """Take in the photo that the page begins with, if there is one."""
        if self._first is None:
            return (gr.skip(),) * 4
        try:
            session = Session(read_photo(self._first, max_pixels=self._max_pixels))
        except Exception as error:  # noqa: BLE001
            _complain(error)
            return (gr.skip(),) * 4
        return self._start(session, request), *_depth_controls(session)

    def choose_depth(self, source: str, value: dict[str, Any]) -> tuple[Any, ...]:
        """Take the depth from elsewhere."""
        token = value["token"]
        try:
            session, _ = self._store.get(token)
            try:
                session.use_depth(source)
            except Exception as error:  # noqa: BLE001
                _complain(error)
            return {"token": token, "revision": session.revision}, *_depth_controls(session)
        except DofsimError as error:
            _complain(error)
            return (gr.skip(),) * 4

    def give_depth(self, path: str | None, value: dict[str, Any] | None) -> tuple[Any, ...]:
        """Take the depth from an uploaded file, which is deleted."""
        if path is None:
            return (gr.skip(),) * 5
        from dofsim.depth.files import read_depth

        try:
            token = (value or {}).get("token")
            session, _ = self._store.get(token)
            session.use_depth("file", read_depth(path))
        except Exception as error:  # noqa: BLE001
            _complain(error)
            return None, *(gr.skip(),) * 4
        finally:
            _remove(path)
        return None, {"token": token, "revision": session.revision}, *_depth_controls(session)

    def draw(self, wish: dict[str, Any]) -> Drawn | str:
        """Draw the preview that the viewer wants; a sentence if that cannot be.

        Parameters
        ----------
        wish : dict
            ``token``, ``view`` and ``settings``, for :meth:`dofsim.ui.session.Session.picture`.
        """
        begun = time.perf_counter()
        try:
            session, _ = self._store.get(wish.get("token"))
            settings = wish.get("settings") or {}
            picture = session.picture(str(wish.get("view")), settings)
            about = session.about_focus(settings)
        except Exception as error:  # noqa: BLE001 - the browser shows it
            return _in_words(error)
        return Drawn(picture, about, 1000 * (time.perf_counter() - begun))

    def keep(
        self,
        event: gr.EventData,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio's way
    ) -> tuple[Any, Any]:
        """Make the full-size result, to be downloaded."""
        asked = event._data  # noqa: SLF001 - Gradio's way
        token, key = asked["token"], asked["key"]
        try:
            session, folder = self._store.get(token)
            try:
                place = session.save(asked["settings"], folder, stage=lambda share, what: progress(share, desc=what))
            except Exception as error:  # noqa: BLE001
                if not isinstance(error, StoppedError):
                    _complain(error)
                return {"token": token, "revision": session.revision, "full": {"key": key}}, ""
            self._store.get(token)
        except DofsimError:
            # Another photo has taken its place.
            return gr.skip(), ""
        about = f"Download: {session.photo.width * session.photo.height / 1e6:.1f} megapixels, "
        about += f"{place.stat().st_size / 1e6:.1f} MB"
        url = f"gradio_api/file={quote(str(place))}?v={time.time_ns()}"
        full = {"key": key, "url": url, "name": place.name, "about": about}
        return {"token": token, "revision": session.revision, "full": full}, ""

    def forget(self, request: gr.Request) -> None:
        """Let go of what a user who leaves had."""
        self._store.drop_user(str(request.session_hash))


def _depth_controls(session: Session) -> tuple[Any, Any, Any]:
    choices = [(_SOURCES[name], name) for name in session.sources]
    return (
        gr.update(choices=choices, value=session.source, visible=True),
        session.about_depth(),
        gr.update(visible=session.is_metric),
    )


def _read_and_remove(path: str, max_pixels: float) -> Any:
    try:
        return read_photo(path, max_pixels=max_pixels)
    finally:
        _remove(path)


def _remove(path: str) -> None:
    # Gradio puts every upload into a folder of its own.
    with suppress(OSError):
        Path(path).unlink()
        Path(path).parent.rmdir()


def _in_words(error: Exception) -> str:
    if not isinstance(error, DofsimError):
        logging.getLogger(__name__).error("the page met a bug", exc_info=error)
    return explained(error)


def _complain(error: Exception) -> None:
    gr.Warning(_in_words(error), title="That does not work")
