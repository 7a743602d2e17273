// The caller's web telephone: one call at a time, to one of our lines.
import { post } from "./csrf.js";
import { CALL_OPTIONS, KEY_OPTIONS, LevelMeter, Outcome, audioContext, createAgent, openMicrophone, outcomeOf, playRemote, restartIce } from "./phone.js";

const $ = (id) => document.getElementById(id);
const page = $("phone");
const say = page.dataset;
const form = $("call-form");
let call = null;

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function show(inCall) {
  form.hidden = inCall;
  $("in-call").hidden = !inCall;
}

function clock(since) {
  const seconds = Math.floor((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

class Call {
  constructor(microphone) {
    this.microphone = microphone;
    this.connectedAt = 0;
    this.meters = {};
    this.over = false;
  }

  start(ticket) {
    this.agent = createAgent(ticket, { register: false });
    this.agent.on("connected", () => { if (!this.session) this.dial(ticket); });
    this.agent.on("disconnected", () => { if (!this.session) this.finish(say.failed); else if (this.connectedAt) this.state(say.lost); });
    this.agent.start();
    this.meters.out = new LevelMeter(this.microphone);
    this.ticking = setInterval(() => this.tick(), 120);
  }

  dial(ticket) {
    this.session = this.agent.call(`sip:${ticket.number}@${ticket.domain}`, { ...CALL_OPTIONS, mediaStream: this.microphone });
    playRemote(this.session, $("remote"), (stream) => { this.meters.in = new LevelMeter(stream); });
    this.session.on("accepted", () => { this.connectedAt ||= Date.now(); this.state(say.connected); });
    this.session.on("ended", (event) => this.finish(outcomeOf(event, true) === Outcome.ENDED ? say.ended : say.failed));
    this.session.on("failed", (event) => {
      const outcome = outcomeOf(event, false);
      this.finish(outcome === Outcome.REJECTED ? say.busy : outcome === Outcome.MISSED ? say.ended : say.failed);
    });
    this.session.on("peerconnection", ({ peerconnection }) => peerconnection.addEventListener("connectionstatechange", () => {
      if (peerconnection.connectionState === "disconnected") this.state(say.lost);
      else if (peerconnection.connectionState === "connected" && this.connectedAt) this.state(say.connected);
      else if (peerconnection.connectionState === "failed") restartIce(this.session);
    }));
  }

  state(text) {
    if ($("state").textContent !== text) $("state").textContent = text;
  }

  tick() {
    if (this.connectedAt) $("clock").textContent = clock(this.connectedAt);
    $("level-out").value = this.session?.isMuted().audio ? 0 : this.meters.out.read();
    if (this.meters.in) $("level-in").value = this.meters.in.read();
  }

  press(key) {
    if (!this.session?.isEstablished()) return;
    this.session.sendDTMF(key, KEY_OPTIONS);
    $("pressed").textContent = key;
    // A short sound, so that the ear knows that the key was taken.
    const ctx = audioContext();
    const tone = ctx.createOscillator();
    const volume = ctx.createGain();
    volume.gain.value = 0.04;
    tone.frequency.value = 620;
    tone.connect(volume).connect(ctx.destination);
    tone.start();
    tone.stop(ctx.currentTime + 0.08);
  }

  mute() {
    if (!this.session) return;
    const muted = !this.session.isMuted().audio;
    if (muted) this.session.mute({ audio: true });
    else this.session.unmute({ audio: true });
    $("mute").setAttribute("aria-pressed", String(muted));
  }

  hangUp() {
    if (this.session && !this.session.isEnded()) this.session.terminate();
    else this.finish("");
  }

  finish(text) {
    if (this.over) return;
    this.over = true;
    clearInterval(this.ticking);
    for (const meter of Object.values(this.meters)) meter.stop();
    for (const track of this.microphone.getTracks()) track.stop();
    $("remote").srcObject = null;
    this.agent.stop();
    call = null;
    page.dataset.phase = "idle";
    show(false);
    problem(text);
    $("call-button").disabled = false;
    $("call-button").focus();
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (call || $("call-button").disabled) return;
  problem("");
  $("call-button").disabled = true;
  audioContext();
  let microphone;
  try {
    microphone = await openMicrophone();
  } catch (error) {
    problem(error.name === "NotSupportedError" ? say.unsupported : error.name === "NotFoundError" ? say.noMicrophone : say.microphone);
    $("call-button").disabled = false;
    return;
  }
  try {
    const ticket = await post("/call/ticket", { number: $("number").value });
    call = new Call(microphone);
    page.dataset.phase = "calling";
    show(true);
    $("called").textContent = $("number").value;
    $("clock").textContent = "0:00";
    $("mute").setAttribute("aria-pressed", "false");
    call.state(say.calling);
    call.start(ticket);
    $("hang-up").focus();
  } catch (error) {
    for (const track of microphone.getTracks()) track.stop();
    problem({ "not-a-line": say.noNumber, "invalid-input": say.noNumber, "too-many-requests": say.tooMany }[error.id] ?? say.failed);
    $("call-button").disabled = false;
  }
});

page.querySelector(".keypad").addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (key) call?.press(key);
});
$("mute").addEventListener("click", () => call?.mute());
$("hang-up").addEventListener("click", () => call?.hangUp());
document.addEventListener("keydown", (event) => {
  if (!call || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input")) return;
  if (/^[0-9*#]$/.test(event.key)) call.press(event.key);
  else if (event.key === "m") call.mute();
});
addEventListener("online", () => restartIce(call?.session));
addEventListener("pagehide", () => call?.hangUp());
// For tests and for support: what the telephone is doing, without any content.
Object.defineProperty(page, "phone", { get: () => call });
