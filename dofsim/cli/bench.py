"""``dofsim bench``: repeat the project's figures on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Quiet

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    """Measure dofsim against its baselines on this machine."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("blur")
def blur(
    megapixels: Annotated[
        float, typer.Option(metavar="MP", min=0.05, max=200, help="Size of the synthetic photo.")
    ] = 12.0,
    radius: Annotated[
        list[float] | None,
        typer.Option(metavar="PX", min=1, max=500, help="Largest blur radius, px; repeatable.  [8, 24, 64]"),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="Rounds in which every contender runs once.")] = 5,
    budget: Annotated[
        float,
        typer.Option(
            metavar="S", min=0, help="Seconds that one contender may take in all; slow ones run fewer rounds."
        ),
    ] = 30.0,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Threads of ours (the baselines use one).")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures as JSON.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Time the renderer against the report's Python loop and its compiled twin, interleaved in one run.

    All contenders take turns on the same synthetic photo with phone-like depth, warm; medians and spread are printed
    as a Markdown table. The Python loop runs on a small crop and is scaled by pixels.
    """
    from dofsim.bench.blur import Plan, measure, to_json, to_markdown
    from dofsim.cli.report import Report
    from dofsim.files import atomic_path

    radii = tuple(radius or (8.0, 24.0, 64.0))
    plan = Plan(megapixels, radii, repeats=repeats, budget_s=budget, threads=threads)
    with Report(plan.steps, quiet=quiet) as report:
        result = measure(plan, on_step=report.stage)
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(to_json(result), encoding="utf-8")
    typer.echo(to_markdown(result))
