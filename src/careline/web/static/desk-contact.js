// Middle: the contact in hand. Who is calling, the patients of this call, what the caller wants, and wrapping up.
import { clock, h, render, t } from "./dom.js";
import { emergencyBanner } from "./desk-line.js";
import { drawPatients, loadPatients } from "./desk-patient.js";
import { drawMessages } from "./desk-message.js";

export function drawContact(desk) {
  const { contact, offer } = desk.snapshot;
  const body = document.getElementById("contact-body");
  if (!contact) {
    render(body, offer ? ringing(desk) : empty(desk));
    return;
  }
  render(body,
    head(desk, contact),
    contact.state === "consulting" ? consulting(contact) : [
      transferring(contact),
      notesTime(desk, contact),
      contact.state === "wrap_up" && wrapUp(desk, contact),
      drawPatients(desk, contact),
      drawMessages(desk, contact),
    ]);
}

/** The call in hand is another one now (or none): look who may be calling. */
export function contactChanged(desk) {
  const { contact } = desk.snapshot;
  if (contact && contact.state !== "consulting" && desk.data.may["patient.search"]) loadPatients(desk, contact.call_id);
}

function empty(desk) {
  const available = desk.me.status === "available";
  return h("div.empty", { key: "empty" },
    h("h3", available ? t("Ready for the next call") : t("No call in hand")),
    h("p", available
      ? t("When a call comes, its queue, reason and language appear at the left. Answer with Alt A. Who is calling appears here.")
      : t("Become available with Alt 1 to take calls. All keys: press ? outside of a text field.")));
}

function ringing() {
  return h("div.empty", { key: "ringing" }, h("h3", t("A call is ringing")), h("p", t("Nothing about a patient is shown before somebody is chosen and verified.")));
}

function head(desk, contact) {
  const kinds = { web: t("calls from the web page"), phone: t("calls from an internal telephone") };
  const about = [contact.queue, contact.reason, desk.language(contact.language), kinds[contact.source]].filter(Boolean);
  return h("div.contact-head", { key: "head" },
    h("h3", contact.caller ?? t("Number withheld")),
    emergencyBanner(contact),
    contact.state === "held" && h("span.status-pill", { "data-tone": "late" }, t("On hold")),
    contact.consent === false && h("span.status-pill", { "data-tone": "late" }, t("Not recorded: the caller refused")),
    Object.keys(contact.noted).length > 0 && h("dl.noted", Object.entries(contact.noted).map(([name, value]) => h("div", { key: name }, h("dt", name.replaceAll("_", " ")), h("dd", String(value))))),
    h("p", t("for %(line)s", { line: contact.line.label }), about.length ? ` · ${about.join(" · ")}` : ""));
}

function consulting(contact) {
  return h("p.notice", { key: "consulting", role: "status" }, t("%(who)s asks you about this call; the caller is on hold. When the call is handed to you, everything about it appears here.", { who: contact.colleague ?? t("A colleague") }));
}

function transferring(contact) {
  const { transfer } = contact;
  if (!transfer) return null;
  const words = transfer.state === "talking"
    ? t("You are talking to %(who)s; the caller is on hold. Complete with Alt C, or go back with Alt B.", { who: transfer.label })
    : t("Ringing %(who)s; the caller is on hold. Go back with Alt B.", { who: transfer.label });
  return h("p.notice", { key: "transfer", role: "status" }, words);
}

/** In a queue that gives time for notes only when asked: ask for it while the call lasts. */
function notesTime(desk, contact) {
  if (contact.state !== "talking" && contact.state !== "held") return null;
  if (contact.notes_time === "asked") return h("p.faint", { key: "notes-time", role: "status" }, t("You will have time for notes after this call."));
  if (contact.notes_time !== "ask") return null;
  return h("p", { key: "notes-time" }, h("button", { type: "button", "aria-busy": desk.busy.has("notes-time") || undefined, onclick: () => desk.steer("notes-time") }, t("I need time for notes after this call")));
}

function wrapUp(desk, contact) {
  const codes = desk.snapshot.wrap_up_codes;
  return h("section.block", { key: "wrap-up", "aria-label": t("Wrap-up") },
    h("h3", t("What was this call about?"), " ", h("kbd", "Alt W")),
    codes.length === 0
      ? h("p.notice.late", t("No wrap-up reasons are set up. A supervisor can add them under Queues and skills."))
      : h("div.people", codes.map((choice, place) => h("button", {
        type: "button", key: choice.code, "data-wrap-up": place === 0 ? "first" : undefined, "aria-busy": desk.busy.has("wrap-up") || undefined,
        onclick: () => desk.steer("wrap-up", { code: choice.code }, contact.call_id),
      }, choice.label))),
    desk.me.wrap_up_until && h("p.faint", t("Notes and messages are kept."), " ",
      h("button.link", { type: "button", onclick: () => desk.order("more-time", "/api/v1/desk/more-time") }, t("One more minute"))));
}
