"""The Asterisk that Careline runs: fetched without root and kept lean in the cache folder, or the machine's own.

Order: a lean copy of Debian sid's Asterisk 22 (Ubuntu: the release's own package), a system Asterisk of version 20 or
newer, Debian bullseye's 16. An engine is only files: it is relocatable and starts as any user.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from careline.kernel.errors import Unavailable
from careline.telephony import modules
from careline.telephony.apt import Archive, FetchFailed, Progress, fetch_packages, find_archive, silent

OLDEST_SYSTEM = 20
#: Libraries that older libsrtp opens by name, so that no list of dependencies shows them.
_OPENED_LATER = ("libfreebl3.so", "libfreeblpriv3.so", "libsoftokn3.so")


class NoEngine(Unavailable):
    """No Asterisk could be set up on this machine."""

    id = "no-telephone-engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A runnable Asterisk."""

    version: str
    #: Words before Asterisk's own options; a lean copy runs through its own dynamic loader.
    argv: tuple[str, ...]
    modules: Path
    data: Path
    origin: str

    @property
    def major(self) -> int:
        """22 for 22.10.1."""
        return int(re.match(r"\d+", self.version).group())  # type: ignore[union-attr]  # versions begin with digits


def default_cache() -> Path:
    """Where downloads are kept. Root's own cache cannot be read by the unprivileged user that Asterisk runs as."""
    if os.geteuid() == 0:
        return Path("/var/cache/careline")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "careline"


def find_engine(cache: Path | None = None) -> Engine | None:
    """The engine already here (newest cached copy, else a system Asterisk), without touching the network."""
    kept = sorted((cache or default_cache()).glob("engine/asterisk-*/engine.json"), key=lambda p: p.stat().st_mtime)
    for path in reversed(kept):
        facts = json.loads(path.read_text())
        if facts.get("modules_edition") == modules.EDITION:
            return _cached(path.parent, facts)
    return system_engine()


def get_engine(cache: Path | None = None, progress: Progress = silent) -> Engine:
    """The engine, set up if need be. Raises `NoEngine` with the reason of every way that was tried."""
    cache = cache or default_cache()
    (cache / "engine").mkdir(parents=True, exist_ok=True)
    with _locked(cache / "engine/.lock"):
        found = find_engine(cache)
        if found is not None and found.origin != "system":
            return found
        reasons: list[str] = []
        try:
            archive = find_archive()
        except FetchFailed as error:
            archive, reasons = None, [str(error)]
        ubuntu = archive is not None and archive.distribution == "Ubuntu"
        first, last = (archive.codename, None) if ubuntu and archive else ("sid", "bullseye")
        for suite in (first, None, last):
            try:
                if suite is None:
                    if found is not None:
                        return found
                    reasons.append(f"no Asterisk {OLDEST_SYSTEM} or newer is installed on this machine")
                elif archive is not None:
                    return fetch_engine(cache, archive, suite, progress)
            except FetchFailed as error:
                reasons.append(f"{suite}: {error}")
        raise NoEngine(
            "Setting up the telephone engine failed. "
            + "; ".join(reasons)
            + f". Or install Asterisk {OLDEST_SYSTEM} or newer with your package manager and try again."
        )


def fetch_engine(cache: Path, archive: Archive, suite: str, progress: Progress = silent) -> Engine:
    """Fetch one suite's Asterisk and keep a lean copy of it. Raises `FetchFailed`."""
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=cache / "engine") as work:
        tree = Path(work) / "root"
        names = ["asterisk", "asterisk-modules"]
        if suite == "bullseye":
            names.append("asterisk-opus")
        versions = fetch_packages(names, suite, tree, progress, archive)
        return keep_lean(tree, cache, versions["asterisk"], f"{archive.distribution} {suite}", progress)


def keep_lean(tree: Path, cache: Path, version: str, origin: str, progress: Progress = silent) -> Engine:
    """Copy out of an unpacked tree what a run needs: the program, our modules, their libraries, their documentation."""
    progress("select", 0, None)
    loader = _loader(tree)
    triplet = loader.parent.name
    places = (tree / "usr/lib" / triplet, tree / "lib" / triplet, tree / "usr/lib")
    libraries = [path for path in places if path.is_dir()]
    kept = f"usr/lib/{triplet}"
    module_directory = _module_directory(tree)
    chosen = modules.choose(modules.available_in(module_directory))
    needed = [tree / "usr/sbin/asterisk", *(module_directory / f"{name}.so" for name in chosen)]
    closure = {loader}
    for file in needed:
        closure |= _linked(loader, libraries, file)
    clean = re.sub(r"^\d+:|[~+-].*$", "", version)
    home = cache / f"engine/asterisk-{clean}-{triplet}"
    with tempfile.TemporaryDirectory(prefix=".lean-", dir=cache / "engine") as work:
        lean = Path(work) / "lean"
        for name in _OPENED_LATER:
            closure |= set(sorted(tree.glob(f"usr/lib/{triplet}/**/{name}"))[:1])
        for file in needed:
            _copy(file, lean / file.relative_to(tree))
        for file in closure:
            _copy(file, lean / kept / file.name)
        data = tree / "usr/share/asterisk"
        for part in ("documentation", "rest-api"):
            if (data / part).exists():
                shutil.copytree(data / part, lean / "usr/share/asterisk" / part, dirs_exist_ok=True)
        facts = {
            "modules_edition": modules.EDITION,
            "version": clean,
            "package": version,
            "origin": origin,
            "library": kept,
            "loader": loader.name,
            "modules": str(module_directory.relative_to(tree)),
        }
        _check(_cached(lean, facts))
        (lean / "engine.json").write_text(json.dumps(facts, indent=2) + "\n")
        lean.chmod(0o755)
        for directory in (cache, cache / "engine"):
            directory.chmod(0o755)
        if home.exists():
            shutil.rmtree(home)
        lean.rename(home)
    progress("select", 1, 1)
    return _cached(home, facts)


def system_engine() -> Engine | None:
    """The machine's own Asterisk, when it is new enough."""
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None:
        return None
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"Asterisk (?:\S*/)?(\d+)\.(\S+)", said)
    if match is None or int(match[1]) < OLDEST_SYSTEM:
        return None
    prefix = Path(program).resolve().parent.parent
    places = [*prefix.glob("lib*/asterisk/modules"), *prefix.glob("lib/*/asterisk/modules")]
    shared = (prefix / "share/asterisk", Path("/var/lib/asterisk"))
    data = [path for path in shared if (path / "documentation").exists()]
    if not places or not data:
        return None
    return Engine(version=f"{match[1]}.{match[2]}", argv=(program,), modules=places[0], data=data[0], origin="system")


def _cached(home: Path, facts: Mapping[str, object]) -> Engine:
    library = home / str(facts["library"])
    return Engine(
        version=str(facts["version"]),
        argv=(str(library / str(facts["loader"])), "--library-path", str(library), str(home / "usr/sbin/asterisk")),
        modules=home / str(facts["modules"]),
        data=home / "usr/share/asterisk",
        origin=str(facts["origin"]),
    )


def _check(engine: Engine) -> None:
    """The copy must run by itself before it is kept."""
    done = subprocess.run([*engine.argv, "-V"], capture_output=True, text=True, check=False)
    if not done.stdout.startswith("Asterisk "):
        raise FetchFailed("select", f"the unpacked Asterisk does not run: {done.stderr.strip()[-200:]}", "Try again.")


def _loader(tree: Path) -> Path:
    """The tree's dynamic loader; it lies in the folder that is named after the architecture."""
    for pattern in ("usr/lib/*/ld-linux*.so*", "lib/*/ld-linux*.so*", "lib/*/ld-*.so"):
        for path in sorted(tree.glob(pattern)):
            return path
    raise FetchFailed("select", "the unpacked tree has no dynamic loader", "Try again.")


def _module_directory(tree: Path) -> Path:
    for pattern in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules"):
        for path in tree.glob(pattern):
            return path
    raise FetchFailed("select", "the unpacked tree has no Asterisk modules", "Try again.")


def _linked(loader: Path, libraries: Sequence[Path], file: Path) -> set[Path]:
    """The shared libraries that a program or module needs, found inside the tree."""
    where = ":".join(map(str, libraries))
    said = subprocess.run(
        [str(loader), "--library-path", where, "--list", str(file)], capture_output=True, text=True, check=False
    ).stdout
    return {Path(path) for path in re.findall(r"=> (/\S+)", said)}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one set-up at a time; a second one waits and then finds the work done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
