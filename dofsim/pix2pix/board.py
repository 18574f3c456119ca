"""What a run writes down while it learns: TensorBoard events and two tables."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dofsim.errors import OutputError
from dofsim.files import atomic_path
from dofsim.pix2pix._torch import require

require("torch", "tensorboard")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils.tensorboard import SummaryWriter  # noqa: E402

from dofsim.pix2pix.batch import Batch  # noqa: E402

LOG = "log.csv"
VALIDATION = "validation.csv"
_MOST_ROWS = 8


class Board:
    """TensorBoard events, ``log.csv`` and ``validation.csv`` of a run folder.

    Parameters
    ----------
    folder : path
    step : int
        Steps that are done: what was written about later ones, before the run was killed, is dropped.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """

    def __init__(self, folder: str | Path, step: int = 0) -> None:
        self._folder = Path(folder)
        self._hook = threading.excepthook
        threading.excepthook = self._silence
        with self._writing():
            for name in (LOG, VALIDATION):
                _drop_after(self._folder / name, step)
            self._writer = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)  # type: ignore[no-untyped-call]

    def losses(self, step: int, losses: dict[str, float], rate: float, images_per_second: float) -> None:
        """Note the mean losses since the last note."""
        row: dict[str, float] = {name: round(value, 6) for name, value in losses.items()}
        speed = {"rate": float(f"{rate:.4g}"), "images_per_second": round(images_per_second, 2)}
        with self._writing():
            for name, value in losses.items():
                self._writer.add_scalar(f"loss/{name}", value, step)  # type: ignore[no-untyped-call]
            self._writer.add_scalar("rate", rate, step)  # type: ignore[no-untyped-call]
            self._writer.add_scalar("images_per_second", images_per_second, step)  # type: ignore[no-untyped-call]
            _append(self._folder / LOG, {"step": step, **row, **speed})

    def scores(self, step: int, scores: dict[str, float]) -> None:
        """Note the figures of a validation."""
        row = {name: round(value, 6) for name, value in scores.items()}
        with self._writing():
            for name, value in scores.items():
                self._writer.add_scalar(f"validation/{name}", value, step)  # type: ignore[no-untyped-call]
            _append(self._folder / VALIDATION, {"step": step, **row})

    def pictures(self, step: int, batch: Batch, prediction: Tensor) -> None:
        """Note a grid: photo, target and prediction of some pictures, a row for each."""
        grid = picture_grid(batch, prediction)
        with self._writing():
            self._writer.add_image("photo | target | prediction", grid, step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Write out what is waiting."""
        try:
            with self._writing():
                self._writer.close()  # type: ignore[no-untyped-call]
        finally:
            threading.excepthook = self._hook

    def _silence(self, failure: threading.ExceptHookArgs) -> None:
        """TensorBoard's writing thread tells its error with a traceback, and then again to who writes next."""
        if not (isinstance(failure.exc_value, OSError) and "tensorboard" in type(failure.thread).__module__):
            self._hook(failure)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Errors of the system, also those that TensorBoard's writing thread met earlier, as one of ours."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"the run folder {self._folder} cannot be written: {error.strerror or error}") from error


def picture_grid(batch: Batch, prediction: Tensor) -> Tensor:
    """Photo, target and prediction side by side, a row for each picture, eight at most.

    Parameters
    ----------
    batch : Batch
    prediction : float (n, 1, h, w)
        Encoded depth. Where it is of another scale than the target (a linear head), it is brought to the target's.

    Returns
    -------
    float (3, rows, columns)
        In 0..1; near is bright, unknown is dark red.
    """
    rows = []
    for index in range(min(batch.size, _MOST_ROWS)):
        mask = batch.mask[index, 0].cpu()
        target, guess = batch.target[index, 0].float().cpu(), prediction[index, 0].detach().float().cpu()
        known = target[mask]
        low, high = (known.min(), known.max()) if known.numel() else (target.new_tensor(-1.0), target.new_tensor(1.0))
        if known.numel() > 1 and (guess.min() < -1.01 or guess.max() > 1.01):
            seen = guess[mask]
            spread = seen.std() if seen.std() > 0 else seen.new_tensor(1.0)
            guess = (guess - seen.mean()) / spread * known.std() + known.mean()
        scale = (high - low).clamp_min(1e-6)
        truth = ((target - low) / scale).clamp(0, 1).expand(3, -1, -1).clone()
        truth[:, ~mask] = torch.tensor([0.25, 0.0, 0.0])[:, None]
        shown = ((guess - low) / scale).clamp(0, 1).expand(3, -1, -1)
        rows.append(torch.cat((batch.photo[index].float().cpu() / 2 + 0.5, truth, shown), dim=2))
    return torch.cat(rows, dim=1)


def _append(path: Path, row: dict[str, float]) -> None:
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def _drop_after(path: Path, step: int) -> None:
    """Keep the header and the whole rows up to a step; nothing at step 0, which may begin with other columns."""
    if not path.is_file():
        return
    if not step:
        path.unlink()
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    kept = []
    for line in text.splitlines(keepends=True):
        first = next(csv.reader(io.StringIO(line)), [""])[0]
        if first == "step" or (first.isdigit() and int(first) <= step and line.endswith("\n")):
            kept.append(line)
    if "".join(kept) != text:
        with atomic_path(path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")
