// One WebSocket a tab carries every live update: {seq, topic, data}. It comes back by itself after a break.
const topics = new Map(); // topic -> {handlers:Set, last}
let socket = null;
let attempt = 0;
let timer = 0;
let wasUp = false;
let indicator = null;
let lastHeard = 0;
let stopped = false;
let session; // told unasked on every socket: whether the screen is locked
const watchers = new Set();

/** Hear a topic: `handler(data)` is called with a fresh snapshot at once and after every change. Returns a function
 *  that ends it. */
export function subscribe(topic, handler) {
  let entry = topics.get(topic);
  if (!entry) {
    entry = { handlers: new Set(), last: topic === "session" ? session : undefined };
    topics.set(topic, entry);
    send({ subscribe: [topic] });
  }
  if (entry.last !== undefined) {
    queueMicrotask(() => entry.handlers.has(handler) && handler(entry.last));
  }
  entry.handlers.add(handler);
  connect();
  return () => {
    entry.handlers.delete(handler);
    if (entry.handlers.size === 0) {
      topics.delete(topic);
      send({ unsubscribe: [topic] });
    }
  };
}

/** Be told of the connection: `watcher("up" | "down" | "ended")`. */
export function onConnection(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Use this element of the page to say when the connection is lost. */
export function initialiseLive(element) {
  indicator = element;
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function tell(state) {
  for (const watcher of watchers) watcher(state);
  if (!indicator) return;
  if (state === "ended") {
    indicator.classList.remove("ok");
    indicator.textContent = indicator.dataset.ended;
    indicator.hidden = false;
  } else if (state === "down") {
    indicator.classList.remove("ok");
    indicator.textContent = indicator.dataset.reconnecting;
    indicator.hidden = false;
  } else if (state === "up" && !indicator.hidden) {
    indicator.classList.add("ok");
    indicator.textContent = indicator.dataset.back;
    setTimeout(() => { if (indicator.classList.contains("ok")) indicator.hidden = true; }, 3000);
  }
}

function connect() {
  if (stopped || socket || timer || topics.size === 0) return;
  const address = new URL("/live", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(address);
  const mine = socket;
  mine.addEventListener("open", () => {
    lastHeard = Date.now();
    send({ subscribe: [...topics.keys()] });
  });
  mine.addEventListener("message", (event) => {
    lastHeard = Date.now();
    const message = JSON.parse(event.data);
    if (message.topic === "hello") {
      attempt = 0;
      wasUp = true;
      tell("up");
      return;
    }
    if (message.topic === "ping") {
      send({ pong: message.seq });
      return;
    }
    if (message.topic === "session") session = message.data;
    const entry = topics.get(message.topic);
    if (!entry) return;
    entry.last = message.data;
    for (const handler of [...entry.handlers]) {
      try { handler(message.data); } catch (error) { reportError(error); }
    }
  });
  mine.addEventListener("close", (event) => {
    if (socket === mine) lost(event.code);
  });
}

function lost(code) {
  socket = null;
  if (code === 4401) {
    // The session is over: say so and stop; signing in again loads the page anew.
    stopped = true;
    tell("ended");
    return;
  }
  // A planned renewal (4408) is silent and immediate; anything else waits longer each time, with some chance in it.
  const planned = code === 4408;
  if (!planned) tell("down");
  const wait = planned ? 0 : Math.min(10000, 300 * 2 ** attempt) * (0.6 + Math.random() * 0.4);
  attempt += planned ? 0 : 1;
  timer = setTimeout(() => { timer = 0; connect(); }, wasUp && attempt === 1 ? Math.min(wait, 300) : wait);
}

function hurry() {
  if (timer) { clearTimeout(timer); timer = 0; attempt = 0; connect(); }
}

addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => { if (!document.hidden) hurry(); });
// The server speaks at least every 15 s. A socket that is silent for longer is dead, whatever the browser believes
// (a lost network gives no close event for minutes).
setInterval(() => {
  if (socket && socket.readyState <= WebSocket.OPEN && lastHeard && Date.now() - lastHeard > 35000) {
    const dead = socket;
    socket = null;
    dead.close();
    lost(1006);
  }
}, 5000);
