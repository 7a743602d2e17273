// Orders from the desk to the server: each is given once, in the order it was wished, and a lost answer asked for again.
import { request, Problem } from "./csrf.js";

const RETRIES = [400, 1200, 3000];

/** Gives `desk.order` its work; `complain(problem)` shows why an order was refused. Returns the same function. */
export function setUpOrders(desk, complain) {
  desk.busy = new Map(); // orders on their way: name -> {what, key, over}

  /** Give an order once. A second click while it is on its way is the same order; another wish by the same name (away, and
   *  at once available again) waits for the answer to the first and is given then. A lost answer is asked for again with the
   *  same key. Returns the result, or null when it was refused (the reason is shown) or was on its way already. */
  desk.order = async function order(name, path, body = {}, { quiet = false, method = "POST" } = {}) {
    const what = JSON.stringify([method, path, body]);
    const before = desk.busy.get(name);
    if (before?.what === what) return null;
    const own = { what, key: crypto.randomUUID() };
    own.over = new Promise((resolve) => { own.end = resolve; });
    desk.busy.set(name, own);
    desk.draw();
    await before?.over;
    try {
      return await give(path, { method, body, key: own.key });
    } catch (problem) {
      if (!quiet) complain(problem);
      return null;
    } finally {
      if (desk.busy.get(name) === own) desk.busy.delete(name);
      own.end();
      desk.draw();
    }
  };
  return desk.order;
}

async function give(path, options) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await request(path, options);
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.retryable || attempt >= RETRIES.length) throw problem;
      await new Promise((resolve) => setTimeout(resolve, RETRIES[attempt]));
    }
  }
}
