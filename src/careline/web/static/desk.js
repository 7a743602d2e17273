// The agent's desk. State comes from the server (`me`, `queues`, `health`); the page only shows it, gives orders, and
// keeps what the person is typing. Every region is drawn from the state and morphed in place.
import { post } from "./csrf.js";
import { announce, clock, h, pageData, render, serverNow, setClock, t, tick, useWords } from "./dom.js";
import { subscribe, onConnection } from "./live.js";
import { toast } from "./shell.js";
import { createSoftphone } from "./softphone.js";
import { drawBar, soundsLikeMachine, watchLevels } from "./desk-bar.js";
import { drawContact, contactChanged } from "./desk-contact.js";
import { setUpKeys } from "./desk-keys.js";
import { drawLine } from "./desk-line.js";
import { setUpNotes } from "./desk-notes.js";
import { setUpOrders } from "./desk-orders.js";
import { openEmergency, openKeypad, openTransfer } from "./desk-sheets.js";
import { drawSide } from "./desk-side.js";

const data = pageData("desk-data");
useWords(data.words);

/** Everything the regions work with. */
export const desk = {
  data,
  me: data.snapshot.me,
  snapshot: data.snapshot,
  queues: data.snapshot.queues,
  health: { ok: true, components: [] },
  live: "up",
  locked: false,
  phone: null,
  said: "", // the last problem, in words
  draw,
  steer,
  language: (code) => data.languages[code] ?? code,
};

// --- orders -------------------------------------------------------------------------------------------------------

const order = setUpOrders(desk, complain);

/** An order about the call in hand. */
function steer(what, body = {}, callId = desk.snapshot.contact?.call_id ?? desk.snapshot.offer?.call_id) {
  return callId ? order(what, `/api/v1/calls/${callId}/${what}`, body) : Promise.resolve(null);
}

function complain(problem) {
  const text = problem.id === "unreachable" ? t("The server cannot be reached. Nothing was changed; try again.") : problem.message;
  desk.said = text;
  toast(text);
  announce(text, { urgent: true });
}
desk.complain = complain;

// --- what can be done with the call --------------------------------------------------------------------------------

let wanted = null; // the call to answer when it rings here

export const actions = {
  answer() {
    const { offer } = desk.snapshot;
    if (desk.phone?.state.call) desk.phone.answer();
    else if (offer && desk.me.phone?.startsWith("d-")) toast(t("Pick up your desk telephone to answer."));
    else if (offer) wanted = offer.call_id; // the page was quicker than the ring: answered as soon as it comes
  },
  decline() {
    const { offer } = desk.snapshot;
    if (!offer) return;
    desk.phone?.ringer.stop();
    // A colleague's call is refused at the telephone itself: it is theirs, and stays with them.
    if (offer.from_agent) desk.phone?.reject();
    else steer("decline", {}, offer.call_id);
  },
  hold: () => inHand("talking", "held") && steer(desk.snapshot.contact.held ? "resume" : "hold"),
  mute() {
    const { contact } = desk.snapshot;
    if (!inHand("talking", "held", "consulting")) return;
    const on = !(desk.phone?.state.call?.muted ?? contact.muted);
    desk.phone?.mute(on); // at once, here; and at the switch, so that the record knows
    if (contact.state !== "consulting") steer(on ? "mute" : "unmute");
  },
  hangUp() {
    if (inHand("consulting")) desk.phone?.hangup();
    else if (inHand("calling")) steer("hang-up");
    else if (inHand("talking", "held")) steer("hang-up").then((done) => { if (!done) desk.phone?.hangup(); });
  },
  keypad: () => inHand("talking") && openKeypad(),
  transfer: () => inHand("talking", "held") && openTransfer(),
  complete: () => steer("transfer-complete"),
  cancel: () => steer("transfer-cancel"),
  machine() {
    const { contact } = desk.snapshot;
    if (inHand("talking", "held") && contact.callback === "joined") order("machine", `/api/v1/callbacks/${contact.call_id}/machine`, {});
  },
  emergency: () => openEmergency(),
  notes: () => document.getElementById("notes-text")?.focus(),
  wrapUp: () => document.querySelector("#contact [data-wrap-up]")?.focus(),
  patient: () => document.getElementById("find-name")?.focus(),
  status: (status, reason = null) => setStatus(status, reason),
};
desk.actions = actions;

function inHand(...states) {
  return states.includes(desk.snapshot.contact?.state);
}

async function setStatus(status, reason) {
  const softphone = desk.phone && !desk.me.phone?.startsWith("d-");
  if (status === "available" && softphone) {
    if (desk.phone.state.tab === "passive") desk.phone.takeOver();
    const microphone = await desk.phone.prepare();
    if (!["ok", "silent"].includes(microphone)) {
      draw();
      announce(t("You cannot take calls: the microphone does not work."), { urgent: true });
      return;
    }
  }
  const busy = ["offered", "talking", "wrap_up"].includes(desk.me.status);
  const done = await order("status", "/api/v1/desk/status", { status, reason });
  // With a call in hand the wish is kept until the work is done: say so, as nothing else changes on the page.
  if (done && busy) toast(t("After this call: %(status)s", { status: data.statuses[status] }));
}

// --- drawing -------------------------------------------------------------------------------------------------------

let scheduled = false;
function draw() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    drawBanner();
    drawLine(desk);
    drawContact(desk);
    drawSide(desk);
    drawBar(desk);
    tick();
  });
}

function drawBanner() {
  const notices = [];
  if (desk.live === "ended") {
    notices.push(h("p", { key: "ended" }, t("You are signed out. Your call goes on; sign in again to see it."), h("a.button.small", { href: "/sign-in?next=/desk" }, t("Sign in"))));
  }
  for (const part of desk.health.components ?? []) {
    if (part.state !== "up") notices.push(h("p", { key: `part-${part.name}` }, part.detail || t("A part of Careline is not available: %(name)s", { name: part.name })));
  }
  render(document.getElementById("banner"), notices);
}

// --- what is heard ---------------------------------------------------------------------------------------------------

function heardMe(snapshot) {
  if (snapshot.error) return;
  setClock(snapshot.now);
  const before = desk.snapshot;
  desk.snapshot = snapshot;
  desk.me = snapshot.me;
  desk.queues = desk.queues.filter((q) => snapshot.queues.some((mine) => mine.id === q.id));
  for (const queue of snapshot.queues) if (!desk.queues.some((q) => q.id === queue.id)) desk.queues.push(queue);
  sayWhatChanged(before, snapshot);
  const same = before.contact?.call_id === snapshot.contact?.call_id && (before.contact?.state === "consulting") === (snapshot.contact?.state === "consulting");
  if (!same) contactChanged(desk);
  notes.follow(snapshot.contact);
  draw();
}

function sayWhatChanged(before, after) {
  const { offer, contact, me } = after;
  if (offer && offer.call_id !== before.offer?.call_id) {
    const wait = Math.round((serverNow() - Date.parse(offer.waiting_since)) / 1000);
    announce(t("Incoming call: %(queue)s, %(language)s, waiting for %(wait)s seconds. Alt A answers.", { queue: offer.queue ?? offer.line, language: desk.language(offer.language), wait }), { urgent: true });
  } else if (contact?.state !== before.contact?.state || contact?.call_id !== before.contact?.call_id) {
    const words = { consulting: t("A colleague asks you; the caller is on hold."), calling: t("This is a callback: the person's telephone is ringing."), talking: t("You are connected with the caller."), held: t("The caller is on hold."), wrap_up: t("The call is over. Choose a reason to wrap up.") };
    if (contact) announce(words[contact.state] ?? "");
  } else if (contact && soundsLikeMachine(contact) && !soundsLikeMachine(before.contact)) {
    announce(t("This sounds like an answering machine. You decide: Alt+I leaves the message."));
  } else if (me.status !== before.me.status) {
    announce(t("You are now: %(status)s", { status: data.statuses[me.status] ?? me.status }), { urgent: me.status === "not_responding" });
  }
}

const notes = setUpNotes(desk);

desk.phone = createSoftphone({
  remote: document.getElementById("far-audio"),
  onState: () => draw(),
  onLevels: watchLevels,
  onIncoming: () => {
    if (wanted && wanted === desk.snapshot.offer?.call_id) desk.phone.answer();
    wanted = null;
    draw();
  },
  onEnded: () => draw(),
  onSleep: (seconds) => toast(t("This computer slept for %(seconds)s seconds. Your telephone is being connected again.", { seconds })),
});

setClock(data.snapshot.now);
setUpKeys(actions);
contactChanged(desk);
notes.follow(desk.snapshot.contact);
draw();
desk.phone.start();
subscribe("me", heardMe);
subscribe("queues", (all) => {
  if (!Array.isArray(all)) return;
  const found = new Map(all.map((queue) => [queue.id, queue]));
  desk.queues = desk.queues.map((queue) => found.get(queue.id) ?? queue);
  draw();
});
subscribe("health", (health) => {
  if (health.error) return;
  desk.health = health;
  draw();
});
subscribe("session", (session) => {
  const unlocked = desk.locked && !session.locked;
  desk.locked = Boolean(session.locked);
  // A page that was loaded behind the lock was given nothing to show: load it anew. The call comes back by itself.
  if (unlocked && !data.may["patient.search"]) location.reload();
  else draw();
});
onConnection((state) => {
  desk.live = state;
  draw();
});
setInterval(tick, 250);

// For tests and for the curious; nothing secret is here that the page does not show.
window.careline = { desk, actions, post, clock };
