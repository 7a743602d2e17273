"""Static files, kept in memory, addressed by the hash of the whole set: cached for ever, replaced at once.

One hash for all, not one a file, because script modules import each other by relative path.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from careline.kernel.errors import NotFound

_TEXT = (".js", ".css", ".svg", ".html", ".json", ".webmanifest")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file with its compressed form, if that is smaller."""

    body: bytes
    packed: bytes | None
    kind: str


class StaticFiles:
    """Every static file of the shell (at the root) and of the capabilities (under their names)."""

    def __init__(self, roots: dict[str, Path]) -> None:
        """`roots` maps a prefix (empty for the shell) to a folder."""
        self.files: dict[str, StaticFile] = {}
        digest = hashlib.sha256()
        for prefix, root in sorted(roots.items()):
            for path in sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else ():
                name = "/".join(filter(None, (prefix, path.relative_to(root).as_posix())))
                body = path.read_bytes()
                digest.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
                packed = gzip.compress(body, 6, mtime=0) if path.suffix in _TEXT and len(body) > 512 else None
                self.files[name] = StaticFile(body, packed, _kind(path))
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file, which changes when any file changes."""
        if name not in self.files:
            raise KeyError(f"no static file {name!r}: were the assets built?")
        return f"/static/{self.version}/{name}"


def _kind(path: Path) -> str:
    if path.suffix == ".js":
        return "text/javascript"
    if path.suffix == ".webmanifest":
        return "application/manifest+json"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


@get("/static/{version:str}/{path:path}", include_in_schema=False, opt={"public": True})
async def serve_static(request: Request[Any, Any, Any], version: FromPath[str], path: FromPath[str]) -> Response[bytes]:
    """One static file. An address with an old hash still answers, but is not to be kept."""
    static: StaticFiles = request.app.state.static
    file = static.files.get(path.lstrip("/"))
    if file is None:
        raise NotFound
    fresh = version == static.version
    keep = "public, max-age=31536000, immutable" if fresh else "no-cache"
    headers = {"cache-control": keep, "vary": "accept-encoding"}
    body = file.body
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = file.packed, "gzip"
    return Response(body, headers=headers, media_type=file.kind)
