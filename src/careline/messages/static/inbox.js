// Keeps the inbox current: when something has happened to a message, the list is fetched again and changed in place.
import { subscribe } from "../live.js";
import { announce, render } from "../dom.js";

const page = document.getElementById("inbox");
let shown = null;
let busy = false;
let again = false;

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html", "x-careline-passive": "1" }, credentials: "same-origin" });
    if (answer.ok && !answer.redirected) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("inbox-live");
      if (fresh) {
        const words = fresh.textContent.replace(/\s+/g, " ");
        render(document.getElementById("inbox-live"), ...fresh.childNodes);
        if (shown !== null && shown !== words) announce(page.dataset.wordsChanged);
        shown = words;
      }
    }
  } catch {
    // The connection is away: the indicator says so, and the next event brings the list up to date.
  }
  busy = false;
  if (again) {
    again = false;
    refresh();
  }
}

// The first view too: something may have happened since the page was drawn.
subscribe("inbox", refresh);
