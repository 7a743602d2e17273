// The patients of a call: candidates by the calling number (initials only), search by what the caller says, verification
// (the agent types what is said, the server compares), and the card. Nothing of a patient is kept in the browser's storage.
import { request, post } from "./csrf.js";
import { announce, h, t } from "./dom.js";

/** Addresses of the patient API for a call. */
const at = (callId, rest) => `/api/v1/calls/${callId}/${rest}`;

const calls = new Map(); // call id -> what is known of its patients in this page

export function patientsOf(callId) {
  if (!calls.has(callId)) {
    calls.set(callId, { candidates: null, found: null, chosen: null, people: new Map(), problem: "", searching: false, role: "self" });
  }
  return calls.get(callId);
}

/** Who may be calling; and the patients opened before this page was refreshed. */
export async function loadPatients(desk, callId) {
  const state = patientsOf(callId);
  if (state.candidates) return;
  try {
    state.candidates = await request(at(callId, "candidates"), { passive: true });
    for (const candidate of state.candidates.found) if (candidate.level > 0) open(desk, callId, candidate);
  } catch (problem) {
    state.problem = problem.message;
  }
  desk.draw();
}

async function choose(desk, callId, candidate) {
  const state = patientsOf(callId);
  state.chosen = candidate.patient_id;
  if (!state.people.has(candidate.patient_id)) open(desk, callId, candidate);
  desk.draw();
  setTimeout(() => document.getElementById("stated-name")?.focus(), 30);
}

async function open(desk, callId, candidate) {
  const state = patientsOf(callId);
  const person = { candidate, standing: null, card: null, problem: "" };
  state.people.set(candidate.patient_id, person);
  try {
    person.standing = await request(at(callId, `patients/${candidate.patient_id}`), { passive: true });
    if (person.standing.level > 0) await openCard(desk, callId, person);
  } catch (problem) {
    person.problem = problem.message;
  }
  desk.draw();
}

async function openCard(desk, callId, person) {
  try {
    person.card = await request(at(callId, `patients/${person.candidate.patient_id}/card`));
    person.problem = "";
  } catch (problem) {
    person.card = null;
    if (problem.id !== "verification-needed") person.problem = problem.message;
  }
  desk.draw();
}

/** In an emergency: open the card of the chosen patient without verification. */
export async function openInEmergency(desk, callId, patientId) {
  const person = patientsOf(callId).people.get(patientId);
  person.card = await post(at(callId, `patients/${patientId}/emergency`), { reason: "emergency button" });
  desk.draw();
}

export function drawPatients(desk, contact) {
  if (!desk.data.may["patient.search"]) return null;
  const state = patientsOf(contact.call_id);
  const person = state.chosen && state.people.get(state.chosen);
  return h("section.block", { key: `patients-${contact.call_id}`, "aria-label": t("Who is calling") },
    stepper(person),
    opened(desk, contact, state),
    person ? one(desk, contact, state, person) : look(desk, contact, state));
}

function stepper(person) {
  const level = person?.card?.emergency ? 0 : person?.standing?.level ?? 0;
  const names = [t("Chosen"), t("Identified (level 1)"), t("Verified (level 2)"), t("Strongly verified (level 3)")];
  const done = person ? level + 1 : 0;
  return h("ol.stepper", { key: "stepper", "aria-label": t("Level of verification") },
    names.map((name, place) => h("li", { key: place, "data-state": place < done ? "done" : "open", "aria-current": place === Math.max(0, done - 1) && person ? "step" : undefined }, name, place < done && h("span.sr", ` (${t("reached")})`))));
}

function opened(desk, contact, state) {
  if (state.people.size === 0) return null;
  return h("div.people", { key: "opened", role: "group", "aria-label": t("Patients on this call") },
    [...state.people.values()].map((person) => h("button", {
      type: "button", key: person.candidate.patient_id, "aria-pressed": state.chosen === person.candidate.patient_id,
      onclick: () => { state.chosen = person.candidate.patient_id; desk.draw(); },
    }, person.card ? person.card.name : `${person.candidate.initials} (${person.candidate.label})`)),
    h("button.quiet", { type: "button", key: "another", "aria-pressed": state.chosen === null, onclick: () => { state.chosen = null; desk.draw(); } }, t("Another patient")));
}

// --- finding --------------------------------------------------------------------------------------------------------

const MATCHED = () => ({
  "phone-own": t("own number"), "phone-proxy": t("number of somebody who may act for them"), "called-before": t("called from here before"),
  "name-exact": t("name"), "name-sounds": t("name sounds alike"), "birth-date": t("date of birth"), mrn: t("record number"), phone: t("telephone"), "member-id": t("member number"),
});

function look(desk, contact, state) {
  const { candidates, found } = state;
  return h("div", { key: "look" },
    h("h3", t("Who may be calling")),
    state.problem && h("p.notice.late", state.problem),
    candidates === null && !state.problem ? h("p.faint", t("Looking…")) : list(desk, contact, candidates, "by-number",
      contact.caller ? t("Nobody is known by this number. Ask for the name and date of birth.") : t("The number is withheld. Ask for the name and date of birth.")),
    candidates?.shared_number && h("p.faint", t("Many patients share this number (a household, a school, a home): ask who it is about.")),
    h("h3", t("Find by what the caller says"), " ", h("kbd", "Alt P")),
    h("form.form-grid", { key: "find", onsubmit: (event) => { event.preventDefault(); find(desk, contact, new FormData(event.target)); } },
      field("find-name", "name", t("Name"), { autocomplete: "off" }), field("find-birth", "birth_date", t("Date of birth"), { type: "date" }),
      field("find-phone", "phone", t("Telephone"), { type: "tel" }), field("find-mrn", "mrn", t("Record or member number")),
      h("div", h("button", { type: "submit", "aria-busy": state.searching || undefined }, t("Find")))),
    found && list(desk, contact, found, "by-words", t("Nobody fits. Check the spelling with the caller, or try the date of birth with a telephone number.")));
}

function list(desk, contact, candidates, key, none) {
  const matched = MATCHED();
  if (!candidates) return null;
  if (candidates.found.length === 0) return h("p.faint", { key }, none);
  return h("ul.candidates", { key }, candidates.found.map((candidate) => h("li", { key: candidate.patient_id },
    h("button", { type: "button", onclick: () => choose(desk, contact.call_id, candidate) },
      h("span.initials", { "aria-hidden": "true" }, candidate.initials),
      h("span", h("strong", `${candidate.label} · ${candidate.initials}`),
        h("small", [candidate.age_group === "minor" ? t("minor") : t("adult"), ...candidate.matched.map((code) => matched[code] ?? code.replaceAll("-", " "))].join(" · ")))))),
    candidates.more > 0 && h("li.faint", { key: "more" }, t("%(n)s more fit; ask for more.", { n: candidates.more })));
}

async function find(desk, contact, form) {
  const state = patientsOf(contact.call_id);
  const number = String(form.get("mrn")).trim();
  const sought = { name: form.get("name").trim(), birth_date: form.get("birth_date") || null, phone: form.get("phone").trim(), mrn: number, member_id: number };
  state.searching = true;
  state.problem = "";
  desk.draw();
  try {
    state.found = await post(at(contact.call_id, "patients/search"), sought);
    announce(t("%(n)s found", { n: state.found.found.length + state.found.more }));
  } catch (problem) {
    state.found = null;
    state.problem = problem.message;
    announce(problem.message, { urgent: true });
  }
  state.searching = false;
  desk.draw();
}

function field(id, name, label, attributes = {}) {
  return h("div", { key: id }, h("label", { for: id }, label), h("input", { id, name, type: "text", autocomplete: "off", ...attributes }));
}

// --- verifying ------------------------------------------------------------------------------------------------------

export const ROLES = () => [
  ["self", t("the patient")], ["parent", t("a parent")], ["guardian", t("a court-appointed guardian")], ["health-care-agent", t("a health care agent")],
  ["personal-rep", t("a personal representative")], ["caregiver-with-authorization", t("a caregiver with authorization")], ["spouse/family", t("spouse or family")],
  ["facility-nurse", t("a nurse of a facility")], ["pharmacy", t("a pharmacy")], ["lab", t("a laboratory")], ["payer", t("an insurer")], ["other-provider", t("another provider")],
  ["EMS", t("emergency services")], ["law-enforcement", t("law enforcement")], ["school", t("a school")], ["interpreter", t("an interpreter")], ["relay-operator", t("a relay operator")],
];

const IDENTIFIERS = () => ({
  name: t("Full name"), birth_date: t("Date of birth"), phone: t("Telephone"), postal_code: t("ZIP code"), street: t("Street"), mrn: t("Record number"), email: t("E-mail"), member_id: t("Member number"),
});

const INPUTS = { birth_date: { type: "date" }, phone: { type: "tel" }, postal_code: { inputmode: "numeric" }, email: { type: "email" } };
const FIRST = ["name", "birth_date", "phone", "postal_code"];

function one(desk, contact, state, person) {
  const { standing, card } = person;
  return h("div", { key: `person-${person.candidate.patient_id}` },
    card && drawCard(card),
    person.problem && h("p.notice.late", { key: "problem", role: "status" }, person.problem),
    standing && result(standing),
    !standing || standing.level === 0
      ? verifyForm(desk, contact, state, person)
      : standing.ask_next.length > 0 && h("details.further", { key: "further" }, h("summary", t("Verify further, to level %(n)s", { n: standing.level + 1 })), verifyForm(desk, contact, state, person)));
}

function result(standing) {
  const names = IDENTIFIERS();
  const told = standing.agreed.length + standing.disagreed.length > 0;
  const limits = {
    "no-grant": t("Nothing on file says that this caller may act for the patient: take a message, tell nothing."),
    "no-authority": t("This kind of caller may give information, but none may be given."), minor: t("The patient is a minor: some things are not for this caller."),
  };
  return h("div", { key: "result", role: "status" },
    told && h("ul.compared", standing.agreed.map((name) => h("li.yes", { key: name }, names[name] ?? name, h("span.sr", ` ${t("matches")}`))),
      standing.disagreed.map((name) => h("li.no", { key: name }, names[name] ?? name, h("span.sr", ` ${t("does not match")}`)))),
    standing.outcome === "locked" && h("p.notice.late", t("Locked after repeated failures. A supervisor can unlock it; you can still take a message.")),
    standing.outcome === "failed" && h("p.notice.late", t("Something does not match. Ask again without helping; %(n)s attempts are left.", { n: standing.attempts_left })),
    standing.limited_by && h("p.notice.late", limits[standing.limited_by] ?? standing.limited_by));
}

function verifyForm(desk, contact, state, person) {
  const names = IDENTIFIERS();
  const standing = person.standing;
  const ask = standing?.level > 0 ? standing.ask_next : FIRST;
  const shown = [...new Set([...(standing?.level > 0 ? [] : FIRST), ...(standing?.ask_next ?? [])])];
  return h("form", { key: "verify", id: "verify-form", onsubmit: (event) => { event.preventDefault(); verify(desk, contact, person, event.target); } },
    h("p.say-this", standing?.level > 0 ? t("To go on, ask for: %(what)s", { what: ask.map((name) => names[name] ?? name).join(", ") }) : t("“May I have your full name, date of birth, telephone number and ZIP code?” Type what is said; never read anything out.")),
    h("div.form-grid",
      h("div", { key: "role" }, h("label", { for: "caller-role" }, t("The caller is")),
        h("select", { id: "caller-role", name: "caller_role", onchange: (event) => { state.role = event.target.value; desk.draw(); } }, ROLES().map(([code, label]) => h("option", { value: code }, label)))),
      state.role !== "self" && field("caller-name", "caller_name", t("Caller's own name")),
      shown.map((name) => field(`stated-${name}`, name, names[name] ?? name, INPUTS[name]))),
    h("button.primary", { type: "submit", "aria-busy": person.busy || undefined }, t("Compare")));
}

async function verify(desk, contact, person, form) {
  if (person.busy) return;
  const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim() || null]));
  const { caller_role, ...stated } = values;
  person.busy = true;
  desk.draw();
  try {
    person.standing = await post(at(contact.call_id, `patients/${person.candidate.patient_id}/verify`), { caller_role, stated });
    person.problem = "";
    const { level, outcome } = person.standing;
    announce(outcome === "verified" ? t("Verified to level %(level)s", { level }) : outcome === "failed" ? t("Something does not match") : t("More is needed"), { urgent: outcome !== "verified" });
    if (level > 0) {
      await openCard(desk, contact.call_id, person);
      form.reset();
    }
  } catch (problem) {
    person.problem = problem.message;
    announce(problem.message, { urgent: true });
  }
  person.busy = false;
  desk.draw();
}

// --- the card -------------------------------------------------------------------------------------------------------

function drawCard(card) {
  const day = (iso) => new Date(`${iso}T12:00:00`).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
  const when = (visit) => new Date(visit.starts_at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone: visit.zone });
  const part = (title, key, content) => h("div", { key }, h("h4", title), content ?? h("p.faint", card.withheld?.[key] === 4 ? t("Not for this caller") : t("Needs level %(n)s", { n: card.withheld?.[key] ?? 2 })));
  const flags = [card.deceased && t("Deceased"), card.vip && t("Protected record"), card.confidential && t("Confidential communication: use only the stated contact"), card.interpreter && t("Needs an interpreter")].filter(Boolean);
  const alerts = [...flags, ...card.alerts.map(([, text]) => text), ...(card.look_alikes ? [t("%(n)s similar: check the first name letter by letter", { n: card.look_alikes })] : [])];
  return h("article.patient-card", { key: "card", "aria-label": t("Patient card") },
    h("header", h("h3", card.name), card.preferred && h("span", `“${card.preferred}”`), h("span.faint", [t("%(n)s years", { n: card.age }), card.pronouns, day(card.birth_date), card.mrn].filter(Boolean).join(" · ")),
      card.emergency && h("span.status-pill", { "data-tone": "harm" }, t("Opened in an emergency"))),
    alerts.length > 0 && h("ul.alerts", alerts.map((text, place) => h("li", { key: place }, text))),
    h("div.body.parts",
      part(t("Visits"), "visits", card.visits && (card.visits.length ? h("ul", card.visits.map((visit, place) => h("li", { key: place }, `${when(visit)} · ${visit.visit_type} · ${visit.provider} · ${visit.location}`))) : h("p.faint", t("None")))),
      part(t("Coverage"), "coverage", card.coverage && (card.coverage.length ? h("ul", card.coverage.map((one, place) => h("li", { key: place }, [one.payer, one.plan, one.member_id, one.status].filter(Boolean).join(" · ")))) : h("p.faint", t("None on file")))),
      part(t("Contact"), "demographics", h("ul", (card.phones ?? []).map((one, place) => h("li", { key: place }, [one.number, one.use].filter(Boolean).join(" · "))), card.address && h("li", card.address), card.email && h("li", card.email))),
      part(t("Last contacts"), "last_contacts", card.last_contacts.length ? h("ul", card.last_contacts.map((one) => h("li", { key: one.call_id }, [new Date(one.at).toLocaleDateString(document.documentElement.lang), one.reason, one.outcome].filter(Boolean).join(" · ")))) : h("p.faint", t("First call on record"))),
      card.proxies?.length > 0 && part(t("May act for the patient"), "proxies", h("ul", card.proxies.map((one, place) => h("li", { key: place }, [one.name, one.role, one.scope, one.until && t("until %(day)s", { day: one.until })].filter(Boolean).join(" · "))))),
      card.provider && part(t("Primary provider"), "provider", h("p", card.provider))));
}
