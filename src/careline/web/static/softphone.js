// The agent's telephone in the browser. One tab holds it (Web Locks); it registers with credentials of its own, rings in
// a background tab too, and comes back by itself after a refresh, a lost network, a restarted server, a sleeping laptop.
//
//   const phone = createSoftphone({ onState, onIncoming, onEnded, onSleep, remote });
//   await phone.prepare();          // after a click: microphone, permission to notify, register
//   phone.answer(); phone.reject(); phone.hangup(); phone.mute(true); phone.sendDigits("12#"); phone.state
import { post } from "./csrf.js";
import { CALL_OPTIONS, KEY_OPTIONS, LevelMeter, Outcome, QualityWatch, audioContext, createAgent, openMicrophone, outcomeOf, playRemote, restartIce } from "./phone.js";
import { Ringer } from "./ringer.js";

export { Outcome };

const LOCK = "careline-softphone";
const RETRY_AT_LEAST = 1000;
const RETRY_AT_MOST = 15000;

/** Make the telephone of this tab. Every callback is optional; `remote` is the audio element that plays the far end. */
export function createSoftphone(callbacks = {}) {
  return new Softphone(callbacks);
}

class Softphone {
  #callbacks;
  #agent = null;
  #session = null;
  #meters = {};
  #microphone = null;
  #releaseLock = null;
  #retry = 0;
  #retryTimer = 0;
  #changeTimer = 0;
  #wanted = false;
  #told = false;
  #quality = null;

  constructor(callbacks) {
    this.#callbacks = callbacks;
    this.remote = callbacks.remote ?? document.body.appendChild(Object.assign(document.createElement("audio"), { autoplay: true }));
    this.ringer = new Ringer();
    this.levels = { in: 0, out: 0 };
    /** What the desk shows. Replaced, never changed in place, so that it can be compared. */
    this.state = Object.freeze({
      tab: "starting", // starting, active, passive (another tab holds the telephone)
      connection: "off", // off, connecting, registered, lost, signed-out
      username: null,
      microphone: "unknown", // unknown, ok, silent, denied, missing, busy, unsupported
      notifications: globalThis.Notification?.permission ?? "unsupported",
      call: null, // {id, phase: ringing|connecting|talking|recovering, muted, since, resumed, answeredAt}
      quality: "unknown",
      last: null, // {outcome, cause, call} of the last call
      slept: 0, // seconds this tab stood still
    });
    this.#watchSleep();
    addEventListener("online", () => this.#networkChanged());
    addEventListener("offline", () => this.#set({ connection: this.#wanted ? "lost" : this.state.connection }));
    navigator.connection?.addEventListener?.("change", () => this.#networkChanged());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#devicesChanged());
    setInterval(() => this.#measure(), 100);
    setInterval(() => this.#judge(), 2000);
  }

  #set(change) {
    this.state = Object.freeze({ ...this.state, ...change });
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.#callbacks.onState?.(this.state);
    });
  }

  #setCall(change) {
    this.#set({ call: this.state.call && Object.freeze({ ...this.state.call, ...change }) });
  }

  // --- one tab ----------------------------------------------------------------------------------------------------

  /** Begin: become the active tab if no other is, and connect. Needs no click if the microphone was allowed before. */
  async start() {
    if (!navigator.locks) return this.#becomeActive();
    navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
      if (!lock) {
        this.#set({ tab: "passive" });
        this.#waitForLock();
        return undefined;
      }
      return this.#hold();
    }).catch(() => this.#becomePassive());
    return undefined;
  }

  /** Take the telephone over from the other tab; a call in progress moves here. */
  takeOver() {
    navigator.locks.request(LOCK, { steal: true }, () => this.#hold()).catch(() => this.#becomePassive());
  }

  #hold() {
    this.#becomeActive();
    return new Promise((release) => { this.#releaseLock = release; });
  }

  #waitForLock() {
    // When the active tab is closed, this one takes its place without a click.
    navigator.locks.request(LOCK, () => (this.state.tab === "passive" ? this.#hold() : undefined)).catch(() => this.#becomePassive());
  }

  #becomeActive() {
    this.#set({ tab: "active" });
    this.#wanted = true;
    this.#connect();
    this.#openMicrophoneQuietly();
  }

  #becomePassive() {
    if (this.state.tab === "passive") return;
    this.#wanted = false;
    this.#drop();
    this.#closeMicrophone();
    this.#set({ tab: "passive", connection: "off", call: null });
    this.#waitForLock();
  }

  // --- the microphone ---------------------------------------------------------------------------------------------

  /** After a click: check the microphone and ask whether the browser may notify. Gives the state of the microphone. */
  async prepare() {
    audioContext();
    if (globalThis.Notification?.permission === "default") {
      Notification.requestPermission().then((notifications) => this.#set({ notifications }));
    }
    return this.checkMicrophone();
  }

  /** Open the microphone and listen to it for a moment: `ok`, `silent` (nothing at all comes from it), or why not. */
  async checkMicrophone(listen = 700) {
    try {
      const live = this.#microphone?.getAudioTracks().some((track) => track.readyState === "live");
      if (!live) await this.#open();
    } catch (error) {
      this.#set({ microphone: microphoneProblem(error) });
      return this.state.microphone;
    }
    let loudest = 0;
    const until = Date.now() + listen;
    while (Date.now() < until) {
      loudest = Math.max(loudest, this.#meters.out?.read() ?? 0);
      if (loudest > 0.05) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Digital silence means a switch on the headset or another program's mute: said, but no reason to refuse.
    // Not listened to (before the first click the browser lets nobody listen): nothing is known against it.
    const listened = listen > 0 && audioContext().state === "running";
    this.#set({ microphone: loudest > 0.001 || !listened ? "ok" : "silent" });
    return this.state.microphone;
  }

  async #open() {
    this.#closeMicrophone();
    this.#microphone = await openMicrophone(localStorage.getItem("careline.microphone"));
    this.#meters.out = new LevelMeter(this.#microphone);
    for (const track of this.#microphone.getAudioTracks()) {
      track.addEventListener("ended", () => this.#set({ microphone: "missing" }));
    }
  }

  async #openMicrophoneQuietly() {
    // Without a question to the person: only where permission was given before.
    try {
      const permission = await navigator.permissions.query({ name: "microphone" });
      if (permission.state === "granted") await this.checkMicrophone(0);
      else if (permission.state === "denied") this.#set({ microphone: "denied" });
    } catch {
      // A browser that does not know the question will ask when `prepare` is called.
    }
  }

  /** Let the microphone go: while away, so that the browser does not show it as in use. */
  stopMicrophone() {
    this.#closeMicrophone();
    this.#set({ microphone: "unknown" });
  }

  /** The WebRTC connection of the call, for what the browser itself counts. */
  get connection() {
    return this.#session?.connection ?? null;
  }

  #closeMicrophone() {
    this.#meters.out?.stop();
    delete this.#meters.out;
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
  }

  async #devicesChanged() {
    if (this.state.tab !== "active" || this.state.microphone === "unknown") return;
    const live = this.#microphone?.getAudioTracks().some((track) => track.readyState === "live");
    if (live) return;
    if ((await this.checkMicrophone(0)) === "ok" || this.state.microphone === "silent") await this.#replaceTrack();
  }

  async #replaceTrack() {
    const track = this.#microphone?.getAudioTracks()[0];
    const sender = this.#session?.connection?.getSenders().find((one) => one.track?.kind === "audio" || one.track === null);
    if (track && sender) await sender.replaceTrack(track);
  }

  // --- the connection ---------------------------------------------------------------------------------------------

  async #connect() {
    clearTimeout(this.#retryTimer);
    if (!this.#wanted) return;
    this.#set({ connection: this.state.connection === "lost" ? "lost" : "connecting" });
    let credentials;
    try {
      credentials = await post("/softphone/credentials", {}, { passive: true });
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) {
        this.#wanted = false;
        this.#set({ connection: "signed-out" });
      } else {
        this.#connectLater();
      }
      return;
    }
    if (!this.#wanted) return;
    this.#stopAgent();
    const agent = createAgent(credentials, { register: true });
    this.#agent = agent;
    const mine = (handler) => (event) => { if (this.#agent === agent) handler(event); };
    agent.on("registered", mine(() => {
      this.#retry = 0;
      this.#set({ connection: "registered", username: credentials.username });
      this.#callbacks.onRegistered?.(credentials.username);
    }));
    agent.on("registrationFailed", mine((event) => {
      // The switch has forgotten this telephone (it was restarted): ask for a new one.
      this.#set({ connection: "lost" });
      if (event.response) this.#connectLater();
    }));
    agent.on("disconnected", mine((event) => {
      if (!this.#wanted) return;
      this.#set({ connection: "lost" });
      if (event.code === 4403) this.#connectLater(); // the server no longer knows this telephone as ours
    }));
    agent.on("newRTCSession", mine(({ originator, session, request }) => {
      if (originator === "remote") this.#incoming(session, request);
    }));
    agent.start();
  }

  #connectLater() {
    clearTimeout(this.#retryTimer);
    const wait = Math.min(RETRY_AT_MOST, RETRY_AT_LEAST * 2 ** this.#retry) * (0.7 + Math.random() * 0.3);
    this.#retry += 1;
    this.#set({ connection: "lost" });
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
  }

  #stopAgent() {
    const agent = this.#agent;
    this.#agent = null;
    if (!agent) return;
    // Quietly: without a goodbye for a call that is to go on at the telephone that replaces this one.
    agent.transport?.disconnect();
    agent.stop();
  }

  #drop() {
    clearTimeout(this.#retryTimer);
    this.ringer.stop();
    const session = this.#session;
    this.#session = null;
    this.#stopAgent();
    session?.connection?.close();
    this.#endMeters();
  }

  #networkChanged() {
    // Browsers tell of one change in several events.
    clearTimeout(this.#changeTimer);
    this.#changeTimer = setTimeout(() => this.#reconnect(), 150);
  }

  #reconnect() {
    if (!this.#wanted || !this.#agent) return;
    // The old socket may look alive for minutes: make a new one now, register, then move the media.
    const session = this.#session;
    this.#agent.transport?.disconnect();
    this.#agent.transport?.connect();
    if (session?.isEstablished()) {
      this.#setCall({ phase: "recovering" });
      this.#agent.once("registered", () => {
        if (this.#session === session) restartIce(session, () => this.#settled(session));
      });
    }
  }

  #settled(session) {
    if (this.#session === session && session.connection?.connectionState === "connected") this.#setCall({ phase: "talking" });
  }

  // --- calls ------------------------------------------------------------------------------------------------------

  #incoming(session, request) {
    const id = request.getHeader("X-Careline-Call") ?? null;
    const resumed = request.getHeader("X-Careline-Resume") === "1";
    const before = this.#session;
    if (before && !before.isEnded()) {
      if (!resumed) {
        session.terminate({ status_code: 486 });
        return;
      }
      // The same call, brought back by the server while we still held the old leg.
      this.#session = null;
      try { before.terminate(); } catch { before.connection?.close(); }
      this.#endMeters();
    }
    this.#session = session;
    const mine = (handler) => (event) => { if (this.#session === session) handler(event); };
    let connected = false;
    this.#set({ call: Object.freeze({ id, phase: resumed ? "connecting" : "ringing", muted: false, since: Date.now(), resumed, answeredAt: null }), quality: "unknown" });
    playRemote(session, this.remote, mine((stream) => {
      this.#meters.in?.stop();
      this.#meters.in = new LevelMeter(stream);
    }));
    session.on("confirmed", mine(() => {
      connected = true;
      this.#quality = new QualityWatch(session.connection);
      this.#setCall({ phase: "talking", answeredAt: Date.now() });
    }));
    session.on("peerconnection", ({ peerconnection }) => peerconnection.addEventListener("connectionstatechange", mine(() => {
      const state = peerconnection.connectionState;
      if (state === "connected" && this.state.call?.phase === "recovering") this.#setCall({ phase: "talking" });
      else if ((state === "disconnected" || state === "failed") && connected) {
        this.#setCall({ phase: "recovering" });
        if (state === "failed") restartIce(session);
      }
    })));
    const over = (event) => this.#over(session, outcomeOf(event, connected), event);
    session.on("ended", mine(over));
    session.on("failed", mine(over));
    if (resumed) {
      this.answer();
    } else {
      this.ringer.start();
      this.#callbacks.onIncoming?.(this.state.call);
    }
  }

  #over(session, outcome, event) {
    this.#session = null;
    this.ringer.stop();
    this.#endMeters();
    this.remote.srcObject = null;
    const last = Object.freeze({ outcome, cause: event.cause, by: event.originator, call: this.state.call?.id ?? null });
    this.#set({ call: null, last, quality: "unknown" });
    this.#callbacks.onEnded?.(last);
  }

  #endMeters() {
    this.#meters.in?.stop();
    delete this.#meters.in;
    this.#quality = null;
    this.levels.in = 0;
  }

  /** Answer the call that rings. */
  async answer() {
    const session = this.#session;
    if (!session || session.isEstablished() || session.isEnded() || this.answering === session) return;
    this.answering = session;
    this.ringer.stop();
    this.#setCall({ phase: "connecting" });
    audioContext();
    try {
      if (!this.#microphone?.getAudioTracks().some((track) => track.readyState === "live")) await this.#open();
    } catch (error) {
      const microphone = microphoneProblem(error);
      this.#set({ microphone });
      if (this.#session === session && !session.isEnded()) {
        // Not a refusal by the person: the server tells it apart and offers the call to somebody else.
        session.terminate({ status_code: 480, reason_phrase: "Microphone unavailable" });
        this.#set({ last: Object.freeze({ outcome: Outcome.ERROR, cause: microphone, by: "local", call: this.state.last?.call ?? null }) });
      }
      return;
    }
    if (this.#session === session && !session.isEnded()) session.answer({ ...CALL_OPTIONS, mediaStream: this.#microphone });
  }

  /** Decline the call that rings: it goes to the next agent at once. */
  reject() {
    if (this.#session && !this.#session.isEstablished()) this.#session.terminate({ status_code: 603 });
  }

  /** End the call, whatever it is doing. */
  hangup() {
    if (this.#session && !this.#session.isEnded()) this.#session.terminate();
  }

  /** Stop (`on`) or restore what this microphone sends. */
  mute(on) {
    if (!this.#session) return;
    if (on) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
    this.#setCall({ muted: on });
  }

  /** Press keys, one after another. */
  sendDigits(digits) {
    if (this.#session?.isEstablished()) this.#session.sendDTMF(digits, KEY_OPTIONS);
  }

  /** End for good: at sign-out. */
  stop() {
    this.#wanted = false;
    this.#session?.isEnded() === false && this.#session.terminate();
    this.#agent?.stop();
    this.#agent = null;
    this.#closeMicrophone();
    this.#releaseLock?.();
    this.#set({ connection: "off", call: null });
  }

  // --- watching ---------------------------------------------------------------------------------------------------

  #measure() {
    this.levels.out = this.#session?.isMuted?.().audio ? 0 : this.#meters.out?.read() ?? 0;
    this.levels.in = this.#meters.in?.read() ?? 0;
    if (this.#session) this.#callbacks.onLevels?.(this.levels);
  }

  async #judge() {
    const watch = this.#quality;
    if (!watch) return;
    const found = await watch.read();
    if (this.#quality !== watch) return;
    if (found.quality !== this.state.quality) this.#set({ quality: found.quality });
    this.#callbacks.onQuality?.(found);
  }

  #watchSleep() {
    let last = Date.now();
    setInterval(() => {
      const now = Date.now();
      const still = now - last - 1000;
      last = now;
      // A hidden tab's timers may be held back for a minute; more than that, or any gap in sight, is a sleep.
      if (still < (document.hidden ? 75000 : 8000)) return;
      const slept = Math.round(still / 1000);
      this.#set({ slept });
      this.#callbacks.onSleep?.(slept);
      this.#networkChanged();
    }, 1000);
  }
}

function microphoneProblem(error) {
  switch (error.name) {
    case "NotAllowedError": case "SecurityError": return "denied";
    case "NotFoundError": case "OverconstrainedError": return "missing";
    case "NotSupportedError": return "unsupported";
    default: return "busy";
  }
}
