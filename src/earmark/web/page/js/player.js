// One song at a time, from its middle: what a click on the map or Enter in the table is for.
import { h, icon, announce, mmss, write } from "./ui.js";
import { Sound, address } from "./sound.js";

export class Player {
  constructor() {
    this.sound = new Sound();
    const { audio } = this.sound;
    this.words = h("span.grow.cut"); this.clock = h("span.fine.num");
    this.face = h("button.btn.icon.small", { type: "button", "aria-label": "Pause", onclick: () => (audio.paused ? this.sound.play().catch(() => {}) : this.sound.pause()) }, icon("pause"));
    this.open = h("a.btn.bare.small", { href: "#song" }, "Open");
    this.el = h("section.player", { hidden: true, "aria-label": "Player" }, this.face, this.words, this.clock, this.open,
      h("button.btn.icon.small", { type: "button", "aria-label": "Stop", onclick: () => this.stop() }, icon("x")));
    const looks = () => { const on = !audio.paused; this.face.replaceChildren(icon(on ? "pause" : "play")); this.face.setAttribute("aria-label", on ? "Pause" : "Play"); };
    audio.addEventListener("play", looks);
    audio.addEventListener("pause", looks);
    audio.addEventListener("timeupdate", () => write(this.clock, mmss(this.sound.time)));
    audio.addEventListener("loadedmetadata", () => { if (Number.isFinite(this.sound.duration)) this.sound.time = this.sound.duration / 2; });
    audio.addEventListener("error", () => { if (audio.src) write(this.words, `${this.title}: this browser cannot play it`); });
  }

  play(track) {
    this.title = track.title || track.name;
    write(this.words, [this.title, track.artist].filter(Boolean).join(" · "));
    write(this.clock, "");
    this.open.href = `#song/${track.id}`;
    this.el.hidden = false;
    this.sound.load(address(track), track);
    this.sound.play().catch(() => {});
    announce(`Playing ${this.title}`, { now: true });
  }

  stop() { this.sound.unload(); this.el.hidden = true; }
}
