"""``dofsim compare``: two pictures against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dofsim.cli.options import Overwrite, Quiet

if TYPE_CHECKING:
    from dofsim.compare import Comparison


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Shown on the left.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Shown on the right; of the same size.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="Split view to write.  [none: figures only]")
    ] = None,
    at: Annotated[str, typer.Option(metavar="X%", help="Where the line of the split view stands.")] = "50%",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Compare two pictures of one scene: PSNR, SSIM, and a split view with a line between them.

    The orientation is applied and colours are converted to sRGB; the figures are of display values (sRGB, 0..1), not
    of linear light.

    \b
    Examples:
      dofsim compare dog.heic dog.dof.jpg -o split.png
      dofsim compare phone.jpg dog.dof.jpg --json
    """
    import json

    from dofsim.cli.outputs import place_outputs, refuse_inputs
    from dofsim.cli.report import Report
    from dofsim.errors import ParameterError

    share = _share(at)
    if out is not None:
        if not out.suffix and not out.exists():
            raise ParameterError(f"{out} has no suffix that says its format; name a file (-o split.png)")
        place_outputs([first], out, "split")
        refuse_inputs([out], [first, second], overwrite=overwrite)
    with Report(4, quiet=quiet) as report:
        report.stage(first.name)
        import dofsim
        from dofsim import compare as comparing

        with report.warnings_as_lines():
            a = dofsim.read_photo(first)
            report.stage(second.name)
            b = dofsim.read_photo(second)
            for path, picture in ((first, a), (second, b)):
                for note in picture.notes:
                    report.note(f"{path.name}: {note}")
            report.stage("comparing")
            comparison = comparing.compare(a, b)
            report.stage("writing")
            if out is not None:
                comparing.split_view(a, b, share).save(out, overwrite=True)
        if as_json:
            facts = {"a": str(first), "b": str(second), **comparing.as_json(comparison)}
            typer.echo(json.dumps({**facts, "split": str(out) if out else None}, indent=2, ensure_ascii=False))
            return
        report.result(_as_text(comparison))
        if out is not None:
            report.note(f"wrote {out}: {first.name} on the left, {second.name} on the right")


def _as_text(comparison: Comparison) -> str:
    similarity = "too small for it" if comparison.ssim is None else f"{comparison.ssim:.4f}"
    rows = (
        ("size", f"{comparison.width} x {comparison.height}, upright"),
        ("PSNR", f"{comparison.psnr_db:.2f} dB"),
        ("SSIM", similarity),
        ("differing", f"{100 * comparison.differing:.2f} % of the pixels"),
        ("measured on", "display values (sRGB, 0..1)"),
    )
    return "\n".join(f"{name:<13} {value}" for name, value in rows)


def _share(at: str) -> float:
    from dofsim.errors import ParameterError

    try:
        share = float(at.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ParameterError(f"cannot read {at!r} as a place for the line; write 0%..100% of the width (--at 50%)")
    return share
