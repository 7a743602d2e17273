// A call's page: the playing recording moves along the timeline, and a call in progress grows by itself.
import { subscribe } from "./live.js";
import { h, render, wallTime } from "./dom.js";

const article = document.querySelector("article.record");
const figure = document.querySelector("figure.scale");
const playhead = figure?.querySelector(".playhead");

for (const audio of document.querySelectorAll("audio[data-start]")) {
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
  });
  audio.addEventListener("timeupdate", () => {
    if (!playhead) return;
    const into = (Date.parse(audio.dataset.start) - Date.parse(figure.dataset.start)) / 1000 + audio.currentTime;
    const place = `${Math.min(100, Math.max(0, 100 * into / Number(figure.dataset.seconds)))}%`;
    playhead.setAttribute("x1", place);
    playhead.setAttribute("x2", place);
    playhead.setAttribute("visibility", audio.currentTime > 0 ? "visible" : "hidden");
  });
}

const TONES = { emergency_raised: "harm", connected: "good", resumed: "good", phone_back: "good", offer_ended: "late", transfer_failed: "late", phone_lost: "late", refused: "late" };

if (article?.dataset.open === "yes") {
  subscribe(`call:${article.dataset.call}`, (data) => {
    if (data.error) return;
    render(
      document.getElementById("steps"),
      data.steps.map((step) => h("li", { "data-tone": TONES[step.kind] }, h("time", { datetime: step.at }, wallTime(step.at, { timeStyle: "medium", timeZone: article.dataset.zone })), h("span", step.text))),
    );
    // The drawing and the sums are made on the server once the call is over.
    if (data.steps.at(-1)?.kind === "ended") location.reload();
  });
}
