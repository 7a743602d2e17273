"""Debian packages without root: a private apt state fetches and unpacks; the machine's own database is untouched.

The archive's address, keys, proxies and credentials are the machine's own. Only names of packages go out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from careline.kernel.errors import Unavailable

#: (step, bytes or items done, total or None when unknown)
Progress = Callable[[str, int, int | None], None]


def silent(step: str, done: int, total: int | None) -> None:
    """Progress for nobody."""


class FetchFailed(Unavailable):
    """Packages could not be fetched from the machine's package archive."""

    id = "package-fetch-failed"

    def __init__(self, step: str, why: str, remedy: str) -> None:
        super().__init__(f"{step}: {why}. {remedy}", step=step)
        self.step = step


@dataclass(frozen=True, slots=True)
class Archive:
    """One package archive of this machine's distribution."""

    uri: str
    distribution: str
    codename: str
    keyring: str | None

    @property
    def components(self) -> str:
        """Where asterisk lies: `main` in Debian, `universe` in Ubuntu."""
        return "main universe" if self.distribution == "Ubuntu" else "main"


def find_archive() -> Archive:
    """The archive in this machine's own apt sources. Raises `FetchFailed` naming what is missing."""
    for tool in ("apt-get", "dpkg", "apt-config"):
        if shutil.which(tool) is None:
            raise FetchFailed("package archive", f"{tool} is not on this machine", "This is no Debian or Ubuntu.")
    codename = os_release().get("VERSION_CODENAME", "")
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)|$(CODENAME)", "Created-By: Packages"])
    rows = [line.split("|") for line in listed.splitlines() if line.count("|") == 2]
    if not rows:  # no lists yet (a fresh container): `apt-get update` was never run, so read the source files
        rows = [[uri, os_release().get("ID", "").title(), codename] for uri in _addresses_in_sources()]
    for uri, distribution, suite in rows:
        if distribution in ("Debian", "Ubuntu") and suite == codename:
            return Archive(uri.rstrip("/"), distribution, codename, _keyring(distribution))
    raise FetchFailed(
        "package archive", "no Debian or Ubuntu archive in the apt sources", "Add one to /etc/apt/sources.list.d."
    )


def fetch_packages(
    names: Sequence[str], suite: str, dest: Path, progress: Progress = silent, archive: Archive | None = None
) -> dict[str, str]:
    """Unpack packages and everything they need into `dest`. Returns package name -> version.

    `suite` is a suite of the machine's archive (`sid`, `bookworm`, `noble`). Needs no root and leaves no trace but
    `dest`. Raises `FetchFailed`.
    """
    archive = archive or find_archive()
    dest.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=dest.parent) as work:
        apt = _PrivateApt(Path(work), archive, suite)
        progress("package lists", 0, None)
        apt.get("package lists", "update")
        urls = apt.get("package lists", "-y", "--print-uris", "install", *names)
        total = sum(int(line.split()[2]) for line in urls.splitlines() if line.startswith("'"))
        _need_space(dest.parent, total * 4)
        with _Watching(apt.archives, "download", total, progress):
            apt.get("download", "-y", "-d", "install", *names)
        debs = sorted(apt.archives.glob("*.deb"))
        versions: dict[str, str] = {}
        for index, deb in enumerate(debs):
            progress("unpack", index, len(debs))
            run(["dpkg", "-x", str(deb), str(dest)], step="unpack")
            name, version, _ = deb.name.split("_", 2)
            versions[name] = version.replace("%3a", ":")
        progress("unpack", len(debs), len(debs))
        return versions


class _PrivateApt:
    """An apt of our own: own state, cache and sources; an empty status file, so the whole closure is fetched."""

    def __init__(self, work: Path, archive: Archive, suite: str) -> None:
        self.archives = work / "cache/archives"
        for part in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/empty"):
            (work / part).mkdir(parents=True)
        (work / "state/status").touch()
        signed = f"[signed-by={archive.keyring}] " if archive.keyring else ""
        (work / "etc/sources.list").write_text(f"deb {signed}{archive.uri} {suite} {archive.components}\n")
        architecture = run(["dpkg", "--print-architecture"]).strip()
        machine = run(["apt-config", "dump"]).splitlines()
        proxies = [line for line in machine if line.startswith("Acquire::") and "roxy" in line]
        (work / "etc/apt.conf").write_text(
            "\n".join(
                [
                    'Dir "/";',
                    f'Dir::Etc "{work}/etc"; Dir::Etc::sourcelist "{work}/etc/sources.list";',
                    f'Dir::Etc::sourceparts "{work}/etc/sources.list.d"; Dir::Etc::parts "{work}/etc/empty";',
                    f'Dir::Etc::preferencesparts "{work}/etc/empty"; Dir::Etc::preferences "{work}/etc/none";',
                    'Dir::Etc::trusted "/etc/apt/trusted.gpg"; Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";',
                    'Dir::Etc::netrc "/etc/apt/auth.conf"; Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
                    f'Dir::State "{work}/state"; Dir::State::status "{work}/state/status";',
                    f'Dir::Cache "{work}/cache";',
                    'Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Retries "3";',
                    'APT::Install-Recommends "false"; APT::Sandbox::User "";',
                    f'APT::Architecture "{architecture}"; APT::Architectures "{architecture}";',
                    'Debug::NoLocking "true";',
                    *proxies,
                    "",
                ]
            )
        )
        self._env = {**os.environ, "APT_CONFIG": str(work / "etc/apt.conf"), "HOME": str(work), "LC_ALL": "C"}

    def get(self, step: str, *args: str) -> str:
        return run(["apt-get", "-qq", *args], step=step, env=self._env)


def run(argv: Sequence[str], *, step: str = "package archive", env: dict[str, str] | None = None) -> str:
    """Standard output of a command. Raises `FetchFailed` with the last lines it said."""
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:]) or f"exit code {done.returncode}"
        raise FetchFailed(step, f"{argv[0]} said: {said}", "Check the network and the apt sources, then try again.")
    return done.stdout


def os_release() -> dict[str, str]:
    """What /etc/os-release says."""
    path = Path("/etc/os-release")
    lines = path.read_text().splitlines() if path.exists() else []
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def _keyring(distribution: str) -> str | None:
    path = f"/usr/share/keyrings/{distribution.lower()}-archive-keyring.gpg"
    return path if os.path.exists(path) else None


def _addresses_in_sources() -> list[str]:
    """Archive addresses from the source files, for a machine that has never fetched its package lists."""
    found: list[str] = []
    etc = Path("/etc/apt")
    listed = [path for path in sorted(etc.glob("sources.list.d/*")) if path.suffix in (".list", ".sources")]
    for path in [etc / "sources.list", *listed]:
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            words = line.split()
            if words[:1] in (["deb"], ["URIs:"]):
                found += [word for word in words[1:] if "://" in word and "security" not in word]
    return found


def _need_space(where: Path, wanted: int) -> None:
    free = shutil.disk_usage(where).free
    if free < wanted:
        raise FetchFailed(
            "disk space", f"{free // 2**20} MB free in {where}, {wanted // 2**20} MB needed", "Make room and try again."
        )


class _Watching:
    """Reports how many bytes have arrived in a directory while a command fills it."""

    def __init__(self, directory: Path, step: str, total: int, progress: Progress) -> None:
        self._directory, self._step, self._total, self._progress = directory, step, total, progress
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def _report(self) -> None:
        self._progress(self._step, sum(_size(f) for f in self._directory.rglob("*.deb")), self._total)

    def _loop(self) -> None:
        while not self._done.wait(0.5):
            self._report()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()
        self._report()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # apt moves a finished file out of partial/
        return 0
