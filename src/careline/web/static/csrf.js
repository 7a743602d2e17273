// Requests from scripts: JSON there and back, with the form token; a failure becomes an Error with the problem's fields.
const token = () => document.querySelector("meta[name=csrf-token]")?.content ?? "";

/** Fetch JSON. Throws `Problem` with {id, status, detail, retryable} when the answer is an error. */
export async function request(path, { method = "GET", body, signal, passive = false, key } = {}) {
  const headers = { accept: "application/json", "x-csrf-token": token() };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (passive) headers["x-careline-passive"] = "1";
  // The same key again is the same request: a button pressed twice, an answer that got lost.
  if (key) headers["idempotency-key"] = key;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  } catch (cause) {
    throw new Problem({ id: "unreachable", status: 0, detail: "", retryable: true }, cause);
  }
  const kind = response.headers.get("content-type") ?? "";
  const content = kind.includes("json") ? await response.json() : null;
  if (!response.ok) throw new Problem(content ?? { id: "internal-error", status: response.status, detail: response.statusText, retryable: false });
  return content;
}

/** What the server said went wrong. */
export class Problem extends Error {
  constructor(problem, cause) {
    super(problem.detail || problem.id, { cause });
    Object.assign(this, problem);
  }
}

export const post = (path, body = {}, options = {}) => request(path, { ...options, method: "POST", body });
