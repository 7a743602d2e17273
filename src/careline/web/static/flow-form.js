// The form of a step: one field for each thing its kind knows, and where each exit leads.
import { addStep, at, exitHint, exitName, KINDS, kindName, languagesOf, put, ways } from "./flow-model.js";
import { cases, factors, into, menuOptions, pairs, promptList } from "./flow-lists.js";
import { fieldName } from "./flow-words.js";
import { h, t } from "./dom.js";

/** The id of the control for a path of a step, which is also what a problem's field points at. */
export const idOf = (path) => `f-${path.join("-").replace(/[^\w-]/g, "_")}`;

/**
 * The form inside `holder`. `editor`: {flow(), refs, catalogue, change(label, flow), open(name), listen(prompt, language),
 * rename(from, to), remove(name), makeStart(name)}.
 */
export function stepForm(holder, editor) {
  let name = null;

  /** What the parts of the form work with. */
  const parts = {
    editor,
    idOf,
    value: (path) => at(editor.flow().nodes[name], path),
    /** Typed text: kept, but the form stays as it is under the hands. */
    type: (path, value) => write(path, value, `${name}.${path.join(".")}`),
    /** A change of what there is: the form is made anew. */
    change: (path, value) => { write(path, value, null); show(name); },
    languages: () => languagesOf(editor.flow()),
    exitPicker,
    input,
    area,
    select,
  };

  function write(path, value, label) {
    const flow = editor.flow();
    editor.change(label, { ...flow, nodes: { ...flow.nodes, [name]: put(flow.nodes[name], path, value) } });
  }

  function show(wanted) {
    name = wanted;
    const node = editor.flow().nodes[name];
    const focused = holder.contains(document.activeElement) ? document.activeElement.id : null;
    document.getElementById("flow-variables").replaceChildren(...Object.keys(editor.flow().variables ?? {}).map((one_) => h("option", { value: one_ })));
    if (!node) {
      holder.replaceChildren();
      return;
    }
    const kind = KINDS[node.kind] ?? { fields: [], exits: [], optional: [], doc: "" };
    holder.replaceChildren(
      h("p.kind-line", h("strong", kindName(node.kind)), " ", h("span.faint", kind.doc)),
      field(t("Name of the step"), [], nameBox()),
      ...kind.fields.map((spec) => one(spec)),
      exits(node, kind),
      h("div.actions", editor.flow().start === name ? h("span.faint", t("Calls start here.")) : h("button.small", { type: "button", onclick: () => editor.makeStart(name) }, t("Start calls here")),
        h("button.small", { type: "button", onclick: () => editor.remove(name) }, t("Delete this step"))),
    );
    problems(editor.problems());
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function nameBox() {
    const box = h("input", { id: "f-name", type: "text", value: name, maxlength: 60, autocomplete: "off", "data-field": "" });
    box.addEventListener("change", () => {
      const wish = box.value.trim();
      if (!wish || wish === name) { box.value = name; return; }
      const taken = editor.rename(name, wish);
      if (taken) box.value = name;
    });
    return box;
  }

  // --- controls -----------------------------------------------------------------------------------------------------

  function input(path, { type = "text", ...more } = {}) {
    const value = parts.value(path);
    const box = h("input", { id: idOf(path), type, autocomplete: "off", "data-field": path.join("."), value: value === undefined || value === null ? "" : String(value), ...more });
    box.addEventListener("input", () => {
      if (type === "number") parts.type(path, box.value === "" ? undefined : Number(box.value));
      else parts.type(path, box.value === "" && !more.keep ? undefined : box.value);
    });
    return box;
  }

  function area(path, label, rows = 2) {
    const box = h("textarea", { id: idOf(path), rows, maxlength: 2000, "data-field": path.join("."), "aria-label": label });
    box.value = parts.value(path) ?? "";
    box.addEventListener("input", () => parts.type(path, box.value || undefined));
    return box;
  }

  function select(path, choices, { empty = null, redraw = false, label = null } = {}) {
    const value = parts.value(path) ?? "";
    const known = choices.some(([key]) => key === value);
    const box = h("select", { id: idOf(path), "data-field": path.join("."), "aria-label": label },
      empty !== null && h("option", { value: "" }, empty),
      ...choices.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
      !known && value !== "" && h("option", { value, selected: true }, String(value)));
    box.addEventListener("change", () => (redraw ? parts.change : parts.type)(path, box.value || undefined));
    return box;
  }

  /** Where an exit leads: a step that is there, or a new one. */
  function exitPicker(slot, label) {
    const flow = editor.flow();
    const to = parts.value(slot) ?? "";
    const others = Object.keys(flow.nodes);
    const box = h("select.exit", { id: idOf(slot), "data-field": slot.join("."), "aria-label": label },
      h("option", { value: "" }, t("– leads nowhere –")),
      !flow.nodes[to] && to && h("option", { value: to, selected: true }, t("%(step)s (does not exist)", { step: to })),
      h("optgroup", { label: t("Steps of this flow") }, ...others.map((other) => h("option", { value: other, selected: other === to }, `${other} · ${kindName(flow.nodes[other].kind)}`))),
      h("optgroup", { label: t("A new step") }, ...Object.keys(KINDS).map((kind) => h("option", { value: `+${kind}` }, t("New: %(kind)s", { kind: kindName(kind) })))));
    box.addEventListener("change", () => {
      if (!box.value.startsWith("+")) {
        parts.change(slot, box.value || (slot[0] === "exits" ? undefined : ""));
        return;
      }
      const [changed, made] = addStep(editor.flow(), name, slot, box.value.slice(1));
      editor.change(null, changed);
      editor.said(t("Added: %(step)s. Its form opens with the arrow beside it.", { step: made }));
      show(name);
    });
    const go = flow.nodes[to] && h("button.small.quiet", { type: "button", title: t("Open %(step)s", { step: to }), "aria-label": t("Open %(step)s", { step: to }), onclick: () => editor.open(to) }, "→");
    return h("span.exit-row", box, go);
  }

  // --- fields -------------------------------------------------------------------------------------------------------

  function field(label, path, control, hint) {
    const id = control.id ?? null;
    return h("div.field", h("label", { for: id }, label), control, hint && h("p.hint", hint), h("div", { "data-wrong": path.join(".") }));
  }

  function group(label, path, ...children) {
    return h("fieldset.field", h("legend", label), ...children, h("div", { "data-wrong": path.join(".") }));
  }

  function one(spec) {
    const path = [spec.name];
    const label = fieldName(spec.name);
    const refs = editor.refs[spec.type];
    if (refs) return field(label, path, select(path, refs.map((name_) => [name_, name_]), { empty: spec.needed ? t("– choose –") : spec.type === "person" ? t("– nobody –") : t("– the line’s own –"), redraw: true }), spec.doc);
    switch (spec.type) {
      case "prompts": return group(label, path, promptList(parts, path));
      case "options": return group(label, path, menuOptions(parts, path));
      case "cases": return group(label, path, cases(parts, path));
      case "factors": return group(label, path, factors(parts, path));
      case "values": return group(label, path, h("p.hint", spec.doc), pairs(parts, path));
      case "into": return group(label, path, h("p.hint", spec.doc), into(parts, path));
      case "boolean": {
        const box = h("input", { id: idOf(path), type: "checkbox", "data-field": spec.name, checked: parts.value(path) === true });
        box.addEventListener("change", () => parts.type(path, box.checked || undefined));
        return h("div.field", h("label", { for: box.id }, box, label), h("p.hint", spec.doc));
      }
      case "choice": return field(label, path, select(path, spec.choices.map((choice) => [choice, fieldName(`${spec.name}.${choice}`)]), { empty: spec.default ? null : "–" }), spec.doc);
      case "key": return field(label, path, select(path, [..."1234567890*#"].map((key) => [key, key]), { empty: spec.default ? t("as usual: %(value)s", { value: spec.default }) : "–" }), spec.doc);
      case "number": case "integer":
        return field(label, path, input(path, { type: "number", min: spec.least, max: spec.most, step: spec.type === "integer" ? 1 : "any", placeholder: spec.default }), spec.doc);
      case "variable": return field(label, path, variable(path), spec.doc);
      default: return field(label, path, input(path, { placeholder: spec.default, list: spec.name === "endpoint" ? "flow-endpoints" : null }), spec.doc);
    }
  }

  /** A variable; a name that is new is declared at once. */
  function variable(path) {
    const box = input(path, { list: "flow-variables", pattern: "[a-z][a-z0-9_]*", maxlength: 40 });
    box.addEventListener("change", () => {
      const flow = editor.flow();
      const wish = box.value.trim();
      if (/^[a-z][a-z0-9_]*$/.test(wish) && !flow.variables?.[wish]) editor.change(null, { ...flow, variables: { ...flow.variables, [wish]: { type: flow.nodes[name].type ?? (flow.nodes[name].kind === "collect" ? "digits" : "text") } } });
    });
    return box;
  }

  function exits(node, kind) {
    const names = [...new Set([...kind.exits, ...kind.optional, ...Object.keys(node.exits ?? {})])];
    if (!names.length && !kind.free) return null;
    const rows = names.map((exit) => {
      const slot = ["exits", exit];
      const label = exitName(exit);
      const hint = exitHint(node.kind, exit);
      return h("div.exit-line", h("label", { for: idOf(slot) }, label, kind.optional.includes(exit) && h("span.hint", ` ${t("(optional)")}`)), exitPicker(slot, null), hint && h("p.hint", hint), h("div", { "data-wrong": slot.join(".") }));
    });
    const more = kind.free && h("div.row", h("input", { id: "f-new-exit", type: "text", maxlength: 40, "aria-label": t("Name of a further exit"), placeholder: t("name of an exit") }),
      h("button.small", { type: "button", onclick: () => {
        const box = document.getElementById("f-new-exit");
        if (/^[\w.-]+$/.test(box.value.trim())) parts.change(["exits", box.value.trim()], "");
      } }, t("Add an exit")));
    return group(kind.free ? t("When it comes back by") : t("Then"), ["exits"], ...rows, more);
  }

  // --- problems -----------------------------------------------------------------------------------------------------

  /** Show each problem of this step beneath its field. */
  function problems(all) {
    const mine = all.filter((one_) => one_.node === name);
    const places = [...holder.querySelectorAll("[data-wrong]")];
    const said = new Map(places.map((place) => [place, []]));
    for (const problem of mine) {
      const place = nearest(places, "wrong", problem.field) ?? places[0];
      said.get(place)?.push(problem.text);
    }
    for (const [place, texts] of said) {
      if (place.textContent !== texts.join("")) place.replaceChildren(...texts.map((text) => h("p.field-error.late", text)));
    }
    for (const control of holder.querySelectorAll("[data-field]")) {
      const wrong = mine.some((one_) => one_.field === control.dataset.field);
      if (wrong) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }

  function nearest(elements, kind, path) {
    const fits = elements.filter((element) => path === element.dataset[kind] || path.startsWith(`${element.dataset[kind]}.`) || element.dataset[kind].startsWith(`${path}.`));
    return fits.sort((a, b) => Number(b.dataset[kind] === path) - Number(a.dataset[kind] === path) || b.dataset[kind].length - a.dataset[kind].length)[0];
  }

  /** Go to the control of a field, such as `exits.no_input`. */
  function focus(path) {
    const control = path === null ? null : nearest([...holder.querySelectorAll("[data-field]")].filter((one_) => one_.dataset.field), "field", path);
    const target = control ?? holder.querySelector("#f-name");
    target?.focus();
    target?.scrollIntoView({ block: "center" });
  }

  return { show, problems, focus, name: () => name, ways: () => ways(editor.flow().nodes[name] ?? {}) };
}
