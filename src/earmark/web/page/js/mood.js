// The mood plane: valence from left to right, energy from below to above. A point wanders and leaves a trail that fades in 6 s.
import { h, surface, token, still } from "./ui.js";

const WORDS = [["q1", "excited"], ["q2", "tense"], ["q3", "gloomy"], ["q4", "calm"]];
export const quadrant = (v, a) => (a >= 0.5 ? (v >= 0.5 ? "q1" : "q2") : v >= 0.5 ? "q4" : "q3");

export class MoodPlane {
  constructor(note = true) {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.words = new Map(WORDS.map(([q, word]) => [q, h(`span.${q}`, {}, word)]));
    this.el = h("div", {}, h("div.plane", {}, this.canvas, ...this.words.values()), note && h("p.axis", { "aria-hidden": "true" }, h("span", {}, "← unpleasant"), h("span", {}, "pleasant →")));
    this.trail = [];
    this.goal = null;
    this.at = null;
    this.surface = surface(this.canvas, (ctx, w, hh) => this.#draw(ctx, w, hh));
  }

  /** A place that stays: a song's card. */
  put(valence, arousal) { this.at = [valence, arousal]; this.update(valence, arousal); this.surface.draw(); }

  /** Nothing to show any more. */
  clear() { this.goal = this.at = null; this.trail = []; for (const span of this.words.values()) span.removeAttribute("aria-current"); this.surface.draw(); }

  /** Where the music is now. */
  update(valence, arousal) {
    this.goal = [valence, arousal];
    this.at ??= [valence, arousal];
    const here = quadrant(valence, arousal);
    for (const [q, span] of this.words) if (q === here) span.setAttribute("aria-current", "true"); else span.removeAttribute("aria-current");
    if (still()) { this.at = [...this.goal]; this.trail.push([...this.at, performance.now()]); this.trail = this.trail.slice(-5); this.surface.draw(); }
  }

  tick(dt, now) {
    if (!this.goal || still()) return;
    const f = 1 - 0.5 ** (dt / 0.5);
    this.at[0] += (this.goal[0] - this.at[0]) * f;
    this.at[1] += (this.goal[1] - this.at[1]) * f;
    const last = this.trail.at(-1);
    if (!last || now - last[2] > 60) this.trail.push([...this.at, now]);
    while (this.trail.length && now - this.trail[0][2] > 6000) this.trail.shift();
    this.surface.draw();
  }

  #draw(ctx, w, hh) {
    ctx.clearRect(0, 0, w, hh);
    ctx.strokeStyle = token("line");
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(w / 2, 6); ctx.lineTo(w / 2, hh - 6); ctx.moveTo(6, hh / 2); ctx.lineTo(w - 6, hh / 2);
    ctx.stroke();
    ctx.beginPath(); ctx.arc(w / 2, hh / 2, Math.min(w, hh) * 0.34, 0, 7); ctx.stroke();
    if (!this.at) return;
    const x = (v) => 8 + v * (w - 16), y = (a) => hh - 8 - a * (hh - 16);
    const mark = token("mark"), now = performance.now();
    ctx.strokeStyle = mark; ctx.fillStyle = mark; ctx.lineCap = "round";
    this.trail.forEach((p, i) => {
      if (!i) return;
      const q = this.trail[i - 1];
      ctx.globalAlpha = Math.max(0, 1 - (now - p[2]) / 6000) * 0.7;
      ctx.lineWidth = 1 + 3.5 * Math.max(0, 1 - (now - p[2]) / 6000);
      ctx.beginPath(); ctx.moveTo(x(q[0]), y(q[1])); ctx.lineTo(x(p[0]), y(p[1])); ctx.stroke();
    });
    ctx.globalAlpha = 0.2; ctx.beginPath(); ctx.arc(x(this.at[0]), y(this.at[1]), 13, 0, 7); ctx.fill();
    ctx.globalAlpha = 1; ctx.beginPath(); ctx.arc(x(this.at[0]), y(this.at[1]), 6.5, 0, 7); ctx.fill();
    ctx.strokeStyle = token("card"); ctx.lineWidth = 2; ctx.stroke();
  }

  stop() { this.surface.stop(); }
}
