"""What the web process measures of itself. Labels are routes, methods and topic names: nothing about a person."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUEST_SECONDS = Histogram(
    "careline_http_request_seconds", "Time to answer a request, by route template.", ("method", "route", "status")
)
LIVE_SOCKETS = Gauge("careline_live_sockets", "Open live sockets of pages.")
LIVE_MESSAGES = Counter("careline_live_messages", "Messages sent over live sockets.", ("topic",))
SIP_SOCKETS = Gauge("careline_sip_sockets", "Open SIP sockets of browser telephones.", ("kind",))
SIP_REFUSED = Counter("careline_sip_refused", "SIP sockets refused or closed by us.", ("reason",))
