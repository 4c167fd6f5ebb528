// The library by sound: a dot for each song, near means sounds alike. One canvas; dots are drawn to a layer that is kept while the
// pointer moves. Six genres have their colours at once (press a name to swap), the others are grey.
import { h, icon, surface, token, announce, trouble } from "./ui.js";
import { colour, cssColour, inOrder, six } from "./genres.js";

export class SoundMap {
  /** onpick(id, quiet), onlasso(ids), onswap(six genres), name(id) -> Promise of [title, words], make() -> Promise of a job's end. */
  constructor({ onpick, onlasso, onswap, name, make }) {
    Object.assign(this, { onpick, onlasso, onswap, name, make, n: 0, scale: 1, cx: 0, cy: 0, shown: null, chosen: -1, loop: [], lasso: false, on: [], weights: {} });
    this.canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": "Map of the library by sound. The same songs are in the table; arrow keys walk to the nearest dot in a direction, Enter plays it." });
    this.pin = h("div.pin", { hidden: true });
    this.lassoButton = h("button.btn.small", { type: "button", "aria-pressed": "false", onclick: () => this.#mode(!this.lasso) }, icon("lasso", true), "Lasso");
    const zoom = (f, name, words) => h("button.btn.icon.small", { type: "button", "aria-label": words, onclick: () => this.#zoom(f) }, icon(name));
    this.tools = h("div.row.tight", { hidden: true }, this.lassoButton, zoom(1.5, "plus", "Closer"), zoom(1 / 1.5, "minus", "Farther"));
    this.legend = h("div.legend", { role: "group", "aria-label": "Genres in colour, six at once" });
    this.absent = h("div.absent");
    this.el = h("section.card.map.p-map", { "aria-label": "Map" }, h("div.bartop", {}, h("h2.grow", {}, "By sound"), this.tools), this.absent, this.canvas, this.pin, this.legend);
    this.layer = document.createElement("canvas");
    this.surface = surface(this.canvas, (ctx, w, hh) => this.#draw(ctx, w, hh));
    this.fresh = () => { this.dirty = true; this.surface.draw(); };
    addEventListener("themechange", this.fresh);
    this.#listen();
    this.empty("Loading the map …");
  }

  /** What /api/map gives. */
  fill({ ids, x, y, genres, genre, stale }) {
    Object.assign(this, { n: ids.length, ids, x, y, genres, genre, places: new Map(ids.map((id, k) => [id, k])), centres: null, stale });
    this.weights = {};
    for (const g of genre) if (genres[g]) this.weights[genres[g]] = (this.weights[genres[g]] ?? 0) + 1;
    if (!this.on.length) this.on = six(this.weights);
    this.absent.hidden = true; this.canvas.hidden = this.legend.hidden = this.tools.hidden = false;
    this.#names();
    this.fresh();
    this.onswap(this.on);
  }

  /** No map: say why, and offer to make one. */
  empty(words, error = null) {
    this.canvas.hidden = this.legend.hidden = this.tools.hidden = true;
    this.absent.hidden = false;
    const offer = error?.code === "no-map" || error?.code === "no_map";
    this.absent.replaceChildren(...(error && !offer ? [trouble(error)] : [h("p.note", {}, words), offer && h("button.btn.go.small", { type: "button", onclick: () => this.#make() }, "Compute the map")].filter(Boolean)));
  }

  #make() {
    const fill = h("i", { css: { transform: "scaleX(0)" } });
    this.absent.replaceChildren(h("p.note", { role: "status" }, "Computing the map …"), h("div.meter", { role: "progressbar", "aria-label": "Map", css: { width: "min(280px, 80%)" } }, fill));
    this.make((fraction) => { fill.style.transform = `scaleX(${fraction})`; });
  }

  filter(ids) { this.shown = ids; if (this.n) this.fresh(); }
  choose(id) { this.chosen = this.places?.get(id) ?? -1; this.surface.draw(); }

  #mode(on) { this.lasso = on; this.lassoButton.setAttribute("aria-pressed", String(on)); this.loop = []; this.surface.draw(); }
  #zoom(f) { this.scale = Math.min(12, Math.max(1, this.scale * f)); if (this.scale === 1) this.cx = this.cy = 0; this.fresh(); }

  #names() {
    const extra = Object.entries(this.weights).sort((a, b) => b[1] - a[1]).map(([g]) => g).filter((g) => !this.on.includes(g));
    const rest = extra.length - 3;
    const chip = (g, on) => h("button.chip", { type: "button", "aria-pressed": String(on), vars: { c: on ? cssColour(g) : "var(--other)" }, onclick: () => this.#swap(g) }, h("i.dot"), g);
    this.legend.replaceChildren(...[...this.on.map((g) => chip(g, true)), ...extra.slice(0, 3).map((g) => chip(g, false)), h("span.fine", {}, `${rest > 0 ? `and ${rest} more. ` : ""}Near means sounds alike; up, down, left and right mean nothing.`),
      this.stale && h("button.btn.bare.small", { type: "button", onclick: () => { this.empty(""); this.#make(); } }, "Songs have come since: compute anew")].filter(Boolean));
  }
  /** A seventh colour is not to be had: the rarest of the six gives way. */
  #swap(g) {
    const rarest = [...this.on].sort((a, b) => this.weights[a] - this.weights[b])[0];
    const keep = this.on.includes(g) ? this.on.filter((x) => x !== g) : [g, ...this.on.filter((x) => this.on.length < 6 || x !== rarest)];
    this.on = inOrder(keep);
    this.centres = null; this.#names(); this.fresh(); this.onswap(this.on);
    announce(`In colour: ${this.on.join(", ")}`, { now: true });
  }

  #xy(k) { return [this.w / 2 + (this.x[k] - this.cx) * this.ux, this.hh / 2 - (this.y[k] - this.cy) * this.uy]; }
  #hides(k) { return this.shown && !this.shown.has(this.ids[k]); }

  /** The dot nearest to a place of the canvas, or -1. */
  #nearest(px, py, reach = 14) {
    let best = -1, least = reach * reach;
    for (let k = 0; k < this.n; k++) {
      if (this.#hides(k)) continue;
      const [x, y] = this.#xy(k), d = (x - px) ** 2 + (y - py) ** 2;
      if (d < least) { least = d; best = k; }
    }
    return best;
  }

  /** The next dot in a direction: near, and more that way than aside. */
  #towards([dx, dy]) {
    const [fx, fy] = this.chosen >= 0 ? this.#xy(this.chosen) : [this.w / 2, this.hh / 2];
    let best = -1, least = Infinity;
    for (let k = 0; k < this.n; k++) {
      if (k === this.chosen || this.#hides(k)) continue;
      const [x, y] = this.#xy(k), along = (x - fx) * dx + (y - fy) * dy, aside = Math.abs((x - fx) * dy) + Math.abs((y - fy) * dx);
      if (along > 0.5 && aside <= 2 * along && along + 2 * aside < least) { least = along + 2 * aside; best = k; }
    }
    return best;
  }

  #listen() {
    const c = this.canvas, at = (event) => { const b = c.getBoundingClientRect(); return [event.clientX - b.left, event.clientY - b.top]; };
    let from = null, moved = false;
    c.addEventListener("pointerdown", (event) => { c.setPointerCapture(event.pointerId); from = at(event); moved = false; this.loop = this.lasso ? [from] : []; });
    c.addEventListener("pointermove", (event) => {
      const p = at(event);
      if (!from) { this.#hover(this.#nearest(...p)); return; }
      moved ||= Math.hypot(p[0] - from[0], p[1] - from[1]) > 4;
      if (this.lasso) { this.loop.push(p); this.surface.draw(); }
      else if (this.scale > 1) { this.cx -= (p[0] - from[0]) / this.ux; this.cy += (p[1] - from[1]) / this.uy; from = p; this.fresh(); }
    });
    c.addEventListener("pointerup", (event) => {
      const p = at(event);
      if (this.lasso && this.loop.length > 4) this.#close();
      else if (!moved) { const k = this.#nearest(...p, 20); if (k >= 0) this.#pick(k); }
      from = null;
    });
    c.addEventListener("pointerleave", () => this.#hover(-1));
    c.addEventListener("blur", () => this.#hover(-1));
    c.addEventListener("wheel", (event) => { event.preventDefault(); this.#zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15); }, { passive: false });
    c.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Enter" && this.chosen >= 0) this.onpick(this.ids[this.chosen]);
      if (event.key === "Escape") this.#mode(false);
      if (!way) return;
      event.preventDefault();
      const k = this.#towards(way);
      if (k >= 0) { this.#pick(k, true); this.#hover(k); }
    });
  }

  #pick(k, quiet = false) { this.chosen = k; this.surface.draw(); this.onpick(this.ids[k], quiet); }

  #close() {
    const path = new Path2D();
    this.loop.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
    const ctx = document.createElement("canvas").getContext("2d"), inside = [];
    for (let k = 0; k < this.n; k++) if (!this.#hides(k) && ctx.isPointInPath(path, ...this.#xy(k))) inside.push(this.ids[k]);
    this.surface.draw();
    this.onlasso(inside);
  }

  #hover(k) {
    if (k === this.over) return;
    this.over = k;
    this.pin.hidden = true;
    clearTimeout(this.timer);
    if (k < 0) return;
    this.timer = setTimeout(async () => {
      const [title, words] = await this.name(this.ids[k]).catch(() => ["", ""]);
      if (this.over !== k || !title) return;
      const [x, y] = this.#xy(k);
      this.pin.replaceChildren(h("b.cut", { css: { display: "block" } }, title), words);
      this.pin.hidden = false;
      this.pin.style.transform = `translate(${Math.min(this.w - 200, Math.max(4, x + 12))}px, ${Math.max(4, y - 20)}px)`;
      this.pin.style.top = `${this.canvas.offsetTop}px`; this.pin.style.left = 0;
    }, 90);
  }

  #dots(ratio) {
    const l = this.layer, ctx = l.getContext("2d");
    l.width = this.w * ratio; l.height = this.hh * ratio;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const thin = this.n > 3000 ? 1 : this.n > 300 ? 1.5 : 2.6, r = Math.min(5, (1.15 + this.scale * 0.45) * thin), groups = new Map([["", []], ...this.on.map((g) => [g, []])]);
    for (let k = 0; k < this.n; k++) if (!this.#hides(k)) groups.get(this.on.includes(this.genres[this.genre[k]]) ? this.genres[this.genre[k]] : "").push(k);
    for (const [g, list] of groups) {
      ctx.fillStyle = g ? colour(g) : token("other"); ctx.globalAlpha = g ? 0.85 : 0.7;
      ctx.beginPath();
      for (const k of list) { const [x, y] = this.#xy(k); if (x < -9 || y < -9 || x > this.w + 9 || y > this.hh + 9) continue; ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, 6.2832); }
      ctx.fill();
    }
  }

  #draw(ctx, w, hh) {
    const ratio = this.canvas.width / w;
    if (w !== this.w || hh !== this.hh) this.dirty = true;
    this.w = w; this.hh = hh;
    this.uy = Math.min(w, hh) / 2.15 * this.scale;
    this.ux = Math.min(w / 2.15 * this.scale, 1.5 * this.uy); // a wide box is used, but nearness is not stretched past recognition
    if (this.dirty) { this.#dots(ratio); this.dirty = false; }
    ctx.clearRect(0, 0, w, hh);
    ctx.drawImage(this.layer, 0, 0, w, hh);
    this.#labels(ctx);
    if (this.chosen >= 0 && this.chosen < this.n) {
      const [x, y] = this.#xy(this.chosen);
      ctx.strokeStyle = token("ink"); ctx.lineWidth = 2; ctx.beginPath(); ctx.arc(x, y, 8, 0, 7); ctx.stroke();
    }
    if (this.loop.length > 1) {
      ctx.beginPath(); this.loop.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y))); ctx.closePath();
      ctx.globalAlpha = 0.14; ctx.fillStyle = token("ink"); ctx.fill(); ctx.globalAlpha = 1; ctx.setLineDash([5, 4]); ctx.strokeStyle = token("ink"); ctx.lineWidth = 1.5; ctx.stroke(); ctx.setLineDash([]);
    }
  }

  /** Names at the middle of their genres, so that colour is never alone. */
  #labels(ctx) {
    const put = [], crowd = (x, y) => put.some(([a, b]) => Math.abs(a - x) < 56 && Math.abs(b - y) < 16);
    ctx.font = `600 12px ${token("sans")}`; ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.lineJoin = "round";
    this.centres ??= this.#middles();
    for (const [g, centre] of this.centres) {
      const [cx, y] = this.#xy(centre), half = ctx.measureText(g).width / 2 + 4, x = Math.min(this.w - half, Math.max(half, cx)), on = this.on.includes(g);
      if (crowd(x, y)) continue; // the coloured ones come first, then the larger
      ctx.lineWidth = 4; ctx.strokeStyle = token("card"); ctx.strokeText(g, x, y);
      ctx.fillStyle = token(on ? "ink" : "ink-3"); ctx.fillText(g, x, y);
      put.push([x, y]);
    }
  }

  /** For each genre the song that is nearest to the middle of its songs; the coloured ones first. */
  #middles() {
    const sums = new Map();
    for (let k = 0; k < this.n; k++) {
      const g = this.genres[this.genre[k]], s = sums.get(g) ?? { g, n: 0, x: 0, y: 0 };
      s.n++; s.x += this.x[k]; s.y += this.y[k];
      if (g) sums.set(g, s);
    }
    return [...sums.values()].sort((a, b) => this.on.includes(b.g) - this.on.includes(a.g) || b.n - a.n).map((s) => {
      let best = 0, least = Infinity;
      for (let k = 0; k < this.n; k++) {
        const d = (this.x[k] - s.x / s.n) ** 2 + (this.y[k] - s.y / s.n) ** 2;
        if (this.genres[this.genre[k]] === s.g && d < least) { least = d; best = k; }
      }
      return [s.g, best];
    });
  }

  stop() { clearTimeout(this.timer); this.surface.stop(); removeEventListener("themechange", this.fresh); }
}
