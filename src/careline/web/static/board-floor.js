// The lower half of the board: calls in the house and agents, with what a supervisor can do about them.
import { awayReason } from "./away.js";
import { clock, h, render, t } from "./dom.js";

// --- calls ----------------------------------------------------------------------------------------------------------

export function drawCalls(page) {
  const phases = { arrived: t("arriving"), flow: t("in the menu"), waiting: t("waiting"), talking: t("talking"), voicemail: t("leaving a voicemail"), callback: t("to be called back") };
  const { calls } = page.board;
  const manage = page.data.may["agent.manage"];
  render(document.getElementById("board-calls"), calls.length === 0
    ? h("p.empty", t("No call is in the house."))
    : h("table", h("thead", h("tr", h("th", { scope: "col" }, t("State")), h("th", { scope: "col" }, t("Queue")), h("th", { scope: "col" }, t("About")), h("th.num", { scope: "col" }, t("Since")), h("th", { scope: "col" }, t("Agent")), h("th", { scope: "col" }, h("span.sr", t("Actions"))))),
      h("tbody", calls.map((call) => h("tr", { key: call.id },
        h("th", { scope: "row" }, call.emergency && h("span.status-pill", { "data-tone": "harm" }, { key: t("Emergency key"), words: t("Emergency words") }[call.emergency_how] ?? t("Emergency")), page.data.may_open ? h("a", { href: `/calls/${call.id}` }, call.held ? t("on hold") : phases[call.phase] ?? call.phase) : phases[call.phase] ?? call.phase, priorityMark(call)),
        h("td", call.queue ?? call.line),
        h("td", [call.reason, page.data.languages[call.language] ?? call.language].filter(Boolean).join(" · ")),
        h("td.num", clock(call.since, { late: call.phase === "waiting" ? 60 : null }), call.expected_wait !== null && h("span.sub", t("about %(n)s min more", { n: Math.max(1, Math.ceil(call.expected_wait / 60)) }))),
        h("td", call.agent ?? (call.offered_to ? t("ringing %(who)s", { who: call.offered_to }) : "–")),
        h("td", manage && callMenu(page, call)))))));
  redraw?.();
}

/** A menu's choice: the menu closes and the focus stays at it, wherever the choice leads. */
function choice(label, run) {
  return h("button.link", { type: "button", key: label, onclick: (event) => {
    const menu = event.target.closest("details");
    menu.open = false;
    menu.querySelector("summary").focus();
    run();
  } }, label);
}

/** A priority that differs from the ordinary one is seen on the call; an emergency says more by itself. */
function priorityMark(call) {
  if (call.emergency || call.phase !== "waiting" || !call.priority) return null;
  return h("span.status-pill", { "data-tone": call.priority > 0 ? "late" : "" }, call.priority > 0 ? t("priority +%(n)s", { n: call.priority }) : t("priority %(n)s", { n: call.priority }));
}

function callMenu(page, call) {
  return h("details.menu", { key: "menu" }, h("summary", h("span.sr", t("Actions for this call"))),
    h("div.menu-body",
      waits(call) && choice(t("Ring somebody now…"), () => askAssign(page, call)),
      waits(call) && !call.emergency && choice(t("Priority…"), () => askPriority(page, call)),
      waits(call) && h("a", { key: "why", href: `/calls/${call.id}/why` }, t("Why is nobody ringing?")),
      call.phase === "callback" ? h("a", { key: "callbacks", href: "/callbacks" }, t("Callbacks")) : choice(t("Move to a queue…"), () => askMove(page, call)),
      choice(t("End the call…"), () => askEnd(page, call))));
}

/** What the open sheet shows, drawn again as the floor moves: whoever is offered as free is free. */
let redraw = null;

function sheetWith(content) {
  const sheet = document.getElementById("board-sheet");
  redraw = () => render(sheet, content(sheet));
  redraw();
  sheet.addEventListener("close", () => { redraw = null; }, { once: true });
  sheet.showModal();
}

/** A sheet about a call; when the call has gone on meanwhile, it says so. */
function sheetOf(page, call, still, content) {
  sheetWith((sheet) => {
    const now = page.board.calls.find((one) => one.id === call.id);
    if (now && still(now)) return content(now, sheet);
    return [h("h2", { id: "board-sheet-title" }, t("The call has gone on")), h("p", t("It is not where it was any more; there is nothing to do here.")),
      h("div.actions", h("button", { type: "button", onclick: () => sheet.close() }, t("Close")))];
  });
}

const waits = (call) => call.phase === "waiting";

function askMove(page, call) {
  sheetOf(page, call, () => true, (now, sheet) => [h("h2", { id: "board-sheet-title" }, t("Move the call to a queue")), h("p", t("The caller keeps the time waited so far.")),
    h("ul.tiles", page.board.queues.filter((queue) => queue.id !== now.queue_id || !waits(now)).map((queue) => h("li", { key: queue.id }, h("button", { type: "button", onclick: async () => {
      if (await page.act(`/api/v1/calls/${call.id}/move`, { queue_id: queue.id }, t("Moved to %(queue)s.", { queue: queue.name }))) sheet.close();
    } }, queue.name, " ", h("small.faint", t("%(n)s waiting", { n: queue.waiting })))))),
    stay(sheet, t("Leave it where it is"))]);
}

const stay = (sheet, label) => h("div.actions", { key: "stay" }, h("button.quiet", { type: "button", onclick: () => sheet.close() }, label));

/** Turn and skills are passed over, so who would not be asked otherwise is named after those who would. */
function askAssign(page, call) {
  const serves = (agent) => agent.queues.includes(call.queue);
  const free = () => page.board.agents.filter((agent) => agent.status === "available" && agent.phone_online)
    .sort((a, b) => serves(b) - serves(a) || a.name.localeCompare(b.name));
  sheetOf(page, call, waits, (now, sheet) => [h("h2", { id: "board-sheet-title" }, t("Ring somebody now")), h("p", t("It rings there at once, whatever turn and skills say. If nobody answers, the call goes on waiting at its place.")),
    free().length === 0
      ? h("p.empty", t("Nobody is free just now. Raise the priority instead, or move the call to another queue."))
      : h("ul.tiles", free().map((agent) => h("li", { key: agent.id }, h("button", { type: "button", onclick: async () => {
        if (await page.act(`/api/v1/calls/${call.id}/assign`, { person_id: agent.id }, t("It rings at %(name)s.", { name: agent.name }))) sheet.close();
      } }, agent.name, " ", h("small.faint", [serves(agent) ? null : t("does not serve this queue"), agent.languages.join(" ")].filter(Boolean).join(" · ")))))),
    stay(sheet, t("Leave it where it is"))]);
}

const PRIORITIES = () => [
  [900, t("Before everybody who waits"), t("Only an emergency goes before it.")],
  [100, t("Urgent"), t("Before calls of ordinary priority.")],
  [0, t("Ordinary"), t("As its queue says.")],
  [-100, t("Less urgent"), t("After calls of ordinary priority.")],
];

function askPriority(page, call) {
  sheetOf(page, call, waits, (now, sheet) => [h("h2", { id: "board-sheet-title" }, t("Priority of this call")), h("p", t("It holds at once. The time waited so far is kept, and you can change it back.")),
    h("ul.tiles", PRIORITIES().map(([priority, label, about]) => h("li", { key: priority }, h("button", { type: "button", "aria-pressed": now.priority === priority, onclick: async () => {
      if (await page.act(`/api/v1/calls/${call.id}/priority`, { priority }, t("Priority: %(what)s", { what: label }))) sheet.close();
    } }, label, " ", h("small.faint", about))))),
    stay(sheet, t("Leave it as it is"))]);
}

function askEnd(page, call) {
  sheetOf(page, call, () => true, (now, sheet) => [h("h2", { id: "board-sheet-title" }, t("End this call?")), h("p", t("The caller is disconnected. That cannot be taken back.")),
    h("div.actions", h("button.harm", { type: "button", onclick: async () => {
      if (await page.act(`/api/v1/calls/${call.id}/end`, {}, t("The call was ended."))) sheet.close();
    } }, t("End the call")), h("button.quiet", { type: "button", onclick: () => sheet.close() }, t("Let it go on")))]);
}

// --- agents ---------------------------------------------------------------------------------------------------------

const TONES = { available: "good", offered: "busy", talking: "busy", wrap_up: "late", not_responding: "late" };
const ORDER = ["not_responding", "available", "offered", "talking", "wrap_up", "away", "offline"];
const sort = { by: "status", down: false };

const SORTS = {
  name: (a, b) => a.name.localeCompare(b.name),
  status: (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.since.localeCompare(b.since),
  since: (a, b) => a.since.localeCompare(b.since),
  handled: (a, b) => a.handled - b.handled,
};

export function drawAgents(page) {
  const agents = [...page.board.agents].sort(SORTS[sort.by]);
  if (sort.down) agents.reverse();
  const column = (by, label, classes = "") => h(`th${classes}`, { scope: "col", "aria-sort": sort.by === by ? (sort.down ? "descending" : "ascending") : undefined },
    h("button.sort", { type: "button", onclick: () => { sort.down = sort.by === by && !sort.down; sort.by = by; drawAgents(page); } }, label));
  const manage = page.data.may["agent.manage"];
  render(document.getElementById("board-agents"), agents.length === 0
    ? h("p.empty", t("Nobody is on the floor. Agents appear here when they become available."))
    : h("table", h("thead", h("tr", column("name", t("Name")), column("status", t("State")), column("since", t("Since"), ".num"), h("th", { scope: "col" }, t("Queues")), column("handled", t("Calls today"), ".num"), h("th", { scope: "col" }, h("span.sr", t("Actions"))))),
      h("tbody", agents.map((agent) => h("tr", { key: agent.id },
        h("th", { scope: "row" }, agent.name),
        h("td", h("span.status-pill", { "data-tone": TONES[agent.status] }, page.data.statuses[agent.status] ?? agent.status),
          agent.reason && agent.status === "away" && h("span.faint", ` ${awayReason(agent.reason)}`), agent.queue && h("span.faint", ` ${agent.queue}`), " ",
          agent.uncoded > 0 && h("div.faint", t("without a code: %(n)s", { n: agent.uncoded })),
          agent.status !== "offline" && !agent.phone_online && h("span.status-pill", { "data-tone": "late" }, t("no telephone"))),
        h("td.num", clock(agent.since)),
        h("td.faint.of-queues", { title: agent.queues.join(", ") }, agent.queues.join(", "), agent.languages.length > 1 && ` · ${agent.languages.join(" ")}`),
        h("td.num", agent.handled),
        h("td", manage && agentMenu(page, agent)))))));
}

function agentMenu(page, agent) {
  const order = (status, label) => agent.status !== status && choice(label, () => page.act("/api/v1/desk/status", { person_id: agent.id, status, reason: status === "away" ? "supervisor" : null }, t("%(name)s: %(status)s", { name: agent.name, status: label })));
  return h("details.menu", { key: "menu" }, h("summary", h("span.sr", t("Actions for %(name)s", { name: agent.name }))),
    h("div.menu-body", order("available", t("Make available")), order("away", t("Set to away")), order("offline", t("Sign off the floor"))));
}
