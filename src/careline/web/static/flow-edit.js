// The flow editor: the drawing, the form of the chosen step, problems as they arise; `flow-draft` saves it meanwhile.
import { request } from "./csrf.js";
import { pageData, t, useWords } from "./dom.js";
import { drafting } from "./flow-draft.js";
import { graph } from "./flow-graph.js";
import { stepForm } from "./flow-form.js";
import { addStep, drop, kindName, normal, put, rename, useKinds } from "./flow-model.js";
import { kindMenu, problemList } from "./flow-parts.js";
import { phone } from "./flow-phone.js";
import { publishing } from "./flow-publish.js";
import { settingsForm } from "./flow-settings.js";
import { tests } from "./flow-tests.js";
import { textView } from "./flow-text.js";
import { typing } from "./shell.js";

const data = JSON.parse(pageData("flow-data"));
useWords(data.words);
useKinds(data.kinds);
data.catalogue = await request("/flows/catalogue", { passive: true });
const $ = (id) => document.getElementById(id);

let flow = normal(data.body);
let base = data.text; // The YAML into which the drawing is laid, so that comments stay.
let text = data.text; // The YAML, as long as nothing but the text was changed.
let found = data.problems;
let chosen = null;
let undone = [];
let done = [];

// --- changing ---------------------------------------------------------------------------------------------------------

/** The flow is another one now. Changes of one `label` close to each other are undone together. */
function change(label, next, { source = null } = {}) {
  const last = done.at(-1);
  if (label === null || !last || last.label !== label || Date.now() - last.at > 1500) done.push({ flow, label, at: Date.now() });
  else last.at = Date.now();
  if (done.length > 200) done.shift();
  undone = [];
  become(next, source);
}

function become(next, source = null) {
  flow = next;
  text = source;
  if (source !== null && source !== undefined) base = source;
  draw();
  draft.changed();
}

function undo() {
  const last = done.pop();
  if (!last) return;
  undone.push({ flow });
  become(last.flow);
  redraw();
}

function redo() {
  const next = undone.pop();
  if (!next) return;
  done.push({ flow, label: null, at: 0 });
  become(next.flow);
  redraw();
}

function redraw() {
  if (chosen && !flow.nodes[chosen]) chosen = null;
  showPanel();
}

const editor = {
  flow: () => flow, name: data.name, zone: data.zone, refs: data.refs, names: data.names, catalogue: data.catalogue, emergencyKey: data.emergency_key, id: data.id,
  mayUpload: data.may_upload, uploaded: {},
  problems: () => found, change, open: (name) => choose(name, { open: true }), listen,
  said: (words) => say(words),
  rename(from, to) {
    if (flow.nodes[to]) { say(t("There is a step “%(step)s” already.", { step: to })); return true; }
    chosen = to;
    change(null, rename(flow, from, to));
    showPanel();
    drawing.select(to);
    return false;
  },
  remove(name) {
    change(null, drop(flow, name));
    chosen = null;
    showPanel();
    say(t("Deleted: %(step)s. Ctrl-Z brings it back.", { step: name }));
    drawing.focusOn(flow.start);
  },
  makeStart(name) { change(null, { ...flow, start: name }); showPanel(); },
};

function say(words) {
  const region = $("flow-say");
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = words; });
}

// --- the drawing ------------------------------------------------------------------------------------------------------

const drawing = graph($("flow-graph"), {
  select(name, { open, slot }) { choose(name, { open, slot, reveal: !slot }); },
  connect(name, slot, target) {
    change(null, { ...flow, nodes: { ...flow.nodes, [name]: put(flow.nodes[name], slot, target) } });
    choose(name, {});
    say(t("%(from)s leads to %(to)s now.", { from: name, to: target }));
  },
  append(name, slot) { addMenu.open(name, slot); },
  remove: (name) => editor.remove(name),
});

function draw() {
  drawing.show(flow, { catalogue: data.catalogue, names: data.names, problems: found });
  problemList($("flow-problems"), found, (problem) => jump(problem));
  $("undo").disabled = !done.length;
  $("redo").disabled = !undone.length;
  publish.refresh(found);
}

function choose(name, { open = false, slot = null, reveal = true } = {}) {
  const again = name === chosen && panel() === "step";
  chosen = name;
  drawing.select(name, { reveal });
  if (panel() !== "try" || open || slot) tab("step");
  if (!again) showPanel();
  if (slot) form.focus(slot.join("."));
  else if (open) form.focus(null);
}

function jump(problem) {
  if (problem.node && flow.nodes[problem.node]) {
    choose(problem.node);
    tab("step");
    form.focus(problem.field || null);
    return;
  }
  chosen = null;
  drawing.select(null);
  tab("step");
  showPanel();
  settings.focus(problem.field);
}

const addMenu = kindMenu($("flow-add"), (kind, from, slot) => {
  const [next, name] = addStep(flow, from, slot, kind);
  change(null, next);
  choose(name, { open: true });
  say(t("Added: %(step)s", { step: `${name} (${kindName(kind)})` }));
});

// --- the panel at the side --------------------------------------------------------------------------------------------

const draft = drafting(data, {
  now: () => ({ flow, text, base }),
  settle: () => written.settle(),
  judged(problems) {
    found = problems;
    draw();
    form.problems(found);
    settings.problems(found);
  },
});
const form = stepForm($("step-form"), editor);
const settings = settingsForm($("flow-settings"), editor);
const publish = publishing($("publish"), editor, { flush: draft.flush, found: () => found });
const written = textView($("panel-text"), data.id, {
  read: async () => text ?? (await request(`/flows/${data.id}/text`, { method: "POST", body: { body: flow, base } })).text,
  take: (body, source) => { change("text", normal(body), { source }); showPanel(); },
  trouble: (problems) => {
    found = problems;
    draw();
    draft.state("unsaved", t("Not saved: the text cannot be read yet"));
  },
});
const telephone = phone($("panel-try"), editor, { light: (name) => drawing.light(name) });
const checks = tests($("panel-tests"), editor, { jump: (name) => choose(name), flush: draft.flush });

const panel = () => document.querySelector("[role=tab][aria-selected=true]").dataset.panel;

function tab(name) {
  for (const button of document.querySelectorAll(".flow-side [role=tab]")) {
    const mine = button.dataset.panel === name;
    button.setAttribute("aria-selected", String(mine));
    button.tabIndex = mine ? 0 : -1;
    $(`panel-${button.dataset.panel}`).hidden = !mine;
  }
  if (name !== "try") telephone.leave();
  if (name === "text") written.open();
  if (name === "tests") checks.open();
}

function showPanel() {
  const step = chosen !== null && Boolean(flow.nodes[chosen]);
  $("step-form").hidden = !step;
  $("flow-settings").hidden = step;
  if (step) form.show(chosen);
  else settings.show();
}

const tabs = [...document.querySelectorAll(".flow-side [role=tab]")];
for (const button of tabs) {
  button.addEventListener("click", () => tab(button.dataset.panel));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(button) + step + tabs.length) % tabs.length];
    tab(next.dataset.panel);
    next.focus();
  });
}

async function listen(prompt, language, button) {
  button?.setAttribute("aria-busy", "true");
  try {
    await telephone.speak(prompt, language);
  } catch (problem) {
    say(problem.message);
    $("flow-voice").textContent = problem.message;
  }
  button?.removeAttribute("aria-busy");
}

// --- keys and buttons -------------------------------------------------------------------------------------------------

$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("fit").addEventListener("click", () => drawing.fit());
$("zoom-in").addEventListener("click", () => drawing.zoom(1.2));
$("zoom-out").addEventListener("click", () => drawing.zoom(1 / 1.2));
$("add-step").addEventListener("click", () => addMenu.open(null, null));
$("flow-title").addEventListener("click", () => { chosen = null; drawing.select(null); tab("step"); showPanel(); settings.focus("name"); });
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || typing(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (key === "z" || key === "y") {
    event.preventDefault();
    if (key === "y" || event.shiftKey) redo();
    else undo();
  }
});

const left = draft.left();
if (left) {
  done.push({ flow, label: null, at: 0 });
  become(left.flow, left.text);
  say(t("Changes that had not been saved were taken up again."));
}
draw();
showPanel();
drawing.fit();
if (!data.readable) { found = data.problems; tab("text"); }
document.documentElement.dataset.ready = "flow";
