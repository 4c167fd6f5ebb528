// The scan card: time left first, then counts; what failed by name, reason and remedy. A failed file counts as done.
import { h, icon, count, announce, trouble } from "./ui.js";
import { del, follow, get, post } from "./api.js";

/** `onchange()`: songs have come. Returns {el, stop}. */
export function scanCard(songs, onchange) {
  const head = h("h2", {}, "Scan"), act = h("button.btn.small", { type: "button" }), big = h("p.big.num", { role: "status" }), note = h("p.note.num"), fill = h("i", { css: { transform: "scaleX(0)" } });
  const meter = h("div.meter", { role: "progressbar", "aria-label": "Scanned", "aria-valuemin": 0, "aria-valuemax": 100, css: { margin: "10px 0 0" } }, fill), failures = h("details", { hidden: true }), wrong = h("div");
  const el = h("section.card.scan.p-scan", { "aria-label": "Scan" }, h("div.top", {}, head, act), h("div.line", {}, big, note), meter, failures, wrong);
  let unfollow = () => {}, shown = 0;

  function rest(words = `${count(songs)} songs`) {
    head.textContent = "Library";
    big.textContent = words;
    note.textContent = "";
    meter.hidden = true;
    button("Scan again", () => start(false));
  }

  function button(words, onclick) { act.textContent = words; act.disabled = false; act.onclick = onclick; }

  async function start(retry) {
    act.disabled = true;
    wrong.replaceChildren();
    try { watch(await post("/api/jobs", { kind: "scan", retry })); } catch (error) { wrong.replaceChildren(trouble(error)); act.disabled = false; }
  }

  function watch(job) {
    unfollow();
    button("Stop", async () => { act.disabled = true; await del(`/api/jobs/${job.id}`).catch(() => {}); });
    draw(job);
    unfollow = follow(job.id, draw);
  }

  function draw(job) {
    if (["done", "failed", "cancelled"].includes(job.state)) { over(job); return; }
    head.textContent = job.state === "queued" ? "Waiting to scan" : "Scanning";
    const fraction = job.total ? job.done / job.total : 0;
    meter.hidden = false;
    fill.style.transform = `scaleX(${fraction})`;
    meter.setAttribute("aria-valuenow", Math.round(100 * fraction));
    big.textContent = job.eta !== null && job.eta !== undefined ? `${left(job.eta)} left` : "Looking through the folders";
    note.textContent = job.total ? `${count(job.done)} of ${count(job.total)}${job.rate ? ` · ${job.rate < 10 ? job.rate.toFixed(1) : count(job.rate)} songs/s` : ""}` : job.text ?? "";
    if (job.done - shown > 200) { shown = job.done; onchange(); }
  }

  async function over(job) {
    if (job.state === "failed") wrong.replaceChildren(trouble(job.error ?? { message: "The scan failed." }));
    const stats = await get("/api/tracks?limit=0").catch(() => null);
    if (stats) songs = stats.of;
    rest();
    head.textContent = { done: "Scanned", cancelled: "Scan stopped", failed: "Scan failed" }[job.state];
    note.textContent = job.state === "cancelled" ? "It goes on where it was." : "";
    announce(`${head.textContent}. ${count(songs)} songs.`, { now: true });
    fails();
    onchange();
  }

  async function fails() {
    const { total, errors } = await get("/api/library/errors").catch(() => ({ total: 0, errors: [] }));
    failures.hidden = !total;
    if (!total) return;
    failures.replaceChildren(h("summary", {}, icon("warn", true), `${count(total)} file${total === 1 ? "" : "s"} failed`, h("span.fine", {}, "the others are safe")),
      h("div", {}, h("ul", {}, errors.map((e) => h("li", {}, h("code.cut", {}, e.name), h("span.note", {}, `${e.message} ${e.hint ?? ""} `, h("span.fine", {}, e.code))))),
        errors.length < total && h("p.fine", {}, `and ${count(total - errors.length)} more: earmark search is:failed`),
        h("button.btn.small", { type: "button", onclick: () => { failures.open = false; start(true); } }, "Retry these")));
  }

  rest();
  fails();
  get("/api/jobs").then(({ jobs }) => { const running = jobs.find(({ kind, state }) => kind === "scan" && ["queued", "running"].includes(state)); if (running) watch(running); }).catch(() => {});
  return { el, stop: () => unfollow() };
}

const left = (s) => (s >= 3600 ? `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min` : s >= 60 ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s` : `${Math.max(1, Math.round(s))} s`);
