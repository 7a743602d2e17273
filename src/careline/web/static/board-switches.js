// What is switched on just now, a closure or a surge: with who and since when, and one click to switch it off. Its own rows
// on the board, and a banner on every other page of those who may throw the switches.
import { post } from "./csrf.js";
import { h, pageData, render, t, useWords } from "./dom.js";
import { subscribe } from "./live.js";
import { toast } from "./shell.js";

const time = (iso) => {
  const at = new Date(iso);
  const day = at.toDateString() === new Date().toDateString() ? {} : { weekday: "short" };
  return at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", ...day });
};

/** Who threw a switch and when, and when it ends by itself. */
function whoAndWhen(who, since, until) {
  const by = who ? t("by %(who)s, since %(time)s", { who, time: time(since) }) : t("since %(time)s", { time: time(since) });
  return until ? `${by}, ${t("until %(time)s", { time: time(until) })}` : by;
}

/** Rows for a banner; `act(path, body, done)` carries a click out, and is null for who may not. */
export function switchRows(closures, surges, act) {
  const off = (label, path, done) => act && h("button.small", { type: "button", onclick: () => act(path, {}, done) }, label);
  return [
    ...closures.map((closure) => h("p", { key: closure.id },
      h("span", h("strong", closure.scope === "tenant" ? t("Everything is closed") : t("%(what)s is closed", { what: closure.scope })), `: ${closure.reason} · ${whoAndWhen(closure.closed_by, closure.closed_at, closure.until)}`),
      off(t("Open again"), `/board/closures/${closure.id}/lift`, t("Open again.")))),
    ...surges.map((surge) => h("p", { key: surge.id },
      h("span", h("strong", surge.queue ? t("Surge: %(what)s", { what: surge.queue }) : t("Surge")), `: ${t("the reserve takes calls, callbacks are offered at once.")} · ${whoAndWhen(surge.began_by, surge.began_at, surge.until)}`),
      off(t("Back to normal"), `/board/surge/${surge.id}/end`, t("Back to normal.")))),
  ];
}

const banner = document.getElementById("switches");
if (banner) {
  useWords(pageData("switches-words"));
  const on = { closures: [], surges: [] };
  const act = async (path, body, done) => {
    try {
      await post(path, body, { key: crypto.randomUUID() });
      // The page of closures lists them itself, as they were when it was made.
      if (document.getElementById("closures")) location.reload();
      else toast(done);
    } catch (problem) {
      toast(problem.message);
    }
  };
  for (const topic of ["closures", "surges"]) {
    subscribe(topic, (found) => {
      if (!Array.isArray(found)) return;
      on[topic] = found;
      render(banner, switchRows(on.closures, on.surges, act));
    });
  }
}
