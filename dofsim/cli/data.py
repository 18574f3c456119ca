"""``dofsim data``: look at data sets, and pack them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dofsim.cli.help import PlainHelp
from dofsim.cli.options import Confidence, Dataset, Quiet, Raw, Resolution, SkipBad, hint_at_skip_bad
from dofsim.errors import DepthError, FrameError, ParameterError

if TYPE_CHECKING:
    from dofsim.cli.report import Report
    from dofsim.datasets.reader import Reader

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    """Look at data sets of photos with depth, and pack them for fast training.

    \b
    Examples:
      dofsim data check nyu/
      dofsim data prepare nyu/ -o nyu.h5
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("check", cls=PlainHelp)
def check(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of a data set, or a packed file.")],
    dataset: Dataset = "auto",
    read_all: Annotated[
        bool, typer.Option("--read-all", help="Also read every frame, and name those that cannot be used.")
    ] = False,
    raw: Raw = False,
    resolution: Resolution = None,
    confidence: Confidence = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    quiet: Quiet = False,
) -> int:
    """Say which data set is at ROOT, what is missing of it, and how many frames each split has.

    With a wrong ROOT, print the trees that are expected and where the owners publish the data. dofsim brings no data.

    \b
    Examples:
      dofsim data check nyu/
      dofsim data check diml/ --read-all --json
    """
    import json

    from dofsim.cli.report import Report
    from dofsim.datasets.recognise import open_reader

    try:
        reader = open_reader(root, dataset, raw=raw, resolution=resolution, confidence=confidence)
    except ParameterError:
        if not as_json and not quiet:
            typer.echo(_expected(dataset))
        raise
    facts = _facts(reader)
    if read_all:
        with Report(len(reader.entries("all")), quiet=quiet) as report:
            facts["bad"] = _read_all(reader, report)
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else _as_text(facts))
    return DepthError.exit_code if facts["damaged"] or facts.get("bad") else 0


@app.command("prepare", cls=PlainHelp)
def prepare(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of a data set.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.h5", help="The packed file.")],
    dataset: Dataset = "auto",
    split: Annotated[
        Literal["train", "val", "trainval", "test", "all"],
        typer.Option(help="What to pack; all keeps which frame belongs to which split."),
    ] = "all",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="PX|WxH", help="Smaller frames: longest side, or width x height.  [as they are, without loss]"
        ),
    ] = None,
    compression: Annotated[
        Literal["lz4", "zstd", "gzip"],
        typer.Option(help="lz4 is the fastest to read, zstd smaller, gzip known to every HDF5 program."),
    ] = "lz4",
    raw: Raw = False,
    resolution: Resolution = None,
    confidence: Confidence = None,
    skip_bad: SkipBad = False,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Threads that read and compress.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that holds something else.")] = False,
    quiet: Quiet = False,
) -> None:
    """Pack a data set into one HDF5 file for fast random access.

    A run that was stopped goes on where it was; the file appears only when every frame in it has been read back and
    compared. Everything that reads data sets takes the file in place of ROOT.

    \b
    Examples:
      dofsim data prepare nyu/ -o nyu.h5
      dofsim data prepare diml/ -o diml-286.h5 --size 286x286
    """
    from time import perf_counter

    from dofsim.cli.report import Report
    from dofsim.datasets.prepare import prepare as pack
    from dofsim.datasets.recognise import open_reader
    from dofsim.datasets.resize import parse_size

    wanted = None if size is None else parse_size(size)
    reader = open_reader(root, dataset, raw=raw, resolution=resolution, confidence=confidence)
    began = perf_counter()
    with Report(len(reader.entries(split)), quiet=quiet) as report, hint_at_skip_bad():
        done = pack(
            reader,
            out,
            split=split,
            size=wanted,
            compression=compression,
            skip_bad=skip_bad,
            overwrite=overwrite,
            threads=threads,
            on_frame=report.stage,
        )
        report.result(done.path)
        for missing in reader.missing():
            report.warn(missing)
        for frame in done.bad:
            report.warn(f"skipped {frame.reason}")
        if not done.fresh:
            report.note(f"it was there already: {done.frames} frames")
            return
        megabytes = done.path.stat().st_size / 2**20
        resumed = f" ({done.resumed} read by an earlier run)" if done.resumed else ""
        report.note(
            f"{done.frames} frames{resumed}, {len(done.bad)} skipped, {megabytes:.1f} MB, "
            f"{perf_counter() - began:.1f} s; every frame was read back and compared"
        )


def _expected(dataset: str) -> str:
    """The trees of one layout, or of all."""
    from dofsim.datasets.recognise import READERS

    blocks = []
    for reader in READERS:
        if dataset in ("auto", reader.name) and not (dataset == "auto" and reader.name == "diml-report"):
            lines = [f"{reader.name}: {reader.title}", *(f"    {line}" for line in reader.tree.splitlines())]
            if reader.origin:
                lines.append(f"    published by its owners at {reader.origin}")
            blocks.append("\n".join(lines))
    return "expected is one of these:\n\n" + "\n\n".join(blocks) if len(blocks) > 1 else "\n".join(blocks)


def _facts(reader: Reader) -> dict[str, Any]:
    from dofsim.datasets.reader import SPLITS

    counts: dict[str, int | None] = {"all": len(reader.entries("all"))}
    missing = reader.missing()
    damaged: list[str] = []
    for split in SPLITS[:-1]:
        try:
            counts[split] = len(reader.entries(split))
        except DepthError as error:
            counts[split] = None
            if str(error) not in (*missing, *damaged):
                damaged.append(str(error))
    kinds = sorted({entry.kind.value for entry in reader.entries("all")})
    return {
        "root": str(reader.root),
        "dataset": reader.name,
        "title": reader.title,
        "found": reader.notes(),
        "missing": missing,
        "damaged": damaged,
        "depth": kinds,
        "frames": counts,
    }


def _read_all(reader: Reader, report: Report) -> list[dict[str, str]]:
    from dofsim.datasets.frames import Frames

    frames = Frames(reader, reader.entries("all"))
    bad: list[dict[str, str]] = []
    for entry, index in zip(frames.entries, range(len(frames)), strict=True):
        report.stage(entry.name)
        try:
            frames[index]
        except FrameError as error:
            bad.append({"frame": entry.name, "reason": str(error)})
    return bad


def _as_text(facts: dict[str, Any]) -> str:
    frames = facts["frames"]
    own = ", ".join(f"{name} {frames[name]}" for name in ("train", "val", "test") if frames[name] is not None)
    both = f"trainval {frames['trainval']}, " if frames["trainval"] is not None else ""
    rows = [
        *(("found", note) for note in facts["found"]),
        *(("missing", note) for note in facts["missing"]),
        *(("damaged", note) for note in facts["damaged"]),
        ("depth", ", ".join(facts["depth"])),
        ("frames", f"{own}{'; ' if own else ''}{both}all {frames['all']}"),
    ]
    if "bad" in facts:
        rows.append(("read", f"{frames['all'] - len(facts['bad'])} frames can be used, {len(facts['bad'])} cannot"))
        rows += [("bad", frame["reason"]) for frame in facts["bad"]]
    head = f"{facts['root']}: {facts['title']} (--dataset {facts['dataset']})"
    return "\n".join([head, *(f"  {name:<9} {value}" for name, value in rows)])
