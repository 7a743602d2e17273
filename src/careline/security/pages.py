"""Every page of this capability."""

from __future__ import annotations

from careline.security import account_pages, audit_pages, people_pages, sign_in_pages

handlers = [
    *sign_in_pages.handlers,
    *account_pages.handlers,
    *people_pages.handlers,
    *audit_pages.handlers,
]
