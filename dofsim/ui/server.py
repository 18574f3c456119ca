"""Serve the page, and leave nothing behind."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dofsim.ui.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

# Gradio's own small print and orange button have less contrast than WCAG asks for (4.5:1).
_READABLE = {
    "body_text_color_subdued": "*neutral_600",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_hover_dark": "*primary_800",
}
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]


@contextmanager
def serving(
    first: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    max_upload: int = 100_000_000,
    max_pixels: float = 100e6,
) -> Iterator[str]:
    """Serve the page while the block runs; every file that it made is gone afterwards.

    Parameters
    ----------
    first : Path, optional
        A photo that the page shows at once.
    host : str
        Address to listen on; other machines can reach it only if it is another one than 127.0.0.1.
    port : int, optional
        Default: the first free one from 7860 on.
    max_upload : int
        Bytes of a file.
    max_pixels : float
        Of a photo.

    Yields
    ------
    str
        The address of the page.

    Raises
    ------
    OSError
        If the port is taken, or the host none of this machine.
    """
    _try_to_listen(host, port)
    with tempfile.TemporaryDirectory(prefix="dofsim-ui-") as name:
        folder = Path(name)
        results, uploads = folder / "results", folder / "uploads"
        results.mkdir()
        uploads.mkdir()
        with _environment(GRADIO_TEMP_DIR=str(uploads), GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1"):
            import gradio as gr
            from starlette.middleware import Middleware

            from dofsim.ui.answers import Answers
            from dofsim.ui.limits import Limits, closing_slow
            from dofsim.ui.page import build_page
            from dofsim.ui.previews import preview_route

            answers = Answers(SessionStore(results), first, max_pixels)
            page = build_page(answers)
            threading.Thread(target=_warm_up, daemon=True).start()
            _, url, _ = page.launch(
                server_name=host,
                server_port=port,
                max_file_size=max_upload,
                allowed_paths=[str(results)],
                prevent_thread_lock=True,
                quiet=True,
                inline=False,
                share=False,
                ssr_mode=False,
                enable_monitoring=False,
                footer_links=[],
                css_paths=Path(__file__).with_name("page.css"),
                app_kwargs={
                    "middleware": [Middleware(Limits, uploads=uploads, max_upload=max_upload)],
                    "routes": [preview_route(answers)],
                },
                theme=gr.themes.Default(font=_FONTS, font_mono=["ui-monospace", "monospace"]).set(**_READABLE),
            )
            try:
                with closing_slow(page.server):
                    yield url
            finally:
                page.close(verbose=False)


def _try_to_listen(host: str, port: int | None) -> None:
    # Gradio waits for ever for a server that could not begin.
    family, _, _, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    socket.create_server(address[:2], family=family).close()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set variables before Gradio is imported, which looks at them then and later."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _warm_up() -> None:
    """Compile, or load, the kernels before the first photo comes."""
    from dofsim.bokeh.warmup import compile_first_half, compile_second_half

    with suppress(Exception):
        compile_first_half()
        compile_second_half()
