// Publishing: a note, the share of calls, one button; what hinders it is said in place.
import { request } from "./csrf.js";
import { h, t } from "./dom.js";

export function publishing(dialog, editor, { flush, found }) {
  const open = document.getElementById("open-publish");
  const note = dialog.querySelector("#publish-note");
  const share = dialog.querySelector("#publish-share");
  const shown = dialog.querySelector("#publish-share-shown");
  const go = dialog.querySelector("#publish-go");
  const said = dialog.querySelector("#publish-said");

  const errors = () => found().filter((one) => one.severity !== "warning").length;

  function refresh() {
    const wrong = errors();
    go.disabled = wrong > 0;
    if (dialog.open) said.textContent = wrong ? t("First solve the problems listed under the drawing.") : "";
  }

  open.addEventListener("click", async () => {
    dialog.showModal();
    said.textContent = t("Saving…");
    await flush();
    said.textContent = "";
    refresh();
  });
  share.addEventListener("input", () => { shown.textContent = `${share.value} %`; });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    said.textContent = t("Publishing…");
    try {
      await flush();
      await request(`/flows/${editor.id}/publish`, { method: "POST", body: { note: note.value, share: Number(share.value) } });
      location.assign(`/flows/${editor.id}/versions?published=1`);
    } catch (problem) {
      said.replaceChildren(h("span.field-error.late", problem.message), ...[...(problem.problems ?? []), ...(problem.tests ?? [])].map((one) => h("p", typeof one === "string" ? one : [one.node ?? one.name, one.text ?? one.said].filter(Boolean).join(": "))));
      go.disabled = errors() > 0;
    }
  });
  return { refresh };
}
