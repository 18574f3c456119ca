"""The sessions of a page's users, each behind a secret of its own and with a folder that goes when it goes."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dofsim.errors import ParameterError

if TYPE_CHECKING:
    from dofsim.ui.session import Session

MOST = 4
"""Sessions that are held at a time; a photo of 12 megapixels in work takes some 300 MB."""
IDLE_S = 1800.0
"""Seconds after which a session that nobody used is given up."""


@dataclass
class _Held:
    session: Session
    folder: Path
    user: str
    used: float


class SessionStore:
    """Sessions by token. Whoever does not know a token cannot reach its photo.

    Parameters
    ----------
    folder : Path
        Where each session gets a folder for its results.
    most : int
        Sessions that are held; the one that was not used for longest makes room.
    idle_s : float
        Seconds after which an unused session is given up.
    """

    def __init__(self, folder: Path, *, most: int = MOST, idle_s: float = IDLE_S) -> None:
        self._folder, self._most, self._idle_s = folder, most, idle_s
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, session: Session, user: str) -> str:
        """Take a session in, in place of the one that the same user had.

        Parameters
        ----------
        session : Session
        user : str
            Whose it is, such as the hash that the web server gives a browser tab.

        Returns
        -------
        str
            Its token.
        """
        self.drop_user(user)
        token = secrets.token_urlsafe(24)
        folder = self._folder / token
        folder.mkdir(mode=0o700, parents=True)
        with self._lock:
            now = time.monotonic()
            self._held[token] = _Held(session, folder, user, now)
            by_age = sorted(self._held, key=lambda name: self._held[name].used)
            idle = [name for name in by_age if now - self._held[name].used > self._idle_s]
            leaving = {*idle, *by_age[: max(len(by_age) - self._most, 0)]}
        for name in leaving:
            self.drop(name)
        return token

    def get(self, token: object) -> tuple[Session, Path]:
        """The session of a token and its folder.

        Raises
        ------
        ParameterError
            If there is none, or no longer.
        """
        with self._lock:
            held = self._held.get(token) if isinstance(token, str) else None
            if held is None:
                raise ParameterError("this photo is no longer held here; drop it again")
            held.used = time.monotonic()
            return held.session, held.folder

    def drop(self, token: str) -> None:
        """Forget a session and delete its folder; nothing happens if there is none."""
        with self._lock:
            held = self._held.pop(token, None)
        if held is not None:
            shutil.rmtree(held.folder, ignore_errors=True)

    def drop_user(self, user: str) -> None:
        """Forget the sessions of a user."""
        with self._lock:
            theirs = [token for token, held in self._held.items() if held.user == user]
        for token in theirs:
            self.drop(token)
