"""Turn batches into torch tensors, prepared by a thread while the model computes. Needs torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dofsim.datasets.mixture import Batch
from dofsim.errors import MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor

_Made = TypeVar("_Made")


def to_tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Photo (n, 3, h, w) float in -1..1, inverse depth and mask (n, 1, h, w).

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch is not installed; pip install 'dofsim[train]' brings it") from error
    scaled = batch.photo.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    photo = torch.from_numpy(scaled).permute(0, 3, 1, 2)  # a view: channels last in memory
    return photo, torch.from_numpy(batch.inverse)[:, None], torch.from_numpy(batch.mask)[:, None]


def prefetch(make: Callable[[int], _Made], first: int, last: int, depth: int = 3) -> Iterator[tuple[int, _Made]]:
    """Yield ``(step, make(step))`` for first <= step < last, made ahead of use by one thread.

    Parameters
    ----------
    make : callable
        Step -> batch; must depend on the step alone.
    first, last : int
    depth : int
        How many batches may wait.

    Raises
    ------
    Exception
        Whatever ``make`` raised, in the consumer.
    """
    waiting: queue.Queue[tuple[int, _Made | BaseException]] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def offer(item: tuple[int, _Made | BaseException]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        for step in range(first, last):
            try:
                item: tuple[int, _Made | BaseException] = (step, make(step))
            except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
                item = (step, error)
            if not offer(item) or isinstance(item[1], BaseException):
                return

    thread = threading.Thread(target=work, name="dofsim-prefetch", daemon=True)
    thread.start()
    try:
        for _ in range(first, last):
            step, batch = waiting.get()
            if isinstance(batch, BaseException):
                raise batch
            yield step, batch
    finally:
        stop.set()
        thread.join(timeout=5.0)
