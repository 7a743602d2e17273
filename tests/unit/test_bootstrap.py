"""The first start: which uv is taken, from where, and that nothing unchecked is run."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from careline.setup import bootstrap
from careline.setup.bootstrap import Index, SetupError, fetch_uv, package_index, state_home, wheel_for_this_machine

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_the_lock_file_names_a_uv_for_every_usual_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wheels = bootstrap.locked_uv(tomllib.loads((ROOT / "uv.lock").read_text()))
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    for machine, libc, expected in [
        ("x86_64", "glibc", "manylinux_2_17_x86_64"),
        ("aarch64", "glibc", "manylinux_2_17_aarch64"),
        ("x86_64", "", "musllinux_1_1_x86_64"),
    ]:
        monkeypatch.setattr(platform, "machine", lambda m=machine: m)
        monkeypatch.setattr(platform, "libc_ver", lambda c=libc: (c, ""))
        found = wheel_for_this_machine(wheels)
        assert found is not None
        assert expected in found
        assert len(wheels[found]) == 64
    monkeypatch.setattr(platform, "machine", lambda: "z80")
    assert wheel_for_this_machine(wheels) is None


@pytest.mark.parametrize(
    ("config", "environment", "url", "extra"),
    [
        ("", {}, bootstrap.locked_index(), []),
        ("[global]\nindex-url = https://a.example/simple\n", {}, "https://a.example/simple", []),
        ("[global]\nindex-url = https://a.example/simple\n", {"PIP_INDEX_URL": "https://b/s"}, "https://b/s", []),
        ("", {"PIP_INDEX_URL": "https://b/s", "UV_DEFAULT_INDEX": "https://c/s"}, "https://c/s", []),
        ("[install]\nextra-index-url =\n  https://d/s\n  https://e/s\n", {}, bootstrap.locked_index(), ["https://d/s", "https://e/s"]),
    ],
)  # fmt: skip
def test_the_package_index_is_the_one_pip_and_uv_were_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environment: dict[str, str],
    url: str,
    extra: list[str],
) -> None:
    (tmp_path / "pip.conf").write_text(config)
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(bootstrap, "pip_config_files", lambda: [tmp_path / "pip.conf"])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    index = package_index()
    assert (index.url, index.extra) == (url, extra)


def test_the_state_folder_is_asked_for_or_in_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    assert state_home() == tmp_path
    monkeypatch.delenv("CARELINE_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_home() == bootstrap.ROOT / ".careline"


def test_as_root_an_unreachable_checkout_gets_a_folder_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    (closed / "checkout").mkdir(parents=True)
    closed.chmod(0o700)
    monkeypatch.delenv("CARELINE_HOME", raising=False)
    monkeypatch.setattr(bootstrap, "ROOT", closed / "checkout")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_home().parent == Path("/var/lib/careline")


# --- fetching -----------------------------------------------------------------------------------------------------


def _wheel(program: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", program)
    return out.getvalue()


@contextmanager
def _index(files: dict[str, bytes], asked: list[dict[str, str]]) -> Iterator[str]:
    """A package index on loopback that serves `uv`'s files, as old indexes do: HTML."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(dict(self.headers))
            name = self.path.rsplit("/", 1)[-1]
            body = files.get(name) or "".join(f'<a href="../files/{n}#sha256=x">{n}</a>' for n in files).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if name in files else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _lock(name: str, sha256: str) -> dict[str, Any]:
    wheel = {"url": f"https://files.example/{name}", "hash": f"sha256:{sha256}"}
    return {"package": [{"name": "uv", "version": "9.9.9", "wheels": [wheel]}]}


NAME = "uv-9.9.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"


@pytest.fixture
def on_x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))


@pytest.mark.usefixtures("on_x86")
def test_uv_comes_from_the_configured_index_checked_and_with_its_credentials(tmp_path: Path) -> None:
    wheel, asked = _wheel(b"#!/bin/sh\necho uv 9.9.9\n"), list[dict[str, str]]()
    with _index({NAME: wheel}, asked) as address:
        index = Index(url=f"http://reader:se%40cret@{address}/simple")
        uv = fetch_uv(_lock(NAME, hashlib.sha256(wheel).hexdigest()), index, tmp_path)
    assert subprocess.run([uv], capture_output=True, text=True, check=True).stdout == "uv 9.9.9\n"
    assert asked[0]["Authorization"] == "Basic cmVhZGVyOnNlQGNyZXQ="


@pytest.mark.usefixtures("on_x86")
def test_a_uv_with_another_checksum_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with _index({NAME: _wheel(b"evil")}, []) as address, pytest.raises(SetupError, match="sha256"):
        fetch_uv(_lock(NAME, "0" * 64), Index(url=f"http://{address}/simple"), tmp_path)
    assert not list(tmp_path.rglob("uv*"))


@pytest.mark.usefixtures("on_x86")
def test_an_unreachable_index_names_the_step_and_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"step 'uv' failed(.|\n)*PIP_INDEX_URL"):
        fetch_uv(_lock(NAME, "0" * 64), Index(url="http://127.0.0.1:9/simple"), tmp_path)


def test_an_extra_that_is_no_more_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "state_home", lambda: tmp_path)
    monkeypatch.setattr(bootstrap, "make_environment", lambda home, venv, dev, extras, lock: asked.append(extras))
    monkeypatch.delenv("CARELINE_EXTRAS", raising=False)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/careline-stamp").write_text("an-older-key dev telegraph speech")
    bootstrap.ensure_environment(dev=False)
    assert asked == [["speech"]]
    assert (tmp_path / "venv/careline-stamp").read_text().split()[1:] == ["dev", "speech"]
