"""``dofsim doctor``: whether all is well on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from dofsim.cli.options import Quiet


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False, quiet: Quiet = False
) -> int:
    """Say what dofsim runs on and whether it works: versions, threads, kernel cache, estimator, a self-test.

    Where something is broken, an error line says what to do about it, and the exit code is not 0. Put the output into
    every bug report.

    \b
    Examples:
      dofsim doctor
      dofsim doctor --json > machine.json
    """
    import json

    from dofsim.cli.compiling import announce_compilation
    from dofsim.cli.report import Report
    from dofsim.doctor import THINGS, examine

    with Report(len(THINGS), quiet=quiet) as report:
        with report.warnings_as_lines(), announce_compilation(report):
            findings = examine(report.stage)
        problems = [finding for finding in findings if finding.problem]
        if as_json:
            facts: dict[str, object] = {
                finding.name.replace(" ", "_").replace("-", "_"): finding.facts for finding in findings
            }
            facts["problems"] = [finding.problem for finding in problems]
            typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        else:
            report.result("\n".join(f"{finding.name:<13} {finding.text}" for finding in findings))
    for finding in problems:
        typer.echo(f"error: {finding.problem}", err=True)
    return problems[0].exit_code if problems else 0
