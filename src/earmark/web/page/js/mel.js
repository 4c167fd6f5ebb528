// Log-mel pictures. Strip: rolls, ten seconds wide, newest at the right. Still: a whole song or clip, drawn once.
import { surface, still } from "./ui.js";
import { melScale } from "./genres.js";

let scale = null;
addEventListener("themechange", () => { scale = null; });
const lut = () => (scale ??= melScale());

/** Columns (Uint8Array, 0 quiet to 255 loud, low band first) into a canvas of one pixel per value. */
function raster(columns, bands) {
  const canvas = document.createElement("canvas");
  canvas.width = columns.length; canvas.height = bands;
  const ctx = canvas.getContext("2d"), image = ctx.createImageData(columns.length, bands), colours = lut();
  columns.forEach((column, x) => {
    for (let k = 0; k < bands; k++) {
      const [r, g, b] = colours[column[k]];
      const at = ((bands - 1 - k) * columns.length + x) * 4;
      image.data[at] = r; image.data[at + 1] = g; image.data[at + 2] = b; image.data[at + 3] = 255;
    }
  });
  ctx.putImageData(image, 0, 0);
  return canvas;
}

/** PICTURE.log_mel of the server -> columns. */
export function columnsOf({ columns, bands, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return Array.from({ length: columns }, (_, i) => bytes.subarray(i * bands, (i + 1) * bands));
}

export function drawMel(ctx, columns, x, y, w, hh) {
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(raster(columns, columns[0].length), x, y, w, hh);
}

/** A ring of pixel columns: a frame writes the new ones and copies two rectangles. Nothing is shifted, nothing is allocated. */
export class MelStrip {
  constructor(canvas, { seconds = 10, rate = 43, bands = 72 } = {}) {
    Object.assign(this, { seconds, rate, bands, n: seconds * rate, head: 0, kept: [] });
    this.ring = document.createElement("canvas");
    this.ring.width = this.n; this.ring.height = bands;
    this.ctx = this.ring.getContext("2d");
    this.pixel = this.ctx.createImageData(1, bands);
    this.surface = surface(canvas, (ctx, w, hh) => this.#draw(ctx, w, hh));
    this.repaint = () => { for (let i = 0; i < this.n; i++) if (this.kept[i]) this.#paint(i, this.kept[i]); this.surface.draw(); };
    addEventListener("themechange", this.repaint);
  }

  clear() { this.head = 0; this.kept = []; this.surface.draw(); }

  push(column) {
    const i = this.head % this.n;
    this.kept[i] = column;
    this.#paint(i, column);
    this.head++;
  }

  #paint(i, column) {
    const colours = lut(), data = this.pixel.data;
    for (let k = 0; k < this.bands; k++) {
      const [r, g, b] = colours[column[k]], at = (this.bands - 1 - k) * 4;
      data[at] = r; data[at + 1] = g; data[at + 2] = b; data[at + 3] = 255;
    }
    this.ctx.putImageData(this.pixel, i, 0);
  }

  /** Once a frame; once a second for those who want no motion. */
  tick() {
    const beat = Math.floor(this.head / this.rate);
    if (this.head === this.drawn || (still() && beat === this.beat)) return;
    this.beat = beat; this.drawn = this.head;
    this.surface.draw();
  }

  #draw(ctx, w, hh) {
    ctx.clearRect(0, 0, w, hh);
    const i = this.head % this.n, px = w / this.n;
    if (this.head >= this.n) ctx.drawImage(this.ring, i, 0, this.n - i, this.bands, 0, 0, (this.n - i) * px, hh);
    if (i) ctx.drawImage(this.ring, 0, 0, i, this.bands, w - i * px, 0, i * px, hh);
  }

  stop() { this.surface.stop(); removeEventListener("themechange", this.repaint); }
}
