// The desk's keys: every action has one with Alt, a line in the list of keys, and where it helps a command of the palette.
import { h, t } from "./dom.js";
import { addCommand } from "./shell.js";

/** Ties the keys to the desk's actions. */
export function setUpKeys(actions) {
  const KEYS = new Map(Object.entries({
    KeyA: actions.answer, KeyX: actions.decline, KeyH: actions.hold, KeyM: actions.mute, KeyK: actions.keypad,
    KeyT: actions.transfer, KeyQ: actions.hangUp, KeyE: actions.emergency, KeyN: actions.notes, KeyW: actions.wrapUp,
    KeyP: actions.patient, KeyC: actions.complete, KeyB: actions.cancel, KeyI: actions.machine,
    Digit1: () => actions.status("available"), Digit2: () => actions.status("away", "break"), Digit3: () => actions.status("offline"),
  }));

  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
    const action = KEYS.get(event.code);
    if (!action) return;
    event.preventDefault();
    if (event.code === "KeyE" || !document.querySelector("dialog[open]")) action();
  });

  // A modal sheet of the shell (the palette, the list of keys) covers the page; a click beside it closes it, and where the
  // emergency button lies under the veil it is that click: one click is all it ever takes.
  document.addEventListener("pointerdown", (event) => {
    const dialog = event.target.closest?.("dialog:modal");
    const inside = (box) => event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!dialog || inside(dialog.getBoundingClientRect())) return;
    dialog.close();
    if (inside(document.querySelector("[data-action=emergency]").getBoundingClientRect())) actions.emergency();
  });

  listKeys();
  addCommands(actions);
}

function listKeys() {
  const rows = [
    ["A", t("Answer")], ["X", t("Decline")], ["H", t("Hold or resume")], ["M", t("Mute or unmute")], ["K", t("Keypad")],
    ["T", t("Transfer or consult")], ["C", t("Complete the transfer")], ["B", t("Back to the caller")], ["Q", t("End the call")],
    ["W", t("Wrap-up reasons")], ["N", t("Notes")], ["P", t("Find a patient")], ["E", t("Emergency")],
    ["1", t("Available")], ["2", t("Away")], ["3", t("Offline")],
  ];
  const list = document.querySelector("#key-help dl.keys");
  for (const [key, what] of rows) {
    list.append(h("div", h("dt", h("kbd", "Alt"), " ", h("kbd", key)), h("dd", what)));
  }
}

function addCommands(actions) {
  const commands = [
    ["offline", t("Go offline"), "Alt 3", () => actions.status("offline")],
    ["away", t("Go away for a while"), "Alt 2", () => actions.status("away", "break")],
    ["available", t("Become available"), "Alt 1", () => actions.status("available")],
    ["find-patient", t("Find a patient"), "Alt P", actions.patient],
    ["transfer-to", t("Transfer to…"), "Alt T", actions.transfer],
    ["emergency", t("Emergency"), "Alt E", actions.emergency],
  ];
  for (const [id, label, about, run] of commands) addCommand({ id, label, about, run: () => setTimeout(run) });
}
