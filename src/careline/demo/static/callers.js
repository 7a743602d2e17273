// The figures of the synthetic callers, refreshed in place while the page is looked at.
import { request } from "../csrf.js";

const EVERY = 2000;
const state = document.getElementById("callers-state");

function show(id, values) {
  for (const cell of document.querySelectorAll(`#${id} [data-key]`)) {
    const text = String(values?.[cell.dataset.key] ?? 0);
    if (cell.textContent !== text) cell.textContent = text;
  }
}

async function refresh() {
  if (!document.hidden) {
    try {
      const now = await request("/demo/status", { passive: true });
      const words = now.running ? state.dataset.running : state.dataset.stopped;
      if (state.textContent !== words) state.textContent = words;
      show("callers-doing", now.doing);
      show("callers-outcomes", now.outcomes);
    } catch {
      // The next refresh tries again; the shell says when the connection is lost.
    }
  }
  setTimeout(refresh, EVERY);
}

setTimeout(refresh, EVERY);
