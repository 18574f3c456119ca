"""The one place where ONNX Runtime is loaded, so that it is silent wherever dofsim uses it."""

from __future__ import annotations

from typing import Any


def load() -> Any:
    """The module ``onnxruntime``, its telemetry switched off.

    Official builds for Windows send events on how sessions go unless they are told not to.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime
