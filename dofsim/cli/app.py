"""The commands, and the one place that turns errors into a sentence and an exit code."""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import sys
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dofsim import __version__
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

COMMANDS = {
    "render": ("render", "Refocus photos."),
    "batch": ("batch", "Refocus folders full of photos, on all cores."),
    "rack": ("rack", "Pull focus through a photo: a short film."),
    "video": ("video", "Refocus a clip."),
    "stack": ("stack", "Make a focus stack of a photo, with its optics."),
    "depth": ("depth", "Save the depth of a photo."),
    "info": ("info", "Say what photos are and which depth they carry."),
    "ui": ("ui", "Refocus with a finger, in a browser."),
    "compare": ("compare", "Compare two pictures: PSNR, SSIM, a split view."),
    "data": ("data", "Look at data sets, and pack them for training."),
    "train": ("train", "Train a depth estimator."),
    "eval": ("evaluate", "Score a depth model on a data set."),
    "export": ("export", "Write a trained depth estimator as ONNX."),
    "models": ("models", "List depth models, and fetch public ones."),
    "bench": ("bench", "Measure dofsim on this machine."),
    "doctor": ("doctor", "Say whether all is well on this machine, and what to do if not."),
    "warmup": ("warmup", "Compile the kernels before the first photo."),
}
"""Module of :mod:`dofsim.cli` and short help of each command. The module has a function of its name, or an ``app``."""


def commands(only: str | None = None) -> typer.Typer:
    """The command line.

    Parameters
    ----------
    only : str, optional
        The only one of the :data:`COMMANDS` that is wanted: describing all of them to Typer takes as long as starting
        Python four times. Default: all.
    """
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
    app.callback(invoke_without_command=True)(_root)
    for name in COMMANDS if only is None else (only,):
        of, sentence = COMMANDS[name]
        module = importlib.import_module(f"dofsim.cli.{of}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, short_help=sentence)
        else:
            kind = short_help(module.RARE) if hasattr(module, "RARE") else PlainHelp
            app.command(name, cls=kind, short_help=sentence)(getattr(module, of))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dofsim {__version__}")
        raise typer.Exit


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
            return int(commands(_asked(arguments))(args=arguments, prog_name="dofsim", standalone_mode=False) or 0)
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


def main() -> NoReturn:
    """Run the command line of the process.

    Raises
    ------
    SystemExit
        At the end, with the exit code of :func:`run`.
    """
    _open_what_is_closed()
    # As after Ctrl-C, temporary files are removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    sys.exit(run())


def start() -> NoReturn:
    """Enter from the shell: :func:`main`, and end the process.

    Taking Numba apart would take 0.15 s more after a rendering, and the system does without.
    """
    try:
        main()
    except SystemExit as left:
        _flush()
        if threading.active_count() == 1:
            # Whoever asked to be told of the end is: temporary files go, and other processes are waited for.
            atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself would do next
            _flush()
            os._exit(int(left.code or 0))
        raise


def _flush() -> None:
    """Write what the streams still hold. What they do not take was told of by :func:`run`, if anybody can be told."""
    # Either is None where the shell has closed it.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        if stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            # From Python 3.14 on it is kept, and would be tried once more at the end, which then fails with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_what_is_closed() -> None:
    """Give the process the streams that the shell closed (``>&-``), or the next file would get their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue
            opened = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))


def _asked(arguments: Sequence[str] | None) -> str | None:
    first = next(iter(sys.argv[1:] if arguments is None else arguments), None)
    return first if first in COMMANDS else None


def _usage_error() -> type[Exception]:
    # Some releases of typer carry click inside, others depend on it; the class is the same step above BadParameter.
    usage_error: type[Exception] = typer.BadParameter.__mro__[1]
    return usage_error


def _complain(message: str) -> None:
    # Where nobody can be told, the exit code tells.
    with suppress(OSError):
        typer.echo("error: " + " ".join(message.split()), err=True)
