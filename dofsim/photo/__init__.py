"""Photo files in and out: pixels, colour profile, metadata, and the depth map that a phone stored inside."""

from __future__ import annotations

from dofsim.photo.colour import ColourProfile
from dofsim.photo.metadata import Metadata
from dofsim.photo.photo import Photo
from dofsim.photo.read import read_photo

__all__ = ["ColourProfile", "Metadata", "Photo", "read_photo"]
