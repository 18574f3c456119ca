"""The options that several commands share."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from dofsim.errors import FrameError
from dofsim.threads import MOST_THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator

# The names of dofsim.datasets.recognise.DATASETS, which the help must not have to import.
DatasetName: TypeAlias = Literal[
    "auto", "nyu", "nyu-h5", "nyu-png", "diml", "diml-report", "folder", "side-by-side", "packed"
]
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
Blur = Annotated[
    str | None,
    typer.Option(metavar="2.5%|40px", help="Radius of the strongest blur: share of the diagonal, or px.  [2%]"),
]
FNumber = Annotated[float | None, typer.Option(metavar="1.8", help="f-number instead of --blur; needs metric depth.")]
SharpRange = Annotated[
    float | None,
    typer.Option(metavar="0..1", help="Share of the depth that stays sharp.  [0.02; 0 with --aperture]"),
]
Blades = Annotated[
    int,
    typer.Option(metavar="N", show_default=False, help="Blades of the aperture; more shapes: --help-all.  [0: round]"),
]
Rotation = Annotated[float, typer.Option(metavar="DEG", show_default=False, help="How far the blades are turned.  [0]")]
Roundness = Annotated[
    float, typer.Option(metavar="0..1", show_default=False, help="How curved the blades are.  [0: straight]")
]
Squeeze = Annotated[
    float, typer.Option(metavar="0.25..1", show_default=False, help="Width by height, 0.5 if anamorphic.  [1: round]")
]
Donut = Annotated[
    float, typer.Option(metavar="0..0.9", show_default=False, help="Dark middle of a mirror lens.  [0: none]")
]
Bubble = Annotated[
    float, typer.Option(metavar="-1..1", show_default=False, help="1: bright rims, -1: creamy, soft ones.  [0: even]")
]
CatsEye = Annotated[
    float, typer.Option(metavar="0..1", show_default=False, help="Lemons towards the corners.  [0: none]")
]
Fringing = Annotated[
    float,
    typer.Option(metavar="0..0.1", show_default=False, help="Magenta rims in front, green behind.  [0: none]"),
]
Highlights = Annotated[
    bool,
    typer.Option("--highlights/--no-highlights", help="Give clipped lights out of focus back a plausible brightness."),
]
HighlightStrength = Annotated[
    float,
    typer.Option(metavar="0..4", show_default=False, help="How much: 0 none, 2 twice what is plausible.  [1]"),
]
Grain = Annotated[
    bool, typer.Option("--grain/--no-grain", help="Give blurred areas back the grain that the blur took away.")
]
RenderQuality = Annotated[Literal["fast", "best"], typer.Option(help="best: truer at edges, some ten times slower.")]
RenderThreads = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=MOST_THREADS, help="Threads of the renderer.  [all cores]")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Allow an output to replace an input.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Dataset = Annotated[DatasetName, typer.Option(help="Which data set it is; auto recognises it.")]
Raw = Annotated[bool, typer.Option("--raw", help="Depth as the sensor saw it, with its holes (NYU, DIML indoor).")]
Resolution = Annotated[
    Literal["HR", "LR"] | None, typer.Option(case_sensitive=False, help="DIML: which of the two sizes.  [LR]")
]
Confidence = Annotated[
    float | None,
    typer.Option(metavar="0..1", help="DIML outdoor: depth that is no surer than this is unknown.  [0.9]"),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Name, count and leave out frames that cannot be used, instead of stopping.")
]

RARE_SHAPES = frozenset(("rotation", "roundness", "squeeze", "donut", "bubble", "cats_eye", "fringing"))
"""Parameters of the shape that the short help of a command leaves out."""


@contextmanager
def hint_at_skip_bad() -> Iterator[None]:
    """Let the error of a frame that cannot be used end with the way to go on without it."""
    try:
        yield
    except FrameError as error:
        raise FrameError(f"{error}; --skip-bad leaves such frames out") from error
