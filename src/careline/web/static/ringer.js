// A call rings: by sound, by the tab's title, by a notification of the system. No timers make the sound (they are held
// back in background tabs); it is one looped buffer. Nothing says who is calling: the screen may be in sight of others.
import { audioContext } from "./phone.js";

const VOLUME = "careline.ring.volume";

function makeTone(ctx) {
  // Two soft chords in the first 1.6 s of 4: enough to notice, bearable all day.
  const rate = ctx.sampleRate;
  const buffer = ctx.createBuffer(1, rate * 4, rate);
  const samples = buffer.getChannelData(0);
  for (const [begin, notes] of [[0, [523.25, 659.25]], [0.45, [659.25, 783.99]], [1.0, [523.25, 783.99]]]) {
    const first = Math.floor(begin * rate);
    const length = Math.floor(0.5 * rate);
    for (let i = 0; i < length; i += 1) {
      const t = i / rate;
      const envelope = Math.min(1, t / 0.012) * Math.exp(-t * 7);
      for (const note of notes) samples[first + i] += 0.28 * envelope * Math.sin(2 * Math.PI * note * t);
    }
  }
  return buffer;
}

/** Rings until told to stop. */
export class Ringer {
  #source = null;
  #title = "";
  #note = null;

  /** How loud, 0 to 1; remembered in this browser. */
  get volume() {
    const kept = Number.parseFloat(localStorage.getItem(VOLUME));
    return Number.isFinite(kept) ? Math.min(1, Math.max(0, kept)) : 0.7;
  }

  set volume(value) {
    localStorage.setItem(VOLUME, String(value));
    if (this.gain) this.gain.gain.value = value;
  }

  get ringing() {
    return this.#source !== null;
  }

  start() {
    if (this.#source) return;
    const ctx = audioContext();
    this.tone ??= makeTone(ctx);
    this.gain = ctx.createGain();
    this.gain.gain.value = this.volume;
    this.#source = ctx.createBufferSource();
    this.#source.buffer = this.tone;
    this.#source.loop = true;
    this.#source.connect(this.gain).connect(ctx.destination);
    this.#source.start();
    const words = document.body.dataset.ringing ?? "Incoming call";
    this.#title = document.title;
    document.title = `● ${words}`;
    if (document.hidden && globalThis.Notification?.permission === "granted") {
      this.#note = new Notification(words, { tag: "careline-ring", requireInteraction: true, silent: true });
      this.#note.addEventListener("click", () => { window.focus(); this.#note?.close(); });
    }
  }

  stop() {
    if (!this.#source) return;
    this.#source.stop();
    this.#source.disconnect();
    this.gain.disconnect();
    this.#source = null;
    document.title = this.#title;
    this.#note?.close();
    this.#note = null;
  }
}
