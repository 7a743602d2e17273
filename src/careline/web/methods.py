"""Which methods an address takes: for the `Allow` of OPTIONS and of a refused method (RFC 9110 section 15.5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute


class AllowedMethods:
    """Litestar's own OPTIONS names the method registered first and no other, and its 405 names none."""

    def __init__(self, routes: Iterable[ASGIRoute | HTTPRoute | WebSocketRoute]) -> None:
        found = [route for route in routes if isinstance(route, HTTPRoute)]
        # A spelled-out address before one with a placeholder in the same place.
        found.sort(key=lambda route: [part.startswith("{") for part in route.path_format.split("/")])
        self._routes = [(_pattern(route.path_format), ", ".join(sorted(route.methods))) for route in found]

    def of(self, path: str) -> str | None:
        """The methods of an address, separated by commas; None for an unknown one."""
        shorter = path.rstrip("/") or "/"
        return next((methods for pattern, methods in self._routes if pattern.fullmatch(shorter)), None)


def _pattern(template: str) -> re.Pattern[str]:
    parts = ("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
    return re.compile("/".join(parts))
