// The flow as text: YAML, for those who like it better. What can be read becomes the flow at once.
import { request } from "./csrf.js";
import { h, t } from "./dom.js";

const PAUSE = 500;

/** `read()` gives the text; `take(body, text)` gets a flow that could be read; `trouble(problems)` what could not. */
export function textView(holder, id, { read, take, trouble }) {
  const box = h("textarea.flow-text", { id: "flow-text", spellcheck: "false", autocomplete: "off", "aria-describedby": "flow-text-hint" });
  const said = h("p.field-error.late", { id: "flow-text-wrong", role: "status", hidden: true });
  let timer = 0;
  let turn = 0;
  let waiting = false;
  holder.append(
    h("label", { for: "flow-text" }, t("The same flow as text (YAML)")), box, said,
    h("p.hint", { id: "flow-text-hint" }, t("Comments stay, also when the flow is changed in the drawing.")));

  async function open() {
    const mine = ++turn;
    const text = await read();
    if (mine === turn && document.activeElement !== box) box.value = text;
  }

  async function check() {
    const mine = ++turn;
    const text = box.value;
    waiting = false;
    try {
      const answer = await request(`/flows/${id}/check`, { method: "POST", body: { text } });
      if (mine !== turn) return;
      said.hidden = answer.body !== null;
      if (answer.body === null) {
        said.textContent = answer.problems.map((one) => one.text).join(" ");
        trouble(answer.problems);
      } else {
        take(answer.body, text);
      }
    } catch (problem) {
      if (mine !== turn) return;
      said.hidden = false;
      said.textContent = problem.status === 0 ? t("No connection: the text stays here and is looked at as soon as it is back.") : problem.message;
      if (problem.status === 0) timer = setTimeout(check, 2500);
    }
  }

  /** What was typed last is looked at now, not in a moment. */
  async function settle() {
    if (!waiting) return;
    clearTimeout(timer);
    await check();
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    turn += 1;
    waiting = true;
    timer = setTimeout(check, PAUSE);
  });
  return { open, settle };
}
