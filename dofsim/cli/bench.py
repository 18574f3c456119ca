"""``dofsim bench``: repeat the project's figures on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Quiet
from dofsim.threads import MOST_THREADS

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(context: typer.Context) -> None:
    """Measure dofsim against its baselines on this machine.

    \b
    Examples:
      dofsim bench blur
    """
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
    threads: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=MOST_THREADS, help="Threads of ours and of other programs (the baselines use one)."
        ),
    ] = 1,
    peers: Annotated[
        bool, typer.Option(help="Let GEGL, ImageMagick, G'MIC and Blender take part where they are installed.")
    ] = True,
    memory: Annotated[bool, typer.Option("--memory", help="Measure peak memory too (on Linux).")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures as JSON.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Time the renderer against baselines and peers, interleaved in one run.

    All contenders take turns on the same synthetic photo with phone-like depth, warm; medians and spread are printed
    as a Markdown table. The slowest run on a small version of it and are scaled by pixels.

    \b
    Examples:
      dofsim bench blur
      dofsim bench blur --megapixels 2 --radius 16 --no-peers --json figures.json
    """
    import tempfile

    from dofsim.bench.blur import Plan, measure, to_json
    from dofsim.bench.contender import contenders, our_roles
    from dofsim.bench.machine import describe_machine
    from dofsim.bench.memory import can_measure, measure_peaks
    from dofsim.bench.peers import PEERS, find_peers
    from dofsim.bench.scene import make_scene
    from dofsim.bench.table import to_markdown
    from dofsim.cli.report import Report
    from dofsim.files import atomic_path

    radii = tuple(radius or (8.0, 24.0, 64.0))
    plan = Plan(megapixels, radii, repeats=repeats, budget_s=budget, threads=threads)
    more = 2 if int(describe_machine()["cores"]) > 1 else None
    with tempfile.TemporaryDirectory(prefix="dofsim-bench-") as folder:
        found = find_peers(Path(folder), threads, PEERS if peers else ())
        everybody = [*contenders(threads, more), *found.contenders]
        roles = our_roles(threads, more) if memory and can_measure() else {}
        with Report(plan.steps(everybody) + len(roles) * len(radii), quiet=quiet) as report:
            result = measure(plan, everybody, versions=found.versions, skipped=found.skipped, on_step=report.stage)
            if roles:
                scene = make_scene(round(megapixels * 1e6))
                result = result.with_peaks(measure_peaks(scene, roles, radii, report.stage))
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(to_json(result), encoding="utf-8")
    typer.echo(to_markdown(result))
