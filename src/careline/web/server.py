"""The `web` process: the application under uvicorn, until SIGTERM."""

from __future__ import annotations

from typing import Any

import uvicorn

from careline.platform.settings import Settings
from careline.web.app import create_app


async def serve(services: Any, settings: Settings) -> None:
    """Serve pages, API and sockets until told to stop; then close the sockets and leave within two seconds."""
    await uvicorn.Server(uvicorn_config(create_app(services), settings)).serve()


def uvicorn_config(app: Any, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        host=settings.web_host,
        port=settings.web_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="websockets-sansio",
        ws_max_size=65_536,
        # Compressing each message for each page would cost more time than sending it.
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        proxy_headers=bool(settings.web_proxies),
        forwarded_allow_ips=list(settings.web_proxies),
        ssl_certfile=settings.web_tls_certificate or None,
        ssl_keyfile=settings.web_tls_key or None,
    )
