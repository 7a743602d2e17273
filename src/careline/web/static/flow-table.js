// A table as a grid: cells by their type, rows come and go, saved as a whole on top of the version that was opened.
import { request } from "./csrf.js";
import { h, pageData, t, useWords } from "./dom.js";

const data = pageData("table-data");
useWords(data.words);
const $ = (id) => document.getElementById(id);
let rows = data.rows.map((row) => [...row]);
let version = data.version;
let changed = false;

const INPUTS = { date: "date", time: "time", phone: "tel" };

function cell(row, index) {
  const column = data.columns[index];
  const label = t("%(column)s, row %(n)s", { column: column.name, n: rows.indexOf(row) + 1 });
  if (column.type === "boolean") {
    const box = h("input", { type: "checkbox", checked: row[index] === true, "aria-label": label, disabled: !data.may_edit });
    box.addEventListener("change", () => { row[index] = box.checked; touch(); });
    return h("td", box);
  }
  const box = h("input", { type: INPUTS[column.type] ?? "text", value: row[index] ?? "", "aria-label": label, autocomplete: "off", maxlength: 500, readonly: !data.may_edit, inputmode: column.type === "number" || column.type === "money" ? "decimal" : null });
  box.addEventListener("input", () => { row[index] = box.value === "" ? null : box.value; touch(); });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Enter: 1 }[event.key];
    if (!step || (event.key !== "Enter" && box.type !== "text" && box.type !== "tel")) return;
    const next = box.closest("tr")[step > 0 ? "nextElementSibling" : "previousElementSibling"];
    if (next) { event.preventDefault(); next.children[index].querySelector("input").focus(); }
  });
  return h("td", box);
}

function draw() {
  $("grid").replaceChildren(h("table.grid-table",
    h("thead", h("tr", data.columns.map((column, index) => h("th", { scope: "col" }, column.name, " ", h("span.hint", index === 0 ? t("%(type)s, looked for", { type: data.types[column.type] }) : data.types[column.type]))), data.may_edit && h("th", { scope: "col" }, h("span.sr", t("Actions"))))),
    h("tbody", rows.map((row) => h("tr", data.columns.map((_, index) => cell(row, index)), data.may_edit && h("td", h("button.small.quiet", { type: "button", title: t("Delete the row"), "aria-label": t("Delete row %(n)s", { n: rows.indexOf(row) + 1 }), onclick: () => { rows = rows.filter((one) => one !== row); touch(); draw(); } }, "✕")))))));
}

function touch() {
  changed = true;
  $("table-state").textContent = t("Not saved yet");
}

async function save() {
  $("save").disabled = true;
  $("table-notice").replaceChildren();
  try {
    const answer = await request(`/tables/${data.id}/rows`, { method: "PUT", body: { version, rows, columns: data.columns, valid_from: $("valid_from").value || null, note: $("note").value } });
    version = answer.version;
    changed = false;
    location.reload();
  } catch (problem) {
    $("save").disabled = false;
    if (problem.id === "stale-draft") {
      $("table-notice").replaceChildren(h("div.notice.late", h("p", h("strong", t("Somebody else saved this table meanwhile.")), " ", t("Your rows are still here.")),
        h("div.row", h("button.small", { type: "button", onclick: () => { version = problem.version; save(); } }, t("Save mine on top")), h("button.small", { type: "button", onclick: () => { changed = false; location.reload(); } }, t("Take the other rows")))));
    } else {
      $("table-notice").replaceChildren(h("div.error-summary", problem.status === 0 ? t("Not saved: no connection. Your rows are still here; try again.") : problem.message));
    }
  }
}

draw();
if (data.may_edit) {
  $("table-save").hidden = false;
  $("save").addEventListener("click", save);
  $("add-row").addEventListener("click", () => {
    rows.push(data.columns.map((column) => (column.type === "boolean" ? false : null)));
    touch();
    draw();
    $("grid").querySelector("tbody tr:last-child input")?.focus();
  });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
document.documentElement.dataset.ready = "table";
