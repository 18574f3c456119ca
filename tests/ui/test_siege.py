"""A page that visitors wish ill: slow ones, many at a time, endless bodies, and paths that lead elsewhere."""

from __future__ import annotations

import http.client
import io
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from PIL import Image

MB = 1_000_000
LARGEST_UPLOAD = 2 * MB
PATIENT_S = 30.0
SLOW = 200
IMPATIENT = "from dofsim.ui import limits\nlimits.HEAD_S = limits.BODY_S = 2.0\nlimits.UPLOAD_S = 4.0"


@pytest.fixture(scope="module")
def page(serve: Callable[..., Any]) -> Iterator[Page]:
    with serve("--max-upload", "2MB", "--max-megapixels", "2", before=IMPATIENT) as served:
        yield Page(served)


class Page:
    """A page as a visitor without a browser sees it."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.host = urlsplit(served.address).netloc
        self.folder = next(served.temporary.glob("dofsim-ui-*"))
        # The kernels are loaded, or compiled, beside.
        before, until = -1, time.monotonic() + 120
        while self.memory()[0] != before and time.monotonic() < until:
            before = self.memory()[0]
            time.sleep(1.5)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of an answer; 0 if the server hangs up."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENT_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (ConnectionError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def is_well(self) -> bool:
        """Whether the page still comes, and soon."""
        began = time.monotonic()
        status, body = self.ask("GET", "/")
        return status == 200 and b"dofsim" in body and time.monotonic() - began < PATIENT_S / 2

    def memory(self) -> tuple[int, int]:
        """What the server holds, and the most that it has ever held, bytes."""
        status = Path(f"/proc/{self.served.process.pid}/status")
        if not status.exists():
            pytest.skip("this system does not tell what another process holds")
        text = status.read_text(encoding="ascii")
        held, most = (int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024 for name in ("VmRSS", "VmHWM"))
        return held, most

    def upload(self, data: bytes, name: str = "a.jpg") -> tuple[int, bytes]:
        """Upload a file."""
        body = _form(name, data)
        return self.ask("POST", "/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=b"})

    def event(self, target: str, data: list[Any]) -> dict[str, Any]:
        """Trigger the page's event of this name with inputs of one's own, as no browser would; what it ends with."""
        status, config = self.ask("GET", "/config")
        assert status == 200
        places = [each["id"] for each in json.loads(config)["dependencies"] if each["targets"][0][1] == target]
        session = secrets.token_hex(5)
        told = {"data": data, "fn_index": places[0], "session_hash": session, "event_data": None, "trigger_id": None}
        status, said = self.ask("POST", "/gradio_api/queue/join", json.dumps(told), {"Content-Type": JSON})
        if status != 200:
            return {"success": False, "output": {"error": said.decode()}}
        connection = http.client.HTTPConnection(self.host, timeout=PATIENT_S)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={session}")
            for line in connection.getresponse():
                message = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
                if message.get("msg") == "process_completed":
                    return message
        finally:
            connection.close()
        return {"success": False, "output": {}}


JSON = "application/json"
SLOW_UPLOAD = (
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
)


def _form(name: str, data: bytes) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n--b--\r\n"


def _photo(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 64, 3)).astype(np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def test_slow_visitors_keep_nobody_out_and_are_sent_away(page: Page) -> None:
    before = page.memory()[0]
    heads = (b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"", SLOW_UPLOAD)
    host, port = page.host.split(":")
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)), PATIENT_S)) for _ in range(SLOW)]
        for number, connection in enumerate(slow):
            connection.sendall(heads[number % 3])
        assert page.is_well()
        assert page.memory()[0] - before < 60 * MB
        until = time.monotonic() + PATIENT_S
        while (left := [each for each in slow if not _is_closed(each)]) and time.monotonic() < until:
            for connection in left:
                with suppress(OSError):
                    connection.sendall(b"a")  # a byte now and then, which is what keeps a patient server waiting
            time.sleep(0.5)
        assert not left
    assert page.is_well()


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while (said := connection.recv(4096)) != b"":
            assert said
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)


def test_a_hundred_uploads_at_a_time(page: Page) -> None:
    before, files = page.memory()[0], [secrets.token_bytes(300_000) for _ in range(100)]
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(page.upload, files))
    assert [status for status, _ in answers] == [200] * 100
    paths = [json.loads(body)[0] for _, body in answers]
    assert len(set(paths)) == 100
    assert page.memory()[0] - before < 150 * MB
    # There is room for so many of the largest size, and those that nobody opens go after a while.
    with ThreadPoolExecutor(20) as pool:
        flood = list(pool.map(page.upload, [secrets.token_bytes(LARGEST_UPLOAD - 1000)] * 20))
    # Who is refused while still sending may be cut off before the answer.
    assert {200} < {status for status, _ in flood} <= {0, 200, 503}
    assert sum(each.stat().st_size for each in page.folder.rglob("*") if each.is_file()) <= 20 * LARGEST_UPLOAD
    for path in paths:
        Path(path).unlink()
    assert page.is_well()


def test_many_visitors_with_a_photo_each(page: Page) -> None:
    before = page.memory()[0]

    def visit(seed: int) -> Any:
        status, body = page.upload(_photo(seed))
        assert status == 200
        return page.event("upload", [_file(json.loads(body)[0])])

    with ThreadPoolExecutor(12) as pool:
        ends = list(pool.map(visit, range(12)))
    assert all(end["success"] for end in ends), ends
    tokens = [end["output"]["data"][1]["token"] for end in ends]
    assert len(set(tokens)) == 12
    held = {path.name for path in (page.folder / "results").iterdir()}
    assert held <= set(tokens)
    assert len(held) <= 4
    assert page.memory()[0] - before < 300 * MB


def test_bodies_without_an_end(page: Page) -> None:
    piece = secrets.token_bytes(100_000)
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
    many = b"".join(_form(f"{number}.jpg", piece).removesuffix(b"--b--\r\n") for number in range(30)) + b"--b--\r\n"

    def endless(start: bytes) -> Iterator[bytes]:
        yield start
        for _ in range(2000):
            yield piece

    before = page.memory()[1]
    said = {}
    for path, start, headers in (
        ("/gradio_api/upload", head, form),  # a text field, which no limit of files is for
        ("/gradio_api/component_server", head, form),
        ("/gradio_api/component_server", b'{"data": "', {"Content-Type": JSON}),
        ("/gradio_api/queue/join", b'{"data": ["', {"Content-Type": JSON}),
        ("/gradio_api/run/predict", b'{"data": ["', {"Content-Type": JSON}),
        ("/dofsim/preview", b'{"token": "', {"Content-Type": JSON}),
    ):
        chunked = page.ask("POST", path, endless(start), headers)[0]
        stated = page.ask("POST", path, start, {**headers, "Content-Length": "200000000"})[0]
        said[path, start] = chunked, stated
    assert all(status in (0, 400, 413) for pair in said.values() for status in pair), said
    assert page.ask("POST", "/gradio_api/upload", many, form)[0] in (0, 413)
    assert page.upload(bytes(LARGEST_UPLOAD + 1))[0] == 413
    assert page.memory()[1] - before < 60 * MB
    assert page.is_well()


def test_paths_lead_nowhere_else(page: Page, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"SECRET " + _photo(1))
    beside = page.folder / "secret.jpg"
    beside.write_bytes(secret.read_bytes())
    mine = json.loads(page.upload(_photo(2))[1])[0]
    places = [page.folder / "results", page.folder / "uploads", Path(mine).parent, page.folder / "results" / "x"]
    paths = [str(secret), f"/{secret}", str(beside), f"file://{secret}", str(page.folder), str(page.folder / "results")]
    for place in places:
        for target in (secret, beside):
            ups = "../" * len(place.parts)
            paths += [f"{place}/{ups}{str(target)[1:]}", f"{place}/..%2f..%2f{target.name}", f"{place}//{target}"]
        paths += [f"{place}/../secret.jpg", f"{place}/%2e%2e/secret.jpg", f"{place}/..\\secret.jpg", f"{place}/\0"]
    for path in paths:
        for route in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/", "/svelte/"):
            for written in {quote(path, safe="/=%\\"), quote(path, safe="")}:
                status, body = page.ask("GET", route + written)
                assert b"SECRET" not in body, (route, written)
                assert status != 200 or b"<html" in body, (route, written, body[:200])
    beside.unlink()
    assert page.ask("GET", "/gradio_api/proxy=" + quote(f"http://{page.host}/config", safe=""))[0] != 200


def test_names_of_uploads_lead_nowhere_else(page: Page) -> None:
    before = set(page.served.temporary.rglob("*"))
    for name in ("../../evil.jpg", "/tmp/evil.jpg", "..\\..\\evil.jpg", "%2e%2e%2fevil.jpg", "a/../../../evil.jpg"):
        status, body = page.upload(_photo(3), name)
        if status == 200:
            assert Path(json.loads(body)[0]).resolve().is_relative_to(page.folder / "uploads"), name
    new = set(page.served.temporary.rglob("*")) - before
    assert all(path.is_relative_to(page.folder / "uploads") for path in new)


def test_nobody_gets_another_ones_photo(page: Page, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(_photo(4))
    for path in (str(mine), "/etc/passwd", f"{page.folder}/results/../../{mine.name}", str(page.folder / "results")):
        end = page.event("upload", [_file(path)])
        assert not end["success"], path
    assert mine.exists(), "a file that was not uploaded is not deleted either"
    opened = page.event("upload", [_file(json.loads(page.upload(_photo(5))[1])[0])])
    token = opened["output"]["data"][1]["token"]

    def draw(wish: Any) -> tuple[int, bytes]:
        return page.ask("POST", "/dofsim/preview", json.dumps(wish), {"Content-Type": JSON})

    status, picture = draw({"token": token, "view": "photo", "settings": {}})
    assert (status, picture[:3]) == (200, b"\xff\xd8\xff")
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "../" + token, None, 3, [token], {"a": token}):
        status, said = draw({"token": wrong, "view": "photo", "settings": {}})
        assert status == 400
        assert "drop it again" in json.loads(said)["error"], wrong
    for nonsense in (None, [], 3, "wish", {"token": token, "view": "photo", "settings": [1]}):
        assert draw(nonsense)[0] == 400
    deep = page.ask("POST", "/dofsim/preview", b"[" * 100_000, {"Content-Type": JSON})
    assert deep[0] == 400
