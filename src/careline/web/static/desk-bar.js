// Bottom: the call bar. Always there; its buttons never change their places.
import { clock, countdown, h, render, t } from "./dom.js";

export function drawBar(desk) {
  const { contact, offer } = desk.snapshot;
  const state = offer ? "ringing" : contact?.state ?? "idle";
  const bar = document.getElementById("call-bar");
  bar.dataset.state = state;
  render(bar, who(desk, state), buttons(desk, state), meters(desk, state), apart(desk, state));
}

/** Whether whoever picked up a callback sounds like an answering machine. The agent decides. */
export const soundsLikeMachine = (contact) => Boolean(contact?.machine && contact.callback === "joined" && contact.state === "talking");

function who(desk, state) {
  const { contact, offer } = desk.snapshot;
  const titles = { idle: t("No call"), ringing: t("Incoming call"), talking: t("Talking"), held: t("On hold"), wrap_up: t("Wrap-up"), consulting: t("Asked by a colleague"), calling: t("Calling the person back") };
  const name = offer ? offer.queue ?? offer.line : contact ? contact.caller ?? t("Number withheld") : "";
  const time = offer ? clock(offer.waiting_since) : state === "wrap_up" && desk.me.wrap_up_until ? countdown(desk.me.wrap_up_until) : contact ? clock(contact.since) : null;
  return h("div.who", { key: "who" }, h("strong", soundsLikeMachine(contact) ? t("Sounds like a machine") : titles[state]), h("span", h("small", name), name && time ? " " : "", time));
}

function buttons(desk, state) {
  const { contact, offer } = desk.snapshot;
  const { actions, busy } = desk;
  const live = state === "talking" || state === "held";
  const asked = state === "consulting";
  const muted = (live || asked) && (desk.phone?.state.call?.muted ?? contact.muted);
  const button = (name, label, key, run, { enabled, pressed, tone = "", shown = true } = {}) => shown && h(`button${tone}`, {
    key: name, type: "button", "data-action": name, "aria-keyshortcuts": `Alt+${key}`, "aria-disabled": enabled ? undefined : "true",
    "aria-pressed": pressed, "aria-busy": busy.has(name) || undefined, onclick: () => enabled && run(),
  }, h("span.label", label, h("kbd", `Alt ${key}`)));
  const transfer = contact?.transfer;
  return [
    button("answer", t("Answer"), "A", actions.answer, { enabled: Boolean(offer), tone: offer ? ".primary" : "" }),
    button("mute", muted ? t("Unmute") : t("Mute"), "M", actions.mute, { enabled: live || asked, pressed: live || asked ? muted : undefined }),
    button("hold", contact?.held && live ? t("Resume") : t("Hold"), "H", actions.hold, { enabled: live && !transfer, pressed: live ? Boolean(contact.held) : undefined }),
    button("keypad", t("Keypad"), "K", actions.keypad, { enabled: state === "talking" }),
    button("transfer", t("Transfer"), "T", actions.transfer, { enabled: live && !transfer, shown: !transfer }),
    transfer && button("transfer-complete", t("Complete"), "C", actions.complete, { enabled: transfer.state === "talking", tone: ".primary" }),
    transfer && button("transfer-cancel", t("Back to caller"), "B", actions.cancel, { enabled: true }),
    button("hang-up", t("End"), "Q", actions.hangUp, { enabled: live || asked || state === "calling" }),
    button("wrap-up", t("Wrap-up"), "W", actions.wrapUp, { enabled: state === "wrap_up" }),
    button("machine", t("Answering machine"), "I", actions.machine, { enabled: live, tone: soundsLikeMachine(contact) ? ".primary" : "", shown: live && contact.callback === "joined" }),
  ];
}

function meters(desk, state) {
  const live = ["talking", "held", "consulting"].includes(state) && Boolean(desk.phone?.state.call);
  const words = { good: t("Good line"), fair: t("Fair line"), poor: t("Poor line"), bad: t("Bad line: voices may break up"), unknown: "" };
  const quality = desk.phone?.state.quality ?? "unknown";
  return h("div.meters", { key: "meters" }, live && [
    meter("in", t("Caller")), meter("out", t("You")),
    h("span.quality", { key: "quality", "data-quality": quality }, desk.phone.state.call.phase === "recovering" ? t("Reconnecting the voice…") : words[quality]),
  ]);
}

function meter(name, label) {
  return h("label.meter", { key: name }, label, h("meter.level", { id: `level-${name}`, min: 0, max: 1, value: 0, own: true, "aria-label": t("Level: %(who)s", { who: label }) }));
}

/** Levels come ten times a second: straight to the meters. */
export function watchLevels(levels) {
  for (const name of ["in", "out"]) {
    const element = document.getElementById(`level-${name}`);
    if (element) element.value = levels[name];
  }
}

function apart(desk, state) {
  return h("div.apart", { key: "apart" },
    h("button.harm.emergency-button", { type: "button", "data-action": "emergency", "aria-keyshortcuts": "Alt+E", onclick: () => desk.actions.emergency() }, h("span.label", state === "idle" ? t("Emergency") : desk.snapshot.contact?.emergency ? t("Emergency card") : t("Emergency"), h("kbd", "Alt E"))));
}
