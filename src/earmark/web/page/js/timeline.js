// Waveform, log-mel and genre timeline above one another, one clock for all three. Of what is not music the genres mean nothing: one strip
// with the kind of sound stands in their place. Drawn once; the playhead is an element of its own,
// moved by transform, so that playing costs no canvas work. Works as a slider for the keyboard and for screen readers.
import { h, surface, token, pct, mmss, wide } from "./ui.js";
import { colour, cssColour, ranked, six } from "./genres.js";
import { columnsOf, drawMel } from "./mel.js";

const LANES = () => (wide() ? { wave: 74, mel: 150, genres: 190, gap: 8, axis: 20 } : { wave: 54, mel: 104, genres: 150, gap: 6, axis: 20 });

const KIND = 34; // px: the strip of what is not music, of one colour

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** The last window ends with the sound and may overlap the one before: what is left of it, or nothing if that is little. */
function apart(windows) {
  if (windows.length < 2) return windows;
  const [before, last] = windows.slice(-2), start = Math.max(last.start, before.end);
  if (last.end - start < (last.end - last.start) / 3) return [...windows.slice(0, -2), { ...before, end: last.end }];
  return [...windows.slice(0, -1), { ...last, start }];
}

const windowCount = (song) => song.windows.length;

/** Neighbours are averaged until at most `most` are left: two hours have 2,400 windows, a screen has no room for them. */
function merged(windows, most) {
  const size = Math.ceil(windows.length / most);
  if (size <= 1) return windows;
  return Array.from({ length: Math.ceil(windows.length / size) }, (_, k) => {
    const some = windows.slice(k * size, (k + 1) * size), scores = {};
    for (const g of Object.keys(some[0].scores)) scores[g] = some.reduce((sum, w) => sum + w.scores[g], 0) / some.length;
    return { start: some[0].start, end: some.at(-1).end, scores };
  });
}

/** One clock for pictures, playhead and keyboard. `song`: {duration, windows: [{start, end, scores}], picture, lead: [genres of its parts],
 *  kind: what it is instead of music}. */
export class Timeline {
  constructor(song, { onseek }) {
    Object.assign(this, { song, onseek, t: 0, lifted: null });
    const sum = {};
    for (const w of song.windows) for (const [g, x] of Object.entries(w.scores)) sum[g] = (sum[g] ?? 0) + x;
    for (const genre of song.lead ?? []) sum[genre] += windowCount(song); // what leads a part has a colour, however short the part
    this.six = song.kind ? [] : six(sum);
    this.others = Object.keys(sum).length - this.six.length;
    this.mel = song.picture && columnsOf(song.picture.log_mel);
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.line = h("i.head-line"); this.hover = h("i.hover-line", { hidden: true });
    this.tip = h("div.tip", { hidden: true });
    this.lanes = h("div", { "aria-hidden": "true" });
    this.el = h("div.tl", { tabindex: 0, role: "slider", "aria-label": "Position in the song", "aria-valuemin": 0, "aria-valuemax": Math.round(song.duration) }, this.canvas, this.lanes, this.hover, this.line, this.tip);
    this.legend = h("div.legend", { role: "group", "aria-label": "Genres: press one to see it alone on the ground line" });
    this.surface = surface(this.canvas, (ctx, w) => this.#draw(ctx, w));
    this.#size(); this.#listen(); this.#drawLegend(); this.seek(0, true);
  }

  #size() {
    const l = this.l = { ...LANES(), ...(this.song.kind && { genres: KIND }) };
    this.canvas.style.height = `${l.wave + l.mel + l.genres + 2 * l.gap + l.axis}px`;
    this.lanes.replaceChildren(...[["waveform", 2], ["log-mel", l.wave + l.gap + 4], [this.song.kind ? "kind of sound" : "genres, fraction of the window", l.wave + l.mel + 2 * l.gap + 4]].map(([words, top]) => h("span.lane", { css: { top: `${top}px` } }, words)));
  }

  /** The window at second t; where silence was left out, the one before. */
  window(t) { return this.song.windows.findLast((w) => w.start <= t) ?? this.song.windows[0]; }

  words(t) { return `${mmss(t)} of ${mmss(this.song.duration)}: ${this.song.kind ?? ranked(this.window(t).scores).slice(0, 3).map(([g, x]) => `${g} ${pct(x)}`).join(", ")}`; }

  seek(t, quiet) {
    this.t = Math.min(this.song.duration, Math.max(0, t));
    this.line.style.transform = `translateX(${this.t / this.song.duration * (this.canvas.clientWidth || 0)}px)`;
    const whole = Math.round(this.t);
    if (whole !== this.whole) { this.whole = whole; this.el.setAttribute("aria-valuenow", whole); this.el.setAttribute("aria-valuetext", this.words(this.t)); }
    if (!quiet) this.onseek(this.t);
  }

  lift(genre) {
    this.lifted = this.lifted === genre ? null : genre;
    this.#drawLegend(); this.surface.draw();
  }

  #listen() {
    const at = (event) => { const box = this.canvas.getBoundingClientRect(); return (event.clientX - box.left) / box.width * this.song.duration; };
    this.el.addEventListener("pointerdown", (event) => { this.seek(at(event)); this.drag = true; this.el.setPointerCapture(event.pointerId); });
    this.el.addEventListener("pointerup", () => { this.drag = false; });
    this.el.addEventListener("pointermove", (event) => { if (this.drag) this.seek(at(event)); this.#point(at(event)); });
    this.el.addEventListener("pointerleave", () => { this.hover.hidden = this.tip.hidden = true; });
    this.el.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -3, ArrowRight: 3, ArrowDown: -3, ArrowUp: 3, PageDown: -30, PageUp: 30 }[event.key]; // a window, or ten
      if (step) this.seek(this.t + step);
      else if (event.key === "Home") this.seek(0);
      else if (event.key === "End") this.seek(this.song.duration);
      else if (event.key === "Escape") { this.hover.hidden = this.tip.hidden = true; return; }
      else return;
      event.preventDefault();
      this.#point(this.t);
    });
    this.el.addEventListener("blur", () => { this.hover.hidden = this.tip.hidden = true; });
  }

  /** The scores of the window under the pointer: all that reach a tenth, at most six. */
  #point(t) {
    if (t < 0 || t > this.song.duration) return;
    const w = this.window(t), width = this.canvas.clientWidth, x = t / this.song.duration * width;
    this.hover.hidden = this.tip.hidden = false;
    this.hover.style.transform = `translateX(${x}px)`;
    this.tip.replaceChildren(h("b.num", {}, `${mmss(w.start)} to ${mmss(w.end)}`), h("ul", {}, this.song.kind ? h("li", {}, this.song.kind) : ranked(w.scores).filter(([, s]) => s > 0.1).slice(0, 6).map(([g, s]) =>
      h("li", {}, h("i.dot", { vars: { c: this.six.includes(g) ? cssColour(g) : "var(--other)" } }), g, h("span.num", {}, pct(s))))));
    this.tip.style.transform = `translateX(${Math.max(0, Math.min(width - 172, x + (x > width - 190 ? -184 : 14)))}px)`;
  }

  #drawLegend() {
    this.legend.replaceChildren(...this.six.map((g) => h("button.chip", { type: "button", "aria-pressed": String(this.lifted === g), vars: { c: cssColour(g) }, onclick: () => this.lift(g) }, h("i.dot"), g)),
      h("span.chip", {}, h("i.dot"), `${this.others} others`));
  }

  #draw(ctx, w) {
    ctx.clearRect(0, 0, w, this.canvas.clientHeight);
    this.paint(ctx, w, this.l);
    this.seek(this.t, true);
  }

  /** The three pictures and the clock, `w` wide, with the lanes `l`; the page and the PNG both come from here. */
  paint(ctx, w, l) {
    const { picture, duration } = this.song, y = l.wave + l.mel + 2 * l.gap;
    if (picture) {
      this.#wave(ctx, w, l.wave);
      drawMel(ctx, this.mel, 0, l.wave + l.gap, w, l.mel);
    }
    if (this.song.kind) this.#kind(ctx, w, y, l.genres); else this.#genres(ctx, w, y, l.genres);
    ctx.fillStyle = token("ink-3"); ctx.font = `12px ${token("sans")}`; ctx.textBaseline = "bottom";
    const step = STEPS.find((s) => s / duration * w > 64) ?? STEPS.at(-1);
    for (let t = 0; t <= duration - step / 3; t += step) { ctx.textAlign = t === 0 ? "left" : "center"; ctx.fillText(mmss(t), t / duration * w, y + l.genres + l.axis); }
  }

  #wave(ctx, w, hh) {
    ctx.fillStyle = token("ink-2");
    const { n, min, max } = this.song.picture.peaks, step = 3, bars = Math.floor(w / step);
    for (let i = 0; i < bars; i++) {
      let low = 0, high = 0;
      for (let k = Math.floor(i / bars * n); k < Math.max((i + 1) / bars * n, Math.floor(i / bars * n) + 1) && k < n; k++) { low = Math.min(low, min[k]); high = Math.max(high, max[k]); }
      const top = hh / 2 - Math.min(1, high) * hh * 0.48, end = hh / 2 - Math.max(-1, low) * hh * 0.48;
      ctx.fillRect(i * step, top, 1.8, Math.max(1, end - top));
    }
  }

  #kind(ctx, w, y, hh) {
    ctx.fillStyle = token("other"); ctx.fillRect(0, y, w, hh);
    ctx.font = `600 12px ${token("sans")}`; ctx.textAlign = "center"; ctx.textBaseline = "middle";
    this.#plate(ctx, this.song.kind, w / 2, y + hh / 2);
  }

  /** A word on what is drawn. */
  #plate(ctx, words, x, y) {
    const wide = ctx.measureText(words).width + 10;
    ctx.fillStyle = token("card"); ctx.globalAlpha = 0.88;
    ctx.beginPath(); ctx.roundRect(x - wide / 2, y - 8.5, wide, 17, 3); ctx.fill();
    ctx.globalAlpha = 1; ctx.fillStyle = token("ink"); ctx.fillText(words, x, y + 0.5);
  }

  #genres(ctx, w, y, hh) {
    const { windows, duration } = this.song, order = this.lifted ? [this.lifted, ...this.six.filter((g) => g !== this.lifted)] : this.six;
    const points = merged(apart(windows), 240), n = points.length;
    const share = points.map(({ scores }) => {
      const total = Object.values(scores).reduce((a, b) => a + b, 0) || 1, parts = order.map((g) => scores[g] / total);
      return [...parts, Math.max(0, 1 - parts.reduce((a, b) => a + b, 0))];
    });
    let base = new Array(n).fill(0);
    const x = (i) => (points[i].start + points[i].end) / 2 / duration * w, px = (v) => y + hh - v * hh;
    [...order, "other"].forEach((g, k) => {
      const top = base.map((b, i) => b + share[i][k]);
      ctx.beginPath(); ctx.moveTo(0, px(base[0]));
      ctx.lineTo(0, px(top[0]));
      for (let i = 0; i < n; i++) { const mid = (x(i) + (i ? x(i - 1) : 0)) / 2; ctx.bezierCurveTo(mid, px(i ? top[i - 1] : top[0]), mid, px(top[i]), x(i), px(top[i])); }
      ctx.lineTo(w, px(top[n - 1])); ctx.lineTo(w, px(base[n - 1]));
      for (let i = n - 1; i >= 0; i--) { const mid = (x(i) + (i < n - 1 ? x(i + 1) : w)) / 2; ctx.bezierCurveTo(mid, px(i < n - 1 ? base[i + 1] : base[n - 1]), mid, px(base[i]), x(i), px(base[i])); }
      ctx.closePath();
      ctx.globalAlpha = this.lifted && g !== this.lifted ? 0.28 : 1;
      ctx.fillStyle = g === "other" ? token("other") : colour(g); ctx.fill();
      ctx.globalAlpha = 1; ctx.strokeStyle = token("card"); ctx.lineWidth = 1.5; ctx.stroke();
      if (g !== "other") this.#name(ctx, g, base, top, x, px, hh, w);
      base = top;
    });
  }

  /** The name stands where its band is thick enough for as long as the word is wide; else it is only in the legend. */
  #name(ctx, g, base, top, x, px, hh, w) {
    ctx.font = `600 12px ${token("sans")}`; ctx.textAlign = "center"; ctx.textBaseline = "middle";
    const wide = ctx.measureText(g).width + 10, need = base.length > 1 ? Math.ceil(wide / (x(1) - x(0))) : 1;
    let best = 0, at = 0;
    for (let i = 0; i + need <= base.length; i++) {
      let low = 0, high = 1;
      for (let j = i; j < i + need; j++) { low = Math.max(low, base[j]); high = Math.min(high, top[j]); }
      if (high - low > best) { best = high - low; at = [x(i) / 2 + x(i + need - 1) / 2, px((low + high) / 2)]; }
    }
    if (best * hh < 16) return;
    at[0] = Math.min(w - wide / 2 - 2, Math.max(wide / 2 + 2, at[0]));
    this.#plate(ctx, g, at[0], at[1]);
  }

  stop() { this.surface.stop(); }
}
