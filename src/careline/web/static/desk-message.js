// Messages for providers and departments: a short guided form with the read-back beside it. A call may leave several.
import { post } from "./csrf.js";
import { announce, h, t } from "./dom.js";
import { patientsOf, ROLES } from "./desk-patient.js";
import { toast } from "./shell.js";

const forms = new Map(); // call id -> {open, number, problem, busy, key, serial}

function formOf(contact) {
  if (!forms.has(contact.call_id)) {
    forms.set(contact.call_id, { open: false, number: contact.caller ?? "", problem: "", busy: false, key: crypto.randomUUID(), serial: 0 });
  }
  return forms.get(contact.call_id);
}

const REASONS = () => [["appointment", t("Appointment")], ["refill", t("Refill")], ["results", t("Results")], ["referral", t("Referral")], ["billing", t("Billing")], ["records", t("Records")], ["clinical", t("Clinical question")], ["other", t("Other")]];
const STATES = () => ({ new: t("new"), read: t("read"), acknowledged: t("taken on"), done: t("done") });

export function drawMessages(desk, contact) {
  if (!desk.data.may["message.take"]) return null;
  const state = formOf(contact);
  const states = STATES();
  return h("section.block", { key: `messages-${contact.call_id}`, "aria-label": t("Messages") },
    h("h3", t("Messages")),
    contact.messages.length > 0 && h("ul.rows", { key: "taken" }, contact.messages.map((one) => h("li", { key: one.id },
      h("a", { href: `/inbox/${one.id}`, target: "_blank", rel: "noopener" }, one.to), h("span.faint", one.reason), h("span.status-pill", { "data-tone": one.state === "done" ? "good" : one.urgency === "critical" ? "harm" : one.urgency === "urgent" ? "late" : undefined }, states[one.state] ?? one.state)))),
    state.open ? form(desk, contact, state) : h("p", { key: "closed" }, h("button", { type: "button", id: "new-message", onclick: () => { state.open = true; desk.draw(); setTimeout(() => document.getElementById("message-to")?.focus(), 30); } }, contact.messages.length ? t("Write another message") : t("Write a message"))));
}

function form(desk, contact, state) {
  const people = [...patientsOf(contact.call_id).people.values()].filter((person) => person.card);
  const { departments, providers } = desk.data.recipients;
  const id = (name) => `message-${name}`;
  return h("form", { key: `form-${state.serial}`, onsubmit: (event) => { event.preventDefault(); send(desk, contact, state, event.target); } },
    state.problem && h("p.notice.late", { key: "problem", role: "alert" }, state.problem),
    h("div.form-grid",
      h("div", { key: "to" }, h("label", { for: id("to") }, t("To")), h("select", { id: id("to"), name: "to", required: true },
        h("option", { value: "" }, t("Choose…")),
        h("optgroup", { label: t("Departments") }, departments.map((one) => h("option", { value: `department:${one.id}` }, one.name))),
        h("optgroup", { label: t("Providers") }, providers.map((one) => h("option", { value: `provider:${one.id}` }, one.name))))),
      h("div", { key: "reason" }, h("label", { for: id("reason") }, t("About")), h("select", { id: id("reason"), name: "reason" }, REASONS().map(([code, label]) => h("option", { value: code }, label)))),
      h("div", { key: "urgency" }, h("label", { for: id("urgency") }, t("How soon")), h("select", { id: id("urgency"), name: "urgency" }, h("option", { value: "routine" }, t("within the working day")), h("option", { value: "urgent" }, t("within the hour")), h("option", { value: "critical" }, t("at once")))),
      people.length > 0 && h("div", { key: "patient" }, h("label", { for: id("patient") }, t("Patient")), h("select", { id: id("patient"), name: "patient_id" }, people.map((person) => h("option", { value: person.candidate.patient_id }, person.card.name)), h("option", { value: "" }, t("none of them")))),
      h("div", { key: "name" }, h("label", { for: id("name") }, t("Caller's name")), h("input", { id: id("name"), name: "caller_name", type: "text", required: true, maxlength: 200, autocomplete: "off" })),
      h("div", { key: "role" }, h("label", { for: id("role") }, t("The caller is")), h("select", { id: id("role"), name: "caller_role" }, ROLES().map(([code, label]) => h("option", { value: code }, label)))),
      h("div.wide", { key: "body" }, h("label", { for: id("body") }, t("Message")), h("textarea", { id: id("body"), name: "body", rows: 4, required: true, maxlength: 4000 })),
      h("div", { key: "callback" }, h("label", { for: id("callback") }, t("Call back at")), h("input", { id: id("callback"), name: "callback", type: "tel", value: state.number, autocomplete: "off", oninput: (event) => { state.number = event.target.value; desk.draw(); } })),
      h("div", { key: "options" }, h("label", { for: id("voicemail") }, h("input", { id: id("voicemail"), name: "voicemail_ok", type: "checkbox" }), t("A voicemail may be left")))),
    state.number.trim() && h("div", { key: "read-back" },
      h("p.hint", t("Read back, digit by digit:")), h("p.read-back", spell(state.number)),
      h("p", h("label", { for: id("confirmed") }, h("input", { id: id("confirmed"), name: "callback_confirmed", type: "checkbox" }), t("The caller confirmed the number")))),
    h("div.actions", h("button.primary", { type: "submit", "aria-busy": state.busy || undefined }, t("Send the message")),
      h("button.quiet", { type: "button", onclick: () => { state.open = false; desk.draw(); } }, t("Close without sending"))));
}

/** A number as it is read out: its digits apart, in their groups. */
function spell(number) {
  return number.replace(/^\+1/, "").split(/[^0-9]+/).filter(Boolean).map((group) => [...group].join(" ")).join(" – ");
}

async function send(desk, contact, state, element) {
  if (state.busy) return;
  const values = new FormData(element);
  const [kind, recipient] = String(values.get("to")).split(":");
  const callback = String(values.get("callback")).trim();
  state.busy = true;
  state.problem = "";
  desk.draw();
  try {
    await post("/api/v1/messages", {
      [`${kind}_id`]: recipient, call_id: contact.call_id, patient_id: values.get("patient_id") || null,
      caller_name: values.get("caller_name"), caller_role: values.get("caller_role"), reason: values.get("reason"), urgency: values.get("urgency"), body: values.get("body"),
      callback: callback || null, callback_confirmed: values.get("callback_confirmed") === "on", voicemail_ok: values.get("voicemail_ok") === "on", language: contact.language, key: state.key,
    }, { key: state.key });
    Object.assign(state, { open: false, key: crypto.randomUUID(), serial: state.serial + 1, number: contact.caller ?? "" });
    toast(t("The message is in the inbox."));
    announce(t("The message is in the inbox."));
    setTimeout(() => document.getElementById("new-message")?.focus(), 30);
  } catch (problem) {
    state.problem = problem.id === "unreachable" ? t("The server cannot be reached. Your text is kept here; try again.") : problem.message;
  }
  state.busy = false;
  desk.draw();
}
