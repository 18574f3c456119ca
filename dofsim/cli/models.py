"""``dofsim models``: which depth networks there are, and getting one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dofsim.cli.help import PlainHelp
from dofsim.cli.options import Quiet

if TYPE_CHECKING:
    from dofsim.depth.registry import ModelRecord

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name that `dofsim models` lists.")]


@app.callback(invoke_without_command=True)
def _list(context: typer.Context) -> None:
    """List the depth models: the package's own, and public ones that you may fetch.

    \b
    Examples:
      dofsim models
      dofsim models fetch depth-anything-v2-small
    """
    if context.invoked_subcommand is not None:
        return
    from dofsim.depth.registry import find_model, known_models, known_record, shipped_models

    for name in shipped_models():
        typer.echo(_describe(name, find_model(name), "ships with dofsim"))
    for name in known_models():
        record = known_record(name)
        typer.echo(_describe(name, record, "here" if record.file.is_file() else "not fetched"))


@app.command("fetch", cls=PlainHelp)
def fetch(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licence and the download.")] = False,
    quiet: Quiet = False,
) -> None:
    """Download a public model: says its licence first, asks, checks the hash; goes on where it was broken off.

    \b
    Examples:
      dofsim models fetch depth-anything-v2-small
      dofsim models fetch depth-anything-v2-small --yes
    """
    import sys

    from dofsim.cli.report import Report
    from dofsim.depth.fetch import fetch_model
    from dofsim.depth.registry import known_record
    from dofsim.errors import ParameterError

    record = known_record(name)
    if not record.file.is_file() and not yes:
        typer.echo(_terms(record), err=True)
        if not sys.stdin.isatty():
            raise ParameterError("nothing is downloaded unasked; say --yes to agree to the licence and the download")
        typer.confirm("Download it?", abort=True, err=True)
    with Report(20, quiet=quiet) as report:
        shown = -1

        def progress(so_far: int, total: int | None) -> None:
            nonlocal shown
            if total and (step := 20 * so_far // total) > shown:
                shown = step
                report.stage(f"{so_far / 1e6:.0f} of {total / 1e6:.0f} MB")

        record = fetch_model(name, progress=progress)
        report.result(record.file)


@app.command("add", cls=PlainHelp)
def add(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .onnx file that you carried here.")],
    quiet: Quiet = False,
) -> None:
    """Put a public model's file that you got elsewhere into its place, after checking its hash.

    \b
    Examples:
      dofsim models add depth-anything-v2-small Downloads/model.onnx
    """
    from dofsim.cli.report import Report
    from dofsim.depth.fetch import install_model

    with Report(1, quiet=quiet) as report:
        report.result(install_model(name, file).file)


def _describe(name: str, record: ModelRecord, where: str) -> str:
    volume = record.file.stat().st_size if record.file.is_file() else record.size
    size = f", {volume / 1e6:.0f} MB" if volume else ""
    line = f"{name:<38} {where:<18} {record.licence}{size}, {record.output.value}"
    return f"{line}\n    {record.title or record.name}"


def _terms(record: ModelRecord) -> str:
    size = f"{record.size / 1e6:.0f} MB" if record.size else "size not known"
    return "\n".join(
        (
            record.title or record.name,
            f"  licence        {record.licence}",
            f"  trained on     {'; '.join(record.training_data) or 'not stated'}",
            f"  from           {record.url or 'nowhere known'} ({size})",
            f"  to             {record.file}",
            f"  SHA-256        {record.sha256 or 'not known'}",
        )
    )
