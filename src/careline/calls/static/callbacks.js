// Keeps the list of callbacks current: when something has happened to one, the list is fetched again and changed in
// place. While somebody fills a form in it, nothing is replaced.
import { subscribe } from "../live.js";
import { announce, render } from "../dom.js";

const page = document.getElementById("callbacks");
const list = document.getElementById("callbacks-live");
let shown = null;
let busy = false;
let again = false;
/** Milliseconds: after an event until the estimates are there, and between looks at a quiet list. */
const SETTLED = 4000;
const EVERY = 30_000;

const editing = () => list.querySelector("details[open]") !== null;

async function refresh() {
  if (busy || editing()) {
    again = true;
    return;
  }
  busy = true;
  again = false;
  try {
    const answer = await fetch("/callbacks", { headers: { accept: "text/html", "x-careline-passive": "1" }, credentials: "same-origin" });
    if (answer.ok && !answer.redirected) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("callbacks-live");
      if (fresh && !editing()) {
        const words = fresh.dataset.numbers;
        render(list, ...fresh.childNodes);
        if (shown !== null && shown !== words) announce(page.dataset.wordsChanged);
        shown = words;
      }
    }
  } catch {
    // The connection is away: the indicator says so, and the next event brings the list up to date.
  }
  busy = false;
  if (again && !editing()) refresh();
}

list.addEventListener("toggle", () => {
  if (again && !editing()) refresh();
}, true);

// Place and expected moment are estimated a little later than the event, and move without one.
let soon = null;
subscribe("callbacks", () => {
  refresh();
  clearTimeout(soon);
  soon = setTimeout(refresh, SETTLED);
});
setInterval(() => document.hidden || refresh(), EVERY);
