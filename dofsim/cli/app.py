"""The commands, and the one place that turns errors into a sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from dofsim import __version__
from dofsim.cli import (
    batch,
    bench,
    compare,
    data,
    depth,
    doctor,
    evaluate,
    export,
    info,
    models,
    rack,
    render,
    stack,
    train,
    ui,
    video,
    warmup,
)
from dofsim.cli.help import PlainHelp, short_help
from dofsim.errors import DofsimError, OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_EPILOG = """\
\b
Examples:
  dofsim render dog.heic --focus-at 45%,40% --blur 3%
  dofsim --install-completion           # then <Tab> completes commands and options
\n
\b
Environment:
  DOFSIM_THREADS, DOFSIM_MAX_MEMORY, DOFSIM_MODELS, NUMBA_CACHE_DIR: docs/environment.md
\n
\b
Exit codes:
    0  done
    1  unexpected error (set DOFSIM_DEBUG=1 to see where)
    2  wrong command line, or a parameter out of range
    3  a photo cannot be read
    4  the depth cannot be read or does not fit
    5  the output cannot be written
    6  the depth model cannot be used
    7  an optional part is not installed
  130  interrupted (143: ended by SIGTERM)
"""

# Typer's completion takes a fifth of the time that a command's `--help` does, and no command needs it.
_SETS_UP_SHELL = "_DOFSIM_COMPLETE" in os.environ or not sys.argv[1:] or sys.argv[1].startswith("-")

# Help and errors are plain text: laying them out with rich costs more time than all else that `--help` does.
app = typer.Typer(
    name="dofsim",
    help="Give a phone photo the shallow depth of field of a fast lens.",
    epilog=_EPILOG,
    add_completion=_SETS_UP_SHELL,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("render", cls=short_help(render.RARE), short_help="Refocus photos.")(render.render)
app.command("batch", cls=short_help(batch.RARE), short_help="Refocus folders full of photos, on all cores.")(
    batch.batch
)
app.command("rack", cls=short_help(rack.RARE), short_help="Pull focus through a photo: a short film.")(rack.rack)
app.command("video", cls=short_help(video.RARE), short_help="Refocus a clip.")(video.video)
app.command("stack", cls=short_help(stack.RARE), short_help="Make a focus stack of a photo, with its optics.")(
    stack.stack
)
app.command("depth", cls=PlainHelp, short_help="Save the depth of a photo.")(depth.depth)
app.command("info", cls=PlainHelp, short_help="Say what photos are and which depth they carry.")(info.info)
app.command("ui", cls=PlainHelp, short_help="Refocus with a finger, in a browser.")(ui.ui)
app.command("compare", cls=PlainHelp, short_help="Compare two pictures: PSNR, SSIM, a split view.")(compare.compare)
app.add_typer(data.app, name="data", short_help="Look at data sets, and pack them for training.")
app.command("train", cls=short_help(train.RARE), short_help="Train a depth estimator.")(train.train)
app.command("eval", short_help="Score a depth model on a data set.")(evaluate.evaluate)
app.command("export", cls=PlainHelp, short_help="Write a trained depth estimator as ONNX.")(export.export)
app.add_typer(models.app, name="models", short_help="List depth models, and fetch public ones.")
app.add_typer(bench.app, name="bench", short_help="Measure dofsim on this machine.")
app.command("doctor", short_help="Say whether all is well on this machine, and what to do if not.")(doctor.doctor)
app.command("warmup", short_help="Compile the kernels before the first photo.")(warmup.warmup)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dofsim {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and say how it went.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; default: those of the process.

    Returns
    -------
    int
        The exit code; 0 is success. Errors are one line on stderr, never a traceback.
    """
    debug = bool(os.environ.get("DOFSIM_DEBUG"))
    with warnings.catch_warnings():
        if not debug:
            # Warnings of libraries are for developers; dofsim's own are shown by the commands.
            warnings.simplefilter("ignore")
        try:
            return int(app(args=arguments, prog_name="dofsim", standalone_mode=False) or 0)
        except DofsimError as error:
            _complain(str(error))
            return error.exit_code
        except (KeyboardInterrupt, typer.Abort):
            _complain("interrupted")
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            # The reader of a pipe (head, less) has seen enough; Python would complain again while it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            if isinstance(error, _usage_error()):
                _complain(error.format_message())  # type: ignore[attr-defined]
                return 2
            if debug:
                raise
            if isinstance(error, OSError):
                # Reading a photo has errors of its own; what is left is mostly a full disk behind stdout.
                _complain(f"the system refused: {error}")
                return OutputError.exit_code
            if "no locator available" in str(error):
                _complain("Numba may write its kernels to no folder; set NUMBA_CACHE_DIR to one that you may write to")
                return OutputError.exit_code
            _complain(
                f"unexpected {type(error).__name__}: {error}; this is a bug of dofsim (DOFSIM_DEBUG=1 shows where)"
            )
            return 1


def main() -> None:
    """Enter from the shell."""
    # As after Ctrl-C, temporary files are removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    sys.exit(run())


def _usage_error() -> type[Exception]:
    # Some releases of typer carry click inside, others depend on it; the class is the same step above BadParameter.
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    return usage_error


def _complain(message: str) -> None:
    typer.echo("error: " + " ".join(message.split()), err=True)
