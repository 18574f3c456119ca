"""``dofsim export``: write a trained depth estimator as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Overwrite, Quiet

_STAGES = 1


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of `dofsim train`, or a .safetensors file of it.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MODEL.onnx", help="Output.")],
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16: half the size.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write the best checkpoint of a run as ONNX, checked against torch; needs dofsim[train].

    A record beside it (MODEL.json) says how to feed it, so that `dofsim render --model MODEL.onnx` can use it.

    \b
    Examples:
      dofsim export runs/pix2pix -o mine.onnx
      dofsim export runs/pix2pix -o mine.onnx --half
    """
    from dofsim.cli.report import Report
    from dofsim.errors import OutputError, ParameterError

    if out.suffix != ".onnx":
        raise ParameterError(f"{out} has another ending than .onnx; name it so (-o MODEL.onnx)")
    for path in (out, out.with_suffix(".json")):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists already; choose another name or allow it to be overwritten (--overwrite)")
    with Report(_STAGES, quiet=quiet) as report:
        report.stage("exporting")
        from dofsim.pix2pix._torch import require

        require("torch", "onnx", "safetensors")
        from dofsim.pix2pix.export import export_run

        record = export_run(run, out, half=half)
        report.result(out)
        report.note(f"{record.output.value} depth, {out.stat().st_size / 2**20:.1f} MiB, equal to torch")
