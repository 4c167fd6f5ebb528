// The ring around the button is the window: 96 ticks for 3 seconds, written clockwise like a radar. What you see is what is judged.
import { surface, token, still } from "./ui.js";

const N = 96, SPAN = 3;

export class LevelRing {
  constructor(canvas) {
    this.levels = new Float32Array(N);
    this.t = 0;
    this.live = false;
    this.tone = "mark";
    this.surface = surface(canvas, (ctx, w, hh) => this.#draw(ctx, w, hh));
  }

  /** The level (0 to 1) at second t of the session. */
  tick(t, level) {
    const from = Math.floor(this.t / SPAN * N), to = Math.floor(t / SPAN * N);
    for (let i = from; i < to; i++) this.levels[((i % N) + N) % N] = level;
    this.t = t;
  }

  /** Once a frame; twice a second for those who want no motion. */
  draw() {
    if (still() && Math.floor(this.t * 2) === this.beat) return;
    this.beat = Math.floor(this.t * 2);
    this.surface.draw();
  }

  rest() { this.live = false; this.t = 0; this.levels.fill(0); this.surface.draw(); }

  #draw(ctx, w, hh) {
    ctx.clearRect(0, 0, w, hh);
    const c = w / 2, inner = w * 0.335, room = w * 0.145, head = Math.floor(this.t / SPAN * N) % N;
    ctx.lineCap = "round";
    ctx.lineWidth = Math.max(1.5, w / 110);
    const calm = token("edge"), tone = token(this.tone), hot = token("stop");
    for (let i = 0; i < N; i++) {
      const age = this.live ? ((head - 1 - i + 2 * N) % N) / N : 0.6, a = (i / N) * Math.PI * 2 - Math.PI / 2;
      const level = this.levels[i], r = inner + room * (0.08 + 0.92 * level);
      ctx.strokeStyle = !this.live ? calm : level > 0.97 ? hot : tone;
      ctx.globalAlpha = this.live ? 0.16 + 0.84 * (1 - age) ** 1.4 : 0.5;
      ctx.beginPath();
      ctx.moveTo(c + Math.cos(a) * inner, c + Math.sin(a) * inner);
      ctx.lineTo(c + Math.cos(a) * r, c + Math.sin(a) * r);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  stop() { this.surface.stop(); }
}
