"""The page: what is where on it, and which answer belongs to what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

if TYPE_CHECKING:
    from dofsim.ui.answers import Answers

_HERE = Path(__file__).parent
_PHOTOS = [".jpg", ".jpeg", ".png", ".heic", ".heif", ".tif", ".tiff", ".webp", ".avif"]
_DEPTHS = [".png", ".tif", ".tiff", ".npy", ".exr"]
# The controls tell the viewer in the browser itself: the way through the server and its queue would be slow to drag.
_TELL_VIEWER = """(...values) => {
  const names = NAMES;
  const detail = Object.fromEntries(names.map((name, index) => [name, values[index]]));
  document.dispatchEvent(new CustomEvent('dofsim-lens', { detail }));
}"""


def build_page(answers: Answers) -> gr.Blocks:
    """The page.

    Parameters
    ----------
    answers : Answers
        To its events. The previews do not come this way but by :func:`dofsim.ui.previews.preview_route`.

    Returns
    -------
    gradio.Blocks
    """
    with gr.Blocks(title="dofsim", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown("# dofsim\nTap what shall be sharp, drag the aperture.", elem_id="dofsim-title")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                viewer = gr.HTML(
                    None,
                    html_template=_text("viewer.html"),
                    css_template=_text("viewer.css"),
                    js_on_load=_text("viewer.js"),
                    elem_id="dofsim-viewer",
                )
                state = gr.Markdown("", elem_id="dofsim-full", min_height=40)
            with gr.Column(scale=1, min_width=280):
                photo = gr.File(label="Photo", file_types=_PHOTOS, type="filepath", height=130, elem_id="dofsim-photo")
                source = gr.Radio([], label="Depth from", visible=False, elem_id="dofsim-source")
                about = gr.Markdown("", elem_id="dofsim-depth")
                with gr.Accordion("Lens", open=False):
                    lens = _lens_controls()
                with gr.Accordion("Depth map of your own", open=False):
                    depth = gr.File(label="Depth map", file_types=_DEPTHS, type="filepath", height=130)
        names = list(lens)
        for control in lens.values():
            event = control.input if hasattr(control, "input") else control.change
            event(
                None,
                inputs=[lens[name] for name in names],
                js=_TELL_VIEWER.replace("NAMES", str(names)),
                api_visibility="private",
            )
        depth_controls = [source, about, lens["focal_length"]]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        photo.upload(answers.open_photo, [photo], [photo, viewer, *depth_controls], show_progress_on=[photo], **private)
        page.load(answers.open_first, None, [viewer, *depth_controls], **private)
        source.input(
            answers.choose_depth, [source, viewer], [viewer, *depth_controls], show_progress_on=[about], **private
        )
        depth.upload(
            answers.give_depth, [depth, viewer], [depth, viewer, *depth_controls], show_progress_on=[about], **private
        )
        viewer.settled(
            answers.keep,
            None,
            [viewer, state],
            show_progress_on=[state],
            trigger_mode="multiple",
            concurrency_limit=2,
            api_visibility="private",
        )
        page.unload(answers.forget)
    return page


def _lens_controls() -> dict[str, Any]:
    return {
        "focal_length": gr.Slider(
            20, 200, 50, step=1, label="Focal length, mm", info="35 mm-equivalent; longer blurs more", visible=False
        ),
        "blades": gr.Dropdown(
            [("Round", 0), *((f"{n} blades", n) for n in range(3, 12))], value=0, label="Aperture shape"
        ),
        "roundness": gr.Slider(0, 1, 0, step=0.05, label="Roundness of the blades"),
        "rotation": gr.Slider(0, 120, 0, step=5, label="Rotation, degrees"),
        "squeeze": gr.Slider(0.25, 1, 1, step=0.05, label="Squeeze", info="Below 1: anamorphic ovals"),
        "donut": gr.Slider(0, 0.9, 0, step=0.05, label="Donut", info="Dark middle of a mirror lens"),
        "bubble": gr.Slider(-1, 1, 0, step=0.1, label="Bubble", info="1: bright rims, -1: creamy ones"),
        "cats_eye": gr.Slider(0, 1, 0, step=0.05, label="Cat's eye", info="Lemons towards the corners"),
        "fringing": gr.Slider(0, 0.1, 0, step=0.005, label="Fringing", info="Magenta rims in front, green ones behind"),
        "highlight_strength": gr.Slider(
            0, 3, 1, step=0.1, label="Clipped lights", info="0: as in the photo; 1: as they plausibly were"
        ),
        "grain": gr.Checkbox(True, label="Give back grain"),
    }


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
