// Right, under the notes: what to say, practice information of this line, the running timeline.
import { h, render, t, wallTime } from "./dom.js";

const TONES = { emergency_raised: "harm", connected: "good", resumed: "good", phone_back: "good", offer_ended: "late", transfer_failed: "late", phone_lost: "late" };

export function drawSide(desk) {
  const { contact } = desk.snapshot;
  render(document.getElementById("side-body"), contact ? [script(desk, contact), info(contact), steps(contact)] : help());
}

function help() {
  return h("div.block", { key: "help" }, h("h3", t("Record and help")), h("p.faint", t("During a call: your notes, what to say on this line, what the practice has told us, and every step with its time.")));
}

function script(desk, contact) {
  const first = desk.me.name.split(" ")[0];
  const words = contact.language === "es"
    ? `“Gracias por llamar a ${contact.line.account}. Le atiende ${first}. ¿En qué puedo ayudarle?”`
    : `“Thank you for calling ${contact.line.account}. This is ${first}. How can I help you?”`;
  return h("div.block", { key: "script" }, h("h3", t("Say")), h("p.say-this.script", { lang: contact.language }, words));
}

function info(contact) {
  const rows = [...contact.line.info];
  return h("div.block", { key: "info" }, h("h3", t("About this line")),
    h("dl.info", h("dt", contact.line.location), h("dd", contact.line.address),
      rows.flatMap((row, place) => [h("dt", { key: `t${place}` }, row.topic), h("dd", { key: `d${place}` }, row.body, " ", h("small.faint", t("confirmed %(day)s", { day: row.last_confirmed })))])));
}

function steps(contact) {
  return h("div.block", { key: "steps" }, h("h3", t("This call")),
    h("ol.timeline", [...contact.steps].reverse().map((step) => h("li", { key: `${step.at} ${step.kind}`, "data-tone": TONES[step.kind] }, h("time", { datetime: step.at }, wallTime(step.at, { hour: "numeric", minute: "2-digit" })), h("span", step.text)))));
}
