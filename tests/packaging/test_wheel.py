"""What gets installed: dofsim, with datasets/ inside it, and nothing that is called datasets, tests or benchmarks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this tree, built in a copy of it."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, copy)
    for name in ("dofsim", "datasets"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests").mkdir()
    (copy / "benchmarks").mkdir()
    (copy / "tests" / "__init__.py").touch()
    (copy / "tests" / "test_files.py").touch()
    return zipfile.ZipFile(_build("wheel", copy, copy))


def _build(kind: str, tree: Path, out: Path) -> Path:
    build = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    command = [sys.executable, "-W", "ignore", "-c", build, str(out)]
    finished = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return out / finished.stdout.split()[-1]


def test_the_source_distribution_makes_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    tree = Path(str(wheel.filename)).parent
    with tarfile.open(_build("sdist", tree, tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
        archive.extractall(tmp_path, filter="data")
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "datasets", "dofsim", "dofsim.egg-info", "pyproject.toml",
        "setup.cfg",
    }  # fmt: skip
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with zipfile.ZipFile(_build("wheel", unpacked, tmp_path)) as again:
        assert set(again.namelist()) == set(wheel.namelist())
        for name in wheel.namelist():
            if not name.endswith("RECORD"):
                assert again.read(name) == wheel.read(name), name


def test_only_dofsim_is_installed(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dofsim"}


def test_the_wheel_holds_every_file_of_both_folders_and_no_other(wheel: zipfile.ZipFile) -> None:
    def files(folder: str) -> set[str]:
        found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
        return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}

    wanted = files("dofsim") | {f"dofsim/{path}" for path in files("datasets")}
    there = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert "dofsim/depth/weights/estimator.onnx" in there
    assert not wanted - there, "name their folders in [tool.setuptools] packages or package-data"
    assert not there - wanted


def test_the_package_list_names_folders_that_exist(pyproject: dict) -> None:
    for package in pyproject["tool"]["setuptools"]["packages"]:
        folder = ROOT / package.replace("dofsim.datasets", "datasets").replace(".", "/")
        assert (folder / "__init__.py").is_file(), package


def test_the_version_has_one_source(pyproject: dict, wheel: zipfile.ZipFile) -> None:
    import dofsim

    assert pyproject["project"]["dynamic"] == ["version"]
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert f"\nVersion: {dofsim.__version__}\n" in wheel.read(metadata).decode()


def test_the_base_install_stays_free_of_torch(pyproject: dict) -> None:
    base = " ".join(pyproject["project"]["dependencies"])
    assert "torch" not in base
    assert "timm" not in base
    assert "opencv-python-headless" in base
