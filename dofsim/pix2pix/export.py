"""Export a trained generator: ``python -m dofsim.pix2pix.export RUN [RUN ...] -o model.onnx``.

Of several checkpoints of one run the weights are averaged (Wortsman et al., "Model soups", ICML 2022).

Weights are stored as float16 and cast to float32 when the file is opened: half the size, and every operator still
computes in float32, which is what ONNX Runtime is fast at on a CPU. Batch normalisation is folded into the
convolutions before rounding.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.errors import ModelError, OutputError, ParameterError
from dofsim.pix2pix._torch import require

require("torch", "timm", "onnx", "onnxruntime")

import torch  # noqa: E402
from torch import nn  # noqa: E402

from dofsim.datasets._program import program  # noqa: E402
from dofsim.pix2pix.generator import MEAN, MULTIPLE, STD, generator_for  # noqa: E402
from dofsim.pix2pix.train import load_weights  # noqa: E402

#: How much rounding to float16 may change the output on coloured blobs, which photos do several times less.
ROUNDING = 0.04
#: Largest size of a file that is shipped, bytes.
LARGEST = 12 * 1024 * 1024


def halve_weights(model: Any) -> Any:
    """Store the float32 initialisers of an ONNX model as float16, with a Cast behind each.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.

    Returns
    -------
    onnx.ModelProto
        The same model.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        if value.size < 64 or np.abs(value).max() > 60000:
            continue
        stored = f"{tensor.name}.half"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        half = numpy_helper.from_array(value.astype(np.float16), stored)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(half)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return model


def run_onnx(path: str | Path, photo: npt.NDArray[np.float32], *, threads: int = 1) -> npt.NDArray[np.float32]:
    """Run an exported model on a normalised (1, 3, h, w) input."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    result: npt.NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: photo})[0]
    return result


def export(generator: nn.Module, path: str | Path, *, half: bool = True, tolerance: float = 1e-3) -> Path:
    """Write a generator as ONNX with free height and width, and check it against torch.

    Parameters
    ----------
    generator : torch.nn.Module
        (1, 3, h, w) -> (1, 1, h, w).
    path : path
    half : bool
        Store the weights as float16.
    tolerance : float
        Largest mean deviation from torch before the weights are rounded, as a share of the output's standard
        deviation. Rounding may add :data:`ROUNDING`.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If the exported model computes something else; nothing is written then.
    OutputError
        If the file cannot be written.
    """
    import onnx

    path = Path(path)
    generator = generator.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    part = path.with_name(f".{path.stem}.part.onnx")
    example = torch.zeros(1, 3, 8 * MULTIPLE, 9 * MULTIPLE)
    free = {2: "height", 3: "width"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter announces its retirement
            torch.onnx.export(
                generator, (example,), str(part), input_names=["photo"], output_names=["depth"],
                dynamic_axes={"photo": free, "depth": free}, opset_version=17, do_constant_folding=True, dynamo=False,
            )  # fmt: skip
        _check(generator, part, tolerance)
        if half:
            model = halve_weights(onnx.load(str(part)))
            onnx.checker.check_model(model)
            onnx.save(model, str(part))
            _check(generator, part, tolerance + ROUNDING)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _check(generator: nn.Module, path: Path, tolerance: float) -> None:
    for height, width in ((4, 7), (9, 5)):
        deviation = _deviation(generator, path, (height * MULTIPLE, width * MULTIPLE))
        if not deviation <= tolerance:
            raise ModelError(f"the exported model deviates from torch by {deviation:.2%} of the output's spread")


def _deviation(generator: nn.Module, path: Path, size: tuple[int, int]) -> float:
    smooth = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    photo = torch.nn.functional.interpolate(smooth, size=size, mode="bicubic").clamp(-1, 1)
    with torch.no_grad():
        wanted = generator(photo).numpy()
    found = run_onnx(path, photo.numpy())
    if found.shape != wanted.shape:
        raise ModelError(f"the exported model puts out {found.shape} where torch puts out {wanted.shape}")
    return float(np.abs(found - wanted).mean() / max(float(wanted.std()), 1e-9))


def average(weights: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Mean of the weights of several checkpoints of one architecture.

    Raises
    ------
    ModelError
        If they differ in their tensors.
    """
    first = weights[0]
    if any(w.keys() != first.keys() or any(w[k].shape != first[k].shape for k in first) for w in weights[1:]):
        raise ModelError("checkpoints of different generators cannot be averaged; give those of one run")
    return {name: torch.stack([w[name].double() for w in weights]).mean(dim=0).to(first[name].dtype) for name in first}


def write_record(path: str | Path, record: dict[str, Any]) -> Path:
    """Write the record beside a model (its name with ``.json``), with the file's SHA-256 and the normalisation.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    record : dict
        ``name``, ``licence``, ``training_data``, ``version``, ``input_size``.

    Returns
    -------
    Path
    """
    path = Path(path)
    full = {
        "name": path.stem,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "multiple": MULTIPLE,
        "mean": list(MEAN),
        "std": list(STD),
        "output": "relative",
        **record,
    }
    target = path.with_suffix(".json")
    target.write_text(json.dumps(full, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the exporter."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.pix2pix.export", description=__doc__)
    parser.add_argument("run", nargs="+", help="run folder or checkpoint; of several the mean is exported")
    parser.add_argument("-o", "--out", required=True, help=".onnx file")
    parser.add_argument("--full", action="store_true", help="keep float32 weights")
    parser.add_argument("--input-size", type=int, default=320, help="longer side that the record recommends, px")
    parser.add_argument("--data", help="the folder trained on; the record then names only sources with training scenes")
    parser.add_argument("--version", default="1", help="version in the record")
    given = parser.parse_args(arguments)
    if given.input_size % MULTIPLE:
        raise ParameterError(f"the input size is a multiple of {MULTIPLE}, not {given.input_size}")
    generator, backbone = generator_for(average([load_weights(run) for run in given.run]))
    path = export(generator, given.out, half=not given.full)
    size = path.stat().st_size
    if size > LARGEST:
        raise ModelError(f"{path} has {size / 2**20:.1f} MiB; shipped weights have at most {LARGEST // 2**20} MiB")
    from dofsim.datasets.rgbd import index_folder
    from dofsim.datasets.split import split_scenes
    from dofsim.pix2pix.provenance import training_data

    trained = None
    if given.data:
        trained = {pair.source.name for pair in split_scenes(index_folder(Path(given.data) / "rgbd")).train}

    write_record(
        path,
        {
            "name": f"dofsim-{backbone.removeprefix('tf_efficientnet_')}",
            "licence": "Apache-2.0",
            "training_data": training_data(trained, backbone),
            "version": given.version,
            "input_size": given.input_size,
        },
    )
    print(f"{path}: {size / 2**20:.2f} MiB, checked against torch")


if __name__ == "__main__":
    program(main)
