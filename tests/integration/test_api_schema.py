"""The public API keeps the promises of its own description: a foreign program (Schemathesis) tries to break it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from careline.calls.callback_service import CallbackService
from careline.kernel.errors import NotFound
from careline.security.permissions import Permission, Role
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app

pytestmark = pytest.mark.integration

CONFIG = Path(__file__).with_name("schemathesis.toml")
#: The run's own token and person must outlive it.
SPARED = ("revokeToken", "deactivatePerson")


class NoCalls:
    """Call control with no call in hand: every order names something that is not there."""

    async def give(self, *_: Any, **__: Any) -> Any:
        raise NotFound


def alone(services: Any) -> None:
    """No call control beside the web, and no limit to how fast one program may ask."""
    services.commands = NoCalls()
    services.callbacks = CallbackService(services.db, services.clock, services.commands)
    config = replace(services.security.config, api_per_second=0.0)
    services.security = replace(services.security, config=config)


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path, change=alone) as running:
        yield running


@pytest.fixture
def token(app: WebApp) -> str:
    """A token of somebody who may do everything."""
    app.make_person(app.make_tenant(), "everybody@example.org", *Role)
    secret = app.cookie_for("everybody@example.org")

    async def make(services: Any) -> str:
        session = await services.security.sessions.read(secret)
        _, made = await services.security.tokens.create(
            session.actor, name="schema", scopes=list(Permission), life=timedelta(days=1)
        )
        return str(made)

    return app.run(make)


def test_schemathesis_finds_nothing(app: WebApp, token: str, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(CONFIG),
        "run",
        f"{app.url}/api/openapi.json",
        "--include-path-regex",
        "^/api/v1/",
        "-H",
        f"Authorization: Bearer {token}",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "8",
        "--generation-deterministic",
        "--suppress-health-check",
        "all",
        "--no-color",
    ]
    for operation in SPARED:
        command += ["--exclude-operation-id", operation]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=600,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    assert "Test cases:" in done.stdout


def test_the_description_says_how_to_sign_in_and_what_refusals_look_like(app: WebApp) -> None:
    schema = httpx.get(f"{app.url}/api/openapi.json").json()
    assert schema["security"] == [{"token": []}]
    operations = [
        (path, method, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(operations) > 40
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for path, method, operation in operations:
        assert path.startswith("/api/v1/"), path
        for status in ("400", "401", "403", "404", "409", "429", "503", "default"):
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"], (path, status)
        keys = [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
        assert len(keys) == (0 if method == "get" else 1), (path, method)


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "TRACE"])
def test_what_an_address_takes_is_named(app: WebApp, token: str, method: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    for path, allowed in (
        ("/api/v1/people", "GET, OPTIONS, POST"),
        ("/api/v1/people/0192f0aa-0000-7000-8000-000000000000", "GET, OPTIONS"),
    ):
        answer = httpx.request(method, app.url + path, headers=headers)
        assert answer.status_code == (204 if method == "OPTIONS" else 405)
        assert answer.headers["allow"] == allowed
