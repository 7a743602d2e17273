// Small parts of the flow editor: the list of problems, the choice of a new step's kind, the notice of a conflict.
import { KINDS, kindName } from "./flow-model.js";
import { h, render, t } from "./dom.js";

/** What is wrong with the flow; each line leads to its place. */
export function problemList(holder, problems, jump) {
  const errors = problems.filter((one) => one.severity !== "warning").length;
  const head = errors === 1 ? t("1 problem hinders publishing") : errors ? t("%(n)s problems hinder publishing", { n: errors }) : t("Nothing hinders publishing");
  render(holder,
    h("h2", { key: "head", id: "flow-problems-title", class: errors ? "late" : "good" }, h("span", { "aria-hidden": "true" }, errors ? "▲ " : "✓ "), head),
    problems.length > 0 && h("ul", { key: "list" }, problems.map((one) => h("li", { key: `${one.node}.${one.field}.${one.code}` },
      h("button.link", { type: "button", onclick: () => jump(one) },
        h("strong", one.node ?? t("Flow")), h("span", ` ${one.text}`), one.severity === "warning" && h("span.faint", ` ${t("(a hint)")}`))))));
}

/** A sheet that asks for the kind of a new step. `add(kind, from, slot)`. */
export function kindMenu(dialog, add) {
  let where = [null, null];
  const list = dialog.querySelector(".kinds");
  for (const [kind, { doc }] of Object.entries(KINDS)) {
    list.append(h("li", h("button", { type: "button", onclick: () => { dialog.close(); add(kind, ...where); } }, h("strong", kindName(kind)), h("span.faint", doc))));
  }
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  return {
    open(from, slot) {
      where = [from, slot];
      dialog.showModal();
    },
  };
}

/** Somebody else saved this draft meanwhile: both are kept until the person decides. */
export function leaveNotice(holder, problem, { theirs, mine }) {
  holder.replaceChildren(h("div.notice.late", { role: "alert" },
    h("p", h("strong", t("Somebody else changed this flow meanwhile.")), " ", t("Your changes are kept in this browser. Which shall be the draft?")),
    h("div.row",
      h("button.small", { type: "button", onclick: mine }, t("Keep my changes")),
      h("button.small", { type: "button", onclick: theirs }, t("Take the other draft")))));
}
