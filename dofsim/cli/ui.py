"""``dofsim ui``: refocus with a finger, in a browser."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from dofsim.cli.options import Quiet
from dofsim.errors import MissingExtraError, OutputError, ParameterError


def ui(
    photo: Annotated[
        Path | None, typer.Argument(metavar="PHOTO", help="Open this one at once; others can be dropped.")
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen here; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, help="Port.  [the first free one from 7860 on]")
    ] = None,
    max_upload: Annotated[str, typer.Option(metavar="100MB", help="Largest file that is taken.")] = "100MB",
    max_megapixels: Annotated[float, typer.Option(metavar="MP", min=0.01, help="Largest photo that is taken.")] = 100.0,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in the browser of this machine.")] = False,
    quiet: Quiet = False,
) -> None:
    """Serve a page where a tap focuses and the aperture follows the finger; needs dofsim[ui].

    Photos stay on this machine: nothing is sent anywhere, and everything that the page wrote is deleted when it ends
    (Ctrl-C). Who opens the page sees only photos of their own and PHOTO.

    \b
    Examples:
      dofsim ui dog.heic --browser
      dofsim ui --host 0.0.0.0 --port 8080 --max-upload 30MB
    """
    import importlib.util

    if importlib.util.find_spec("gradio") is None:
        raise MissingExtraError("the page needs gradio, which is not installed; pip install 'dofsim[ui]'")
    from dofsim.cli.report import Report
    from dofsim.memory import parse_memory
    from dofsim.photo import read_photo

    try:
        upload = parse_memory(max_upload)
    except ParameterError as error:
        raise ParameterError(f"{max_upload!r} is no size of a file (--max-upload 30MB)") from error
    with Report(1, quiet=quiet) as report:
        if photo is not None:
            read_photo(photo, max_pixels=1e6 * max_megapixels)
        from dofsim.ui.server import serving

        # Who asks a server to end wants it to clean up as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with serving(photo, host=host, port=port, max_upload=upload, max_pixels=1e6 * max_megapixels) as address:
                report.result(f"The page is at {address} (Ctrl-C ends it)")
                if browser:
                    typer.launch(address)
                threading.Event().wait()
        except OSError as error:
            place = f"{host}:{port}" if port else host
            why = str(error.strerror or error).split(" (")[0]
            raise OutputError(f"cannot listen on {place} ({why}); choose another --port or --host") from error
        except KeyboardInterrupt:
            report.note("the page has ended, its files are deleted")
