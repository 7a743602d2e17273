"""Asks other systems over HTTP: within a time, a size and an address that an administrator set.

Nothing that is sent or received is logged: only the system's name, how it went and how long it took.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from careline.kernel.networks import is_public
from careline.lookups.breaker import Breaker
from careline.lookups.model import ACCEPT, MOST_BYTES, Answer, Endpoint, InvalidEndpoint, Question, read, request
from careline.platform.metrics import counter, histogram

log = logging.getLogger(__name__)

LOOKUPS = counter("careline_lookups", "Look-ups for callers, by how they went.", ("outcome",))
SECONDS = histogram("careline_lookup_seconds", "How long look-ups took.")

#: Questions to one system at a time; more fail at once instead of piling up.
AT_ONCE = 50
#: A host that is an address, or that somebody may read as one.
_LITERAL = re.compile(r"[0-9.]*|.*:.*")
#: Redirects followed, on the same host only.
MOST_REDIRECTS = 3


class _HostNotAllowed(OSError):
    """The host lies in a network that is not asked without the operator's word."""


class _Resolver(AbstractResolver):
    """Finds addresses, and refuses those inside this network unless the operator listed the host (or host:port)."""

    def __init__(self, inside: Collection[str]) -> None:
        self._inside = frozenset(host.lower() for host in inside)

    def allowed(self, host: str, port: int) -> bool:
        """Whether the operator listed it."""
        return host.lower() in self._inside or f"{host.lower()}:{port}" in self._inside

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results: list[ResolveResult] = []
        for af, _kind, proto, _name, where in found:
            ip = str(where[0])
            if not self.allowed(host, port) and not is_public(ip):
                raise _HostNotAllowed(host)
            results.append(ResolveResult(hostname=host, host=ip, port=port, family=af, proto=proto, flags=0))
        return results

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class _Line:
    breaker: Breaker = field(default_factory=Breaker)
    asking: int = 0


class LookupClient:
    """One process's way to other systems."""

    def __init__(self, inside: Collection[str] = ()) -> None:
        """`inside`: hosts (or host:port) in private networks that may be asked (`CARELINE_LOOKUP_HOSTS`)."""
        self._resolver = _Resolver(inside)
        self._session: aiohttp.ClientSession | None = None
        self._lines: dict[UUID, _Line] = {}

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, endpoint: Endpoint, secret: str | None, question: Question) -> Answer:
        """Ask; never raises, never takes longer than the question's seconds."""
        line = self._lines.setdefault(endpoint.id, _Line())
        began = time.monotonic()
        if line.asking >= AT_ONCE or not line.breaker.allows(began):
            return _told(endpoint, Answer(exit="failed", why="circuit"), 0.0)
        line.asking += 1
        try:
            async with asyncio.timeout(min(question.seconds, endpoint.max_seconds)):
                answer = await self._get(endpoint, secret, question)
            line.breaker.succeeded()
        except TimeoutError:
            answer = Answer(exit="timeout", why="timeout")
            line.breaker.failed(time.monotonic())
        except InvalidEndpoint:
            answer = Answer(exit="failed", why="address")
            line.breaker.succeeded()
        except _Failed as failed:
            answer = Answer(exit="failed", why=failed.why)
            line.breaker.failed(time.monotonic())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = Answer(exit="failed", why=_reason(error))
            line.breaker.failed(time.monotonic())
        except BaseException:
            # The caller hung up while the other side thought: that says nothing about it.
            line.breaker.trying = False
            raise
        finally:
            line.asking -= 1
        return _told(endpoint, answer, time.monotonic() - began)

    async def _get(self, endpoint: Endpoint, secret: str | None, question: Question) -> Answer:
        asked = request(endpoint, question)
        url = asked.url
        headers = {"Accept": ACCEPT[endpoint.kind], "Accept-Encoding": "identity"}
        if endpoint.header and secret:
            headers[endpoint.header] = secret
        for _ in range(MOST_REDIRECTS + 1):
            self._check(url)
            sent = self._open().request(
                asked.method, url, headers=headers, data=asked.form, json=asked.json, allow_redirects=False
            )
            async with sent as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    onward = urljoin(url, answer.headers.get("Location", ""))
                    if asked.method != "GET" or urlsplit(onward)[:2] != urlsplit(url)[:2]:
                        raise _Failed(why="redirect")
                    url = onward
                    continue
                if answer.status in (404, 410):
                    return Answer(exit="not_found", why="status")
                if answer.status >= 500 or answer.status == 429:
                    raise _Failed(why="status")
                if answer.status >= 400:
                    # Our question was refused: the system itself is well.
                    return Answer(exit="failed", why="status")
                return read(question, await _document(answer))
        raise _Failed(why="redirect")

    def _check(self, url: str) -> None:
        """A literal address does not pass the resolver: the same rule for it here, and for whatever the client may take
        for one: `127.1`, digits of other scripts, a dot at the end."""
        asked = URL(url)
        host, port = asked.raw_host or "", asked.port or 0
        if _LITERAL.fullmatch(host) and not is_public(host) and not self._resolver.allowed(host, port):
            raise _HostNotAllowed(host)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=self._resolver, limit=4 * AT_ONCE, limit_per_host=AT_ONCE)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
            )
        return self._session


class _Failed(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def _document(answer: aiohttp.ClientResponse) -> Any:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MOST_BYTES:
            raise _Failed(why="too-large")
    try:
        return json.loads(bytes(body)) if body else None
    except (ValueError, RecursionError) as error:
        raise _Failed(why="not-json") from error


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or error.__cause__ or error
    return "host-not-allowed" if isinstance(inner, _HostNotAllowed) or isinstance(error, _HostNotAllowed) else "network"


def _told(endpoint: Endpoint, answer: Answer, seconds: float) -> Answer:
    LOOKUPS.labels(answer.exit).inc()
    SECONDS.observe(seconds)
    if answer.exit in ("timeout", "failed"):
        log.warning(
            "a look-up failed", extra={"endpoint": str(endpoint.id), "code": answer.why, "ms": round(seconds * 1000)}
        )
    return answer
