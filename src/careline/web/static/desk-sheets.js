// Sheets over the desk: the emergency card, the list to transfer to, the keypad. None of them stops the call.
import { request } from "./csrf.js";
import { announce, h, render, t } from "./dom.js";
import { desk } from "./desk.js";
import { openInEmergency, patientsOf } from "./desk-patient.js";

// --- emergency ------------------------------------------------------------------------------------------------------

let raised = null; // {callId, state: sending|noted|waiting}

/** Opens at once from what the page holds already; telling the server comes second and is repeated until it works. */
export function openEmergency() {
  const dialog = document.getElementById("emergency");
  const callId = desk.snapshot.contact?.call_id ?? null;
  for (const other of document.querySelectorAll("dialog[open]")) if (other !== dialog) other.close();
  drawEmergency();
  if (!dialog.open) dialog.show();
  dialog.querySelector("h2")?.focus();
  announce(t("Emergency card opened. Tell the caller to hang up and dial 911, or stay on the line while somebody else dials."), { urgent: true });
  if (callId && raised?.callId !== callId && !desk.snapshot.contact.emergency) tellServer(callId);
}

async function tellServer(callId) {
  raised = { callId, state: "sending" };
  const key = crypto.randomUUID();
  for (let wait = 500; ; wait = Math.min(wait * 2, 10000)) {
    try {
      await request(`/api/v1/calls/${callId}/emergency`, { method: "POST", body: {}, key });
      raised.state = "noted";
      break;
    } catch (problem) {
      raised.state = problem.retryable ? "waiting" : "noted";
      if (!problem.retryable) break; // the call is over: nothing more to tell
    }
    drawEmergency();
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  drawEmergency();
}

function drawEmergency() {
  const { contact } = desk.snapshot;
  const lines = contact ? [contact.line] : desk.data.lines;
  const states = { sending: t("Being noted on the call…"), noted: t("Noted on the call. Your supervisor sees it on the board."), waiting: t("Not noted yet: the server does not answer. It is tried again by itself; go on.") };
  const chosen = contact && patientsOf(contact.call_id).chosen;
  const person = chosen && patientsOf(contact.call_id).people.get(chosen);
  render(document.getElementById("emergency"),
    h("h2", { id: "emergency-title", tabindex: -1 }, t("Emergency")),
    h("p.big", { lang: contact?.language ?? "en" }, contact?.language === "es" ? "“Cuelgue y marque el 911 ahora. Si no puede, quédese en la línea; pido ayuda.”" : "“Hang up and dial 911 now. If you cannot, stay on the line and I will get help.”"),
    h("ol",
      h("li", t("Ask where the person is: address, floor, door code. Write it into the notes.")),
      h("li", t("If the caller cannot dial: call 911 from another telephone and give that place, not yours. Stay on the line until help is there.")),
      h("li", t("Do not give medical advice beyond what the 911 dispatcher tells you."))),
    h("h3", t("The location of this line")),
    lines.map((line) => h("p", { key: line.id }, h("span.address", line.address), h("br"), `${line.location} · ${line.label} · ${line.number}`)),
    contact?.caller && h("p", t("The caller's number: %(number)s", { number: contact.caller })),
    person && !person.card && h("p", h("button", { type: "button", onclick: () => openInEmergency(desk, contact.call_id, chosen).catch(desk.complain) }, t("Open the chosen patient's card without verification")), " ", h("span.faint", t("It is noted, and reviewed later."))),
    person?.card && h("p", h("strong", person.card.name), " · ", person.card.address ?? "", " · ", (person.card.phones ?? []).map((one) => one.number).join(", ")),
    raised && contact && raised.callId === contact.call_id && h("p.faint", { role: "status" }, states[raised.state]),
    h("div.actions", h("button", { type: "button", onclick: () => document.getElementById("emergency").close() }, t("Close the card"))));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  // The topmost sheet goes; the person comes back to where they were.
  const open = ["keypad", "transfer", "emergency"].map((id) => document.getElementById(id)).find((dialog) => dialog.open);
  open?.close();
});

// --- transfer -------------------------------------------------------------------------------------------------------

let targets = null;
let wanted = "";
let mode = "consult";

export async function openTransfer() {
  const dialog = document.getElementById("transfer");
  targets = null;
  wanted = "";
  drawTransfer();
  if (!dialog.open) dialog.show(); // not modal: the call bar and its emergency button stay within reach
  document.getElementById("transfer-query")?.focus();
  try {
    targets = await request("/api/v1/desk/targets");
  } catch (problem) {
    targets = [];
    desk.complain(problem);
  }
  drawTransfer();
}

function drawTransfer() {
  const dialog = document.getElementById("transfer");
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const digits = wanted.replace(/[^0-9+]/g, "");
  const found = (targets ?? []).filter((one) => plain(one.label).includes(plain(wanted)));
  const pick = (to) => { dialog.close(); desk.steer("transfer", { mode: to.kind === "queue" ? "blind" : mode, to }); };
  const submit = () => {
    if (digits.length >= 7) pick({ kind: "number", number: wanted });
    else if (found.length && usable(found[0])) pick({ kind: found[0].kind, id: found[0].id });
  };
  render(dialog,
    h("h2", { id: "transfer-title" }, t("Transfer")),
    h("form", { key: "form", onsubmit: (event) => { event.preventDefault(); submit(); } },
      h("label", { for: "transfer-query" }, t("A colleague, a queue, or a telephone number")),
      h("input", { id: "transfer-query", type: "text", autocomplete: "off", oninput: (event) => { wanted = event.target.value; drawTransfer(); } }),
      h("fieldset.row", h("legend.sr", t("How")),
        radio("consult", t("Talk to them first")), radio("blind", t("Hand over at once")))),
    h("ul.target-list", { "aria-label": t("Where to") },
      targets === null && h("li.faint", t("Looking…")),
      digits.length >= 7 && h("li", { key: "number" }, h("button", { type: "button", onclick: () => pick({ kind: "number", number: wanted }) }, h("span", t("Outside number %(number)s", { number: wanted })))),
      found.map((one) => h("li", { key: one.id }, h("button", { type: "button", "aria-disabled": usable(one) ? undefined : "true", onclick: () => usable(one) && pick({ kind: one.kind, id: one.id }) },
        h("span", one.label), h("small", one.kind === "queue" ? t("queue, %(n)s waiting", { n: one.state }) : desk.data.statuses[one.state] ?? one.state)))),
      targets !== null && found.length === 0 && digits.length < 7 && h("li.faint", t("Nothing matches."))),
    h("div.actions", h("button.quiet", { type: "button", onclick: () => dialog.close() }, t("Stay with the caller"))));
}

/** A queue takes a call at any time; a colleague only when ready. */
const usable = (target) => target.kind === "queue" || target.ready;

function radio(value, label) {
  return h("label", { key: value, for: `mode-${value}` }, h("input", { id: `mode-${value}`, type: "radio", name: "mode", value, checked: mode === value, onchange: () => { mode = value; } }), label);
}

// --- keypad ---------------------------------------------------------------------------------------------------------

let pressed = "";

export function openKeypad() {
  const dialog = document.getElementById("keypad");
  pressed = "";
  drawKeypad();
  if (!dialog.open) dialog.show();
  dialog.querySelector("button")?.focus();
}

function press(digit) {
  pressed = (pressed + digit).slice(-16);
  // Through the switch, so that a desk telephone works alike and the record knows that keys were sent.
  const callId = desk.snapshot.contact?.call_id;
  if (callId) queue = queue.then(() => request(`/api/v1/calls/${callId}/digits`, { method: "POST", body: { digits: digit }, key: crypto.randomUUID() })).catch(desk.complain);
  drawKeypad();
}

let queue = Promise.resolve(); // one after another, in the order pressed

function drawKeypad() {
  const dialog = document.getElementById("keypad");
  render(dialog,
    h("h2", { id: "keypad-title" }, t("Keypad")),
    h("output", { "aria-label": t("Keys sent") }, pressed || "\u00a0"),
    h("div.keypad", [..."123456789*0#"].map((digit) => h("button", { type: "button", key: digit, onclick: () => press(digit) }, digit))),
    h("div.actions", h("button.quiet", { type: "button", onclick: () => dialog.close() }, t("Close"))));
}

document.getElementById("keypad").addEventListener("keydown", (event) => {
  if (/^[0-9*#]$/.test(event.key)) { event.preventDefault(); press(event.key); }
});
