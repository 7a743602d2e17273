// The parts of a step's form that are lists: prompts, a menu's keys, conditions, pairs of names and values.
import { fieldName, languageName } from "./flow-words.js";
import { saying } from "./flow-model.js";
import { askRecording, soundOf } from "./flow-upload.js";
import { h, t } from "./dom.js";

const KEYS = "1234567890*#";

function mover(list, path, index, parts) {
  const swap = (other) => {
    const copy = [...list];
    [copy[index], copy[other]] = [copy[other], copy[index]];
    parts.change(path, copy);
  };
  return [
    h("button.small.quiet", { type: "button", disabled: index === 0, "aria-label": t("Up"), title: t("Up"), onclick: () => swap(index - 1) }, "↑"),
    h("button.small.quiet", { type: "button", disabled: index === list.length - 1, "aria-label": t("Down"), title: t("Down"), onclick: () => swap(index + 1) }, "↓"),
    h("button.small.quiet", { type: "button", "aria-label": t("Remove"), title: t("Remove"), onclick: () => parts.change([...path, index], undefined) }, "✕"),
  ];
}

/** What is said: own words in each language, a ready sentence, or recordings; each can be heard. */
export function promptList(parts, path) {
  const list = parts.value(path) ?? [];
  return h("div.prompts",
    list.map((prompt, index) => promptItem(parts, path, list, prompt, index)),
    h("div.row",
      h("button.small", { type: "button", onclick: () => parts.change(path, [...list, { text: {} }]) }, t("Add words")),
      h("button.small", { type: "button", onclick: () => parts.change(path, [...list, "greeting.welcome"]) }, t("Add a ready sentence")),
      (parts.editor.refs.recording?.length || parts.editor.mayUpload) && h("button.small", { type: "button", onclick: () => parts.change(path, [...list, { recording: {} }]) }, t("Add a recording"))));
}

function promptItem(parts, path, list, prompt, index) {
  const here = [...path, index];
  const head = (label) => h("div.prompt-head", h("span.faint", label), h("span.movers", ...mover(list, path, index, parts)));
  if (prompt?.text) {
    return h("div.prompt", head(t("Own words")), ...parts.languages().map((language) => {
      const place = [...here, "text", language];
      const label = t("Words in %(language)s", { language: languageName(language) });
      return h("div.say-line", h("div.say-label", h("label", { for: parts.idOf(place) }, label), listen(parts, here, language)), area(parts, place, language));
    }));
  }
  if (prompt?.recording) {
    return h("div.prompt", head(t("Recordings")), ...parts.languages().map((language) => {
      const place = [...here, "recording", language];
      return h("div.say-line", h("div.say-label", h("label", { for: parts.idOf(place) }, languageName(language)), listen(parts, here, language)),
        h("div.recording", parts.select(place, (parts.editor.refs.recording ?? []).map((name) => [name, name]), { empty: t("– choose –"), redraw: true, label: languageName(language) }),
          parts.editor.mayUpload && h("button.small", { type: "button", onclick: () => upload(parts, place, language, Object.values(prompt.recording).find(Boolean)) }, t("Upload…"), h("span.sr", ` ${languageName(language)}`))),
        parts.editor.mayUpload && parts.value(place) && player(parts.editor, language, parts.value(place)));
    }));
  }
  const catalogue = parts.editor.catalogue;
  const keyed = typeof prompt === "string";
  const key = keyed ? prompt : prompt?.key ?? "";
  const place = keyed ? here : [...here, "key"];
  const values = keyed ? [] : Object.keys(prompt ?? {}).filter((one) => one !== "key");
  return h("div.prompt", head(t("Ready sentence")),
    parts.select(place, Object.entries(catalogue).map(([name, texts]) => [name, `${name} · ${short(Object.values(texts)[0] ?? "")}`]), { redraw: true, label: t("Ready sentence") }),
    ...parts.languages().map((language) => h("p.said", { lang: language }, h("span", saying(key, catalogue, language)), " ", listen(parts, here, language))),
    ...values.map((name) => h("div.say-line", h("label", { for: parts.idOf([...here, name]) }, name), parts.input([...here, name]))));
}

/** Store a recording for this place and use it there. The name chosen in another language is the likely one. */
function upload(parts, place, language, suggested) {
  const known = (parts.editor.refs.recording ??= []);
  askRecording(language, { known, suggested, stored(name, version) {
    if (!known.includes(name)) known.push(name);
    known.sort();
    parts.editor.uploaded[`${language}/${name}`] = version;
    parts.change(place, name);
    const made = document.getElementById(parts.idOf(place))?.closest(".say-line").querySelector("audio");
    made?.focus();
    made?.play().catch(() => {}); // a browser may want a press first: the player is there
    parts.editor.said(t("Stored and chosen: %(name)s, version %(n)s.", { name, n: version }));
  } });
}

function player(editor, language, name) {
  return h("audio", { controls: true, preload: "none", "aria-label": `${name}, ${languageName(language)}`, src: soundOf(language, name, editor.uploaded[`${language}/${name}`] ?? "") });
}

function area(parts, place, language) {
  const box = parts.area(place, null);
  box.lang = language;
  return box;
}

function listen(parts, here, language) {
  return h("button.small.quiet", {
    type: "button", title: t("Listen"), "aria-label": t("Listen to it in %(language)s", { language: languageName(language) }),
    onclick: (event) => parts.editor.listen(parts.value(here), language, event.currentTarget),
  }, "▶");
}

const short = (text) => (text.length > 48 ? `${text.slice(0, 47)}…` : text);

/** A menu's keys: where each leads, and what else it means. */
export function menuOptions(parts, path) {
  const options = parts.value(path) ?? {};
  const free = [...KEYS].filter((key) => !(key in options) && key !== parts.editor.emergencyKey);
  const multilingual = parts.languages().length > 1;
  return h("div.options",
    Object.entries(options).map(([key, option]) => {
      const here = [...path, key];
      const swap = h("select", { "aria-label": t("Key"), id: parts.idOf([...here, "key"]), "data-field": here.join(".") }, ...[key, ...free].sort().map((one) => h("option", { value: one, selected: one === key }, one)));
      swap.addEventListener("change", () => parts.change(path, Object.fromEntries(Object.entries(options).map(([k, v]) => [k === key ? swap.value : k, v]))));
      const more = Boolean(option.reason || option.language || option.phrases || option.requirement);
      return h("div.option",
        h("div.option-row", swap, parts.exitPicker([...here, "next"], t("Key %(key)s leads to", { key })),
          h("button.small.quiet", { type: "button", "aria-label": t("Remove key %(key)s", { key }), title: t("Remove key %(key)s", { key }), onclick: () => parts.change(here, undefined) }, "✕")),
        h("details", { open: more }, h("summary", t("More about key %(key)s", { key })),
          labelled(t("Reason of the call"), parts.input([...here, "reason"], { maxlength: 60 })),
          labelled(t("Skills the agent needs"), parts.input([...here, "requirement"], { maxlength: 500, placeholder: "billing >= 50" })),
          multilingual && labelled(t("Language from here on"), parts.select([...here, "language"], parts.languages().map((code) => [code, languageName(code)]), { empty: t("– as before –") })),
          ...parts.languages().map((language) => labelled(t("Words that choose it, in %(language)s", { language: languageName(language) }), phrases(parts, [...here, "phrases", language])))));
    }),
    h("button.small", { type: "button", disabled: !free.length, onclick: () => parts.change(path, { ...options, [free[0]]: { next: "" } }) }, t("Add a key")));
}

/** Phrases are written with commas between them. */
function phrases(parts, place) {
  const box = h("input", { id: parts.idOf(place), type: "text", "data-field": place.join("."), autocomplete: "off", value: [parts.value(place) ?? []].flat().join(", ") });
  box.addEventListener("input", () => {
    const said = box.value.split(",").map((one) => one.trim()).filter(Boolean);
    parts.type(place, said.length ? said : undefined);
  });
  return box;
}

const labelled = (label, control) => h("div.say-line", h("label", { for: control.id }, label), control);

/** A branch's conditions in order, each with where it leads. */
export function cases(parts, path) {
  const list = parts.value(path) ?? [];
  return h("div.options",
    list.map((_, index) => h("div.option",
      h("div.prompt-head", h("span.faint", t("Condition %(n)s", { n: index + 1 })), h("span.movers", ...mover(list, path, index, parts))),
      parts.input([...path, index, "when"], { "aria-label": t("Condition %(n)s", { n: index + 1 }), list: "flow-conditions", keep: true, maxlength: 500 }),
      parts.exitPicker([...path, index, "next"], t("Condition %(n)s leads to", { n: index + 1 })))),
    h("button.small", { type: "button", onclick: () => parts.change(path, [...list, { when: "", next: "" }]) }, t("Add a condition")),
    h("p.hint", t("Such as: weekday in [\"sat\", \"sun\"], hour >= 17, caller.known, age >= 65")));
}

/** What a verification asks for. */
export function factors(parts, path) {
  const list = parts.value(path) ?? [];
  const known = ["date_of_birth", "member_id", "record_number", "phone", "postal_code"];
  return h("div.options",
    list.map((_, index) => h("div.option",
      h("div.prompt-head", parts.select([...path, index, "name"], known.map((one) => [one, fieldName(`factor.${one}`)]), { redraw: true, label: t("What is asked for") }), h("span.movers", ...mover(list, path, index, parts))),
      promptList(parts, [...path, index, "prompts"]))),
    h("button.small", { type: "button", onclick: () => parts.change(path, [...list, { name: known.find((one) => !list.some((other) => other.name === one)) ?? known[0], prompts: [{ text: {} }] }]) }, t("Ask for something")));
}

/** Names and what each becomes; a plain value, or `= expression`. */
export function pairs(parts, path, label = t("Value")) {
  const values = parts.value(path) ?? {};
  const names = Object.keys(values);
  return h("div.options",
    names.map((name, index) => {
      const box = h("input", { type: "text", value: name, id: parts.idOf([...path, index, "name"]), "aria-label": t("Name"), list: "flow-variables", autocomplete: "off", maxlength: 60 });
      box.addEventListener("change", () => {
        const wish = box.value.trim();
        if (wish && !(wish in values)) parts.change(path, Object.fromEntries(Object.entries(parts.value(path)).map(([k, v]) => [k === name ? wish : k, v])));
      });
      return h("div.pair", box, h("span", "="), parts.input([...path, name], { "aria-label": `${label} ${name}`, keep: true }),
        h("button.small.quiet", { type: "button", "aria-label": t("Remove"), title: t("Remove"), onclick: () => parts.change([...path, name], undefined) }, "✕"));
    }),
    h("button.small", { type: "button", onclick: () => parts.change(path, { ...values, [free(names)]: "" }) }, t("Add a value")));
}

export const into = (parts, path) => pairs(parts, path, t("From"));

function free(names) {
  let number = names.length + 1;
  while (names.includes(`value_${number}`)) number += 1;
  return `value_${number}`;
}
