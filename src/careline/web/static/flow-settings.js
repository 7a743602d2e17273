// The flow's own form: name, languages, where it starts, its variables.
import { request } from "./csrf.js";
import { languagesOf } from "./flow-model.js";
import { languageName } from "./flow-words.js";
import { h, t } from "./dom.js";

const TYPES = ["text", "digits", "number", "date", "time", "money", "phone", "name", "boolean", "list", "minutes"];

export function settingsForm(holder, editor) {
  function write(name, value, label = null) {
    const flow = { ...editor.flow() };
    if (value === undefined) delete flow[name];
    else flow[name] = value;
    editor.change(label, flow);
  }

  function show() {
    const flow = editor.flow();
    const focused = holder.contains(document.activeElement) ? document.activeElement.id : null;
    const name = h("input", { id: "s-name", type: "text", value: editor.name, maxlength: 100, "aria-describedby": "s-name-wrong", autocomplete: "off", "data-field": "name" });
    name.addEventListener("change", async () => {
      if (!name.value.trim()) { name.value = editor.name; return; }
      try {
        editor.name = (await request(`/flows/${editor.id}/name`, { method: "POST", body: { name: name.value } })).name;
        document.getElementById("flow-title").textContent = editor.name;
        wrongName.textContent = "";
        write("name", editor.name);
      } catch (problem) {
        wrongName.textContent = problem.message;
      }
    });
    const wrongName = h("p.field-error.late", { role: "status", id: "s-name-wrong" });
    const about = h("textarea", { id: "s-about", rows: 2, maxlength: 500 });
    about.value = flow.description ?? "";
    about.addEventListener("input", () => write("description", about.value || undefined, "description"));
    const start = h("select", { id: "s-start", "data-field": "start" }, ...Object.keys(flow.nodes).map((one) => h("option", { value: one, selected: one === flow.start }, one)));
    start.addEventListener("change", () => write("start", start.value));
    holder.replaceChildren(
      h("p.faint", t("Choose a step in the drawing to change it. This is the flow as a whole.")),
      h("div.field", h("label", { for: "s-name" }, t("Name of the flow")), name, wrongName),
      h("div.field", h("label", { for: "s-about" }, t("What it is for")), about),
      h("div.field", h("label", { for: "s-start" }, t("Calls start at")), start),
      h("fieldset.field", { "data-field": "languages" }, h("legend", t("Languages")), ...["en", "es"].map((code) => {
        const box = h("input", { type: "checkbox", id: `s-lang-${code}`, checked: languagesOf(flow).includes(code) });
        box.addEventListener("change", () => {
          const left = languagesOf(editor.flow()).filter((one) => one !== code);
          const wanted = box.checked ? [...left, code] : left;
          if (wanted.length) write("languages", wanted);
          else box.checked = true;
        });
        return h("label", { for: box.id }, box, languageName(code));
      })),
      variables(flow),
      h("div", { id: "s-wrong" }));
    problems(editor.problems());
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function variables(flow) {
    const rows = Object.entries(flow.variables ?? {}).map(([name, given]) => {
      const body = given !== null && typeof given === "object" ? given : { default: given };
      const put = (key, value) => {
        const next = { ...body, [key]: value };
        if (value === undefined || value === false || value === "") delete next[key];
        write("variables", { ...editor.flow().variables, [name]: next }, `variables.${name}.${key}`);
      };
      const type = h("select", { "aria-label": t("Type of %(name)s", { name }) }, ...TYPES.map((one) => h("option", { value: one, selected: one === (body.type ?? "text") }, one)));
      type.addEventListener("change", () => put("type", type.value));
      const value = h("input", { type: "text", "aria-label": t("Starts as: %(name)s", { name }), placeholder: t("starts empty"), value: body.default ?? "", autocomplete: "off" });
      value.addEventListener("input", () => put("default", value.value));
      const tick = (key, label) => {
        const box = h("input", { type: "checkbox", id: `s-${key}-${name}`, checked: body[key] === true });
        box.addEventListener("change", () => put(key, box.checked));
        return h("label", { for: box.id }, box, label);
      };
      return h("div.option", { "data-field": `variables.${name}` },
        h("div.prompt-head", h("code", name), h("button.small.quiet", { type: "button", title: t("Remove"), "aria-label": t("Remove %(name)s", { name }), onclick: () => {
          const rest = { ...editor.flow().variables };
          delete rest[name];
          write("variables", Object.keys(rest).length ? rest : undefined);
          show();
        } }, "✕")),
        h("div.row", type, value), h("div.row", tick("shown", t("the agent sees it")), tick("secret", t("never written down"))));
    });
    const fresh = h("input", { id: "s-variable", type: "text", "aria-label": t("Name of a new variable"), placeholder: "birth_date", pattern: "[a-z][a-z0-9_]*", maxlength: 40, autocomplete: "off" });
    return h("fieldset.field", h("legend", t("Variables")),
      h("p.hint", t("What the flow remembers of a call: digits a caller typed, values a look-up found.")), ...rows,
      h("div.row", fresh, h("button.small", { type: "button", onclick: () => {
        if (!/^[a-z][a-z0-9_]*$/.test(fresh.value) || editor.flow().variables?.[fresh.value]) return;
        write("variables", { ...editor.flow().variables, [fresh.value]: { type: "text" } });
        show();
      } }, t("Add a variable"))));
  }

  function problems(all) {
    const place = holder.querySelector("#s-wrong");
    place?.replaceChildren(...all.filter((one) => !one.node).map((one) => h("p.field-error.late", one.text)));
  }

  function focus(path) {
    const found = path && [...holder.querySelectorAll("[data-field]")].find((one) => path === one.dataset.field || path.startsWith(`${one.dataset.field}.`));
    const target = found?.matches("input, select") ? found : found?.querySelector("input, select") ?? holder.querySelector("#s-name");
    target?.focus();
  }

  return { show, problems, focus };
}
