// The locked screen. A page with a call bar stays, covered, so that a call goes on; any other page gives way to /lock.
import { subscribe } from "../live.js";

const csrf = document.querySelector("meta[name=csrf-token]")?.content ?? "";
const callBar = document.querySelector(".call-bar");
let panel = null;
let before = null;

const send = (path, body) => fetch(path, {
  method: "POST", body, credentials: "same-origin", headers: { accept: "application/json", "x-csrf-token": csrf },
});

function cover() {
  if (!callBar) {
    location.assign(`/lock?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (panel) return;
  before = document.activeElement;
  for (const open of document.querySelectorAll("dialog[open]:not(.emergency)")) open.close();
  panel = document.getElementById("lock-panel").content.firstElementChild.cloneNode(true);
  const form = panel.querySelector("form");
  const wrong = panel.querySelector(".wrong");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.hidden = true;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await send("/unlock", new URLSearchParams(new FormData(form)));
      if (answer.ok) { uncover(); return; }
      if (answer.status === 401 || answer.status === 429) wrong.textContent = (await answer.json()).problem ?? wrong.dataset.failed;
      else wrong.textContent = wrong.dataset.failed;
    } catch {
      wrong.textContent = wrong.dataset.failed;
    } finally {
      button.disabled = false;
    }
    wrong.hidden = false;
    form.elements.password.value = "";
    form.elements.password.focus();
  });
  document.body.classList.add("screen-locked");
  document.body.append(panel);
  // Only if nobody is steering the call just now: focus is never taken from the call bar.
  if (!callBar.contains(before)) form.elements.password.focus();
}

function uncover() {
  panel?.remove();
  panel = null;
  document.body.classList.remove("screen-locked");
  if (before?.isConnected) before.focus();
}

// The page that unlocks is not covered by what it takes away.
if (!document.querySelector("form[action='/unlock']")) {
  subscribe("session", ({ locked }) => (locked ? cover() : uncover()));

  // Pages that only listen ask nothing of the server: tell it that somebody is at work here, now and then.
  let told = Date.now();
  const atWork = () => {
    if (panel || Date.now() - told < 60000) return;
    told = Date.now();
    send("/session/active").then((answer) => answer.status === 401 && answer.json().then((problem) => {
      if (problem.id === "session-locked") cover();
    })).catch(() => {});
  };
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, atWork, { capture: true, passive: true });
}
