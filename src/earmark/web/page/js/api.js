// The one way to the server: JSON in, JSON out, and every failure as a Problem that has a message and a hint.

/** What went wrong, as of RFC 9457: `message` for what is so, `hint` for what to do. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", message, hint = "", retryAfter = null }) {
    super(message);
    Object.assign(this, { status, code, hint, retryAfter });
  }
}

const unreachable = () => new Problem({ message: "The server does not answer.", hint: "Try: see whether `earmark serve` still runs, and whether this device is in the same network." });

/** Listeners (`reachable`, `unreachable`, `locked`) of the frame: its dot, and the page without a token. */
export const signs = new EventTarget();
const sign = (name) => signs.dispatchEvent(new Event(name));

function problemOf(status, type, text, retryAfter) {
  let body = {};
  if (type?.includes("json")) try { body = JSON.parse(text); } catch { /* not JSON after all: the status has to do */ }
  if (status === 401) sign("locked");
  return new Problem({ status, code: body.code ?? `http-${status}`, message: body.message ?? body.detail ?? body.title ?? `The server answered ${status}.`,
    hint: body.hint ?? "", retryAfter: Number(retryAfter) || null });
}

/** `fetch`, whose failures are Problems. Returns the Response. */
async function request(path, options = {}) {
  let response;
  try { response = await fetch(path, { credentials: "same-origin", ...options }); } catch (error) {
    if (error.name === "AbortError") throw error;
    sign("unreachable");
    throw unreachable();
  }
  sign("reachable");
  if (!response.ok) throw problemOf(response.status, response.headers.get("Content-Type"), await response.text(), response.headers.get("Retry-After"));
  return response;
}

const asJSON = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const get = async (path, options) => (await request(path, options)).json();
export const post = async (path, body) => (await request(path, asJSON("POST", body))).json();
export const put = async (path, body) => (await request(path, asJSON("PUT", body))).json();
export const del = (path) => request(path, { method: "DELETE" });

/** A path with its query; what is null or empty is left out. */
export function at(path, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path;
}

/** POST that answers with a file: {name, blob}. */
export async function file(path, body) {
  const response = await request(path, body === undefined ? {} : asJSON("POST", body));
  const named = /filename\*=(?:UTF-8|utf-8)''([^;]+)|filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  return { name: named ? decodeURIComponent(named[1] ?? named[2]) : "earmark", blob: await response.blob() };
}

/** Send bytes with progress (fetch has none for uploads). `cancel()` gives the promise an AbortError. */
export function upload(path, blob, onprogress = () => {}) {
  const xhr = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    xhr.open("POST", path);
    xhr.setRequestHeader("Content-Type", blob.type && !blob.type.startsWith("multipart/") ? blob.type : "application/octet-stream");
    xhr.upload.onprogress = (event) => { if (event.lengthComputable) onprogress(event.loaded / event.total); };
    xhr.upload.onload = () => onprogress(1);
    xhr.onload = () => {
      sign("reachable");
      if (xhr.status >= 400) { reject(problemOf(xhr.status, xhr.getResponseHeader("Content-Type"), xhr.responseText, xhr.getResponseHeader("Retry-After"))); return; }
      try { resolve(JSON.parse(xhr.responseText)); } catch { reject(unreachable()); }
    };
    // A server that refuses a body may close the line before all of it is sent; a browser then knows no status.
    xhr.onerror = () => { sign("unreachable"); reject(unreachable()); };
    xhr.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    xhr.send(blob);
  });
  return { done, cancel: () => xhr.abort() };
}

/** Follow a job until it ends: `onjob(JOB)` at most once a second. Falls back to polling when the stream breaks. Returns stop(). */
export function follow(id, onjob) {
  const path = `/api/jobs/${encodeURIComponent(id)}`, over = (job) => ["done", "failed", "cancelled"].includes(job.state);
  let source = new EventSource(`${path}/events`), timer = 0, stopped = false;
  const stop = () => { stopped = true; source?.close(); source = null; clearTimeout(timer); };
  const take = (job) => { if (stopped) return; if (over(job)) stop(); onjob(job); };
  const poll = async () => {
    try { take(await get(path)); } catch (error) { if (error.status === 404) { stop(); return; } }
    if (!stopped) timer = setTimeout(poll, 1000);
  };
  source.addEventListener("job", (event) => take(JSON.parse(event.data)));
  source.onerror = () => { source?.close(); source = null; if (!stopped) poll(); };
  return stop;
}

let known = null;
/** `/api/status`, fetched once. `fresh` fetches it again; a failure is not kept. */
export function status({ fresh = false } = {}) {
  if (fresh || !known) known = get("/api/status").catch((error) => { known = null; throw error; });
  return known;
}

/** Address of a WebSocket of this server. */
export const socket = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
