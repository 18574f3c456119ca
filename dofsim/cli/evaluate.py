"""``dofsim eval``: score a depth model on a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dofsim.cli.options import Confidence, Dataset, Quiet, Resolution, SkipBad, hint_at_skip_bad
from dofsim.errors import OutputError, ParameterError
from dofsim.threads import MOST_THREADS

if TYPE_CHECKING:
    from dofsim.datasets.frames import Frames
    from dofsim.evaluation.evaluate import Evaluation
    from dofsim.metrics.protocol import Protocol

#: Files in the folder of -o.
FILES = ("summary.json", "summary.md", "images.csv", "worst.png")


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="ROOT", help="Folder of a data set, or a packed file.")],
    dataset: Dataset = "auto",
    split: Annotated[
        Literal["train", "val", "trainval", "test", "all"], typer.Option(help="Which part to evaluate.")
    ] = "test",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE|RUN",
            help="A registered name, an .onnx file, or a run of training.  [the shipped estimator]",
        ),
    ] = None,
    align: Annotated[
        Literal["auto", "none", "median", "scale-shift-disparity"],
        typer.Option(help="How predictions are brought to metres; auto: none, scale and shift for relative depth."),
    ] = "auto",
    crop: Annotated[
        Literal["eigen", "none"] | None, typer.Option(help="Evaluated area.  [eigen for NYU, else none]")
    ] = None,
    nearest: Annotated[
        float | None, typer.Option(metavar="M", help="True depth below is left out, m.  [0.001]")
    ] = None,
    farthest: Annotated[
        float | None,
        typer.Option(metavar="M", help="True depth above is left out, m.  [10 for NYU and DIML indoor, else 80]"),
    ] = None,
    raw: Annotated[
        bool | None,
        typer.Option(
            "--raw/--filled", help="True depth as the sensor saw it, or with its holes filled.  [raw for NYU]"
        ),
    ] = None,
    resolution: Resolution = None,
    confidence: Confidence = None,
    mean_over: Annotated[
        Literal["images", "scenes"],
        typer.Option(help="Mean and intervals over images, as usual, or over scenes, whose frames are near copies."),
    ] = "images",
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirrored photo's depth.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only N images, evenly spaced, for a quick look.")
    ] = None,
    worst: Annotated[int, typer.Option(metavar="N", min=0, max=100, help="How many worst images to show.")] = 8,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help=f"Also write {', '.join(FILES)} there.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=MOST_THREADS, help="Threads of the model.  [all cores]")
    ] = None,
    skip_bad: SkipBad = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run.")] = False,
    quiet: Quiet = False,
) -> None:
    """Score a depth model on a data set, by the field's standard protocol where there is one.

    NYU: the 654 official test images, raw depth of 1e-3 to 10 m, Eigen crop, figures per image and then their mean.
    Relative depth is brought to metres by least-squares scale and shift of inverse depth, per image.

    \b
    Examples:
      dofsim eval --data nyu/ --dataset nyu --split test --model RUN/ -o results/
      dofsim eval --data nyu/ --model model.onnx --align median
    """
    from dofsim.cli.report import Report
    from dofsim.datasets.frames import open_frames
    from dofsim.evaluation.evaluate import choose_alignment
    from dofsim.evaluation.evaluate import evaluate as score
    from dofsim.evaluation.predict import open_predictor
    from dofsim.evaluation.report import to_markdown

    if out is not None:
        _check_folder(out, overwrite=overwrite)
    frames = open_frames(
        data, dataset, split, raw=_wants_raw(data, dataset, raw), resolution=resolution, confidence=confidence
    )
    if limit is not None and limit < len(frames):
        frames = frames.select([index * len(frames) // limit for index in range(limit)])
    predictor = open_predictor(model, threads=threads, flip=flip)
    alignment = choose_alignment(predictor.kind, align)
    protocol = _protocol(frames, alignment=alignment, crop=crop, nearest=nearest, farthest=farthest)
    facts = _facts(frames, data, split, limit)
    with Report(len(frames), quiet=quiet) as report, hint_at_skip_bad():
        found = score(predictor, frames, protocol, skip_bad=skip_bad, unit=mean_over, data=facts, on_frame=report.stage)
        for frame in found.bad:
            report.warn(f"skipped {frame.reason}")
        if raw is None and facts["layout"] == "packed nyu" and not facts["raw"]:
            report.warn(f"{data} holds in-painted depth, published figures are of raw depth; pack with --raw for those")
        if out is not None:
            _write(found, frames, out, worst)
    if not quiet:
        typer.echo(to_markdown(found, worst=worst))
    if out is not None and not quiet:
        for name in FILES:
            if (out / name).is_file():
                typer.echo(str(out / name), err=True)


def _wants_raw(data: Path, dataset: str, raw: bool | None) -> bool:
    """The published figures on NYU are of raw depth (that of the labelled file; other layouts hold one depth only)."""
    from dofsim.datasets.recognise import recognise

    if raw is not None:
        return raw
    if dataset == "auto":
        reader = recognise(data)
        return reader is not None and reader.name == "nyu"
    return dataset == "nyu"


def _protocol(frames: Frames, **wish: Any) -> Protocol:
    """The protocol of the frames' data set; frames of data sets with different ranges need one to be said."""
    from dofsim.metrics.protocol import standard_protocol

    protocols = {standard_protocol(entry.dataset, **wish) for entry in frames.entries}
    if len(protocols) > 1:
        names = " and ".join(sorted({entry.dataset for entry in frames.entries}))
        raise ParameterError(
            f"{names} are evaluated in different ranges; give the folder of one of them (--data), or one range for all "
            "(--farthest)"
        )
    return protocols.pop()


def _facts(frames: Frames, data: Path, split: str, limit: int | None) -> dict[str, object]:
    from dofsim.datasets.packed import Packed

    reader = frames.reader
    packed = reader.info if isinstance(reader, Packed) else None
    layout = str(packed["dataset"]) if packed else reader.name
    options = dict(packed["options"] if packed else reader.options)
    raw = options.pop("raw", None)
    facts = {
        "root": str(data),
        "dataset": ", ".join(sorted({entry.dataset for entry in frames.entries})),
        "layout": f"packed {layout}" if packed else layout,
        "split": split,
        "limit": limit,
        # The other layouts hold one kind of depth only.
        "raw": raw if layout in ("nyu", "diml", "diml-report") else None,
        "options": options,
    }
    return facts | ({"size": packed["size"]} if packed else {})


def _check_folder(out: Path, *, overwrite: bool) -> None:
    """Complain before the work, not after it; the folder is made with the results."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder for the results (-o FOLDER)")
    there = [name for name in FILES if (out / name).exists()]
    if there and not overwrite:
        raise OutputError(
            f"{out} holds results already ({there[0]}); choose another folder, or allow it with --overwrite"
        )
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise OutputError(
            f"cannot make the folder {out}: {nearest} is not a folder that can be written to; name another (-o FOLDER)"
        )


def _write(found: Evaluation, frames: Frames, out: Path, worst: int) -> None:
    from dofsim.evaluation.report import to_csv, to_json, to_markdown
    from dofsim.evaluation.sheet import draw_sheet
    from dofsim.files import atomic_path

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    texts = (to_json(found, worst=worst), to_markdown(found, worst=worst), to_csv(found))
    for name, text in zip(FILES, texts, strict=False):
        with atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if worst:
        with atomic_path(out / FILES[-1]) as temporary:
            draw_sheet(found, frames, worst).save(temporary)
