// The drawing of a flow: SVG, moved and zoomed by pointer, wheel and keys; ways are drawn by dragging from an exit to a step.
import { layOut } from "./flow-layout.js";
import { kindName, summary, ways } from "./flow-model.js";
import { t } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [BODY, PORT] = [76, 24];
const [LEAST, MOST] = [0.25, 1.6];
/** Steps at which the flow hands a caller on. */
const ENDS = new Set(["queue", "callback", "voicemail", "transfer", "agent", "end"]);

const ruler = document.createElement("canvas").getContext("2d");

function wide(text, size, weight = 400) {
  ruler.font = `${weight} ${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width;
}

function cut(text, size, room, weight) {
  if (wide(text, size, weight) <= room) return text;
  let short = text;
  while (short && wide(`${short}…`, size, weight) > room) short = short.slice(0, -1);
  return `${short.trimEnd()}…`;
}

function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * A drawing inside `svg`. `on`: {select(name, {open, slot}), connect(name, slot, target), append(name, slot)}.
 * `show(flow, {catalogue, names, problems})`, `select(name)`, `light(name)`, `fit()`, `zoom(factor)`.
 */
export function graph(svg, on) {
  const stage = make("g", { class: "stage" });
  const lines = make("g", { class: "ways", "aria-hidden": "true" });
  const steps = make("g", { class: "steps" });
  const loose = make("path", { class: "loose", "aria-hidden": "true" });
  stage.append(lines, steps, loose);
  svg.append(arrows(), stage);
  let view = { x: 24, y: 24, scale: 1 };
  let layout = null;
  let shown = null;
  let chosen = null;
  let lit = null;
  let came = null;

  function show(flow, { catalogue, names, problems }) {
    shown = flow;
    const cards = Object.entries(flow.nodes).map(([name, node]) => card(name, node, catalogue, names));
    layout = layOut(flow.start, cards);
    const trouble = new Map();
    for (const one of problems) if (one.node) trouble.set(one.node, (trouble.get(one.node) ?? 0) + 1);
    const focused = steps.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    steps.replaceChildren(...cards.map((one) => draw(one, trouble.get(one.name) ?? 0, flow)));
    lines.replaceChildren(...layout.lines.map((line) => {
      const way = cards.find((one) => one.name === line.from).ways[line.way];
      return make("path", { d: line.path, class: line.back ? "way back" : "way", "data-from": line.from, "data-to": line.to, "data-name": way.name, "marker-end": "url(#flow-arrow)" });
    }));
    if (!flow.nodes[chosen]) chosen = null;
    mark();
    if (focused && flow.nodes[focused]) focusOn(focused);
  }

  function card(name, node, catalogue, names) {
    const ports = ways(node).map((way) => ({ ...way, width: Math.max(PORT, wide(way.label, 11) + 14) }));
    const about = summary(node, catalogue, names);
    const head = kindName(node.kind);
    const needed = ports.reduce((sum, port) => sum + port.width + 4, 12);
    const width = Math.round(Math.max(needed, Math.min(240, Math.max(168, wide(name, 14, 600) + 28, wide(about, 12) + 28))));
    let x = 8 + (width - needed - 4) / 2;
    for (const port of ports) {
      port.x = x;
      port.at = x + port.width / 2;
      x += port.width + 4;
    }
    return { name, node, head, about, ports, width, height: BODY + (ports.length ? PORT / 2 : 0), ways: ports };
  }

  function draw(one, problems, flow) {
    const place = layout.places.get(one.name);
    const start = flow.start === one.name;
    const exits = one.ports.map((port) => (port.to ? t("%(exit)s leads to %(step)s", { exit: port.label, step: port.to }) : t("%(exit)s leads nowhere", { exit: port.label }))).join("; ");
    const spoken = [one.head, one.name, start ? t("start") : "", one.about, exits, problems ? t("%(n)s problems", { n: problems }) : ""].filter(Boolean).join(". ");
    const group = make("g", {
      class: `step${ENDS.has(one.node.kind) ? " handed-on" : ""}${problems ? " wrong-step" : ""}`, "data-name": one.name, role: "button", tabindex: "-1",
      "aria-label": spoken, transform: `translate(${place.x} ${place.y})`,
    });
    group.append(
      make("rect", { class: "body", width: one.width, height: BODY, rx: ENDS.has(one.node.kind) ? 14 : 6 }),
      text(12, 18, cut(start ? `▶ ${one.head}` : one.head, 11, one.width - 60), "kind"),
      text(12, 38, cut(one.name, 14, one.width - 24, 600), "name"),
      text(12, 55, cut(one.about, 12, one.width - 24), "about"),
    );
    if (problems) group.append(text(one.width - 12, 18, `▲ ${problems}`, "count"));
    for (const port of one.ports) {
      const open = !port.to || !flow.nodes[port.to];
      const chip = make("g", { class: open ? "port open" : "port", "data-slot": JSON.stringify(port.slot), transform: `translate(${port.x} ${BODY - PORT / 2})` });
      chip.append(make("rect", { width: port.width, height: PORT, rx: 12 }), text(port.width / 2, 16, port.label, "port-name"), make("title", {}, open ? t("Leads nowhere yet: drag to a step, or press to choose") : `→ ${port.to}`));
      group.append(chip);
    }
    return group;
  }

  function text(x, y, words, kind) {
    return make("text", { x, y, class: kind }, words);
  }

  // --- what is chosen, what is lit ----------------------------------------------------------------------------------

  function mark() {
    for (const group of steps.children) {
      const mine = group.dataset.name === chosen;
      group.classList.toggle("chosen", mine);
      group.classList.toggle("lit", group.dataset.name === lit);
      group.setAttribute("tabindex", mine || (!chosen && group.dataset.name === shown.start) ? "0" : "-1");
      if (mine) group.setAttribute("aria-current", "true");
      else group.removeAttribute("aria-current");
    }
    for (const path of lines.children) {
      path.classList.toggle("chosen", path.dataset.from === chosen);
      path.setAttribute("marker-end", path.dataset.from === chosen ? "url(#flow-arrow-chosen)" : "url(#flow-arrow)");
    }
  }

  function element(name) {
    return [...steps.children].find((group) => group.dataset.name === name);
  }

  function focusOn(name) {
    element(name)?.focus({ preventScroll: true });
  }

  function select(name, { reveal = true } = {}) {
    chosen = name;
    mark();
    if (reveal && name) bring(name);
  }

  function light(name) {
    lit = name;
    mark();
    if (name) bring(name);
  }

  // --- moving and zooming -------------------------------------------------------------------------------------------

  function place() {
    stage.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
  }

  /** Move just so much that a step can be seen. */
  function bring(name) {
    const found = layout?.places.get(name);
    const group = element(name);
    if (!found || !group) return;
    const box = svg.getBoundingClientRect();
    const [left, top] = [view.x + found.x * view.scale, view.y + found.y * view.scale];
    const size = group.getBBox();
    const [right, bottom] = [left + size.width * view.scale, top + size.height * view.scale];
    const margin = 16;
    if (left < margin) view.x += margin - left;
    else if (right > box.width - margin) view.x -= right - box.width + margin;
    if (top < margin) view.y += margin - top;
    else if (bottom > box.height - margin) view.y -= bottom - box.height + margin;
    place();
  }

  function fit() {
    const box = svg.getBoundingClientRect();
    if (!layout || !box.width) return;
    // Readable rather than whole: what does not fit at 75 % is reached by moving.
    const scale = Math.max(0.75, Math.min(1, (box.width - 48) / layout.width, (box.height - 48) / layout.height));
    view = { scale, x: Math.max(24, (box.width - layout.width * scale) / 2) - layout.left * scale, y: 24 };
    const start = layout.places.get(shown.start);
    if (start && layout.width * scale > box.width - 48) view.x = box.width / 2 - (start.x + 90) * scale;
    place();
  }

  function zoom(factor, x = svg.clientWidth / 2, y = svg.clientHeight / 2) {
    const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
    view = { scale, x: x - ((x - view.x) * scale) / view.scale, y: y - ((y - view.y) * scale) / view.scale };
    place();
  }

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    else { view.x -= event.deltaX; view.y -= event.deltaY; place(); }
  }, { passive: false });

  // --- pointer ------------------------------------------------------------------------------------------------------

  let drag = null;

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const port = event.target.closest?.(".port");
    const step = event.target.closest?.(".step");
    drag = { x: event.clientX, y: event.clientY, port, step, from: { ...view }, moved: false };
    if (step) event.preventDefault();
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 5) return;
    drag.moved = true;
    if (drag.port) {
      const [from, to] = [inside(drag.x, drag.y), inside(event.clientX, event.clientY)];
      loose.setAttribute("d", `M${from.x} ${from.y} L${to.x} ${to.y}`);
      for (const group of steps.children) group.classList.toggle("target", group === under(event));
    } else {
      view = { ...drag.from, x: drag.from.x + dx, y: drag.from.y + dy };
      place();
    }
  });
  svg.addEventListener("pointerup", (event) => {
    const ended = drag;
    drag = null;
    loose.removeAttribute("d");
    for (const group of steps.children) group.classList.remove("target");
    if (!ended?.step) return;
    const name = ended.step.dataset.name;
    const slot = ended.port ? JSON.parse(ended.port.dataset.slot) : null;
    if (slot && ended.moved) {
      const target = under(event)?.dataset.name;
      if (target) on.connect(name, slot, target);
      else on.append(name, slot);
    } else if (!ended.moved) {
      focusOn(name);
      on.select(name, { open: false, slot });
    }
  });
  svg.addEventListener("pointercancel", () => { drag = null; loose.removeAttribute("d"); });
  svg.addEventListener("dblclick", (event) => {
    const step = event.target.closest?.(".step");
    if (step) on.select(step.dataset.name, { open: true, slot: null });
  });

  function under(event) {
    return document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".step") ?? null;
  }

  function inside(x, y) {
    const box = svg.getBoundingClientRect();
    return { x: (x - box.left - view.x) / view.scale, y: (y - box.top - view.y) / view.scale };
  }

  // --- keys: down along the exit, up where one came from, left and right among steps of a row ---------------------------

  steps.addEventListener("focusin", (event) => {
    const name = event.target.dataset?.name;
    if (name && name !== chosen) on.select(name, { open: false, slot: null });
  });
  steps.addEventListener("keydown", (event) => {
    const name = event.target.dataset?.name;
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = {
      ArrowDown: () => ways(shown.nodes[name]).map((way) => way.to).find((to) => shown.nodes[to] && layout.places.get(to).layer > layout.places.get(name).layer),
      ArrowUp: () => (leadsTo(came, name) ? came : Object.keys(shown.nodes).find((from) => leadsTo(from, name))),
      ArrowLeft: () => beside(name, -1),
      ArrowRight: () => beside(name, 1),
      Home: () => shown.start,
    }[event.key];
    if (next) {
      event.preventDefault();
      const to = next();
      if (!to || !shown.nodes[to]) return;
      if (event.key === "ArrowDown") came = name;
      on.select(to, { open: false, slot: null });
      focusOn(to);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      on.select(name, { open: true, slot: null });
    } else if (event.key === "Delete") {
      event.preventDefault();
      on.remove(name);
    } else if (event.key === "+" || event.key === "-") {
      event.preventDefault();
      zoom(event.key === "+" ? 1.2 : 1 / 1.2);
    }
  });

  function leadsTo(from, name) {
    const below = from && shown.nodes[from] && layout.places.get(from).layer < layout.places.get(name).layer;
    return below && ways(shown.nodes[from]).some((way) => way.to === name);
  }

  function beside(name, direction) {
    const { layer, x } = layout.places.get(name);
    const row = [...layout.places].filter(([, other]) => other.layer === layer).sort((a, b) => a[1].x - b[1].x);
    const index = row.findIndex(([, other]) => other.x === x);
    return row[index + direction]?.[0];
  }

  place();
  return { show, select, light, fit, zoom, focusOn, bring };
}

function arrows() {
  const marker = (id) => make("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, make("path", { d: "M0 0 L8 4 L0 8 z" }));
  return make("defs", {}, marker("flow-arrow"), marker("flow-arrow-chosen"));
}
