// What people call the fields of the flow language.
import { t } from "./dom.js";

/** A field, or `field.choice`, in the page's language; else as it is written. */
export function fieldName(name) {
  return {
    prompts: t("What is said"), interruptible: t("A key ends the words early"), options: t("Keys"), tries: t("How often asked"),
    seconds: t("Seconds"), variable: t("Variable"), type: t("Read as"), least: t("Fewest digits"), most: t("Most digits"),
    terminator: t("Key that ends the digits"), between: t("Seconds between digits"), cases: t("Conditions, the first that holds"),
    values: t("Values"), table: t("Table"), key: t("Looked for"), into: t("Fills"), endpoint: t("Other system"),
    method: t("Asked by"), path: t("Path"), query: t("Asked for"), flow: t("Flow"), version: t("Version"),
    inputs: t("Given to it"), outputs: t("Brought back"), calendar: t("Hours"), accept: t("Key for yes"), refuse: t("Key for no"),
    factors: t("What the caller types"), wait: t("Seconds for the check"), queue: t("Queue"), reason: t("Reason of the call"),
    priority: t("Priority"), mode: t("Who is rung first"), department: t("Whose inbox"), number: t("Number"),
    tells: t("What it is told"), outcome: t("Counted as"), returns: t("Comes back by"),
    send: t("How it is sent"), requirement: t("Skills the agent needs"), person: t("One person first"), person_seconds: t("Seconds for that person"),
    "send.body": t("in the body"), "send.address": t("in the address"),
    "mode.queue": t("as the queue says"), "mode.agent-first": t("the agent"), "mode.caller-first": t("the caller"), "type.digits": t("digits"), "type.number": t("a number"),
    "type.date": t("a date"), "type.phone": t("a telephone number"), "type.money": t("an amount"), "method.http": t("HTTP"),
    "method.fhir": t("FHIR"), "factor.date_of_birth": t("Date of birth"), "factor.member_id": t("Member number"),
    "factor.record_number": t("Record number"), "factor.phone": t("Telephone number"), "factor.postal_code": t("Postal code"),
  }[name] ?? name.split(".").at(-1);
}

/** A language in itself. */
export function languageName(code) {
  const name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
  return name.charAt(0).toUpperCase() + name.slice(1);
}
