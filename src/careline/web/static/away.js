// Why somebody is away, in words: what people choose themselves, and what call control writes down.
import { t } from "./dom.js";

/** What an agent can choose, in the order of the list: [code, words]. */
export const AWAY_CHOICES = () => [["break", t("Break")], ["lunch", t("Lunch")], ["meeting", t("Meeting")], ["training", t("Training")], ["other", t("Other")]];

/** A reason for being away, whoever gave it. */
export function awayReason(code) {
  const ours = {
    declined: t("Declined a call"), "phone-offline": t("Telephone not reachable"), "phone-failed": t("Telephone failed"),
    supervisor: t("Set by a supervisor"),
  };
  return AWAY_CHOICES().find(([known]) => known === code)?.[1] ?? ours[code] ?? code;
}
