"""The finished parts of a clip that is being made: a folder beside it, from which a run that was stopped goes on.

A part is one file: the packets of its frames, and all that the frames after it depend on. So it is there whole or not
at all, and a run that goes on makes the same clip as one that was never stopped.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from dofsim.errors import OutputError, ParameterError
from dofsim.files import atomic_path, require_folder
from dofsim.film.encode import Packets
from dofsim.leftovers import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

State = dict[str, npt.NDArray[Any]]

_PACKETS, _STATE = "packets.", "state."


@dataclass(frozen=True)
class Progress:
    """Where a clip stands after a part.

    Attributes
    ----------
    frames, cuts : int
        Done, and found in them, from the clip's beginning.
    width, height : int
        Px, upright.
    """

    frames: int
    cuts: int
    width: int
    height: int


def folder_of_parts(out: Path) -> Path:
    """Where the parts of a clip are kept: ``clip.mp4.parts`` beside ``clip.mp4``."""
    return out.with_name(f"{out.name}.parts")


class Parts:
    """The folder of a clip's parts; used as a context, at whose end it stays if there is a part in it.

    Parameters
    ----------
    out : Path
        The clip.
    recipe : dict
        What the clip depends on, ready for JSON; a run can be gone on with only with the same.
    resume : bool
        Go on with the parts that are there.
    overwrite : bool
        Forget them.

    Raises
    ------
    ParameterError
        If there are parts and neither is asked for, or they are of another recipe.
    OutputError
        If the folder cannot be made.
    """

    def __init__(self, out: Path, recipe: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.folder = folder_of_parts(out)
        self._recipe = recipe
        self._count = 0
        self.progress: Progress | None = None
        """After the last part; None before the first one."""
        self.state: State = {}
        """What the next frame depends on, as it was given with the last part."""
        self._recall(resume=resume, overwrite=overwrite)
        require_folder(out.parent, out)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.folder}: {error.strerror} (-o)") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._count:
            self.remove()

    def __iter__(self) -> Iterator[Packets]:
        """Packets of the parts, one part at a time."""
        for number in range(self._count):
            with np.load(self._place(number), allow_pickle=False) as stored:
                yield Packets(**_chosen(stored, _PACKETS))

    def add(self, packets: Packets, progress: Progress, state: State) -> None:
        """Keep a part.

        Parameters
        ----------
        packets : Packets
        progress : Progress
        state : dict of str to array
            What the next frame depends on.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        about = json.dumps({"recipe": self._recipe, "progress": asdict(progress)})
        stored = {f"{_PACKETS}{name}": values for name, values in vars(packets).items()}
        stored |= {f"{_STATE}{name}": values for name, values in state.items()}
        with atomic_path(self._place(self._count)) as temporary, temporary.open("wb") as file:
            np.savez(file, about=np.array(about), **stored)
        self._count += 1
        self.progress, self.state = progress, state

    def remove(self) -> None:
        """Remove all parts, and the folder if nothing else is in it."""
        for path in self.folder.glob("[0-9]" * 6 + ".npz"):
            path.unlink(missing_ok=True)
        sweep(self.folder)
        self._count = 0
        with suppress(OSError):
            self.folder.rmdir()

    def _recall(self, *, resume: bool, overwrite: bool) -> None:
        if overwrite:
            self.remove()
        while (found := self._read(self._count)) is not None:
            about, self.state = found
            if not resume:
                raise ParameterError(
                    f"{self.folder} holds a run that was stopped; go on with it (--resume) or start anew (--overwrite)"
                )
            if about["recipe"] != self._recipe:
                raise ParameterError(
                    f"the run in {self.folder} had other options, another clip or another version of dofsim; "
                    "give the same, or start anew (--overwrite)"
                )
            self.progress = Progress(**about["progress"])
            self._count += 1

    def _read(self, number: int) -> tuple[dict[str, Any], State] | None:
        """What is said of a part; None if it is not there, or damaged."""
        try:
            with np.load(self._place(number), allow_pickle=False) as stored:
                return json.loads(str(stored["about"])), _chosen(stored, _STATE)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _chosen(stored: Any, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): stored[name] for name in stored.files if name.startswith(prefix)}
