// What every signed-in page has: the command palette (Ctrl-K), the list of keys (?), toasts, menus that close.
import { initialiseLive } from "./live.js";

const palette = document.getElementById("command-palette");
const keyHelp = document.getElementById("key-help");

/** Show a passing sentence; `action` is an optional {label, run}. */
export function toast(text, action) {
  const holder = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = "toast";
  const words = document.createElement("span");
  words.textContent = text;
  item.append(words);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.label;
    button.addEventListener("click", () => { item.remove(); action.run(); });
    item.append(button);
  }
  holder.append(item);
  setTimeout(() => item.remove(), action ? 10000 : 5000);
}

/** Whether keys typed now belong to a field. */
export function typing(target = document.activeElement) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function setUpPalette() {
  const query = document.getElementById("palette-query");
  const list = document.getElementById("palette-list");
  const none = palette.querySelector(".palette-none");
  let chosen = 0;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const shown = () => [...list.children].filter((item) => !item.hidden);

  function choose(index) {
    const items = shown();
    chosen = items.length ? (index + items.length) % items.length : 0;
    for (const item of list.children) item.setAttribute("aria-selected", "false");
    const item = items[chosen];
    if (item) {
      item.setAttribute("aria-selected", "true");
      query.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    } else {
      query.removeAttribute("aria-activedescendant");
    }
  }
  function filter() {
    const words = plain(query.value).split(/\s+/).filter(Boolean);
    for (const item of list.children) item.hidden = !words.every((word) => plain(item.textContent).includes(word));
    none.hidden = shown().length > 0;
    choose(0);
  }
  function go(item) {
    if (!item) return;
    palette.close();
    if (item.dataset.href) location.assign(item.dataset.href);
    else item.dispatchEvent(new CustomEvent("command", { bubbles: true }));
  }
  query.addEventListener("input", filter);
  query.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); choose(chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(chosen - 1); }
    else if (event.key === "Enter") { event.preventDefault(); go(shown()[chosen]); }
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
  list.addEventListener("mousemove", (event) => {
    const index = shown().indexOf(event.target.closest("[role=option]"));
    if (index >= 0 && index !== chosen) choose(index);
  });
  return () => {
    if (palette.open) return;
    query.value = "";
    filter();
    palette.showModal();
    query.focus();
  };
}

/** Add a command to the palette: {id, label, about, run}. */
export function addCommand({ id, label, about = "", run }) {
  const list = document.getElementById("palette-list");
  if (!list) return;
  const item = document.createElement("li");
  item.id = `palette-${id}`;
  item.setAttribute("role", "option");
  const name = document.createElement("span");
  name.textContent = label;
  const more = document.createElement("small");
  more.textContent = about;
  item.append(name, more);
  item.addEventListener("command", run);
  list.prepend(item);
}

if (palette) {
  const open = setUpPalette();
  for (const button of document.querySelectorAll("[data-open=command-palette]")) button.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    } else if (event.key === "?" && !typing(event.target) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      keyHelp.showModal();
    }
  });
}
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
initialiseLive(document.getElementById("connection"));
