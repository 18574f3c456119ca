"""What a release rests on: a tag that says the version, pinned dependencies, and lists that leave none of them out."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Tools of developers; whoever installs dofsim does not get them.
TOOLS = ("dev", "docs", "test")
CHANGES = "# Changes\n\n## Unreleased\n\n## 0.2.0 - 2026-11-30\n\n### Added\n\n- Much.\n\n## 0.1.0 - 2026-01-01\n"


def needed(*left_out: str) -> dict[str, SpecifierSet]:
    """Every distribution that pyproject.toml asks for, and which versions of it."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for name in extras if name not in left_out for line in extras[name])]
    asked = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each.specifier for each in asked if each.name != "dofsim"}


def pins(name: str) -> dict[str, list[Requirement]]:
    """The lines of a file of constraints by distribution, of which some have one for each range of Pythons."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.lstrip().startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def exact(pin: Requirement) -> Version:
    (only,) = pin.specifier
    assert only.operator == "==", pin
    return Version(only.version)


@pytest.fixture(scope="module")
def check_tag() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_tag", ROOT / ".ci" / "check_tag.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("tag", "version", "changes", "match"),
    [
        ("v0.2.0", "0.2.0", CHANGES, None),
        ("v0.2.0rc1", "0.2.0rc1", CHANGES.replace("0.2.0", "0.2.0rc1"), None),
        ("0.2.0", "0.2.0", CHANGES, "name it v0.2.0"),
        ("v0.3.0", "0.2.0", CHANGES, "name it v0.2.0"),
        ("v0.2.0-1", "0.2.0-1", CHANGES, "none of the form"),
        ("v0.1.0", "0.1.0", CHANGES, "not called '0.1.0 - "),
        ("v0.2.0", "0.2.0", CHANGES.replace("2026-11-30", "soon"), "not called '0.2.0 - "),
        ("v0.2.0", "0.2.0", CHANGES.replace("Unreleased\n", "Unreleased\n\n- More.\n"), "an empty section Unreleased"),
        ("v0.2.0", "0.2.0", CHANGES.replace("## Unreleased\n\n", ""), "an empty section Unreleased"),
        ("v0.2.0", "0.2.0", CHANGES[: CHANGES.index("## 0.2.0")], "not called '0.2.0 - "),
    ],
)
def test_a_tag_says_what_its_tree_says(
    check_tag: ModuleType, tag: str, version: str, changes: str, match: str | None
) -> None:
    found = check_tag.fault(tag, version, changes)
    assert found is None if match is None else match in found


def test_a_wrong_tag_ends_the_release(check_tag: ModuleType) -> None:
    assert "the tag v99.0.0 is not that of the version" in check_tag.main(["v99.0.0"])
    assert "usage" in check_tag.main([])


def test_the_pinned_set_up_is_one_that_is_allowed() -> None:
    pinned = pins("constraints.txt")
    for name, allowed in needed().items():
        assert name in pinned, f"refresh constraints.txt with the command at its top: it lacks {name}"
        for pin in pinned[name]:
            assert exact(pin) in allowed, pin
    assert {str(exact(pin)) for pin in pinned["torch"]} == {
        str(exact(pin)) for pin in pins(".ci/constraints.txt")["torch"]
    }


def test_every_lower_bound_is_the_one_that_is_tried() -> None:
    tried = pins(".ci/lowest.txt")
    for name, allowed in needed("dev", "docs").items():
        (bound,) = (Version(each.version) for each in allowed if each.operator == ">=")
        (pin,) = tried[name]
        assert exact(pin) == bound, (
            f"refresh .ci/lowest.txt with the command at its top, or correct the bound of {name}"
        )


def test_the_list_of_licences_leaves_nothing_out() -> None:
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    licences = {canonicalize_name(cells[0]): cells[1] for cells in rows if len(cells) == 3}
    for name in needed(*TOOLS):
        assert licences.get(name), f"{name} is missing; run docs/licences.py"
    assert not [name for name, licence in licences.items() if "unknown" in licence.lower()]
    from dofsim.depth import registry

    for model in (*registry.known_models(), registry.find_model().name):
        assert f"`{model}`" in text


def test_classifiers_name_the_pythons_that_were_tried() -> None:
    stated = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert stated[0] == PROJECT["requires-python"].removeprefix(">=")
    text = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    assert stated == re.findall(r"^\| Python (3\.\d+)", text, re.MULTILINE)
