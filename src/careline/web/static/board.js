// The supervisor's board: live, sortable, operable; and readable from afar in kiosk mode. It shows no caller's number.
import { post } from "./csrf.js";
import { clock, duration, h, pageData, render, setClock, t, tick, useWords } from "./dom.js";
import { drawAgents, drawCalls } from "./board-floor.js";
import { switchRows } from "./board-switches.js";
import { onConnection, subscribe } from "./live.js";
import { toast } from "./shell.js";

const data = pageData("board-data");
useWords(data.words);

export const page = { data, board: data.board, health: data.health, closures: data.closures, surges: data.surges, alarms: data.alarms, live: "up", draw, act };

/** Do something that the server may refuse; says why then. */
async function act(path, body, done) {
  try {
    await post(path, body, { key: crypto.randomUUID() });
    if (done) toast(done);
    return true;
  } catch (problem) {
    toast(problem.message);
    return false;
  }
}

const percent = (value) => (value === null ? "–" : `${Math.round(value)} %`);
/** An estimate is no clock: whole minutes, rounded up as callers are told. */
export const expected = (value) => (value === null ? "–" : value === 0 ? t("at once") : t("%(n)s min", { n: Math.ceil(value / 60) }));
const seconds = (value) => (value === null ? "–" : duration(value));

/** A number's name with its definition, on hover and on focus. Escape hides it again. */
export function explain(label, words, id, side = "") {
  const hush = (event) => { if (event.key === "Escape") event.currentTarget.classList.add("quiet-now"); };
  return h(`span.explain${side}`, { tabindex: 0, "aria-describedby": id, onkeydown: (event) => hush(event), onfocus: (event) => event.target.classList.remove("quiet-now"), onmouseenter: (event) => event.target.classList.remove("quiet-now") },
    label, h("span", { id, role: "tooltip" }, words));
}

const MEANING = () => ({
  waiting: t("Callers in this queue who are not connected yet, and how long the first of them has waited."),
  level: t("Service level, variant “negative abandon”: calls answered within T seconds of entering the queue, of all calls presented today. A caller who hangs up counts against it. The line under it is T and the target."),
  presented: t("Entries into the queue since midnight. A call that comes back after its agent was lost is not counted again; a call moved to another queue counts there too."),
  answered: t("Of those presented: connected with an agent."),
  abandoned: t("The caller hung up while waiting, of those presented. The short ones (up to 5 s) are in it."),
  asa: t("Average speed of answer: mean wait of the answered calls."),
  told: t("Announced wait, today: how far what callers were told lay from what it became; below it, what was told and what it became. Medians, by callers who were connected. Seven days are on the queue's routing page."),
  aht: t("Average handle time: talk, hold and wrap-up, of today's handlings."),
  expected: t("Expected wait: what a caller who joins now would be told, before it is rounded. “at once”: somebody is free. “–”: nobody who suits is on the floor."),
  staff: t("Members of this queue on the floor. Ready: available with a telephone that can be reached. Busy: ringing, on a call or wrapping up. Away: everybody else."),
});

function draw() {
  drawBanner();
  drawTotals();
  drawQueues();
  if (!data.kiosk) {
    drawCalls(page);
    drawAgents(page);
    drawClosure();
  }
  tick();
}

function drawBanner() {
  const rows = [];
  if (page.live === "ended") rows.push(h("p", { key: "ended" }, t("You are signed out. What you see does not move any more."), h("a.button.small", { href: "/sign-in?next=/board" }, t("Sign in"))));
  else if (page.live === "down") rows.push(h("p", { key: "down" }, t("Not connected: what you see is from %(time)s. It comes back by itself.", { time: new Date(page.board.now).toLocaleTimeString(document.documentElement.lang) })));
  for (const part of page.health.components) {
    if (part.state !== "up") rows.push(h("p", { key: part.name }, h("span", h("strong", partName(part.name)), ": ", part.detail || part.state), part.since && clock(part.since)));
  }
  rows.push(...switchRows(page.closures, page.surges, data.may["closure.switch"] ? act : null));
  const waiting = page.board.calls.filter((call) => call.emergency && call.phase !== "ended");
  if (waiting.length) rows.unshift(h("p.harm", { key: "emergency" }, t("Emergency raised. Calls in the house with one: %(n)s", { n: waiting.length })));
  for (const alarm of page.alarms.toReversed()) {
    rows.unshift(h("p.harm", { key: `alarm-${alarm.call_id}`, role: "alert" }, h("span", h("strong", t("Emergency on %(line)s", { line: alarm.line })), `: ${alarm.why.map(alarmWhy).join(" ")}${alarm.phase === "ended" ? ` ${t("The call has ended.")}` : ""}`), clock(alarm.raised_at),
      data.may_open && h("a.button.small", { href: `/calls/${alarm.call_id}` }, t("Open the call")),
      (data.may["agent.manage"] || data.may["closure.switch"]) && h("button.small", { type: "button", onclick: () => act(`/board/alarms/${alarm.call_id}/acknowledge`, {}, t("Acknowledged.")) }, t("I am looking after it"))));
  }
  render(document.getElementById("board-banner"), rows);
}

const alarmWhy = (why) => ({ "nobody-signed-on": t("Nobody was signed on."), "not-taken": t("Nobody took the caller in time."), "nobody-reached": t("Nobody outside could be reached."), "caller-left": t("The caller hung up before a person was there."), voicemail: t("Words of a voicemail may mean one.") })[why] ?? why;

const partName = (name) => ({ callcontrol: t("Call control"), switch: t("Telephone switch"), database: t("Database"), recorder: t("Recorder"), worker: t("Worker"), voice: t("Listening to callers") })[name] ?? name;

function drawTotals() {
  const { totals, calls, agents } = page.board;
  const { figures } = totals;
  const meaning = MEANING();
  const waiting = calls.filter((call) => call.phase === "waiting").length;
  const figure = (label, value) => h("div", h("dt", label), h("dd", value));
  render(document.getElementById("board-totals"), h("dl.figures",
    figure(t("Waiting now"), waiting),
    figure(t("Talking now"), calls.filter((call) => call.phase === "talking").length),
    figure(t("Agents ready"), agents.filter((agent) => agent.status === "available" && agent.phone_online).length),
    figure(explain(t("Presented today"), meaning.presented, "m-presented", ".left"), figures.presented),
    figure(explain(t("Service level"), meaning.level, "m-level", ".left"), percent(figures.service_level)),
    figure(explain(t("Abandoned"), meaning.abandoned, "m-abandoned"), percent(figures.abandon_rate)),
    figure(explain(t("Average answer"), meaning.asa, "m-asa"), seconds(figures.average_speed_of_answer)),
    figure(explain(t("Average handling"), meaning.aht, "m-aht"), seconds(figures.average_handle_time)),
    figure(t("Voicemails"), totals.voicemails)));
}

function drawQueues() {
  const { queues } = page.board;
  const meaning = MEANING();
  const head = (label, id, words, side) => h("th.num", { scope: "col" }, explain(label, words, id, side));
  render(document.getElementById("board-queues"), queues.length === 0
    ? h("p.empty", t("There is no queue yet. Make one under Queues and skills, then lines can send their callers to it."))
    : h("table.queues", h("thead", h("tr",
      h("th", { scope: "col" }, t("Queue")), head(t("Waiting"), "q-waiting", meaning.waiting), head(t("Expected wait"), "q-expected", meaning.expected), head(t("Service level"), "q-level", meaning.level),
      head(t("Presented"), "q-presented", meaning.presented), head(t("Answered"), "q-answered", meaning.answered), head(t("Abandoned"), "q-abandoned", meaning.abandoned),
      head(t("Average answer"), "q-asa", meaning.asa), head(t("Told wait"), "q-told", meaning.told), h("th", { scope: "col" }, explain(t("Agents"), meaning.staff, "q-staff", ".left")), h("th", { scope: "col" }, t("Today by hour")))),
    h("tbody", queues.map(queueRow))));
}

function queueRow(queue) {
  const { figures } = queue;
  const missed = figures.service_level !== null && figures.service_level < queue.target;
  return h("tr", { key: queue.id, "data-tone": queue.waiting > 0 && queue.ready === 0 ? "late" : "" },
    h("th", { scope: "row" }, queue.name),
    h("td.num.waiting", queue.waiting, h("span.sub", queue.longest_since ? clock(queue.longest_since, { late: queue.threshold }) : "–"), queue.callbacks > 0 && h("span.sub", h("a", { href: "/callbacks" }, t("to call back: %(n)s", { n: queue.callbacks })))),
    h("td.num.expected", expected(queue.expected_wait)),
    h("td.num", h("span", { class: missed ? "missed" : "" }, percent(figures.service_level), missed && h("span.sr", ` ${t("below the target")}`)), h("span.sub", `${missed ? "▲ " : ""}${queue.threshold} s / ${Math.round(queue.target)} %`)),
    h("td.num", figures.presented),
    h("td.num", figures.answered),
    h("td.num", figures.abandoned, h("span.sub", percent(figures.abandon_rate))),
    h("td.num", seconds(figures.average_speed_of_answer)),
    h("td.num", queue.announced ? `± ${seconds(queue.announced.median_error)}` : "–", queue.announced && h("span.sub", t("told %(told)s, waited %(waited)s", { told: seconds(queue.announced.told), waited: seconds(queue.announced.waited) }))),
    h("td", h("span.strip", h("span.ready", queue.ready, h("span.sr", ` ${t("ready")},`)), h("span.busy", queue.busy, h("span.sr", ` ${t("busy")},`)), h("span.away", queue.away, h("span.sr", ` ${t("away")}`)))),
    h("td", spark(queue.hours)));
}

/** Calls presented in each hour, as bars; the same as words for those who cannot see them. */
function spark(hours) {
  const shown = hours.slice(-12);
  const most = Math.max(1, ...shown);
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 96 24");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", shown.length ? t("Calls in the last hours: %(list)s", { list: shown.join(", ") }) : t("No calls yet today"));
  shown.forEach((count, place) => {
    const bar = document.createElementNS(NS, "rect");
    const height = Math.max(1, (22 * count) / most);
    for (const [name, value] of Object.entries({ x: place * 8, y: 24 - height, width: 6, height })) bar.setAttribute(name, String(value));
    svg.append(bar);
  });
  return svg;
}

function drawClosure() {
  if (!data.may["closure.switch"]) return;
  const closed = page.closures.some((closure) => closure.scope === "tenant");
  render(document.getElementById("board-closure"), [
    !page.surges.some((surge) => !surge.queue_id) && h("button", { key: "surge", type: "button", title: t("The reserve takes calls at once, waiting callers are offered a callback and hear that it takes longer today."), onclick: () => act("/board/surge", {}, t("Surge is on.")) }, t("Surge: more calls than usual")),
    !closed && h("button", { key: "close", type: "button", onclick: askClosure }, t("Close for an emergency…")),
  ]);
}

function askClosure() {
  const sheet = document.getElementById("board-sheet");
  render(sheet, h("h2", { id: "board-sheet-title" }, t("Close every line now")),
    h("p", t("New callers hear that you are closed and may leave a voicemail. Calls in progress and callers who wait go on.")),
    h("form", { key: "closure", onsubmit: async (event) => {
      event.preventDefault();
      const values = new FormData(event.target);
      const hours = values.get("hours");
      if (await act("/board/closures", { reason: values.get("reason"), hours: hours ? Number(hours) : null }, t("Closed."))) sheet.close();
    } },
    h("div.field", h("label", { for: "closure-reason" }, t("Reason (shown to colleagues)")), h("input", { id: "closure-reason", name: "reason", type: "text", required: true, maxlength: 120, autocomplete: "off" })),
    h("div.field", h("label", { for: "closure-hours" }, t("For how long")), h("select", { id: "closure-hours", name: "hours" }, h("option", { value: "" }, t("until somebody opens again")), [1, 2, 4, 8, 24].map((n) => h("option", { value: n }, t("%(n)s hours", { n }))))),
    h("div.actions", h("button.primary", { type: "submit" }, t("Close now")), h("button.quiet", { type: "button", onclick: () => sheet.close() }, t("Stay open")))));
  sheet.showModal();
}

setClock(data.board.now);
draw();
subscribe("board", (board) => {
  if (board.error) return;
  setClock(board.now);
  page.board = board;
  draw();
});
subscribe("health", (health) => {
  if (health.error) return;
  page.health = health;
  draw();
});
subscribe("closures", (closures) => {
  if (!Array.isArray(closures)) return;
  page.closures = closures;
  draw();
});
subscribe("surges", (surges) => {
  if (!Array.isArray(surges)) return;
  page.surges = surges;
  draw();
});
subscribe("alarms", (alarms) => {
  if (!Array.isArray(alarms)) return;
  page.alarms = alarms;
  draw();
});
onConnection((state) => {
  page.live = state;
  draw();
});
setInterval(tick, 500);
