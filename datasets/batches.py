"""Batches of a stream, read and augmented by worker processes while the model computes. Needs torch.

Photos travel from the workers as bytes and become floats in :func:`to_floats`, on the model's device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dofsim.datasets.reader import KINDS
from dofsim.datasets.stream import FrameStream, scene_type_names
from dofsim.errors import DepthError, DofsimError, MissingExtraError, ParameterError

try:
    import torch
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset, Sampler
except ImportError as error:
    raise MissingExtraError("torch is not installed; pip install 'dofsim[train]' brings it") from error

Ticket = tuple[int, int]


class FrameBatch(NamedTuple):
    """One batch as the workers hand it over.

    Attributes
    ----------
    photo : uint8 (n, h, w, 3)
    depth : float32 (n, h, w)
        In the unit of the frame's kind; NaN is unknown.
    kind : int64 (n,)
        Place of the kind in :data:`dofsim.datasets.frames.KINDS`.
    scene_type : int64 (n,)
        Place of the scene type in :func:`dofsim.datasets.stream.scene_type_names`, -1 where the data set names none.
    index : int64 (n,)
        Of the frame.
    """

    photo: Tensor
    depth: Tensor
    kind: Tensor
    scene_type: Tensor
    index: Tensor


class Batches:
    """Batches in order, one for each step.

    Raises
    ------
    DepthError
        While iterating, if a frame cannot be used or cannot teach what is asked for.
    DofsimError
        If the system kills a worker.
    """

    def __init__(self, loader: DataLoader[FrameBatch | DepthError]) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[FrameBatch]:
        batches = self._started()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader worker" not in str(error):
                    raise
                raise DofsimError(
                    "a process that reads frames was killed, mostly for want of memory; start fewer of them (--workers)"
                ) from error
            if isinstance(batch, DepthError):
                raise batch
            yield batch

    def _started(self) -> Iterator[FrameBatch | DepthError]:
        """Start the workers. OpenCV's threads do not survive a fork, and workers that believe in them hang or crash."""
        import cv2

        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            return iter(self._loader)
        finally:
            cv2.setNumThreads(threads)


def load_batches(
    stream: FrameStream,
    first: int,
    last: int,
    *,
    workers: int = 2,
    rank: int = 0,
    world: int = 1,
    pin_memory: bool = False,
) -> Batches:
    """Batches for the steps first <= step < last.

    Parameters
    ----------
    stream : FrameStream
    first, last : int
    workers : int
        Processes that read ahead; 0 reads in this one.
    rank, world : int
        This process and the number of processes; each gets a contiguous share of every batch.
    pin_memory : bool
        For a GPU.

    Returns
    -------
    Batches

    Raises
    ------
    ParameterError
        If a number is out of range, or a batch cannot be shared equally.
    """
    if workers < 0 or not 0 <= rank < world or first < 0:
        raise ParameterError(f"no batches for process {rank} of {world} with {workers} workers from step {first} on")
    if stream.batch % world:
        raise ParameterError(f"a batch of {stream.batch} does not divide among {world} processes; choose a multiple")
    loader = DataLoader(
        _Samples(stream),
        batch_sampler=_Steps(first, last, stream.batch // world, rank),
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=_stack,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
    )
    return Batches(loader)


def to_floats(batch: FrameBatch, device: torch.device | str | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Photo (n, 3, h, w) in -1..1, depth (n, 1, h, w) with 0 where unknown, and mask (n, 1, h, w), on a device.

    The photo is channels-last in memory.
    """
    photo = batch.photo.to(device, non_blocking=True).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0
    depth = batch.depth.to(device, non_blocking=True)[:, None]
    mask = torch.isfinite(depth)
    return photo, torch.where(mask, depth, torch.zeros_like(depth)), mask


class _Steps(Sampler[list[Ticket]]):
    """(step, place) of every sample of this process, step by step."""

    def __init__(self, first: int, last: int, share: int, rank: int) -> None:
        self._steps, self._places = range(first, last), range(rank * share, (rank + 1) * share)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[Ticket]]:
        for step in self._steps:
            yield [(step, place) for place in self._places]


class _Samples(Dataset[FrameBatch | DepthError]):
    """Samples by ticket; an error instead where one is due: raised in a worker it would bring its traceback along."""

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        names = {name: number for number, name in enumerate(scene_type_names(stream.frames))}
        self._types = [-1 if name is None else names[name] for name in stream.frames.scene_types]

    def __getitem__(self, ticket: Ticket) -> FrameBatch | DepthError:
        try:
            frame = self._stream.sample(*ticket)
        except DepthError as error:
            return error
        index = self._stream.index(*ticket)
        return FrameBatch(
            torch.from_numpy(frame.photo),
            torch.from_numpy(frame.depth),
            torch.tensor(KINDS.index(frame.kind)),
            torch.tensor(self._types[index]),
            torch.tensor(index),
        )


def _stack(samples: Sequence[FrameBatch | DepthError]) -> FrameBatch | DepthError:
    """A batch, or the first complaint."""
    whole = [sample for sample in samples if not isinstance(sample, DepthError)]
    if len(whole) < len(samples):
        return next(sample for sample in samples if isinstance(sample, DepthError))
    return FrameBatch(*(torch.stack(column) for column in zip(*whole, strict=True)))


def _one_thread(_: int) -> None:
    """Workers compete with each other and with the model: threads of their own would only get in the way."""
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
