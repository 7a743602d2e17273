// A recording of one's own, made ready without leaving the flow: chosen, heard, named, checked and stored.
import { languageName } from "./flow-words.js";
import { h, t } from "./dom.js";

/** Where a stored recording is heard as callers hear it; another version is another address. */
export const soundOf = (language, name, version = "") => `/recordings-of-ours/${language}/${name}/sound${version && `?version=${version}`}`;

/** A file's name as a recording's name: "Flu clinic 2.WAV" is flu-clinic-2. */
const named = (file) => file.name.replace(/\.[^.]*$/, "").toLowerCase().normalize("NFD").replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+|-+$/g, "").slice(0, 60);

/** Ask for a recording in a language; `stored(name, version)` when it is there. `known`: the names there are. */
export function askRecording(language, { known, suggested = "", stored }) {
  const spoken = languageName(language);
  const heard = h("audio", { controls: true, hidden: true, "aria-label": t("The chosen file") });
  const said = h("p.field-error.late", { id: "upload-said", role: "alert" });
  const file = h("input", { id: "upload-file", type: "file", accept: "audio/wav,.wav", required: true, "aria-describedby": "upload-about upload-said" });
  const name = h("input", { id: "upload-name", type: "text", required: true, maxlength: 60, pattern: "[a-z][a-z0-9\\-]+", placeholder: "flu-clinic", autocomplete: "off", value: suggested, "aria-describedby": "upload-name-about" });
  const about = h("p.hint", { id: "upload-name-about" });
  const words = h("input", { id: "upload-words", type: "text", required: true, maxlength: 500, autocomplete: "off", lang: language });
  const store = h("button.primary", { type: "submit" }, t("Store and use"));
  const sheet = h("dialog.sheet", { id: "upload", "aria-labelledby": "upload-title" },
    h("h2", { id: "upload-title" }, t("Upload a recording in %(language)s", { language: spoken })),
    h("form", { onsubmit: send },
      h("div.field", h("label", { for: "upload-file" }, t("WAV file")), file, h("p.hint", { id: "upload-about" }, t("16 bits, at most two minutes. The level is checked and evened out.")), heard),
      h("div.field", h("label", { for: "upload-name" }, t("Name")), name, about),
      h("div.field", h("label", { for: "upload-words" }, t("What is said")), words),
      said,
      h("div.actions", store, h("button.quiet", { type: "button", onclick: () => sheet.close() }, t("Cancel")))));

  function tell() {
    about.textContent = known.includes(name.value.trim())
      ? t("There is a recording of this name. In this language it becomes the next version, and every flow that plays it plays the new one from the next call on.")
      : t("Small letters, digits and hyphens. The same name in each language makes one recording.");
  }

  file.addEventListener("change", () => {
    said.textContent = "";
    file.removeAttribute("aria-invalid");
    const [chosen] = file.files;
    if (heard.src) URL.revokeObjectURL(heard.src);
    heard.hidden = !chosen;
    if (!chosen) return;
    heard.src = URL.createObjectURL(chosen);
    if (!name.value) name.value = named(chosen);
    tell();
  });
  name.addEventListener("input", tell);
  sheet.addEventListener("close", () => {
    if (heard.src) URL.revokeObjectURL(heard.src);
    sheet.remove();
  });

  async function send(event) {
    event.preventDefault();
    said.textContent = "";
    store.disabled = true;
    const body = new FormData();
    for (const [key, value] of [["name", name.value.trim()], ["words", words.value], ["recording", file.files[0]]]) body.append(key, value);
    try {
      const response = await fetch(`/flows/recordings/${language}`, {
        method: "POST", credentials: "same-origin", body,
        headers: { accept: "application/json", "x-csrf-token": document.querySelector("meta[name=csrf-token]").content },
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      sheet.close();
      stored(answer.name, answer.version);
    } catch (problem) {
      // What the server says is a sentence for people; anything else means that it was not reached.
      said.textContent = problem instanceof TypeError || problem instanceof SyntaxError ? t("The server was not reached. Nothing was stored; try again.") : problem.message;
      file.setAttribute("aria-invalid", "true");
      store.disabled = false;
      file.focus();
    }
  }

  document.body.append(sheet);
  tell();
  sheet.showModal();
}
