"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

DepthSource: TypeAlias = Literal["auto", "photo", "estimator"]

Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO", help="JPEG, HEIC, PNG, TIFF, WebP or AVIF.")]
Source = Annotated[
    DepthSource,
    typer.Option(
        help="Where the depth comes from: the phone's own, a depth network, or the first that there is; "
        "naming a --model means the network."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE|RUN", help="Depth model: a name (see `dofsim models`), an .onnx file, or a run folder."
    ),
]
Flip = Annotated[
    bool | None,
    typer.Option(
        "--flip/--no-flip", help="Let the depth network look at the mirrored photo too: steadier, half as fast."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Allow an output to replace an input.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
