"""What the pages and the README say: their examples, commands and links."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")] if "_build" not in page.parts)
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]
#: Modules whose docstrings hold examples.
MODULES = ("dofsim.focus", "dofsim.lens", "dofsim.depth.depth_map", "dofsim.bokeh.aperture")


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_examples_of_a_page(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried, f"{page.name} holds no example"
    assert not failed


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried, f"{name} holds no example"
    assert not failed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    places = re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", text)
    assert [place for place in places if not (page.parent / place).exists()] == []


def test_pictures_are_small() -> None:
    large = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert {name: size for name, size in large.items() if size > 100_000} == {}


def test_every_command_and_option_that_is_written_down_exists() -> None:
    from dofsim.cli.app import commands

    whole, told = typer.main.get_command(commands()), []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        lines = re.findall(r"^(?:\S*/)?(dofsim [a-z].*)$", blocks, re.MULTILINE) + re.findall(
            r"`(dofsim [a-z][^`\n]*)`", text
        )
        for line in lines:
            words = shlex.split(re.split(r"  #|&&|\|", line)[0])[1:]
            command: Any = whole
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            known = {"-h", "--help", *(name for each in command.params for name in (*each.opts, *each.secondary_opts))}
            wrong = [word for word in words if re.match(r"--?[a-z]", word) and word not in known]
            told.append((page.name, line, command is not whole and not wrong))
    assert len(told) > 50
    assert [line for *line, holds in told if not holds] == []


def commands() -> list[str]:
    text = (DOCS / "tour" / "tasks.md").read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^dofsim render (\S+\.(?:png|jpg) .*)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", commands(), ids=lambda command: Path(command.split()[-1]).stem)
def test_a_command_does_what_its_page_shows(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the focus alone, not the picture: how it looks is for eyes."""
    from dofsim.cli.app import run

    monkeypatch.chdir(ROOT)
    words = shlex.split(command)
    words[words.index("-o") + 1] = str(tmp_path / "out.jpg")
    assert run(["render", *words, "--preview-focus"]) == 0, capsys.readouterr().err
    assert (tmp_path / "out.jpg").stat().st_size > 1000
