// Thousands of rows of which about 20 exist. A row is made when it comes into view; the scroll position decides which.
import { h, icon, count, pct, wide } from "./ui.js";
import { cssColour } from "./genres.js";

const ROW = 54;
const SORTS = { Song: "title", Genres: "-score", BPM: "bpm" };

export class SongTable {
  constructor(songs, { onselect, onplay, onmenu, onsort }) {
    Object.assign(this, { songs, onselect, onplay, onmenu, onsort, pool: new Map(), at: -1, n: 0 });
    this.space = h("div", { role: "presentation" });
    this.vp = h("div.vp", { role: "rowgroup", tabindex: -1, onscroll: () => this.#fill() }, this.space);
    this.hd = h("div.hd", { role: "row", "aria-rowindex": 1 }, this.#head("Song"), this.#head("Genres"), this.#head("Mood", "span.md"), this.#head("BPM", "span.md"), h("span", { role: "columnheader" }, h("span.sr", {}, "More")));
    this.el = h("div.card.tbl.p-tbl", { role: "grid", tabindex: 0, "aria-label": "Songs: arrows to walk, Enter to play, M for more" }, this.hd, this.vp);
    this.el.addEventListener("keydown", (event) => this.#key(event));
    this.watch = new ResizeObserver(() => this.#fill());
    this.watch.observe(this.vp);
  }

  #head(words, spec = "span") {
    const sort = SORTS[words];
    return h(spec, { role: "columnheader", "aria-sort": "none", "data-sort": sort }, sort ? h("button.sort", { type: "button", tabindex: -1, onclick: () => this.#sort(sort) }, words) : words);
  }

  /** A press sorts, another turns it round, a third goes back to the order of the library. */
  #sort(sort) {
    const turned = sort.startsWith("-") ? sort.slice(1) : `-${sort}`, now = this.songs.sort;
    this.onsort(now === sort ? turned : now === turned ? "id" : sort);
  }

  /** The songs have changed: begin at the top. */
  show() {
    this.n = this.songs.ids.length;
    this.at = -1;
    this.space.style.height = `${this.n * ROW}px`;
    this.el.setAttribute("aria-rowcount", this.n + 1);
    this.vp.scrollTop = 0;
    for (const head of this.hd.querySelectorAll("[data-sort]")) {
      const { sort } = this.songs, mine = sort.replace("-", "") === head.dataset.sort.replace("-", "");
      head.setAttribute("aria-sort", !mine ? "none" : sort.startsWith("-") ? "descending" : "ascending");
    }
    this.space.replaceChildren(...(this.n ? [] : [h("div.none", { role: "row" }, h("div", { role: "gridcell" }, h("p.say", {}, "Nothing matches"), h("p.note", {}, "Take a chip away, or widen a range: bpm:80..120 instead of bpm:90..110.")))]));
    this.refresh();
  }

  /** Make the rows anew: a page has come, a track or the six colours have changed. */
  refresh(from = 0, to = Infinity) {
    for (const [i, el] of this.pool) if (i >= from && i < to) { el.remove(); this.pool.delete(i); }
    this.#fill();
  }

  select(i, quiet) {
    this.at = Math.min(this.n - 1, Math.max(0, i));
    if (i < 0 || !this.n) { this.at = -1; this.#fill(); return; }
    const top = this.at * ROW, view = this.vp.clientHeight;
    if (top < this.vp.scrollTop) this.vp.scrollTop = top;
    else if (top + ROW > this.vp.scrollTop + view) this.vp.scrollTop = top + ROW - view;
    this.#fill();
    const track = this.songs.get(this.at);
    if (!quiet && track) this.onselect(track);
  }

  /** The six genres that have a colour: the map's, so that both agree. */
  paint(six) { this.six = six; this.refresh(); }

  #key(event) {
    if (event.target !== this.el) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key], track = this.at >= 0 && this.songs.get(this.at);
    if (step) this.select(Math.max(0, this.at + step));
    else if (event.key === "Home") this.select(0);
    else if (event.key === "End") this.select(this.n - 1);
    else if (event.key === "Enter" && track) this.onplay(track);
    else if ((event.key === "m" || event.key === "M" || event.key === "ContextMenu") && track) this.onmenu(track);
    else return;
    event.preventDefault();
  }

  #fill() {
    if (!this.n) { this.el.removeAttribute("aria-activedescendant"); return; }
    const first = Math.max(0, Math.floor(this.vp.scrollTop / ROW) - 4), last = Math.min(this.n, first + Math.ceil(this.vp.clientHeight / ROW) + 8);
    for (const [i, el] of this.pool) if (i < first || i >= last) { el.remove(); this.pool.delete(i); }
    for (let i = first; i < last; i++) {
      let el = this.pool.get(i);
      if (!el) { el = this.#row(this.songs.get(i), i); this.pool.set(i, el); this.space.append(el); }
      el.setAttribute("aria-selected", String(i === this.at));
      el.querySelector("button")?.setAttribute("tabindex", i === this.at ? "0" : "-1"); // Tab goes from the table to what the chosen row can do
    }
    const on = this.pool.get(this.at);
    if (on) this.el.setAttribute("aria-activedescendant", on.id); else this.el.removeAttribute("aria-activedescendant");
  }

  #row(track, i) {
    const place = { role: "row", id: `row-${i}`, "aria-rowindex": i + 2, css: { transform: `translateY(${i * ROW}px)` } };
    if (!track) return h("div.tr.blank", place, h("span", { role: "gridcell" }, "…"));
    const yours = track.corrected && track.genre, top = track.top ?? [], best = top[0], unsure = !yours && track.verdict === "unsure";
    const bars = yours ? [[yours, 1]] : top;
    return h(`div.tr${yours ? ".ear" : ""}`, { ...place, onclick: () => this.select(i), ondblclick: () => this.onplay(track) },
      h("span.cut", { role: "gridcell" }, h("b.cut", {}, track.title || track.name), h("span.by.cut", {}, [track.artist, track.year].filter(Boolean).join(" · ") || "–")),
      h("span.mini", { role: "gridcell", "aria-label": yours ? `${yours}, corrected by you` : top.slice(0, 2).map(([g, s]) => `${g} ${pct(s)}`).concat(unsure ? ["unsure"] : []).join(", ") || track.verdict || "failed" },
        h("span.cut.fine.best", {}, yours ? `${yours}, corrected` : best ? `${best[0]} ${pct(best[1])}${unsure ? "?" : ""}` : track.state === "failed" ? "failed" : track.verdict ?? "–"),
        h("span.mb", {}, bars.map(([g, s]) => h("i", { vars: { c: !this.six || this.six.includes(g) ? cssColour(g) : "var(--other)" }, css: { width: `${s * 66}%` } })))),
      h("span.md.cut", { role: "gridcell" }, track.moods?.[0] ?? "–"), h("span.md.num", { role: "gridcell" }, track.bpm ? Math.round(track.bpm) : "–"),
      h("span", { role: "gridcell" }, h("button.btn.icon.small", { type: "button", tabindex: -1, "aria-label": `More for ${track.title || track.name}`, onclick: (event) => { event.stopPropagation(); this.select(i); this.onmenu(track); } }, icon("more"))));
  }

  stop() { this.watch.disconnect(); }
}

/** In words how many rows there are: `n`, of which some `failed`, in a library of so many songs. A phone has room for the first only. */
export function total(n, failed, all) {
  const songs = n - failed, words = songs === all || !wide() ? `${count(songs)} song${songs === 1 ? "" : "s"}` : `${count(songs)} of ${count(all)} songs`;
  const some = [(songs || !failed) && words, failed && `${count(failed)} failed`].filter(Boolean);
  return some.slice(0, wide() ? 2 : 1).join(", ");
}
