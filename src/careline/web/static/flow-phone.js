// A telephone to try the flow with: the call runs on the server by the same rules as a real one, the prompts are heard,
// and the step where the caller is lights up in the drawing. Nothing is dialled and nothing is written down.
import { request } from "./csrf.js";
import { exitName, languagesOf } from "./flow-model.js";
import { languageName } from "./flow-words.js";
import { player } from "./flow-sound.js";
import { h, render, t } from "./dom.js";

const KEYS = [["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"], ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", ""], ["#", ""]];
/** How long an unheard prompt lasts. */
const UNHEARD = 250;

export function phone(holder, editor, { light }) {
  let call = null; // The server's last answer.
  let start = null;
  let said = []; // [{who: caller | flow | voice | wrong, text, language?, prompt?}]
  let busy = false;
  let pending = [];
  let turn = 0;
  const sound = player();
  const field = (label, control) => h("div.field", h("label", { for: control.id }, label), control);
  const value = (id) => document.getElementById(id).value;
  const form = setUp();
  const stage = h("div", { id: "try-stage" });
  holder.append(form, stage);

  function setUp() {
    const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    const made = h("form", { id: "try-form" },
      h("p.hint", t("Call the flow as it stands here, published or not. No telephone rings and nothing is kept.")),
      h("div.two-fields",
        field(t("Language"), h("select", { id: "try-language" }, ...languagesOf(editor.flow()).map((code) => h("option", { value: code }, languageName(code))))),
        field(t("The line is"), h("select", { id: "try-door" }, h("option", { value: "open" }, t("open")), h("option", { value: "closed" }, t("closed")), h("option", { value: "closure" }, t("closed: emergency"))))),
      field(t("Day and time of the call"), h("input", { id: "try-at", type: "datetime-local", value: now })),
      field(t("Caller’s number"), h("input", { id: "try-caller", type: "tel", value: "+13125550142", maxlength: 20, autocomplete: "off" })),
      h("label", { for: "try-known" }, h("input", { id: "try-known", type: "checkbox" }), t("The number belongs to a known patient")),
      h("label", { for: "try-hear" }, h("input", { id: "try-hear", type: "checkbox", checked: true }), t("Hear the prompts")),
      h("div.actions", h("button.primary", { id: "try-call" }, t("Call"))));
    made.addEventListener("submit", (event) => {
      event.preventDefault();
      said = [];
      pending = [];
      call = null;
      start = { language: value("try-language"), door: value("try-door"), time: value("try-at") || undefined, zone: editor.zone, number: value("try-caller"), known: document.getElementById("try-known").checked };
      move(null);
    });
    return made;
  }

  /** Go on by what the caller does: {do, value}; null begins the call. */
  async function move(act) {
    if (busy) {
      // Keys pressed quickly are taken one after the other; none is lost.
      if (act && act.do !== "spoken") pending.push(act);
      return;
    }
    busy = true;
    const mine = ++turn;
    sound.stop();
    try {
      call = await request(`/flows/${editor.id}/simulate`, { method: "POST", body: { body: editor.flow(), start, state: call?.state ?? null, act } });
      if (act && act.do !== "spoken") said.push({ who: "caller", text: done(act), act });
      const fresh = call.log.flatMap(told);
      said.push(...fresh);
      light(call.phase === "ended" ? null : call.stack[0] ?? call.node);
      draw();
      busy = false;
      if (pending.length) { await move(pending.shift()); return; }
      await hear(fresh.filter((one) => one.prompt), mine);
      if (mine === turn && call.speaking && call.phase !== "ended") await move({ do: "spoken" });
    } catch (problem) {
      busy = false;
      pending = [];
      said.push({ who: "wrong", text: problem.message });
      if (!call) form.hidden = false;
      draw();
    }
  }

  async function hear(prompts, mine) {
    const aloud = document.getElementById("try-hear").checked;
    for (const one of prompts) {
      if (mine !== turn) return;
      const heard = aloud && await sound.play(one.prompt, one.language).catch(() => false);
      if (!heard) await new Promise((resolve) => setTimeout(resolve, UNHEARD));
    }
  }

  function done({ do: what, value: given }) {
    switch (what) {
      case "press": return t("pressed %(key)s", { key: given });
      case "say": return t("said “%(words)s”", { words: given });
      case "silence": return t("said and pressed nothing");
      case "hang up": return t("hung up");
      default: return t("got back: %(exit)s", { exit: exitName(given?.exit ?? "") });
    }
  }

  /** One line of the server's log, in words. */
  function told(entry) {
    switch (entry.what) {
      case "heard": return entry.prompts.map((prompt) => ({ who: "voice", language: entry.language, text: spoken(prompt, entry.language), prompt: { key: prompt.key, ...prompt.params } }));
      case "node": return [{ who: "flow", text: t("to step “%(step)s”", { step: entry.node }) }];
      case "queue": return [{ who: "flow", text: t("waits in the queue “%(queue)s”", { queue: entry.queue }) }];
      case "callback": return [{ who: "flow", text: t("is offered a callback from “%(queue)s”", { queue: entry.queue }) }];
      case "voicemail": return [{ who: "flow", text: entry.department ? t("leaves a message for %(department)s", { department: entry.department }) : t("leaves a message") }];
      case "transfer": return [{ who: "flow", text: t("%(number)s rings", { number: entry.number }) }];
      case "asked": return [{ who: "flow", text: t("something is looked up (%(kind)s)", { kind: entry.kind }) }];
      case "consent": return [{ who: "flow", text: entry.record ? t("may be recorded") : t("may not be recorded") }];
      case "emergency": return [{ who: "flow", text: t("the emergency key: in a real call everything else stops and somebody is rung at once") }];
      case "ended": return [{ who: "flow", text: t("the call ends (%(outcome)s)", { outcome: entry.outcome }) }];
      default: return [];
    }
  }

  function spoken({ key, params }, language) {
    if (key === "text") return String(params.text ?? "");
    const texts = editor.catalogue[key] ?? editor.catalogue[key.replace(/\.\w+$/, "")];
    const words = texts?.[language] ?? texts?.en ?? key;
    const digit = params.digit ? ` ${t("(press %(key)s)", { key: params.digit })}` : "";
    return words.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? "…") + digit;
  }

  // --- the stage ----------------------------------------------------------------------------------------------------

  function draw() {
    const going = call && call.phase !== "ended";
    form.hidden = Boolean(going);
    const exits = going ? waysOn() : [];
    render(stage,
      going && h("p.call-state", { key: "state", role: "status" }, h("strong", call.node), " · ", phase()),
      going && exits.length > 0 && answerBox(exits),
      going && h("div.keypad", { key: "pad", role: "group", "aria-label": t("Keypad") }, KEYS.map(([key, letters]) => h("button", { key, type: "button", onclick: () => move({ do: "press", value: key }), "aria-label": t("Key %(key)s", { key }) }, key, h("small", { "aria-hidden": "true" }, letters)))),
      going && h("form.row", { key: "say", onsubmit: say }, h("label.sr", { for: "try-words" }, t("Words the caller says")), h("input", { id: "try-words", type: "text", placeholder: t("what the caller says"), autocomplete: "off" }), h("button.small", t("Say"))),
      going && h("div.actions", { key: "actions" },
        h("button.small", { type: "button", onclick: () => move({ do: "silence" }) }, t("Stay silent")),
        h("button.small.ending", { type: "button", onclick: () => move({ do: "hang up" }) }, t("Hang up"))),
      said.length > 0 && h("h3", { key: "title", id: "try-title" }, t("What happened")),
      said.length > 0 && h("ol.transcript", { key: "list", "aria-labelledby": "try-title", tabindex: "0" }, said.map((one, index) => h("li", { key: index, "data-who": one.who }, line(one)))),
      call?.phase === "ended" && h("div.row", { key: "over" }, h("strong", { role: "status" }, t("The call is over.")), h("button.small", { type: "button", id: "try-keep", onclick: keep }, t("Keep it as a test"))));
    const list = stage.querySelector(".transcript");
    if (list) list.scrollTop = list.scrollHeight;
  }

  function say(event) {
    event.preventDefault();
    const box = document.getElementById("try-words");
    const words = box.value.trim();
    box.value = "";
    if (words) move({ do: "say", value: words });
  }

  function line(one) {
    if (one.who === "caller") return h("em", t("The caller %(did)s", { did: one.text }));
    return [h("span", { lang: one.language ?? null }, one.text),
      one.prompt && h("button.small.quiet", { type: "button", "aria-label": t("Listen"), title: t("Listen"), onclick: () => { turn += 1; sound.stop(); sound.play(one.prompt, one.language).catch(() => null); } }, "▶")];
  }

  function phase() {
    return {
      queue: t("the caller waits for an agent"), voicemail: t("the caller speaks a message"), transfer: t("another number rings"),
      callback: t("the caller is asked about a callback"), asking: t("another system is asked"),
    }[call.phase] ?? (call.listening && !call.speaking ? t("a key or words are awaited") : t("the caller listens"));
  }

  /** What the outside can answer now, chosen by hand: a look-up, an agent, the other end of a transfer. */
  function waysOn() {
    if (!["asking", "queue", "transfer", "callback"].includes(call.phase) || call.stack.length) return [];
    return Object.keys(editor.flow().nodes[call.node]?.exits ?? {});
  }

  function answerBox(exits) {
    const names = Object.keys(editor.flow().nodes[call.node].into ?? {});
    return h("form.answer", { key: `answer-${call.node}`, onsubmit: (event) => {
      event.preventDefault();
      const values = {};
      for (const name of names) if (value(`try-value-${name}`) !== "") values[name] = value(`try-value-${name}`);
      move({ do: "answer", value: { exit: value("try-exit"), values } });
    } },
    h("label", { for: "try-exit" }, t("How does it go on?")),
    h("select", { id: "try-exit" }, exits.map((exit) => h("option", { value: exit }, exitName(exit)))),
    names.map((name) => [h("label", { for: `try-value-${name}` }, name), h("input", { id: `try-value-${name}`, type: "text", autocomplete: "off" })]),
    h("button.small", t("Go on")));
  }

  /** The call just tried, as a test of the flow. */
  function keep() {
    const acts = said.filter((one) => one.act && one.act.do !== "hang up").map((one) => one.act);
    const steps = acts.map(({ do: what, value: given }) => (given === undefined ? what : { [what]: given }));
    const flow = editor.flow();
    const expect = call.facts.queue ? { queue: call.facts.queue } : call.facts.voicemail ? { voicemail: true } : { ended: call.facts.ended };
    const test = { name: t("Tried call %(n)s", { n: (flow.tests ?? []).length + 1 }), start, steps, expect };
    editor.change(null, { ...flow, tests: [...(flow.tests ?? []), test] });
    editor.said(t("Kept as a test: %(name)s", { name: test.name }));
    document.getElementById("try-keep").disabled = true;
  }

  return {
    speak: async (prompt, language) => { turn += 1; sound.stop(); await sound.play(prompt, language); },
    leave() { turn += 1; sound.stop(); light(null); },
  };
}
