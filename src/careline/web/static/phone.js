// What every browser telephone needs, whoever uses it: JsSIP set up for our socket, audio in and out, levels, quality.
import JsSIP from "./vendor/jssip.js";

/** Why a call did not come about, or ended. Four different things, never mixed (missed, rejected, failed, error). */
export const Outcome = Object.freeze({
  ENDED: "ended", // an ordinary end after talking
  MISSED: "missed", // rang here and was not answered in time, or the far end gave up
  REJECTED: "rejected", // declined: here, or by the far end (busy, refused)
  FAILED: "failed", // the network or the switch could not connect it
  ERROR: "error", // something on this computer: no microphone, no permission
});

const C = JsSIP.C.causes;
const OUTCOMES = new Map([
  [C.BYE, Outcome.ENDED],
  [C.CANCELED, Outcome.MISSED],
  [C.NO_ANSWER, Outcome.MISSED],
  [C.EXPIRES, Outcome.MISSED],
  [C.BUSY, Outcome.REJECTED],
  [C.REJECTED, Outcome.REJECTED],
  [C.USER_DENIED_MEDIA_ACCESS, Outcome.ERROR],
  [C.WEBRTC_ERROR, Outcome.ERROR],
  [C.INTERNAL_ERROR, Outcome.ERROR],
]);

/** The outcome of a JsSIP `ended` or `failed` event. */
export function outcomeOf(event, connected) {
  if (connected && event.cause !== C.RTP_TIMEOUT) return Outcome.ENDED;
  return OUTCOMES.get(event.cause) ?? Outcome.FAILED;
}

/** A JsSIP user agent on our own socket. Nothing leaves this origin: no STUN server, no other address. */
export function createAgent({ username, password, uri, socket }, { register }) {
  const address = new URL(socket, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(address.href)],
    uri,
    // The contact carries the same name, so that the server can hold every message to it.
    contact_uri: `sip:${username}@${Math.random().toString(36).slice(2, 14)}.invalid;transport=ws`,
    authorization_user: username,
    password,
    register,
    register_expires: 60,
    session_timers: false,
    user_agent: "Careline",
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 8,
  });
}

export const RTC = { iceServers: [] };

/** The microphone, or an Error whose `name` says why not. */
export function openMicrophone(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return Promise.reject(Object.assign(new Error("no media devices"), { name: "NotSupportedError" }));
  }
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (deviceId) audio.deviceId = { ideal: deviceId };
  return navigator.mediaDevices.getUserMedia({ audio, video: false });
}

let context;
/** The page's one audio context; browsers let it speak only after the person has done something on the page. */
export function audioContext() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

/** Watches how loud a stream is: `read()` gives 0..1. */
export class LevelMeter {
  constructor(stream) {
    const ctx = audioContext();
    this.analyser = ctx.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source = ctx.createMediaStreamSource(stream);
    this.source.connect(this.analyser);
  }

  read() {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    // A logarithmic scale, as ears have: -60 dB is nothing, 0 dB is full.
    const decibels = 10 * Math.log10(sum / this.samples.length + 1e-12);
    return Math.min(1, Math.max(0, (decibels + 60) / 60));
  }

  stop() {
    this.source.disconnect();
  }
}

/** How good the way is: {quality: good|fair|poor|bad|unknown, lost, jitter, roundTrip} from what WebRTC counts. */
export class QualityWatch {
  constructor(connection) {
    this.connection = connection;
    this.before = null;
  }

  async read() {
    const now = { received: 0, lost: 0, jitter: 0, roundTrip: null, at: performance.now() };
    for (const report of (await this.connection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") {
        now.received = report.packetsReceived ?? 0;
        now.lost = Math.max(0, report.packetsLost ?? 0);
        now.jitter = (report.jitter ?? 0) * 1000;
      } else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
        now.roundTrip = report.currentRoundTripTime * 1000;
      }
    }
    const last = this.before;
    this.before = now;
    if (!last) return { quality: "unknown", lost: 0, jitter: now.jitter, roundTrip: now.roundTrip };
    const arrived = now.received - last.received;
    const lost = Math.max(0, now.lost - last.lost);
    const share = arrived + lost > 0 ? lost / (arrived + lost) : 0;
    const seconds = (now.at - last.at) / 1000;
    let quality = "good";
    if (arrived === 0 && seconds > 1) quality = "bad"; // nothing is arriving at all
    else if (share > 0.1 || now.jitter > 100 || now.roundTrip > 600) quality = "bad";
    else if (share > 0.04 || now.jitter > 50 || now.roundTrip > 350) quality = "poor";
    else if (share > 0.01 || now.jitter > 30 || now.roundTrip > 200) quality = "fair";
    return { quality, lost: share, jitter: now.jitter, roundTrip: now.roundTrip };
  }
}

/** Plays the far end of a JsSIP session in an audio element, from the first moment there is something to hear. */
export function playRemote(session, element, onStream = () => {}) {
  const listen = (connection) => connection.addEventListener("track", (event) => {
    const stream = event.streams[0] ?? new MediaStream([event.track]);
    element.srcObject = stream;
    element.play?.().catch(() => {}); // refused before the first click: `resumeAudio` plays it then
    onStream(stream);
  });
  if (session.connection) listen(session.connection);
  session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
}

/** Talk and key options that every answer and call uses. */
export const CALL_OPTIONS = { mediaConstraints: { audio: true, video: false }, pcConfig: RTC };
export const KEY_OPTIONS = { duration: 120, interToneGap: 80, transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 };

const restarting = new WeakSet();
/** After a change of network: gather candidates anew and tell the far end (ICE restart by re-INVITE). One at a time:
 *  two offers that cross would end the call. */
export function restartIce(session, done = () => {}) {
  if (!session?.isEstablished?.() || restarting.has(session)) return;
  restarting.add(session);
  const free = () => restarting.delete(session);
  if (!session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => { free(); done(); })) free();
  setTimeout(free, 10000);
}
