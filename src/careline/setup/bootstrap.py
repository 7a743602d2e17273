"""The first start: make Careline's own Python environment from uv.lock, then become `careline` inside it.

Runs with nothing but the standard library of Python 3.11 (no pip, no venv, no curl needed), as a plain script started
by `./careline`. Later starts find the stamp of the same lock file and go on at once.
"""

from __future__ import annotations

import base64
import configparser
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[3]
#: Commands that need the development tools (test runner, type checker, browser driver) besides Careline itself.
NEED_DEV = frozenset({"test"})


class SetupError(Exception):
    """A set-up step failed; says which one and what to type."""

    def __init__(self, step: str, why: str, advice: str) -> None:
        super().__init__(f"careline: set-up step '{step}' failed.\n  {why}\n  What to do: {advice}")


def say(text: str) -> None:
    """One line of progress, on standard error so that a command's own output stays clean."""
    print(f"careline: {text}", file=sys.stderr, flush=True)


def state_home() -> Path:
    """Where Careline keeps its state: CARELINE_HOME, else .careline in the checkout.

    As root, Asterisk and PostgreSQL run as `nobody`; when that user cannot reach the checkout, a folder under
    /var/lib named after the checkout is used instead.
    """
    if given := os.environ.get("CARELINE_HOME"):
        return Path(given).absolute()
    home = ROOT / ".careline"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in home.parents):
        return Path("/var/lib/careline") / hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    return home


def locked_index() -> str:
    """The package index that uv.lock was made with: the default where the machine names none."""
    for line in (ROOT / "uv.lock").read_text("utf-8").splitlines():
        if line.startswith("source = { registry = "):
            return line.split('"')[1]
    raise SetupError("package index", "uv.lock names no package index.", "check out the file uv.lock again")


# --- the package index: what pip or uv were told to use -----------------------------------------------------------


@dataclass
class Index:
    """Where Python packages come from on this machine."""

    url: str = field(default_factory=locked_index)
    extra: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    cert: str | None = None

    def uv_options(self) -> list[str]:
        """The same, as options of `uv pip`."""
        # Exact versions with their hashes are asked for, so it does not matter which index has them.
        options = ["--default-index", self.url, "--index-strategy", "unsafe-best-match"]
        for url in self.extra:
            options += ["--index", url]
        for link in self.find_links:
            options += ["--find-links", link]
        return options


def pip_config_files() -> list[Path]:
    """pip's own configuration files, weakest first."""
    home = Path(os.path.expanduser("~"))
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", config / "pip/pip.conf"]
    if named := os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(named))
    return files


def package_index() -> Index:
    """Read uv's and pip's settings for the package index; uv's environment wins, then pip's, then pip's files."""
    index = Index()
    for file in pip_config_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(file)
        except (OSError, configparser.Error):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                values = dict(parser.items(section))
                index.url = values.get("index-url", index.url)
                index.extra = values.get("extra-index-url", " ".join(index.extra)).split()
                index.find_links = values.get("find-links", " ".join(index.find_links)).split()
                index.cert = values.get("cert", index.cert)
    env = os.environ
    index.url = env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or env.get("PIP_INDEX_URL") or index.url
    index.extra = (
        env.get("UV_INDEX") or env.get("UV_EXTRA_INDEX_URL") or env.get("PIP_EXTRA_INDEX_URL") or " ".join(index.extra)
    ).split()
    index.find_links = (env.get("UV_FIND_LINKS") or env.get("PIP_FIND_LINKS") or " ".join(index.find_links)).split()
    index.cert = env.get("SSL_CERT_FILE") or env.get("PIP_CERT") or index.cert
    return index


# --- uv, the tool that makes the environment ----------------------------------------------------------------------


def locked_uv(lock: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The pinned version of uv and its wheels (file name → sha256), from uv.lock itself."""
    package = next(p for p in lock["package"] if p["name"] == "uv")
    wheels = {w["url"].rsplit("/", 1)[1]: w["hash"].removeprefix("sha256:") for w in package["wheels"]}
    return str(package["version"]), wheels


def wheel_for_this_machine(wheels: dict[str, str]) -> str | None:
    """The file name of the uv wheel that runs here."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin":
        wanted = ["macosx", "arm64" if machine == "aarch64" else machine]
    elif sys.platform == "linux":
        musl = platform.libc_ver()[0] != "glibc"
        wanted = ["musllinux" if musl else "manylinux", machine]
    else:
        return None
    fitting = [name for name in wheels if all(part in name for part in wanted)]
    # glibc is served by the oldest manylinux: it runs on everything newer.
    return min(fitting, default=None)


def open_url(url: str, index: Index, accept: str = "*/*") -> Any:
    """Open an index address, with the credentials that the address itself may hold and pip's own certificate file."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": accept, "User-Agent": "careline-setup"}
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        host = parts.hostname or ""
        parts = parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host)
    context = ssl.create_default_context(cafile=index.cert if index.cert and os.path.exists(index.cert) else None)
    request = urllib.request.Request(parts.geturl(), headers=headers)  # noqa: S310 - the configured index
    return urllib.request.urlopen(request, timeout=60, context=context)  # noqa: S310


def find_wheel_url(name: str, index: Index) -> str:
    """The address of a file of the project `uv` on the configured index (simple API, JSON or HTML)."""
    page = index.url.rstrip("/") + "/uv/"
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
    with open_url(page, index, accept) as answer:
        body, kind, base = answer.read(), answer.headers.get("Content-Type", ""), str(answer.geturl())
    links: list[tuple[str, str]]
    if "json" in kind:
        links = [(f["filename"], f["url"]) for f in json.loads(body)["files"]]
    else:
        hrefs = [part.split('"', 1)[0] for part in body.decode().split('href="')[1:]]
        links = [(urllib.parse.unquote(h.split("#")[0].rsplit("/", 1)[-1]), h.split("#")[0]) for h in hrefs]
    for filename, url in links:
        if filename == name:
            return urllib.parse.urljoin(base, url)
    raise LookupError(f"{name} is not offered by the package index")


def fetch_uv(lock: dict[str, Any], index: Index, home: Path) -> str:
    """Download the pinned uv wheel, check its sha256 against uv.lock, and unpack the program."""
    version, wheels = locked_uv(lock)
    target = home / "bin" / f"uv-{version}"
    if target.exists():
        return str(target)
    name = wheel_for_this_machine(wheels)
    if name is None:
        raise SetupError("uv", f"There is no uv for {sys.platform} {platform.machine()}.", "install uv, then try again")
    started = time.monotonic()
    try:
        with open_url(find_wheel_url(name, index), index) as answer:
            data = answer.read()
    except (OSError, LookupError, ValueError) as error:
        raise SetupError(
            "uv",
            f"{name} could not be downloaded: {error}",
            "check the network, or set PIP_INDEX_URL to a package index that this machine reaches, "
            "or install uv yourself (python3 -m pip install uv)",
        ) from error
    if hashlib.sha256(data).hexdigest() != wheels[name]:
        raise SetupError("uv", f"{name} does not have the sha256 that uv.lock names.", "check the package index")
    target.parent.mkdir(parents=True, exist_ok=True)
    wheel = target.with_suffix(".whl")
    wheel.write_bytes(data)
    with zipfile.ZipFile(wheel) as archive:
        member = next(n for n in archive.namelist() if n.endswith(".data/scripts/uv"))
        partial = target.with_suffix(".part")
        partial.write_bytes(archive.read(member))
    partial.chmod(0o755)
    partial.rename(target)
    wheel.unlink()
    say(f"uv {version}: {len(data) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s")
    return str(target)


def works(uv: str) -> bool:
    """Whether this uv runs and is new enough to read the lock file."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        major, minor = (int(part) for part in said.split()[1].split(".")[:2])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return False
    return (major, minor) >= (0, 8)


def obtain_uv(lock: dict[str, Any], index: Index, home: Path) -> str:
    """uv from the PATH when it works, else the pinned one from the package index."""
    found = os.environ.get("CARELINE_UV") or shutil.which("uv")
    if found and works(found):
        return found
    return fetch_uv(lock, index, home)


# --- the environment ----------------------------------------------------------------------------------------------


def run_step(step: str, argv: list[str], env: dict[str, str], log: Path, advice: str) -> str:
    """Run one set-up program; its words go to a log, and onto the screen only when it fails."""
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    with log.open("a") as file:
        file.write(f"$ {' '.join(argv)}\n{done.stderr}\n")
    if done.returncode:
        tail = "\n  ".join(done.stderr.strip().splitlines()[-12:])
        why = f"{Path(argv[0]).name} ended with {done.returncode}:\n  {tail}"
        raise SetupError(step, why, f"{advice} (log: {log})")
    return done.stdout


def folder_size(folder: Path) -> int:
    """Bytes below a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())


def make_environment(home: Path, venv: Path, dev: bool, extras: list[str], lock_text: bytes) -> None:
    """Create or update the environment so that it holds exactly what uv.lock says, each file checked by its hash."""
    started = time.monotonic()
    index = package_index()
    lock = tomllib.loads(lock_text.decode())
    log = home / "logs" / "setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    uv = obtain_uv(lock, index, home)
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "CONDA_PREFIX")}
    env |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    if index.cert and os.path.exists(index.cert):
        env.setdefault("SSL_CERT_FILE", index.cert)
    again = "check the network and the package index (PIP_INDEX_URL), then type the same command again"
    including = [*(["the test tools"] if dev else []), *(f"the extra '{name}'" for name in extras)]
    say(f"making the Python environment in {venv}" + (f", with {' and '.join(including)}" if including else ""))
    if not (venv / "bin" / "python").exists():
        run_step("environment", [uv, "venv", "--clear", "--python", sys.executable, str(venv)], env, log, again)
    parts = [*([] if dev else ["--no-dev"]), *(word for name in extras for word in ("--extra", name))]
    names = [uv, "export", "--frozen", "--no-emit-project", "--format", "requirements.txt", *parts]
    requirements = home / "requirements.txt"
    requirements.write_text(run_step("environment", names, env, log, again))
    python = str(venv / "bin" / "python")
    sync = [uv, "pip", "sync", "--python", python, "--require-hashes", *index.uv_options(), str(requirements)]
    run_step("Python packages", sync, env, log, again)
    own = [uv, "pip", "install", "--python", python, "--no-deps", *index.uv_options(), "--editable", str(ROOT)]
    run_step("Careline itself", own, env, log, again)
    requirements.unlink()
    (venv / "careline-uv").write_text(uv)
    count = sum(1 for p in (venv / "lib").glob("python*/site-packages/*.dist-info"))
    size = folder_size(venv) / 1e6
    say(f"Python environment ready: {count} packages, {size:.0f} MB, {time.monotonic() - started:.1f} s")


def _extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return set(project.get("optional-dependencies", {}))


def ensure_environment(dev: bool) -> tuple[Path, Path]:
    """The state folder and the environment's Python, made or updated when uv.lock has changed or more is asked for."""
    home = state_home()
    venv = home / "venv"
    stamp = venv / "careline-stamp"
    lock_text = (ROOT / "uv.lock").read_bytes()
    key = hashlib.sha256(lock_text + (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    # What was once installed stays, so that commands do not undo one another; an extra that is no more is forgotten.
    have = stamp.read_text().split() if stamp.exists() else []
    have = [*have[:1], *(name for name in have[1:] if name == "dev" or name in _extras())]
    asked = set(os.environ.get("CARELINE_EXTRAS", "").replace(",", " ").split())
    wanted = set(have[1:]) | asked | ({"dev"} if dev else set())
    if have != [key, *sorted(wanted)]:
        home.mkdir(parents=True, exist_ok=True)
        with (home / "setup.lock").open("w") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            make_environment(home, venv, "dev" in wanted, sorted(wanted - {"dev"}), lock_text)
            stamp.write_text(" ".join([key, *sorted(wanted)]))
    return home, venv / "bin" / "python"


def main(argv: list[str]) -> NoReturn:
    """Prepare the environment, then become the real `careline` command."""
    try:
        home, python = ensure_environment(dev=bool(argv) and argv[0] in NEED_DEV)
    except SetupError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"careline: set-up could not write its files: {error}", file=sys.stderr)
        print("  What to do: name a folder you may write to: CARELINE_HOME=~/careline ./careline ...", file=sys.stderr)
        sys.exit(1)
    os.environ["CARELINE_HOME"] = str(home)
    os.environ["CARELINE_CHECKOUT"] = str(ROOT)
    # Later steps (the browser code's Node.js) use the same uv and the same package index.
    with contextlib.suppress(OSError):
        os.environ.setdefault("UV", (home / "venv" / "careline-uv").read_text())
    if (url := package_index().url) != locked_index():
        os.environ.setdefault("UV_DEFAULT_INDEX", url)
    os.execv(python, [str(python), "-m", "careline.cli", *argv])  # noqa: S606 - this very process goes on


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
