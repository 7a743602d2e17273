// The draft on its way to the server: saved while one works, kept in this browser until the server has acknowledged it, so
// that neither a lost network nor a closed tab loses work; and never written over what somebody else saved meanwhile.
import { request } from "./csrf.js";
import { t } from "./dom.js";
import { leaveNotice } from "./flow-parts.js";

const PAUSE = 700; // after the last change
const AGAIN = 2500; // while there is no connection

/**
 * `first`: {id, person, revision}. `now()` gives {flow, text}; `judged(problems)` is told what the server found;
 * `settle()` is awaited before everything is flushed.
 */
export function drafting(first, { now, judged, settle }) {
  const place = `careline.flow.${first.person}.${first.id}`;
  const shown = document.getElementById("flow-state");
  const notice = document.getElementById("flow-notice");
  let revision = first.revision;
  let clean = true; // Nothing has been changed since the last save.
  let saving = false;
  let stuck = false; // Somebody else's draft came between: saving waits for a decision.
  let timer = 0;

  function state(kind, words) {
    shown.dataset.state = kind;
    if (shown.textContent !== words) shown.textContent = words;
  }

  /** Something was changed. */
  function changed() {
    clean = false;
    try {
      localStorage.setItem(place, JSON.stringify({ ...now(), revision }));
    } catch {
      // Storage is full or forbidden: the server's copy is the one that counts.
    }
    later();
  }

  function later() {
    clearTimeout(timer);
    if (stuck) return;
    state("unsaved", t("Not saved yet"));
    timer = setTimeout(save, PAUSE);
  }

  async function save() {
    clearTimeout(timer);
    if (saving || stuck || clean) return;
    const { flow, text, base } = now();
    saving = true;
    state("saving", t("Saving…"));
    try {
      const answer = await request(`/flows/${first.id}/draft`, { method: "PUT", body: { revision, ...(text === null ? { body: flow, base } : { text }) } });
      revision = answer.revision;
      if (now().flow === flow) {
        clean = true;
        forget();
        state("saved", t("Saved as a draft"));
      }
      judged(answer.problems);
    } catch (problem) {
      trouble(problem);
    }
    saving = false;
    if (now().flow !== flow && !stuck) later();
  }

  function trouble(problem) {
    if (problem.id === "stale-draft") {
      stuck = true;
      state("unsaved", t("Not saved: somebody else changed this flow"));
      leaveNotice(notice, problem, {
        theirs: () => { forget(); location.reload(); },
        mine: () => { stuck = false; revision = problem.revision; notice.replaceChildren(); save(); },
      });
    } else if (problem.retryable || problem.status === 0) {
      state("unsaved", t("Not saved: no connection. Your work is kept in this browser and saved as soon as it is back."));
      timer = setTimeout(save, AGAIN);
    } else {
      state("unsaved", problem.message);
    }
  }

  function forget() {
    try { localStorage.removeItem(place); } catch { /* Nothing was kept. */ }
  }

  /** Save what is not saved yet, and wait for it. Tells whether all is saved. */
  async function flush() {
    await settle();
    for (let round = 0; round < 60 && !clean && !stuck; round += 1) {
      if (saving) await new Promise((resolve) => setTimeout(resolve, 100));
      else await save();
    }
    return clean;
  }

  /** What an earlier visit could not save, or null. It is saved with the revision it was based on, so that the server
   * can say whether somebody else was here meanwhile. */
  function left() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(place)); } catch { /* Unreadable: as if nothing were kept. */ }
    if (!kept?.flow?.nodes || JSON.stringify(kept.flow) === JSON.stringify(now().flow)) {
      forget();
      return null;
    }
    revision = kept.revision;
    return kept;
  }

  addEventListener("online", save);
  // Nothing is lost by leaving: what is not saved yet is kept here and taken up again.
  addEventListener("pagehide", save);
  if (first.revision) state("saved", t("Saved as a draft"));
  else state("saved", t("As published"));
  return { changed, flush, left, state };
}
