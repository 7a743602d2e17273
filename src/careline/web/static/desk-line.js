// Left: my state, the ringing call, my queues, my open work.
import { AWAY_CHOICES, awayReason } from "./away.js";
import { clock, h, render, t } from "./dom.js";

const TONES = { available: "good", offered: "busy", talking: "busy", wrap_up: "late", not_responding: "late" };

export function drawLine(desk) {
  render(document.getElementById("line-body"), me(desk), offer(desk), lastOffer(desk), queues(desk), uncoded(desk), work(desk), options(desk));
}

function me(desk) {
  const { me, busy, data } = desk;
  const status = me.status;
  const on = (wanted) => status === wanted;
  const button = (wanted, label, key, tone = "") => h(`button${tone}`, {
    type: "button", key: wanted, "aria-pressed": on(wanted), "aria-busy": busy.has("status") || undefined,
    "aria-keyshortcuts": `Alt+${key}`, title: `Alt ${key}`, onclick: () => desk.actions.status(wanted, wanted === "away" ? "break" : null),
  }, label);
  const reasons = AWAY_CHOICES();
  return h("div.me", { key: "me" },
    h("div.me-now", { "data-tone": TONES[status] ?? "" }, h("strong", data.statuses[status] ?? status), clock(me.since)),
    status === "not_responding" && h("p.notice.late", { key: "missed" }, t("A call rang and was not answered. No calls come until you are available again.")),
    h("div.states", { role: "group", "aria-label": t("My status") },
      button("available", t("Available"), 1), button("away", t("Away"), 2), button("offline", t("Offline"), 3)),
    status === "away" && h("div", { key: "why" }, h("label.sr", { for: "away-reason" }, t("Reason for being away")),
      h("select", { id: "away-reason", onchange: (event) => desk.actions.status("away", event.target.value) },
        [...(reasons.some(([code]) => code === me.reason) ? [] : [[me.reason ?? "", me.reason ? awayReason(me.reason) : "–"]]), ...reasons].map(([code, label]) => h("option", { value: code, selected: code === me.reason }, label)))),
    phone(desk));
}

function phone(desk) {
  const { me, phone: soft, snapshot } = desk;
  const desks = snapshot.phones;
  const usingDesk = me.phone?.startsWith("d-");
  let line;
  if (usingDesk) {
    const label = desks.find((one) => one.code === me.phone)?.label ?? me.phone;
    line = h("p.phone-line", { "data-online": me.phone_online ? "yes" : "no" }, me.phone_online ? t("Desk telephone: %(name)s", { name: label }) : t("Desk telephone %(name)s is not connected", { name: label }));
  } else {
    line = softphoneLine(soft);
  }
  return [line, desks.length > 0 && h("div", { key: "phones" }, h("label.sr", { for: "which-phone" }, t("Telephone to use")),
    h("select", { id: "which-phone", onchange: (event) => desk.order("phone", "/api/v1/desk/phone", { endpoint: event.target.value || soft?.state.username }) },
      h("option", { value: "", selected: !usingDesk }, t("This browser")),
      desks.map((one) => h("option", { value: one.code, selected: one.code === me.phone }, one.label))))];
}

function softphoneLine(soft) {
  const state = soft?.state;
  if (!state) return null;
  const bad = (text, action) => h("p.phone-line", { "data-online": "no" }, text, action);
  const again = h("button.small", { type: "button", onclick: () => soft.prepare() }, t("Try again"));
  if (state.tab === "passive") return bad(t("Another window holds your telephone."), h("button.small", { type: "button", onclick: () => soft.takeOver() }, t("Use this window")));
  switch (state.microphone) {
    case "denied": return bad(t("The browser may not use the microphone. Allow it beside the address, then try again."), again);
    case "missing": return bad(t("No microphone was found. Plug the headset in."), again);
    case "busy": return bad(t("Another program holds the microphone."), again);
    case "unsupported": return bad(t("This browser cannot make calls here; use https or a desk telephone."), null);
    default:
  }
  if (state.connection === "signed-out") return bad(t("Your session has ended; sign in again."), null);
  if (state.connection === "lost") return bad(t("Telephone connection lost; connecting again…"), null);
  if (state.connection !== "registered") return bad(t("Connecting the telephone…"), null);
  if (state.microphone === "silent") return bad(t("The microphone is silent: is it muted at the headset?"), again);
  return h("p.phone-line", { "data-online": "yes" }, t("Telephone in this browser is ready"));
}

/** Who raised the emergency, in words that nobody overlooks; an agent's own needs no more than the mark. */
export function emergencyBanner(found) {
  if (!found.emergency) return null;
  const words = { key: t("Caller pressed the emergency key"), words: t("Caller said words that may mean an emergency") }[found.emergency_how];
  return words
    ? h("div.emergency-banner", { key: "emergency", role: "alert" }, words)
    : h("p", { key: "emergency" }, h("span.status-pill", { "data-tone": "harm" }, t("Emergency")));
}

function offer(desk) {
  const { offer: found } = desk.snapshot;
  if (!found) return null;
  const kinds = { trunk: t("by telephone"), phone: t("from an internal telephone"), web: t("from the web page") };
  return h("div.offer", { key: "offer", "data-emergency": found.emergency ? "yes" : "no", role: "group", "aria-label": t("Incoming call") },
    h("h3", found.queue ?? found.line),
    found.from_agent && h("p", h("strong", t("From %(who)s", { who: found.from_agent }))),
    found.callback && h("p", h("strong", t("Callback: the person is called when you answer"))),
    h("p", [found.reason, desk.language(found.language), kinds[found.caller_kind]].filter(Boolean).join(" · ")),
    h("p", t("Waiting"), " ", clock(found.waiting_since, { late: 60 }), " · ", found.verified_level ? t("verified to level %(level)s by a colleague", { level: found.verified_level }) : t("not verified")),
    emergencyBanner(found),
    h("div.row",
      h("button.primary", { type: "button", "aria-keyshortcuts": "Alt+A", onclick: () => desk.actions.answer() }, t("Answer"), " ", h("kbd", "Alt A")),
      h("button", { type: "button", "aria-keyshortcuts": "Alt+X", "aria-busy": desk.busy.has("decline") || undefined, onclick: () => desk.actions.decline() }, t("Decline"), " ", h("kbd", "Alt X"))));
}

/** How my last offer ended, when it did not become a conversation: missed, rejected, failed and error are four things. */
function lastOffer(desk) {
  const local = desk.phone?.state.last;
  if (local?.outcome === "error") {
    return h("p.notice.late", { key: "last", "data-outcome": "error" }, t("Error on this computer: the call could not be answered because the microphone could not be used. The caller keeps the place, and colleagues are asked."));
  }
  const last = desk.snapshot.last_offer;
  if (!last || desk.snapshot.offer || desk.snapshot.contact) return null;
  const words = {
    "no-answer": t("Missed: the last call rang here and was not answered in time. The caller keeps the place, and colleagues are asked."),
    declined: t("Rejected: you declined the last call. The caller keeps the place, and colleagues are asked. Choose Available to take calls again."),
    unreachable: t("Failed: your telephone could not be reached for the last call. The caller keeps the place, and colleagues are asked."),
    failed: t("Failed: the last call could not be connected to your telephone. The caller keeps the place, and colleagues are asked."),
    "caller-left": t("The caller hung up while it rang. That does not count against you."),
  };
  return words[last.reason] ? h("p.notice", { key: "last", "data-outcome": last.reason, class: last.reason === "caller-left" || last.reason === "declined" ? "notice" : "notice late" }, words[last.reason]) : null;
}

function queues(desk) {
  return h("div.block", { key: "queues" }, h("h3", t("My queues")),
    desk.queues.length === 0
      ? h("p.faint", t("You serve no queue yet. A supervisor can add you to one."))
      : h("ul.rows", desk.queues.map((queue) => h("li", { key: queue.id },
        h("span", queue.name),
        h("span.num", { title: t("waiting") }, queue.waiting, h("span.sr", ` ${t("waiting")}`)),
        queue.longest_since ? clock(queue.longest_since, { late: 60 }) : h("span.clock", "–")))));
}

/** Calls that were left without a code: given here whenever there is a moment, and called to mind before one goes. */
function uncoded(desk) {
  const { uncoded: calls, wrap_up_codes: codes } = desk.snapshot;
  if (calls.length === 0 || codes.length === 0) return null;
  const going = desk.me.status === "away" || desk.me.status === "offline";
  return h("div.block.uncoded", { key: "uncoded" }, h("h3", t("Calls without a code: %(n)s", { n: calls.length })),
    going && h("p.notice.late", { key: "going", role: "status" }, t("Before you go: choose what these calls were about.")),
    h("ul.rows", calls.map((call) => h("li", { key: call.call_id },
      h("form", { onsubmit: (event) => {
        event.preventDefault();
        desk.order(`code-${call.call_id}`, `/api/v1/desk/calls/${call.call_id}/code`, { code: new FormData(event.target).get("code") });
      } },
      h("a", { href: `/calls/${call.call_id}` }, clockTime(call.left_at)), " ", h("span", call.queue ?? call.line), call.reason && h("span.faint", ` ${call.reason}`),
      h("div.row",
        h("select", { name: "code", required: true, "aria-label": t("Code for the call of %(time)s", { time: clockTime(call.left_at) }) },
          h("option", { value: "" }, t("What was it about?")), codes.map((choice) => h("option", { value: choice.code }, choice.label))),
        h("button.small", { "aria-busy": desk.busy.has(`code-${call.call_id}`) || undefined }, t("Save"))))))));
}

const clockTime = (iso) => new Date(iso).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });

function work(desk) {
  const items = desk.snapshot.open_work;
  return h("div.block", { key: "work" }, h("h3", t("My open work")),
    items.length === 0
      ? h("p.faint", t("Messages that you take on appear here with their due times."))
      : h("ul.rows", items.map((item) => h("li", { key: item.id },
        h("a", { href: `/inbox/${item.id}` }, item.to),
        item.urgency !== "routine" && h("span.status-pill", { "data-tone": item.urgency === "critical" ? "harm" : "late" }, item.urgency === "critical" ? t("critical") : t("urgent")),
        item.due_at && h("time.clock", { datetime: item.due_at }, dueIn(item.due_at))))));
}

function dueIn(iso) {
  const minutes = Math.round((Date.parse(iso) - Date.now()) / 60000);
  if (minutes < 0) return t("overdue");
  return minutes < 90 ? t("%(n)s min", { n: minutes }) : t("%(n)s h", { n: Math.round(minutes / 60) });
}

function options(desk) {
  if (!desk.phone) return null;
  return h("div.side-options", { key: "options" },
    h("label", { for: "ring-volume" }, t("Ring volume")),
    h("input", { id: "ring-volume", type: "range", min: 0, max: 1, step: 0.05, value: desk.phone.ringer.volume, oninput: (event) => { desk.phone.ringer.volume = Number(event.target.value); } }));
}
