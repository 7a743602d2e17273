"""Tables that flows look into: a plain grid to change them, their history, CSV in and out."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Request, get, post, put
from litestar.datastructures import UploadFile
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect, Response, Template

from careline.flows.tables import COLUMN_TYPES
from careline.kernel.errors import CarelineError, InvalidInput
from careline.platform.i18n import gettext as _
from careline.platform.words import words
from careline.security.actor import Actor
from careline.security.forms import form_of
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


def _status(error: CarelineError | None) -> int:
    if error is not None and error.status not in (400, 409):
        raise error
    return error.status if error else 200


async def _list(services: Any, actor: Actor, error: CarelineError | None = None, entered: str = "") -> _Answer:
    return Template(
        "flows/tables.html",
        context={
            "tables": await services.tables.list(actor),
            "problem": _(error.detail) if error else "",
            "entered": entered,
            "types": types(),
            "zone": await services.organization.zone(actor),
            "may_edit": actor.may(Permission.TABLE_EDIT),
            "here": "tables",
        },
        status_code=_status(error),
    )


def types() -> dict[str, str]:
    """The types of columns, as people call them."""
    names = {
        "text": _("Text"), "number": _("Number"), "boolean": _("Yes or no"), "date": _("Date"), "time": _("Time"),
        "phone": _("Telephone number"), "money": _("Sum of money"),
    }  # fmt: skip
    return {code: names[code] for code in COLUMN_TYPES}


@get("/tables", name="tables")
async def tables(services: Any, actor: Actor) -> _Answer:
    """Every table, as it holds now."""
    return await _list(services, actor)


@post("/tables", status_code=200)
async def create(request: _Request, services: Any, actor: Actor) -> _Answer:
    """A new table with its first column, by which flows find a row."""
    form = await form_of(request)
    name = form.text("name")
    columns = [
        {"name": column, "type": kind}
        for column, kind in zip(form.many("column"), form.many("type"), strict=False)
        if column.strip()
    ]
    try:
        made = await services.tables.create(actor, name, columns)
    except CarelineError as error:
        return await _list(services, actor, error, name)
    return Redirect(f"/tables/{made.id}", status_code=303)


async def _table(services: Any, actor: Actor, table_id: UUID, error: CarelineError | None = None) -> _Answer:
    content = await services.tables.get(actor, table_id)
    data = {
        "id": str(table_id),
        "version": content.version,
        "columns": [asdict(column) for column in content.columns],
        "rows": content.rows,
        "types": types(),
        "may_edit": actor.may(Permission.TABLE_EDIT),
        "words": words("careline.web", "static/flow-table.js"),
    }
    return Template(
        "flows/table.html",
        context={
            "table": content,
            "data": data,
            "history": await services.tables.history(actor, table_id),
            "problem": _(error.detail) if error else "",
            "zone": await services.organization.zone(actor),
            "may_edit": data["may_edit"],
            "here": "tables",
        },
        status_code=_status(error),
    )


@get("/tables/{table_id:uuid}")
async def table(services: Any, actor: Actor, table_id: FromPath[UUID]) -> _Answer:
    """A table as a grid, and everything that was ever changed in it."""
    return await _table(services, actor, table_id)


@put("/tables/{table_id:uuid}/rows")
async def save(services: Any, actor: Actor, table_id: FromPath[UUID], data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """Save the grid, based on a `version`, valid at once or from a wall time. Raises `StaleDraft`, `BadTable`."""
    version, rows, columns = data.get("version"), data.get("rows"), data.get("columns")
    if not isinstance(version, int) or not isinstance(rows, list) or not isinstance(columns, list | None):
        raise InvalidInput
    made = await services.tables.save(
        actor,
        table_id,
        rows,
        based_on=version,
        columns=columns,
        valid_from=_moment(data.get("valid_from"), await services.organization.zone(actor)),
        note=str(data.get("note") or ""),
    )
    return {"version": made.version}


@get("/tables/{table_id:uuid}/csv")
async def export(services: Any, actor: Actor, table_id: FromPath[UUID]) -> Response[bytes]:
    """The table as a CSV file."""
    content = await services.tables.get(actor, table_id)
    text = await services.tables.export_csv(actor, table_id)
    headers = {"content-disposition": f'attachment; filename="{content.name}.csv"'}
    return Response(text.encode("utf-8"), headers=headers, media_type="text/csv; charset=utf-8")


@post("/tables/{table_id:uuid}/csv", status_code=200)
async def take_in(request: _Request, services: Any, actor: Actor, table_id: FromPath[UUID]) -> _Answer:
    """Every row anew from a CSV file."""
    form = await request.form()
    upload, version = form.get("file"), str(form.get("version", ""))
    try:
        if not isinstance(upload, UploadFile) or not version.isdigit():
            raise InvalidInput(_("Choose a CSV file first."))
        try:
            text = (await upload.read()).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput(_("This file is not text in UTF-8.")) from error
        await services.tables.import_csv(actor, table_id, text, based_on=int(version))
    except CarelineError as error:
        return await _table(services, actor, table_id, error)
    return Redirect(f"/tables/{table_id}", status_code=303)


def _moment(text: Any, zone: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise InvalidInput(_("Write the moment as year-month-day and time."), field="valid_from") from error


handlers: list[Any] = [tables, create, table, save, export, take_in]
