"""Export a trained generator to ONNX, checked against torch.

``dofsim export RUN`` exports any run. ``python -m dofsim.pix2pix.export RUN [RUN ...] -o model.onnx`` exports weights
that are to be shipped: of several checkpoints of one run they are averaged (Wortsman et al., "Model soups", ICML
2022), the file may not grow too large, and its record names the training data.

Half-size weights are stored as float16 and cast to float32 when the file is opened: half the size, and every operator
still computes in float32, which is what ONNX Runtime is fast at on a CPU. Batch normalisation is folded into the
convolutions before rounding.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dofsim.depth import registry, runtime
from dofsim.errors import ModelError, OutputError, ParameterError
from dofsim.files import atomic_path
from dofsim.pix2pix._torch import require

require("torch", "onnx", "onnxruntime")

import torch  # noqa: E402
from torch import nn  # noqa: E402

from dofsim.datasets._program import program  # noqa: E402
from dofsim.pix2pix.checkpoint import fill, generator_weights, start_weights  # noqa: E402
from dofsim.pix2pix.config import RunConfig  # noqa: E402
from dofsim.pix2pix.model import DepthModel, make_generator  # noqa: E402

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
    onnxruntime = runtime.load()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    result: npt.NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: photo})[0]
    return result


def export(
    generator: nn.Module, path: str | Path, *, half: bool = True, tolerance: float = 1e-3, multiple: int = 32,
    metadata: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
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
    multiple : int
        Sides of an input are multiples of it.
    metadata : mapping, optional
        Kept in the file.

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
    example = torch.zeros(1, 3, 8 * 32 if multiple <= 32 else multiple, 9 * 32 if multiple <= 32 else multiple)
    free = {2: "height", 3: "width"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    with atomic_path(path) as part:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter announces its retirement
            torch.onnx.export(
                generator, (example,), str(part), input_names=["photo"], output_names=["depth"],
                dynamic_axes={"photo": free, "depth": free}, opset_version=17, do_constant_folding=True, dynamo=False,
            )  # fmt: skip
        model = onnx.load(str(part))
        onnx.helper.set_model_props(model, dict(metadata or {}))
        onnx.save(model, str(part))
        _check(generator, part, tolerance, multiple)
        if half:
            model = halve_weights(model)
            onnx.checker.check_model(model)
            onnx.save(model, str(part))
            _check(generator, part, tolerance + ROUNDING, multiple)
    return path


def _check(generator: nn.Module, path: Path, tolerance: float, multiple: int) -> None:
    for height, width in ((4, 7), (9, 5)) if multiple <= 32 else ((1, 1), (1, 2)):
        deviation = _deviation(generator, path, (height * multiple, width * multiple))
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


def export_run(run: str | Path, path: str | Path, *, half: bool = False) -> registry.ModelRecord:
    """Export the model of a run, with its record beside it and its configuration inside.

    Parameters
    ----------
    run : path
        Run folder (its best checkpoint, else its last one) or one of its ``.safetensors`` files.
    path : path
        The ``.onnx`` file to write; the record has the same name with ``.json``.
    half : bool
        Store the weights as float16.

    Returns
    -------
    ModelRecord

    Raises
    ------
    ModelError
        If the run cannot be read, or the export computes something else.
    OutputError
        If a file cannot be written.
    """
    path = Path(path)
    weights, config = generator_weights(run)
    # A file of noise could not be checked, and would never give one photo the same depth twice.
    quiet = replace(config, generator=replace(config.generator, noise=False))
    generator = make_generator(quiet, start=False)
    fill(generator, weights, str(run))
    record = config.model_record(path, path.stem)
    told = {"dofsim_config": config.to_json(), "dofsim_output": config.encoding.output.value}
    export(DepthModel(generator, config.encoding), path, half=half, multiple=record.multiple, metadata=told)
    registry.write_record(record, objective=config.objective.name, generator=config.generator.name)
    return record


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the exporter."""
    parser = argparse.ArgumentParser(prog="python -m dofsim.pix2pix.export", description=__doc__)
    parser.add_argument("run", nargs="+", help="run folder or checkpoint; of several the mean is exported")
    parser.add_argument("-o", "--out", required=True, help=".onnx file")
    parser.add_argument("--full", action="store_true", help="keep float32 weights")
    parser.add_argument("--input-size", type=int, default=320, help="longer side that the record recommends, px")
    parser.add_argument("--data", help="the folder trained on; the record then names only sources with training scenes")
    parser.add_argument("--version", default="1", help="version in the record")
    parser.add_argument("--name", default="dofsim-lite2", help="name in the record")
    given = parser.parse_args(arguments)
    config = _shipped_config(given.run)
    record = config.model_record(Path(given.out), given.name)
    if given.input_size % record.multiple:
        raise ParameterError(f"the input size is a multiple of {record.multiple}, not {given.input_size}")
    generator = make_generator(config, start=False)
    fill(generator, average([start_weights(run) for run in given.run]), given.run[0])
    model = DepthModel(generator, config.encoding)
    path = export(model, given.out, half=not given.full, multiple=record.multiple)
    size = path.stat().st_size
    if size > LARGEST:
        raise ModelError(f"{path} has {size / 2**20:.1f} MiB; shipped weights have at most {LARGEST // 2**20} MiB")
    from dofsim.datasets.rgbd import index_folder
    from dofsim.datasets.split import split_scenes
    from dofsim.pix2pix.provenance import training_data

    trained = None
    if given.data:
        trained = {pair.source.name for pair in split_scenes(index_folder(Path(given.data) / "rgbd")).train}
    sources = tuple(training_data(trained, config.generator.backbone))
    record = replace(record, licence="Apache-2.0", training_data=sources, input_size=given.input_size)
    registry.write_record(record, version=given.version)
    print(f"{path}: {size / 2**20:.2f} MiB, checked against torch")


def _shipped_config(runs: Sequence[str]) -> RunConfig:
    """Configuration of the first run that has one; the recipe's otherwise."""
    from dofsim.pix2pix.train import recipe

    for run in runs:
        if Path(run).suffix != ".pt":
            return generator_weights(run)[1]
    return recipe({"data": "unknown"})


if __name__ == "__main__":
    program(main)
