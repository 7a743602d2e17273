// Small views: `h` makes elements, `morph` changes what is on the page into what should be there, in place. Focus, half-typed
// text, scroll positions and open menus stay as they are; nothing is thrown away that can be kept.

const BOOLEAN = new Set(["disabled", "hidden", "checked", "selected", "required", "readonly", "multiple", "open"]);

/** An element: `h("button.primary", {onclick, "aria-pressed": true}, "Hold")`. False and null children vanish. */
export function h(tag, props, ...children) {
  if (props === null || typeof props !== "object" || props instanceof Node || Array.isArray(props)) {
    children.unshift(props);
    props = {};
  }
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) set(element, key, value);
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== true)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

function set(element, key, value) {
  if (key.startsWith("on") && typeof value === "function") {
    listen(element, key.slice(2), value);
  } else if (key === "key") {
    element._key = String(value);
  } else if (key === "own") {
    // The element looks after its own children (a text being typed, a meter).
    element._own = Boolean(value);
  } else if (value === null || value === undefined || value === false) {
    if (key.startsWith("aria-") && value === false) element.setAttribute(key, "false");
  } else if (BOOLEAN.has(key)) {
    element.setAttribute(key, "");
  } else {
    element.setAttribute(key, String(value));
  }
}

function listen(element, type, handler) {
  element._on ??= {};
  if (!(type in element._on)) element.addEventListener(type, (event) => element._on[type]?.(event));
  element._on[type] = handler;
}

/** Make the children of `parent` be `children`, keeping every element that is the same by key or by place. */
export function render(parent, ...children) {
  const wanted = document.createElement("div");
  wanted.append(...flat(children));
  morphChildren(parent, wanted);
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a._key === b._key && a.id === b.id
    && (a.nodeName !== "INPUT" || a.getAttribute("type") === b.getAttribute("type"));
}

function morph(from, to) {
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) {
    // What the person opened or typed is the person's.
    if (!to.hasAttribute(name) && name !== "open" && name !== "value") from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (name !== "open" && !(name === "value" && from.nodeName === "INPUT") && from.getAttribute(name) !== value) {
      from.setAttribute(name, value);
    }
  }
  if (from._on || to._on) {
    for (const type of Object.keys(from._on ?? {})) if (!to._on?.[type]) from._on[type] = undefined;
    for (const [type, handler] of Object.entries(to._on ?? {})) listen(from, type, handler);
  }
  if (!from._own && from.nodeName !== "TEXTAREA") morphChildren(from, to);
}

function morphChildren(parent, wanted) {
  let place = parent.firstChild;
  for (const next of [...wanted.childNodes]) {
    let match = place;
    while (match && !same(match, next)) match = match.nextSibling;
    if (!match) {
      parent.insertBefore(next, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else move(parent, match, place);
    morph(match, next);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

function move(parent, node, before) {
  if (parent.moveBefore) {
    parent.moveBefore(node, before);
    return;
  }
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(node, before);
  focused?.focus({ preventScroll: true });
}

// --- words --------------------------------------------------------------------------------------------------------

let words = {};

/** Read a JSON block of the page. */
export function pageData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Use these translations: English sentence -> sentence in the page's language. */
export function useWords(found) {
  words = { ...words, ...found };
}

/** A sentence in the page's language; `%(name)s` is replaced by `values.name`. */
export function t(text, values) {
  const said = words[text] ?? text;
  return values ? said.replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "") : said;
}

// --- time ---------------------------------------------------------------------------------------------------------

let offset = 0;

/** Follow the server's clock. */
export function setClock(serverNow) {
  offset = Date.parse(serverNow) - Date.now();
}

/** The server's present, in milliseconds. */
export const serverNow = () => Date.now() + offset;

/** Seconds as m:ss or h:mm:ss. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** A clock that runs since a moment; it turns *late* after some seconds. */
export function clock(since, { late = null } = {}) {
  if (!since) return h("span.clock", "–");
  return h("time.clock", { datetime: since, "data-since": since, "data-late": late, own: true });
}

/** A clock that runs down to a moment. */
export function countdown(until) {
  return h("time.clock", { datetime: until, "data-until": until, own: true });
}

/** Run every clock in the page. Only texts that changed are touched. */
export function tick(root = document) {
  const now = serverNow();
  for (const element of root.querySelectorAll("[data-since], [data-until]")) {
    const { since, until, late } = element.dataset;
    const seconds = since ? (now - Date.parse(since)) / 1000 : (Date.parse(until) - now) / 1000;
    const text = duration(seconds);
    if (element.textContent !== text) element.textContent = text;
    if (late) element.classList.toggle("late", seconds >= Number(late));
  }
}

/** A wall time in the browser's zone. */
export function wallTime(iso, options = { hour: "2-digit", minute: "2-digit", second: "2-digit" }) {
  return new Date(iso).toLocaleTimeString(document.documentElement.lang, options);
}

/** Say something once to a screen reader. */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? "say-now" : "say");
  if (!region) return;
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}
