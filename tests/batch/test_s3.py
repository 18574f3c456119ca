"""From bucket to bucket, through a server that speaks S3 (``pip install 'moto[server]' s3fs``)."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dofsim.batch import run_batch
from dofsim.batch.journal import read_report
from dofsim.errors import OutputError
from tests.batch.conftest import REPORTS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def bucket(monkeypatch) -> Iterator[Any]:
    """An s3fs file system with an empty bucket ``pail``, which workers find through their environment."""
    server = pytest.importorskip("moto.server", reason="there is no S3 (pip install 'moto[server]' s3fs)")
    s3fs = pytest.importorskip("s3fs", reason="there is no S3 (pip install 'moto[server]' s3fs)")
    thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    thread.start()
    host, port = thread.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        files = s3fs.S3FileSystem(use_listings_cache=False)
        files.mkdir("pail")
        yield files
        # The server forgets nothing while this process lives.
        files.rm("pail", recursive=True)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        thread.stop()


def fill(files: Any, *names: str) -> None:
    """Put photos of noise of 48 x 32 px below ``pail/in``."""
    for index, name in enumerate(names):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 48, 3)).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        files.pipe_file(f"pail/in/{name}", stream.getvalue())


def results(files: Any) -> dict[str, str]:
    """Names below ``pail/out``, all of which are whole where they are pictures, and when each was written."""
    there = {}
    for name, about in files.find("pail/out", detail=True).items():
        there[name.removeprefix("pail/out/")] = str(about["LastModified"])
        if name.endswith(".png"):
            with Image.open(io.BytesIO(files.cat_file(name))) as image:
                image.load()
    return there


def test_a_tree_is_mirrored_in_another_place_and_what_failed_is_done_later(bucket) -> None:
    fill(bucket, "a.png", "sub/b.png", "sub/c.png")
    bucket.pipe_file("pail/in/sub/bad.png", b"%PDF-1.4")
    summary = run_batch(["s3://pail/in"], "s3://pail/out", workers=2)
    assert (summary.found, summary.done, summary.failed) == (4, 3, 1)
    pictures = {"a.dof.png", "sub/b.dof.png", "sub/c.dof.png"}
    before = results(bucket)
    assert set(before) == REPORTS | pictures
    (bad,) = (row for row in read_report("s3://pail/out")["photos"] if row["status"] == "failed")
    assert bad["source"] == "s3://pail/in/sub/bad.png"

    fill(bucket, "sub/bad.png", "new.png")
    bucket.rm_file("pail/out/a.dof.png")
    summary = run_batch(["s3://pail/in/**/*.png"], "s3://pail/out", workers=1, resume=True)
    assert (summary.found, summary.kept, summary.done, summary.failed) == (5, 2, 3, 0)
    after = results(bucket)
    assert set(after) == REPORTS | pictures | {"sub/bad.dof.png", "new.dof.png"}
    assert all(after[name] == before[name] for name in ("sub/b.dof.png", "sub/c.dof.png"))
    report = read_report("s3://pail/out")
    assert (report["done"], report["failed"], len(report["photos"])) == (5, 0, 5)


def test_a_run_that_is_killed_leaves_whole_results_and_its_journal(bucket) -> None:
    fill(bucket, *(f"{index:02d}.png" for index in range(40)))
    program = (
        "import sys; from dofsim.batch import journal; journal._UPLOAD_EVERY_S = 0.0; journal._UPLOAD_SHARE = 1.0; "
        "from dofsim.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "batch", "s3://pail/in", "-o", "s3://pail/out", "--workers", "1", "-q"]
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while len(bucket.find("pail/out")) < 6 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = results(bucket)
    assert set(left).isdisjoint({"report.csv", "report.json"})
    assert "report.jsonl" in left
    summary = run_batch(["s3://pail/in"], "s3://pail/out", workers=1, resume=True)
    assert (summary.found, summary.failed) == (40, 0)
    assert summary.kept >= 3
    assert len(results(bucket)) == len(REPORTS) + 40
    counts = Counter(row["source"] for row in read_report("s3://pail/out")["photos"])
    assert len(counts) == 40
    assert set(counts.values()) == {1}


def test_a_bucket_that_is_missing_is_known_before_anything_is_done_and_is_not_made(bucket) -> None:
    fill(bucket, "a.png")
    with pytest.raises(OutputError, match="s3://pale/out"):
        run_batch(["s3://pail/in"], "s3://pale/out", workers=1)
    assert not bucket.exists("pale")


def test_actors_of_ray_go_from_bucket_to_bucket(bucket) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed (pip install 'dofsim[cluster]')")
    fill(bucket, "a.png", "sub/b.png", "sub/c.png")
    summary = run_batch(["s3://pail/in"], "s3://pail/out", engine="ray", workers=2)
    assert (summary.done, summary.failed) == (3, 0)
    assert set(results(bucket)) == REPORTS | {"a.dof.png", "sub/b.dof.png", "sub/c.dof.png"}
