// Small tools that every view uses: build elements, announce, write numbers.

/** h("button.btn", {onclick}, "Play"): an element. Text is always text, so file names cannot inject markup. */
export function h(spec, props = {}, ...kids) {
  const [tag, ...classes] = spec.split(".");
  const el = document.createElement(tag || "div");
  if (classes.length) el.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "vars") for (const [name, v] of Object.entries(value)) el.style.setProperty(`--${name}`, v);
    else if (key === "css") Object.assign(el.style, value);
    else el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...kids.flat().filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return el;
}

const SVG = "http://www.w3.org/2000/svg";
export function s(tag, attributes = {}, ...kids) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.append(...kids);
  return el;
}

/** An icon of the sprite in index.html. Decorative: the button that holds it carries the name. */
export function icon(name, small = false) {
  return s("svg", { class: small ? "ic s" : "ic", "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

/** A text, changed only if its words change: a screen reader and the layout then rest. */
export function write(el, words) { if (el.textContent !== words) el.textContent = words; }

export const pct = (x) => `${Math.round(x * 100)} %`;
/** Time as people read it: 0:08, 3:05, 1:02:03. */
export const mmss = (t) => {
  const [hours, minutes, rest] = [t / 3600, (t / 60) % 60, t % 60].map(Math.floor), two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};
export const count = (n) => Math.round(n).toLocaleString("en-GB");
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const wide = () => matchMedia("(min-width: 900px)").matches;

/** Spoken by a screen reader when it has finished its sentence; never more often than every 5 s unless `now`. */
let spokenAt = -Infinity;
export function announce(text, { now = false } = {}) {
  const t = performance.now();
  if (!now && t - spokenAt < 5000) return;
  spokenAt = t;
  document.getElementById("polite").textContent = text;
}

/** One message at a time, which waits while it is hovered or focused. */
export function toast(text, action, onaction) {
  const box = document.getElementById("toasts");
  const el = h("div.toast", {}, h("span", {}, text));
  if (action) el.append(h("button", { onclick: () => { el.remove(); onaction(); } }, action));
  box.replaceChildren(el);
  let timer = setTimeout(() => el.remove(), 7000);
  const wait = () => clearTimeout(timer), go = () => { timer = setTimeout(() => el.remove(), 4000); };
  for (const name of ["pointerenter", "focusin"]) el.addEventListener(name, wait);
  for (const name of ["pointerleave", "focusout"]) el.addEventListener(name, go);
}

/** A canvas that is sharp and follows its box. `draw(ctx, w, h)` in CSS pixels; returns {draw, stop}. */
export function surface(canvas, draw) {
  const ctx = canvas.getContext("2d");
  let w = 0, hgt = 0;
  const paint = () => { if (w && hgt) draw(ctx, w, hgt); };
  const fit = () => {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    w = canvas.clientWidth; hgt = canvas.clientHeight;
    canvas.width = Math.round(w * ratio); canvas.height = Math.round(hgt * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint();
  };
  const watch = new ResizeObserver(fit);
  watch.observe(canvas);
  addEventListener("themechange", paint);
  return { draw: paint, stop: () => { watch.disconnect(); removeEventListener("themechange", paint); } };
}

/** A token's value for the canvas. Kept, because asking the style engine in every frame costs more than the drawing. */
let tokens = {};
addEventListener("themechange", () => { tokens = {}; });
export const token = (name) => (tokens[name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());

/** The same words in the clipboard and in a toast. */
export async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast("Copied."); } catch { toast("The browser does not allow it. Select the line and copy it."); }
}

/** A failure where it happened: what is so, and what to do. */
export function trouble(error) {
  const hint = error.hint || "", command = /`([^`]+)`/.exec(hint);
  return h("div.hint.bad", { role: "alert" }, h("p", {}, error.message), hint && h("p.note", {}, hint.replaceAll("`", "")), command && h("p.cmd", {}, h("code", {}, command[1])));
}

/** Offer bytes as a file without a round trip. */
export function download(name, content, type) {
  const a = h("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 5000);
}
