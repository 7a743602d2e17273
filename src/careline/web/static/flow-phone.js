// A telephone to try the flow with: the call runs on the server by the same rules as a real one, the prompts are heard,
// and the step where the caller is lights up in the drawing. Nothing is dialled and nothing is written down.
import { request } from "./csrf.js";
import { languagesOf } from "./flow-model.js";
import { languageName } from "./flow-words.js";
import { h, render, t } from "./dom.js";

const KEYS = [["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"], ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", ""], ["#", ""]];

export function phone(holder, editor, { light, lines }) {
  let call = null; // {state, waiting, exits, over}
  let said = [];
  let busy = false;
  let queue = Promise.resolve();
  let turn = 0;
  const audio = new Audio();
  const form = setUp();
  const stage = h("div", { id: "try-stage" });
  holder.append(form, stage);

  function setUp() {
    const line = h("select", { id: "try-line" }, h("option", { value: "" }, t("– any –")), ...lines.map((one) => h("option", { value: one.id }, one.label)));
    const made = h("form", { id: "try-form" },
      h("p.hint", t("Call the flow as it stands here, published or not. No telephone rings and nothing is kept.")),
      h("div.two-fields",
        field(t("Line"), line),
        field(t("Caller’s number"), h("input", { id: "try-caller", type: "tel", value: "+13125550142", maxlength: 20, autocomplete: "off" })),
        field(t("Language"), h("select", { id: "try-language" }, ...languagesOf(editor.flow()).map((code) => h("option", { value: code }, languageName(code))))),
        field(t("The line is"), h("select", { id: "try-door" }, h("option", { value: "" }, t("as its hours say")), h("option", { value: "open" }, t("open")), h("option", { value: "closed" }, t("closed")), h("option", { value: "closure" }, t("closed: emergency")))),
        field(t("Day and time"), h("input", { id: "try-at", type: "datetime-local" }))),
      h("label", { for: "try-hear" }, h("input", { id: "try-hear", type: "checkbox", checked: true }), t("Hear the prompts")),
      h("div.actions", h("button.primary", { id: "try-call" }, t("Call"))));
    made.addEventListener("submit", (event) => { event.preventDefault(); start(); });
    return made;
  }

  const field = (label, control) => h("div.field", h("label", { for: control.id }, label), control);
  const value = (id) => document.getElementById(id).value;

  async function start() {
    said = [];
    call = null;
    await move({
      kind: "start", line: value("try-line") || null, caller: value("try-caller"), language: value("try-language"),
      door: value("try-door") || null, at: value("try-at") || null,
    });
  }

  async function move(cause) {
    if (busy) return;
    busy = true;
    hush();
    if (cause.kind !== "start") said.push({ who: "caller", text: named(cause) });
    try {
      const answer = await request(`/flows/${editor.id}/simulate`, { method: "POST", body: { body: editor.flow(), state: call?.state ?? null, cause } });
      call = answer;
      for (const one of answer.said) said.push(one);
      light(answer.over ? null : answer.node);
      if (document.getElementById("try-hear").checked) hear(answer.said.filter((one) => one.prompt));
    } catch (problem) {
      said.push({ who: "wrong", text: problem.message });
    }
    busy = false;
    draw();
  }

  function named(cause) {
    switch (cause.kind) {
      case "key": return t("pressed %(key)s", { key: cause.key });
      case "say": return t("said “%(words)s”", { words: cause.words });
      case "silence": return t("said and pressed nothing");
      case "hangup": return t("hung up");
      default: return t("the answer was: %(exit)s", { exit: cause.exit });
    }
  }

  function draw() {
    form.hidden = Boolean(call && !call.over);
    const going = call && !call.over;
    render(stage,
      going && h("p.call-state", { key: "state", role: "status" }, h("strong", call.node), " · ", waitingFor(call)),
      going && call.exits?.length > 0 && answerBox(),
      going && h("div.keypad", { key: "pad", role: "group", "aria-label": t("Keypad") }, KEYS.map(([key, letters]) => h("button", { key, type: "button", onclick: () => move({ kind: "key", key }), "aria-label": t("Key %(key)s", { key }) }, key, h("small", { "aria-hidden": "true" }, letters)))),
      going && h("form.row", { key: "say", onsubmit: (event) => { event.preventDefault(); const box = document.getElementById("try-words"); if (box.value.trim()) move({ kind: "say", words: box.value.trim() }); box.value = ""; } },
        h("label.sr", { for: "try-words" }, t("Words the caller says")), h("input", { id: "try-words", type: "text", placeholder: t("what the caller says"), autocomplete: "off" }), h("button.small", t("Say"))),
      going && h("div.actions", { key: "actions" },
        h("button", { type: "button", onclick: () => move({ kind: "silence" }) }, t("Stay silent")),
        h("button.ending", { type: "button", onclick: () => move({ kind: "hangup" }) }, t("Hang up"))),
      said.length > 0 && h("h3", { key: "title", id: "try-title" }, t("What happened")),
      said.length > 0 && h("ol.transcript", { key: "list", "aria-labelledby": "try-title", role: "log", tabindex: "0" }, said.map((one, index) => h("li", { key: index, "data-who": one.who }, line(one)))),
      call?.over && h("p", { key: "over", role: "status" }, h("strong", t("The flow is over.")), " ", call.outcome ?? ""));
    const list = stage.querySelector(".transcript");
    if (list) list.scrollTop = list.scrollHeight;
  }

  function line(one) {
    const again = one.prompt && h("button.small.quiet", { type: "button", "aria-label": t("Listen"), onclick: () => { hush(); hear([one]); } }, "▶");
    return [one.who === "caller" ? h("em", t("The caller %(did)s", { did: one.text })) : h("span", { lang: one.language ?? null }, one.text), again];
  }

  function waitingFor(now) {
    if (now.exits?.length) return t("waits for an answer");
    if (now.waiting === "key") return t("waits for a key or words");
    return now.waiting ?? "";
  }

  /** What another system or a person would answer is chosen by hand. */
  function answerBox() {
    return h("form.answer", { key: `answer-${call.node}`, onsubmit: (event) => {
      event.preventDefault();
      const values = {};
      for (const name of call.values ?? []) {
        const typed = document.getElementById(`try-value-${name}`).value;
        if (typed !== "") values[name] = typed;
      }
      move({ kind: "answer", exit: value("try-exit"), values });
    } },
    h("label", { for: "try-exit" }, t("What comes back?")),
    h("select", { id: "try-exit" }, call.exits.map((exit) => h("option", { value: exit }, exit))),
    (call.values ?? []).map((name) => [h("label", { for: `try-value-${name}` }, name), h("input", { id: `try-value-${name}`, type: "text", autocomplete: "off" })]),
    h("button.small", t("Answer")));
  }

  // --- sound --------------------------------------------------------------------------------------------------------

  function hush() {
    turn += 1;
    audio.pause();
    queue = Promise.resolve();
  }

  function hear(prompts) {
    const mine = turn;
    for (const one of prompts) {
      queue = queue.then(() => (mine === turn ? speak(one.prompt, one.language, mine) : null)).catch(() => null);
    }
  }

  /** Play a prompt to its end. Rejects when it cannot be spoken. */
  async function speak(prompt, language, mine = ++turn) {
    const response = await fetch("/flows/speech", {
      method: "POST", credentials: "same-origin", body: JSON.stringify({ prompt, language }),
      headers: { "content-type": "application/json", accept: "audio/wav, application/json", "x-csrf-token": document.querySelector("meta[name=csrf-token]").content },
    });
    if (!response.ok) throw new Error((await response.json()).detail);
    const url = URL.createObjectURL(await response.blob());
    if (mine !== turn) return;
    audio.src = url;
    await new Promise((resolve) => {
      audio.onended = audio.onerror = audio.onpause = resolve;
      audio.play().catch(resolve);
    });
    URL.revokeObjectURL(url);
  }

  function leave() {
    hush();
    light(null);
  }

  return { speak, leave };
}
