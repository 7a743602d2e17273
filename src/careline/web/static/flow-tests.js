// The flow's tests: run as the server runs them before publishing, each result with the step where it went wrong.
import { request } from "./csrf.js";
import { h, render, t } from "./dom.js";

export function tests(holder, editor, { jump, flush }) {
  const body = h("div", { id: "flow-results" });
  const button = h("button.primary", { type: "button", id: "run-tests", onclick: run }, t("Run the tests"));
  holder.append(h("p.hint", t("Tests stand in the text under “tests:”. A flow is published only when all of them pass.")), button, body);

  function open() {
    const count = (editor.flow().tests ?? []).length;
    if (!body.childElementCount) render(body, h("p.faint", { key: "count" }, count ? t("Tests in this flow: %(n)s", { n: count }) : t("This flow has no tests yet. Save a call you tried as a test, or write one in the text.")));
  }

  async function run() {
    button.disabled = true;
    try {
      await flush();
      const { results } = await request(`/flows/${editor.id}/tests`, { method: "POST", body: { body: editor.flow() } });
      const wrong = results.filter((one) => !one.ok).length;
      if (!results.length) { render(body, h("p.faint", { key: "none" }, t("There is nothing to run yet: the flow has no tests, or it cannot be walked."))); button.disabled = false; return; }
      render(body,
        h("p", { key: "sum", role: "status", class: wrong ? "late" : "good" }, wrong ? t("%(wrong)s of %(all)s tests failed", { wrong, all: results.length }) : t("All %(all)s tests passed", { all: results.length })),
        h("ul.results", { key: "list" }, results.map((one, index) => h("li", { key: index, "data-ok": String(one.ok) },
          h("strong", one.ok ? `✓ ${one.name}` : `▲ ${one.name}`),
          one.said && h("p", one.step ? t("Step %(n)s: %(said)s", { n: one.step, said: one.said }) : one.said),
          one.node && !one.ok && h("button.link", { type: "button", onclick: () => jump(one.node) }, t("Show the step “%(step)s”", { step: one.node }))))));
    } catch (problem) {
      render(body, h("p.field-error.late", { key: "wrong", role: "alert" }, problem.message));
    }
    button.disabled = false;
  }

  return { open };
}
