"""Moving pictures: focus pulls out of one photo, and clips refocused frame by frame."""

from __future__ import annotations
