// One song at a time, from its middle: what a click on the map or Enter in the table is for.
import { h, icon, announce, mmss, write } from "./ui.js";

export class Player {
  constructor() {
    this.audio = new Audio();
    this.words = h("span.grow.cut"); this.clock = h("span.fine.num");
    this.face = h("button.btn.icon.small", { type: "button", "aria-label": "Pause", onclick: () => (this.audio.paused ? this.audio.play().catch(() => {}) : this.audio.pause()) }, icon("pause"));
    this.open = h("a.btn.bare.small", { href: "#song" }, "Open");
    this.el = h("section.player", { hidden: true, "aria-label": "Player" }, this.face, this.words, this.clock, this.open,
      h("button.btn.icon.small", { type: "button", "aria-label": "Stop", onclick: () => this.stop() }, icon("x")));
    const looks = () => { const on = !this.audio.paused; this.face.replaceChildren(icon(on ? "pause" : "play")); this.face.setAttribute("aria-label", on ? "Pause" : "Play"); };
    this.audio.addEventListener("play", looks);
    this.audio.addEventListener("pause", looks);
    this.audio.addEventListener("timeupdate", () => write(this.clock, mmss(this.audio.currentTime)));
    this.audio.addEventListener("loadedmetadata", () => { if (Number.isFinite(this.audio.duration)) this.audio.currentTime = this.audio.duration / 2; });
    this.audio.addEventListener("error", () => { if (this.audio.src) write(this.words, `${this.title}: this browser cannot play it`); });
  }

  play(track) {
    this.title = track.title || track.name;
    write(this.words, [this.title, track.artist].filter(Boolean).join(" · "));
    write(this.clock, "");
    this.open.href = `#song/${track.id}`;
    this.el.hidden = false;
    this.audio.src = `/api/tracks/${track.id}/audio`;
    this.audio.play().catch(() => {});
    announce(`Playing ${this.title}`, { now: true });
  }

  stop() { this.audio.pause(); this.audio.removeAttribute("src"); this.audio.load(); this.el.hidden = true; }
}
