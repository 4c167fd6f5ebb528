// Bars that glide. Answers come 4 times a second, frames 60 times. A row for each genre is made once; rows move by
// transform, fills by scaleX, so a frame costs no layout. Two rows change places only when one has led by 4 points twice.
import { h, pct, still } from "./ui.js";
import { MARKS, cssColour, ranked } from "./genres.js";

const HALF = 0.18; // seconds until half of the way to a new value is gone

export class GlideBars {
  /** `colours` and `marks` by label; the genres have their own. */
  constructor(el, { rows = 6, colours = null, marks = null } = {}) {
    Object.assign(this, { el, n: rows, colours, marks, rows: new Map() });
    el.style.setProperty("--n", rows);
    this.order = [];
    this.lead = 0;
  }

  #row(genre) {
    const mark = (this.marks ?? MARKS)[genre];
    const fill = h("i.fill"), pc = h("span.pc.num"), tick = mark !== undefined && h("i.tick", { css: { left: `${mark * 100}%` } });
    const row = h("div.bar", { vars: { c: this.colours?.[genre] ?? cssColour(genre) }, css: { opacity: 0 } }, h("b.cut", {}, genre), h("div.track", {}, fill, tick), pc);
    this.el.append(row);
    const r = { row, fill, pc, shown: 0, want: 0, place: -1, words: "" };
    this.rows.set(genre, r);
    return r;
  }

  /** New scores: set the goals, and the order if it has changed for good. */
  update(scores, { now = false } = {}) {
    delete this.el.dataset.wait;
    for (const genre of Object.keys(scores)) if (!this.rows.has(genre)) this.#row(genre);
    for (const [genre, r] of this.rows) r.want = scores[genre] ?? 0;
    const fresh = ranked(scores).slice(0, this.n).map(([genre]) => genre);
    const same = fresh.every((genre, i) => genre === this.order[i]);
    const firm = now || still() || !this.order.length || this.#firm(fresh, scores);
    this.lead = same ? 0 : this.lead + 1;
    if (!same && (firm || this.lead >= 4)) { this.order = fresh; this.lead = 0; }
    this.order.forEach((genre, i) => this.#put(genre, i));
    for (const [genre, r] of this.rows) if (!this.order.includes(genre)) { r.row.style.opacity = 0; r.row.setAttribute("aria-hidden", "true"); r.place = -1; }
    if (still()) this.tick(10);
  }

  /** Nothing to show: the rows fade where they stand, and say so in words. */
  clear(words) {
    this.order = [];
    for (const r of this.rows.values()) { r.row.style.opacity = 0; r.place = -1; r.want = 0; }
    this.el.dataset.wait = words;
  }

  #firm(fresh, scores) {
    return this.lead >= 1 && fresh.some((genre, i) => this.order[i] && scores[genre] - (scores[this.order[i]] ?? 0) > 0.04);
  }

  #put(genre, i) {
    const r = this.rows.get(genre);
    if (r.place !== i) {
      if (r.place < 0) { r.row.style.transition = "none"; r.shown = 0; r.row.style.transform = `translateY(${i * 100}%)`; void r.row.offsetHeight; r.row.style.transition = ""; }
      r.row.style.zIndex = this.n - i;
      r.row.style.transform = `translateY(${i * 100}%)`;
      r.row.style.opacity = 1;
      r.row.removeAttribute("aria-hidden");
      r.row.classList.toggle("first", i === 0);
      r.row.classList.toggle("plain", i > 5); // six colours at once
      r.place = i;
    }
    const words = pct(r.want);
    if (words !== r.words) { r.pc.textContent = words; r.words = words; }
  }

  /** Once a frame. */
  tick(dt) {
    const f = 1 - 0.5 ** (dt / HALF);
    for (const r of this.rows.values()) {
      if (r.place < 0 && r.shown < 0.005) continue;
      r.shown += (r.want - r.shown) * f;
      r.fill.style.transform = `scaleX(${r.shown.toFixed(4)})`;
    }
  }
}

/** Bars that stand: a song's card, Teach. `rows` is [[label, score, colour?, mark?]]. */
export function stillBars(rows, { slim = true, long = false } = {}) {
  return h(`div.bars.still${slim ? ".slim" : ""}${long ? ".long" : ""}`, {}, rows.map(([label, score, c, mark], i) =>
    h(`div.bar${i ? "" : ".first"}`, { vars: { c: c ?? cssColour(label) } }, h("b.cut", {}, label),
      h("div.track", {}, h("i.fill", { css: { transform: `scaleX(${score})` } }), tickAt(mark === undefined ? MARKS[label] : mark)),
      h("span.pc.num", {}, pct(score)))));
}

const tickAt = (mark) => mark !== null && mark !== undefined && h("i.tick", { css: { left: `${mark * 100}%` } });
