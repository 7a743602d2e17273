// A flow as the editor holds it: plain JSON, the same as the text. Everything here makes a new flow out of an old one.
import { t } from "./dom.js";

/** The kinds of steps, as the language describes them: {say: {doc, fields, exits, optional, free}}. */
export let KINDS = {};

export function useKinds(kinds) {
  KINDS = kinds;
}

/** What a new step of a kind starts with. */
function fresh(kind) {
  const node = { kind };
  for (const field of KINDS[kind].fields) {
    if (!field.needed) continue;
    const empty = { prompts: [{ text: {} }], options: {}, cases: [{ when: "", next: "" }], values: {}, into: {}, factors: [], number: field.name === "seconds" ? 5 : 1, integer: field.least ?? 1 }[field.type];
    node[field.name] = field.default ?? empty ?? "";
  }
  if (kind === "collect") node.most = 10;
  if (kind === "agent") node.seconds = 120;
  return node;
}

/** A flow with every short form written out, so that the editor has one way to read it. */
export function normal(flow) {
  const nodes = {};
  for (const [name, given] of Object.entries(flow.nodes ?? {})) {
    if (given === null || typeof given !== "object") { nodes[name] = { kind: "" }; continue; }
    const { next, ...node } = given;
    if (next !== undefined) node.exits = { next, ...node.exits };
    if (node.prompts !== undefined && !Array.isArray(node.prompts)) node.prompts = [node.prompts];
    if (node.prompts) node.prompts = node.prompts.map(whole);
    if (node.options) node.options = Object.fromEntries(Object.entries(node.options).map(([key, option]) => [key, typeof option === "string" ? { next: option } : option ?? {}]));
    nodes[name] = node;
  }
  return { ...flow, nodes };
}

const whole = (prompt) => (typeof prompt?.text === "string" ? { text: { en: prompt.text } } : prompt);

/** What people call a kind of step. */
export function kindName(kind) {
  return {
    say: t("Say"), menu: t("Menu"), collect: t("Ask for digits"), branch: t("Branch"), set: t("Set values"),
    hours: t("Opening hours"), closure: t("Emergency closure"), queue: t("Queue"), callback: t("Callback offer"),
    voicemail: t("Voicemail"), transfer: t("Transfer outside"), table: t("Look up in a table"),
    lookup: t("Look up elsewhere"), verify: t("Verify the caller"), consent: t("Ask for consent"),
    agent: t("Voice agent"), subflow: t("Another flow"), end: t("End the call"),
  }[kind] ?? kind;
}

/** What people call an exit. */
export function exitName(exit) {
  return {
    next: t("then"), no_input: t("no key"), no_match: t("wrong key"), otherwise: t("otherwise"), open: t("open"),
    closed: t("closed"), closure: t("emergency"), on: t("closed now"), off: t("not closed"), leave: t("presses 1"),
    callback: t("wants a callback"), overflow: t("overflow"), accepted: t("accepted"), declined: t("declined"),
    failed: t("failed"), busy: t("busy"), no_answer: t("no answer"), not_found: t("not found"), timeout: t("too slow"),
    verified: t("verified"), refused: t("refused"), person: t("wants a person"),
  }[exit] ?? exit;
}

/** A sentence about when an exit is taken, for the form. */
export function exitHint(kind, exit) {
  return {
    "menu.no_input": t("The caller pressed nothing, as often as asked."),
    "menu.no_match": t("The caller pressed wrong keys, as often as asked."),
    "queue.leave": t("The caller presses 1 while waiting."),
    "queue.callback": t("The caller asks to be called back while waiting."),
    "queue.overflow": t("The queue is full, too slow, closed or without staff, by its own rules."),
    "hours.closure": t("The emergency-closure switch is on."),
  }[`${kind}.${exit}`] ?? "";
}

/** The ways out of a step, in order: [{slot, label, to}]. `slot` is the path of the value in the step. */
export function ways(node) {
  const found = [];
  for (const [key, option] of Object.entries(node.options ?? {})) {
    found.push({ slot: ["options", key, "next"], name: `key ${key}`, label: key, to: option?.next ?? "" });
  }
  (node.cases ?? []).forEach((one, index) => {
    found.push({ slot: ["cases", index, "next"], name: `case ${index + 1}`, label: String(index + 1), to: one?.next ?? "" });
  });
  const kind = KINDS[node.kind] ?? { exits: [], optional: [] };
  const exits = node.exits ?? {};
  const names = [...kind.exits, ...Object.keys(exits).filter((name) => !kind.exits.includes(name))];
  for (const name of names) found.push({ slot: ["exits", name], name, label: exitName(name), to: exits[name] ?? "" });
  return found;
}

export const at = (value, path) => path.reduce((inner, key) => inner?.[key], value);

/** A copy of `value` with `inner` at `path`; `undefined` takes the key away. Order is kept. */
export function put(value, path, inner) {
  if (!path.length) return inner;
  const [key, ...rest] = path;
  if (Array.isArray(value)) {
    const copy = [...value];
    if (inner === undefined && !rest.length) copy.splice(key, 1);
    else copy[key] = put(copy[key], rest, inner);
    return copy;
  }
  const copy = { ...(value ?? {}) };
  if (inner === undefined && !rest.length) delete copy[key];
  else copy[key] = put(copy[key], rest, inner);
  return copy;
}

/** A name for a step that is not taken yet. */
export function freeName(flow, wish) {
  if (!flow.nodes[wish]) return wish;
  let number = 2;
  while (flow.nodes[`${wish}-${number}`]) number += 1;
  return `${wish}-${number}`;
}

/** A new step of a kind behind an exit; what the exit led to before becomes the new step's next one, if it has one. */
export function addStep(flow, from, slot, kind) {
  const name = freeName(flow, kind);
  const before = from ? at(flow.nodes[from], slot) : "";
  const node = fresh(kind);
  if (before && KINDS[kind].exits.includes("next")) node.exits = { next: before };
  const nodes = {};
  for (const [key, value] of Object.entries(flow.nodes)) {
    nodes[key] = key === from ? put(value, slot, name) : value;
    if (key === from) nodes[name] = node;
  }
  if (!from) nodes[name] = node;
  return [{ ...flow, nodes, start: flow.nodes[flow.start] ? flow.start : name }, name];
}

/** A step under another name, everywhere. */
export function rename(flow, from, to) {
  const nodes = {};
  for (const [name, node] of Object.entries(flow.nodes)) nodes[name === from ? to : name] = led(node, from, to);
  return { ...flow, nodes, start: flow.start === from ? to : flow.start };
}

function led(node, from, to) {
  let changed = node;
  for (const way of ways(node)) if (way.to === from) changed = put(changed, way.slot, to);
  return changed;
}

/** Without a step; what led to it leads nowhere and is shown so. */
export function drop(flow, name) {
  const nodes = { ...flow.nodes };
  delete nodes[name];
  for (const [other, node] of Object.entries(nodes)) {
    for (const way of ways(node)) {
      if (way.to !== name) continue;
      const bare = way.slot[0] === "exits" ? undefined : "";
      nodes[other] = put(nodes[other], way.slot, bare);
    }
  }
  return { ...flow, nodes };
}

/** The languages a flow speaks. */
export const languagesOf = (flow) => (flow.languages?.length ? flow.languages : ["en"]);

/** The line under a step's name in the drawing. */
export function summary(node, catalogue, names) {
  const own = (node.prompts ?? []).filter((one) => one !== "greeting.emergency-notice");
  const spoken = (own.length ? own : node.prompts ?? []).map((one) => saying(one, catalogue)).filter(Boolean).join(" ");
  switch (node.kind) {
    case "queue": case "callback": return names[node.queue] ?? node.queue ?? "";
    case "voicemail": return names[node.department] ?? node.department ?? "";
    case "transfer": return String(node.number ?? "");
    case "collect": return node.variable || spoken;
    case "branch": return (node.cases ?? []).map((one) => one?.when).filter(Boolean).join(" · ");
    case "set": return Object.keys(node.values ?? {}).join(", ");
    case "table": return node.table ?? "";
    case "lookup": case "agent": return node.endpoint ?? "";
    case "subflow": return names[node.flow] ?? node.flow ?? "";
    case "hours": return names[node.calendar] ?? node.calendar ?? "";
    case "verify": return (node.factors ?? []).map((one) => one.name).join(", ");
    default: return spoken;
  }
}

/** The words of a prompt, in the first language that has them. */
export function saying(prompt, catalogue, language) {
  const own = prompt?.text;
  if (own) return (language ? own[language] : Object.values(own).find(Boolean)) ?? "";
  if (prompt?.recording) return t("(a recording)");
  const key = typeof prompt === "string" ? prompt : prompt?.key;
  const texts = catalogue[key];
  return texts ? (texts[language] ?? Object.values(texts)[0]) : key ?? "";
}
