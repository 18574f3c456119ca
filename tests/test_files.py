"""Files appear whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dofsim.errors import OutputError
from dofsim.files import atomic_path, read_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_writes_and_keeps_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.tar.png") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"new")
        assert not (tmp_path / "a.tar.png").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.png"]
    assert (tmp_path / "a.tar.png").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    place = tmp_path / "a.png"
    place.write_bytes(b"old")

    def write() -> None:
        with atomic_path(place) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert place.read_bytes() == b"old"


def test_os_error_becomes_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no space left"), atomic_path(tmp_path / "a.png"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_overwrite_must_be_allowed(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    place.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"), atomic_path(place, overwrite=False):
        pass
    assert place.read_bytes() == b"old"


def test_permissions(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    old = os.umask(0o022)
    try:
        with atomic_path(place) as temporary:
            temporary.write_bytes(b"1")
    finally:
        os.umask(old)
    assert place.stat().st_mode & 0o777 == 0o644
    place.chmod(0o640)
    with atomic_path(place) as temporary:
        temporary.write_bytes(b"2")
    assert place.stat().st_mode & 0o777 == 0o640


def test_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    with atomic_path(tmp_path / "link.png") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["nowhere/a.png", ".", "a\0b.png", "x" * 300 + ".png"])
def test_bad_places(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot write"), atomic_path(tmp_path / name):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match="taken is no folder"), atomic_path(tmp_path / "taken" / "x.png"):
        pass


def test_only_files_are_read_that_have_an_end_and_fit_into_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="no regular file"):
            read_whole(endless)
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 10**12)
    with pytest.raises(OSError, match="1,000,000 MB"):
        read_whole(large)
    monkeypatch.setenv("DOFSIM_MAX_MEMORY", "1KB")
    os.truncate(large, 1000)
    assert read_whole(large) == bytes(1000)
    os.truncate(large, 1001)
    with pytest.raises(OSError, match="DOFSIM_MAX_MEMORY"):
        read_whole(large)
