// Notes are saved as they are typed, as versions. Until the server has acknowledged a text it is also kept in this tab's
// session storage, so that neither a refresh nor a lost network loses a word.
import { request } from "./csrf.js";
import { h, render, t } from "./dom.js";

const PAUSE = 700; // after the last key
const AT_MOST = 4000; // while keys keep coming

export function setUpNotes(desk) {
  const box = document.getElementById("notes");
  const text = document.getElementById("notes-text");
  const said = document.getElementById("notes-state");
  let callId = null;
  let version = 0;
  let saved = ""; // what the server has
  let timer = 0;
  let typedFirst = 0;
  let saving = false;

  const place = (id) => `careline.notes.${id}`;
  const say = (state, words) => {
    said.dataset.state = state;
    if (said.textContent !== words) said.textContent = words;
  };

  /** Show the notes of the call in hand. What is being typed is never replaced under the person's hands. */
  function follow(contact) {
    if (desk.locked) return;
    // A call one is only asked about is not one's own to write on.
    if (contact?.state === "consulting") contact = null;
    box.hidden = !contact;
    if (!contact) {
      if (callId && text.value !== saved) save();
      if (!saving) callId = null;
      return;
    }
    if (contact.call_id === callId) {
      if (contact.notes_version > version && text.value === saved) show(contact.notes, contact.notes_version);
      return;
    }
    if (callId && text.value !== saved) save();
    callId = contact.call_id;
    show(contact.notes, contact.notes_version);
    const kept = readKept(callId);
    if (kept && kept.text !== saved) {
      text.value = kept.text;
      say("unsaved", t("Not saved yet"));
      later();
    }
    earlier();
  }

  function show(body, number) {
    saved = body;
    version = number;
    text.value = body;
    say("saved", body ? t("Saved") : "");
  }

  function readKept(id) {
    try {
      return JSON.parse(sessionStorage.getItem(place(id)));
    } catch {
      return null;
    }
  }

  function later() {
    const now = Date.now();
    typedFirst ||= now;
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(PAUSE, typedFirst + AT_MOST - now)));
  }

  async function save() {
    clearTimeout(timer);
    typedFirst = 0;
    if (saving || !callId || text.value === saved) return;
    const id = callId;
    const body = text.value;
    saving = true;
    say("saving", t("Saving…"));
    try {
      const note = await request(`/api/v1/calls/${id}/notes`, { method: "PUT", body: { body, based_on: version } });
      if (id === callId) {
        version = note.version;
        saved = body;
      }
      if (text.value === body || id !== callId) sessionStorage.removeItem(place(id));
      if (id === callId) say("saved", t("Saved"));
    } catch (problem) {
      await trouble(problem, id, body);
    }
    saving = false;
    if (id === callId && text.value !== saved) later();
  }

  async function trouble(problem, id, mine) {
    if (id !== callId) return;
    if (problem.id === "stale-notes") {
      // Another window of mine saved meanwhile: keep both texts, the newer one first.
      version = problem.version;
      saved = problem.body;
      if (!mine.startsWith(problem.body)) text.value = `${problem.body}\n\n${mine}`;
      say("unsaved", t("Joined with what was written in another window"));
      return;
    }
    say("unsaved", problem.retryable ? t("Not saved yet: trying again. The text is kept here.") : problem.message);
    if (problem.retryable) await new Promise((resolve) => setTimeout(resolve, 2000));
    else saved = text.value; // refused for good: said above, not tried for ever
  }

  async function earlier() {
    const id = callId;
    const holder = document.getElementById("notes-earlier");
    render(holder);
    try {
      const notes = await request(`/api/v1/calls/${id}/briefing`, { passive: true });
      if (id !== callId) return;
      render(holder, notes.filter((note) => note.body).map((note) => h("div.earlier", { key: note.person_id }, h("strong", note.author), "\n", note.body)));
    } catch {
      // Help from before, not needed to go on.
    }
  }

  text.addEventListener("input", () => {
    if (!callId) return;
    try {
      sessionStorage.setItem(place(callId), JSON.stringify({ text: text.value }));
    } catch {
      // Storage is full or forbidden: the server's copy is the one that counts.
    }
    say("unsaved", t("Not saved yet"));
    later();
  });
  text.addEventListener("blur", save);
  addEventListener("pagehide", save);
  return { follow, save };
}
