"""The endless stream of augmented frames that a run trains on, as a pure function of (seed, step, place).

Nothing has to be saved to resume it, and it does not matter which process or worker asks for a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dofsim.datasets.frames import Frame, Frames
from dofsim.datasets.transforms import Transform
from dofsim.errors import ParameterError


class FrameStream:
    """Frames in seeded permutations, one after the other, each frame in a view of its own.

    Parameters
    ----------
    frames : Frames
        Open them with ``skip_bad=True`` if some cannot be used.
    transform : Transform
    batch : int
        Samples in a step, over all processes.
    seed : int
    by_scene : bool
        A permutation holds one random frame of every scene instead of every frame: scenes count alike, however many
        frames they have.

    Raises
    ------
    ParameterError
        If there are no frames or the batch is empty.
    """

    def __init__(
        self, frames: Frames, transform: Transform, *, batch: int, seed: int = 0, by_scene: bool = False
    ) -> None:
        if batch < 1 or not len(frames) or seed < 0:
            raise ParameterError(
                f"no batches of {batch} from {len(frames)} frames with the seed {seed} (--batch, --seed)"
            )
        self.frames, self.transform, self.batch, self.seed = frames, transform, batch, seed
        self._scenes: list[list[int]] | None = None
        if by_scene:
            members: dict[str, list[int]] = {}
            for index, scene in enumerate(frames.scenes):
                members.setdefault(scene, []).append(index)
            self._scenes = list(members.values())
        self._rounds: dict[int, Sequence[int]] = {}

    @property
    def round_length(self) -> int:
        """Samples in one permutation: the frames, or the scenes."""
        return len(self.frames) if self._scenes is None else len(self._scenes)

    def index(self, step: int, place: int) -> int:
        """Which frame stands at a place (0 <= place < batch) of a step."""
        number, offset = divmod(step * self.batch + place, self.round_length)
        if number not in self._rounds:
            self._rounds = {key: value for key, value in self._rounds.items() if abs(key - number) <= 1}
            self._rounds[number] = self._round(number)
        return self._rounds[number][offset]

    def sample(self, step: int, place: int) -> Frame:
        """The augmented frame at a place of a step, of the transform's size.

        Raises
        ------
        FrameError
            If the frame cannot be used; the message names it.
        """
        frame = self.frames[self.index(step, place)]
        view = self.transform(frame, (self.seed, step, place))
        return replace(frame, photo=view.photo, depth=view.depth)

    def _round(self, number: int) -> Sequence[int]:
        rng = np.random.default_rng((self.seed, number))
        if self._scenes is None:
            return [int(index) for index in rng.permutation(len(self.frames))]
        drawn = [scene[int(rng.integers(len(scene)))] for scene in self._scenes]
        return [drawn[place] for place in rng.permutation(len(drawn))]


def scene_type_names(frames: Frames) -> list[str]:
    """The scene types that occur, sorted; a frame's class is its place in this list."""
    return sorted({name for name in frames.scene_types if name is not None})
