"""Estimate depth from one photo with a network, through ONNX Runtime on the CPU."""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dofsim.depth import runtime
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.depth.registry import ModelRecord, find_model
from dofsim.errors import ModelError, ParameterError
from dofsim.threads import count_threads

if TYPE_CHECKING:
    import onnxruntime

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_FLOAT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
# What is declared smaller is no side of a picture but the channels in another place.
_SMALLEST_SIDE = 8
# The nearest and the farthest distance (m) that a network's metric output is taken at its word.
_METRIC_RANGE = (1e-2, 1e5)


def estimate(
    pixels: Pixels,
    *,
    model: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    flip: bool | None = None,
) -> DepthMap:
    """Estimate the depth of a photo.

    Parameters
    ----------
    pixels : uint8 or uint16 array, shape (H, W, 3)
        The photo, upright, RGB, encoded (not linear).
    model : str or path, optional
        See :func:`dofsim.depth.registry.find_model`. Default: the package's own estimator.
    threads : int, optional
        Threads of the network. Default: the environment variable ``DOFSIM_THREADS``, else the cores that this
        process may use.
    flip : bool, optional
        Also look at the mirrored photo and take the mean, which is steadier, mirrors exactly, and costs twice the
        time. Default: what the model's record says.

    Returns
    -------
    DepthMap
        At the network's own resolution, which covers the whole photo; ``RELATIVE`` (near is large) unless the
        model's record says otherwise; ``source="estimator"``, ``detail`` the model's name.

    Raises
    ------
    ModelError
        If the model is unknown, damaged, not the recorded file, of another signature, or puts out no numbers.
    ParameterError
        If ``pixels`` is not a colour picture of 8 or 16 bit, or ``threads`` is not in 1..1024.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0 or pixels.dtype not in (np.uint8, np.uint16):
        raise ParameterError(f"the photo is a (H, W, 3) picture of 8 or 16 bit, not {pixels.shape} {pixels.dtype}")
    record = find_model(model)
    session = _session(record, count_threads(threads))
    argument, result = session.get_inputs()[0], session.get_outputs()[0]
    height, width = _input_size(record, argument.shape, pixels.shape[0], pixels.shape[1])
    tensor = _prepare(pixels, height, width, record).astype(_FLOAT_TYPES[argument.type], copy=False)

    def run(photo: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        try:
            output = np.asarray(session.run([result.name], {argument.name: photo})[0])
        except Exception as error:
            raise ModelError(
                f"the depth model {record.name} fails on an input of {width}x{height} px ({_first_line(error)}); "
                "write a record beside it that says its input size (see dofsim.depth.registry)"
            ) from error
        return _one_map(output, record)

    values = run(tensor)
    if record.flip if flip is None else flip:
        values = (values + run(np.ascontiguousarray(tensor[..., ::-1]))[:, ::-1]) * np.float32(0.5)
    return _interpret(values, record)


def _session(record: ModelRecord, threads: int) -> onnxruntime.InferenceSession:
    try:
        stat = record.file.stat()
    except OSError as error:
        raise ModelError(f"cannot read the depth model {record.file}: {error.strerror}") from error
    return _open(record, threads, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _open(record: ModelRecord, threads: int, _mtime_ns: int, _size: int) -> onnxruntime.InferenceSession:
    """Open a model once in a process; a file that was exchanged meanwhile has another time or size."""
    onnxruntime = runtime.load()
    record.verify()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors come as exceptions, and idle threads should leave the cores to the renderer.
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # By path, not by bytes: so ONNX Runtime refuses external data outside the model's own folder.
        session = onnxruntime.InferenceSession(record.file, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"{record.file} cannot be opened as an ONNX model ({_first_line(error)}); get or export it anew"
        ) from error
    _check_signature(record, session)
    return session


def _abandon_sessions() -> None:
    # A session that came through a fork has lost its threads: it cannot run, and would wait for them for ever when it
    # is destroyed. Hence the reference that nobody gives back.
    global _open  # noqa: PLW0603
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_open))
    _open = lru_cache(maxsize=4)(_open.__wrapped__)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_sessions)


def _check_signature(record: ModelRecord, session: onnxruntime.InferenceSession) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    wanted = "it needs one input, float (1, 3, H, W), and one output, (1, H, W) or (1, 1, H, W)"
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(f"{record.file} has {len(inputs)} inputs and {len(outputs)} outputs; {wanted}")
    shape, shape_out = list(inputs[0].shape), list(outputs[0].shape)
    if (
        inputs[0].type not in _FLOAT_TYPES
        or len(shape) != 4
        or not (_admits(shape[0], 1) and _admits(shape[1], 3))
        or any(isinstance(side, int) and 0 < side < _SMALLEST_SIDE for side in shape[2:])
        or outputs[0].type not in _FLOAT_TYPES
        or len(shape_out) not in (3, 4)
        or not all(_admits(size, 1) for size in shape_out[:-2])
    ):
        raise ModelError(
            f"{record.file} takes {inputs[0].type} {shape} and gives {outputs[0].type} {shape_out}; {wanted}"
        )


def _admits(size: Any, wanted: int) -> bool:
    """Whether a dimension is the wanted one or left open (a name or None)."""
    return not isinstance(size, int) or size == wanted


def _input_size(record: ModelRecord, shape: list[Any], height: int, width: int) -> tuple[int, int]:
    """Size (height, width) of the network's input for a photo of this size."""
    if record.input_size is None:
        wanted = [record.square, record.square]
    else:
        longer = record.input_size * max(1.0, (0.75 * max(height, width) / min(height, width)) ** 0.5)
        step = longer / max(height, width) / record.multiple
        wanted = [max(1, round(side * step)) * record.multiple for side in (height, width)]
    fixed = [size if isinstance(size, int) and size > 0 else None for size in shape[2:4]]
    return fixed[0] or wanted[0], fixed[1] or wanted[1]


def _prepare(pixels: Pixels, height: int, width: int, record: ModelRecord) -> npt.NDArray[np.float32]:
    """Resize, normalise, and lay out a photo as (1, 3, height, width)."""
    import cv2

    # The mean over each output pixel's area where it shrinks: anything else would let fine texture alias.
    shrunk = (min(width, pixels.shape[1]), min(height, pixels.shape[0]))
    resized = cv2.resize(np.ascontiguousarray(pixels), shrunk, interpolation=cv2.INTER_AREA)
    resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_LINEAR)
    scale = np.float32(1.0 / np.iinfo(pixels.dtype).max)
    mean, std = np.asarray(record.mean, np.float32), np.asarray(record.std, np.float32)
    normalised = (resized.astype(np.float32) * scale - mean) / std
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def _one_map(output: npt.NDArray[Any], record: ModelRecord) -> npt.NDArray[np.float32]:
    values = output.astype(np.float32)
    values = values.reshape(values.shape[-2:]) if values.size == np.prod(values.shape[-2:]) else values
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ModelError(
            f"the depth model {record.name} puts out no finite (height, width) map but shape {output.shape}; "
            "check the export and the normalisation in its record"
        )
    return values


def _interpret(values: npt.NDArray[np.float32], record: ModelRecord) -> DepthMap:
    if record.output is DepthKind.METRIC:
        values = np.clip(values, np.float32(_METRIC_RANGE[0]), np.float32(_METRIC_RANGE[1]))
    elif record.output is DepthKind.INVERSE:
        values = np.maximum(values, np.float32(0))
    elif not record.near_is_large:
        values = -values
    return DepthMap(values, record.output, "estimator", record.name)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
