"""Which sources may train the weights that are shipped, as data, with the reason for each.

Shipped weights are licensed like the code. They may therefore see only sources whose *stated* terms
permit it: MIT, BSD, Apache-2.0, HPND, CC-BY, and the Middlebury stereo data (use and publication with
citation). Sources that are non-commercial, of mixed or unstated licence, or of unstated origin serve
evaluation only. A source that is not listed is not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What a source may be used for.

    Attributes
    ----------
    licence : str
        The licence as stated at the origin.
    train : bool
        Whether shipped weights may be trained on it.
    scenes : tuple of str, optional
        When given, only scenes whose name starts with one of these may train; the rest of the source may not.
    phone : bool
        Photos of a phone (or tablet) with the depth that the phone recorded.
    citation : str
        To be cited in the model card, empty where none is asked for.
    reason : str
        Why not, where ``train`` is false.
    """

    licence: str
    train: bool
    scenes: tuple[str, ...] | None = None
    phone: bool = False
    citation: str = ""
    reason: str = ""


_SCHARSTEIN_2002 = "Scharstein and Szeliski, IJCV 47(1-3), 2002"
_SCHARSTEIN_2003 = "Scharstein and Szeliski, CVPR 2003"
_SCHARSTEIN_2007 = "Scharstein and Pal, CVPR 2007; Hirschmueller and Scharstein, CVPR 2007"
_MIDDLEBURY = "Middlebury stereo data (use and publication with citation)"


def _no(licence: str, reason: str, *, phone: bool = False) -> Terms:
    return Terms(licence, train=False, phone=phone, reason=reason)


_NONE = "no licence stated"
_NC = "non-commercial"

#: Terms by source folder name.
TERMS: dict[str, Terms] = {
    "middlebury2001": Terms(_MIDDLEBURY, train=True, citation=_SCHARSTEIN_2002),
    "middlebury2003": Terms(_MIDDLEBURY, train=True, citation=_SCHARSTEIN_2003),
    "middlebury2005": Terms(_MIDDLEBURY, train=True, citation=_SCHARSTEIN_2007),
    "middlebury2006": Terms(_MIDDLEBURY, train=True, citation=_SCHARSTEIN_2007),
    "middlebury2021_sgbm": Terms(
        _MIDDLEBURY, train=True, citation="Middlebury 2021 mobile dataset, vision.middlebury.edu/stereo/data/scenes2021"
    ),
    "ios_depth_sampler": Terms("MIT", train=True, phone=True),
    "heic_pug": Terms("BSD-3-Clause", train=True, phone=True),
    "lensblur_depthy": Terms("MIT", train=True, phone=True),
    "lensblur_spite": Terms("MIT", train=True, phone=True, citation="photo credited to @blurspline"),
    "arkit_promptda": Terms("Apache-2.0", train=True, phone=True),
    "arc_robot": Terms("Apache-2.0", train=True),
    "hololens_office": Terms("MIT", train=True),
    "aims_lab": Terms("MIT", train=True),
    "rgbdsal_dut": Terms("MIT", train=True),
    "stereo_mpo_pillow": Terms("HPND", train=True),
    "ycbv_posecnn": Terms("MIT", train=True),
    "stereo_driving": Terms(
        "CC-BY-4.0 (SIDMini); others KITTI CC-BY-NC-SA or none stated",
        train=True,
        scenes=("sidmini_",),
        citation="SIDMini, github.com/ibaiGorordo/SIDMini, CC-BY-4.0",
    ),
    "caoxiang": _no("MIT (repository)", "the origin of the images is not stated"),
    "stereo_demo": _no("NVIDIA non-commercial; Apache-2.0; none stated", "mixed licences"),
    "lensblur2": _no("none stated; MIT", "mixed licences", phone=True),
    "arkit_imgreloc": _no("none stated", _NONE, phone=True),
    "ucn": _no("NVIDIA source licence", _NC),
    "uoais": _no("own academic licence", _NC),
    "aolyu_d435": _no("none stated", _NONE),
    "graspnet": _no("GraspNet licence", _NC),
    "7scenes_redkitchen": _no("7-Scenes terms", _NC),
    "kitti": _no("CC-BY-NC-SA-3.0", _NC),
    "kitti_metric3d": _no("CC-BY-NC-SA-3.0", _NC),
    "ist_goncalo": _no("none stated", _NONE),
    "ist_rubenftgd": _no("none stated", _NONE),
    "cup_table": _no("none stated", _NONE),
    "dignet_table": _no("none stated", _NONE),
    "lattermann_rc": _no("none stated", _NONE),
    "lf_hci": _no("CC-BY-NC-SA-4.0", _NC),
    "lf_hci_gt": _no("CC-BY-NC-SA-4.0", _NC),
    "lf_lytro": _no("none stated", _NONE),
    "peach_kinect": _no("none stated", _NONE),
    "planehec_bench": _no("none stated", _NONE),
    "rgbdsal_des": _no("none stated", _NONE),
    "scannet_tcd": _no("CC-BY-NC-4.0, ScanNet terms", _NC),
    "sintel_dignet": _no("none stated", _NONE),
    "stereo_flyingthings": _no("none stated", _NONE),
    "strawberry_usman": _no("none stated", _NONE),
}

#: Matte sources (prefix of the matte's id) that may train shipped weights, with their licence.
MATTE_TERMS: dict[str, str] = {"pymatting": "MIT", "p3m": "MIT", "aim": "MIT"}

#: Scene-name prefixes that share props, a room or a subject; they never lie on both sides of a split.
FAMILIES: dict[str, tuple[str, ...]] = {
    "middlebury2001": ("barn",),
    "middlebury2005": ("Art", "Books", "Laundry", "Moebius"),
    "middlebury2006": ("Baby", "Bowling", "Cloth", "Lampshade", "Midd", "Plastic", "Rocks", "Wood"),
    "middlebury2021_sgbm": (
        "artroom", "bandsaw", "chess", "curule", "ladder", "octogons", "pendulum", "podium", "skates", "skiboots",
        "traproom",
    ),
    "ycbv_posecnn": ("scene_",),
    "arc_robot": ("",),
}  # fmt: skip


def may_train(source: str, scene: str = "") -> bool:
    """Whether shipped weights may be trained on a scene.

    Parameters
    ----------
    source : str
        Folder name of the source.
    scene : str, optional
        Scene within it, for sources that are only partly permitted.

    Returns
    -------
    bool
        False for every source that is not listed in :data:`TERMS`.
    """
    terms = TERMS.get(source)
    if terms is None or not terms.train:
        return False
    return terms.scenes is None or scene.startswith(terms.scenes)


def is_phone(source: str) -> bool:
    """Whether the source holds phone photos with the phone's own depth."""
    terms = TERMS.get(source)
    return terms is not None and terms.phone


def matte_may_train(identifier: str) -> bool:
    """Whether shipped weights may be trained on a matte, by the prefix of its id."""
    return identifier.split("_", 1)[0] in MATTE_TERMS


def family(source: str, scene: str) -> str:
    """Name of the group of scenes that must stay on one side of a split."""
    for prefix in FAMILIES.get(source, ()):
        if scene.startswith(prefix):
            return f"{source}/{prefix or '*'}"
    return f"{source}/{scene}"
