"""``dofsim warmup``: compile the kernels before the first photo."""

from __future__ import annotations

from typing import Annotated

import typer

from dofsim.cli.options import Quiet


def warmup(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False, quiet: Quiet = False
) -> None:
    """Compile every kernel that a photo can need, so that the first photo is as fast as the next.

    They are kept on disk for this machine, this Python and this dofsim; doing it again only tries them. Whoever builds
    an image for a server runs it once in there.

    \b
    Examples:
      dofsim warmup
      NUMBA_CACHE_DIR=/var/cache/dofsim dofsim warmup
    """
    import json
    from dataclasses import asdict

    from dofsim.cli.report import Report
    from dofsim.warmup import STEPS, warm_up

    with Report(len(STEPS), quiet=quiet) as report:
        warmth = warm_up(report.stage)
        if as_json:
            typer.echo(json.dumps(asdict(warmth), indent=2, default=str))
            return
        report.result(
            f"{warmth.compiled} kernels compiled, {warmth.loaded} loaded and all tried in {warmth.seconds:.1f} s"
        )
        for folder in warmth.folders:
            report.note(f"kept in {folder}")
