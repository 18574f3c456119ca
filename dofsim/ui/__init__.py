"""The page with tap-to-focus: :class:`~dofsim.ui.session.Session` does the work, Gradio shows it (``dofsim[ui]``)."""
