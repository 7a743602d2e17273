"""Which methods an address takes: for the `Allow` of OPTIONS and of a refused method (RFC 9110 section 15.5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute


class AllowedMethods:
    """Litestar's own OPTIONS names the method registered first and no other, and its 405 names none."""

    def __init__(self, routes: Iterable[ASGIRoute | HTTPRoute | WebSocketRoute]) -> None:
        self._routes = [
            (re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(route.path_format))), ", ".join(sorted(route.methods)))
            for route in routes
            if isinstance(route, HTTPRoute)
        ]

    def of(self, path: str) -> str | None:
        """The methods of an address, separated by commas; None for an unknown one."""
        shorter = path.rstrip("/") or "/"
        return next((methods for pattern, methods in self._routes if pattern.fullmatch(shorter)), None)
