// Runs in the audio thread: 20 ms blocks of the microphone as 16-bit samples, their level, and the log-mel columns of the strip.
// Whatever the page does meanwhile, sound is not lost here; blocks leave by transfer, so nothing is copied twice.
const BANDS = 72, COLUMNS = 43, LOW = 30, HIGH = 11025, FLOOR_DB = -80;

/** Slaney's mel scale: linear below 1 kHz, logarithmic above (as of the model's own front end). */
const mel = (hz) => (hz < 1000 ? hz * 3 / 200 : 15 + 27 * Math.log(hz / 1000) / Math.log(6.4));
const hz = (m) => (m < 15 ? m * 200 / 3 : 1000 * Math.exp((m - 15) * Math.log(6.4) / 27));

/** Power spectrum of n samples by a radix-2 transform in place; a sine of full scale has power 1. */
class Spectrum {
  constructor(n) {
    this.n = n;
    this.re = new Float32Array(n);
    this.im = new Float32Array(n);
    this.power = new Float32Array(n / 2 + 1);
    this.window = Float32Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / n));
    this.cos = Float32Array.from({ length: n / 2 }, (_, i) => Math.cos(2 * Math.PI * i / n));
    this.sin = Float32Array.from({ length: n / 2 }, (_, i) => Math.sin(2 * Math.PI * i / n));
    const bits = Math.log2(n);
    this.swapped = Uint16Array.from({ length: n }, (_, i) => { let r = 0; for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b); return r; });
  }

  of(y) {
    const { n, re, im, cos, sin } = this;
    for (let i = 0; i < n; i++) { const j = this.swapped[i]; re[i] = y[j] * this.window[j]; }
    im.fill(0);
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2, step = n / size;
      for (let from = 0; from < n; from += size) {
        for (let k = 0; k < half; k++) {
          const c = cos[k * step], s = sin[k * step], a = from + k, b = a + half;
          const x = re[b] * c + im[b] * s, z = im[b] * c - re[b] * s;
          re[b] = re[a] - x; im[b] = im[a] - z; re[a] += x; im[a] += z;
        }
      }
    }
    const full = (4 / n) ** 2; // 2 / sum of the window, squared
    for (let k = 0; k <= n / 2; k++) this.power[k] = (re[k] ** 2 + im[k] ** 2) * full;
    return this.power;
  }
}

/** Triangles, sparse: for each band its first bin and its weights. */
function bank(n, rate) {
  const top = Math.min(HIGH, rate / 2), low = mel(LOW), step = (mel(top) - low) / (BANDS + 1), bin = rate / n;
  return Array.from({ length: BANDS }, (_, k) => {
    const [a, b, c] = [0, 1, 2].map((i) => hz(low + (k + i) * step)), first = Math.ceil(a / bin), weights = [];
    for (let i = first; i * bin < c; i++) weights.push(Math.min((i * bin - a) / (b - a), (c - i * bin) / (c - b)));
    return { first, weights };
  });
}

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    const n = 2 ** Math.round(Math.log2(sampleRate * 0.0427));
    Object.assign(this, { alive: true, block: new Float32Array(Math.round(sampleRate * 0.02)), filled: 0, spectrum: new Spectrum(n), bands: bank(n, sampleRate),
      past: new Float32Array(n), recent: new Float32Array(n), head: 0, until: sampleRate / COLUMNS, columns: [] });
    this.port.onmessage = () => { this.alive = false; };
  }

  process([input]) {
    const n = input.length ? input[0].length : 0;
    for (let i = 0; i < n; i++) {
      let y = 0;
      for (const channel of input) y += channel[i];
      this.#take(y / input.length);
    }
    return this.alive;
  }

  #take(y) {
    this.past[this.head] = y;
    this.head = (this.head + 1) % this.past.length;
    if (--this.until <= 0) { this.until += sampleRate / COLUMNS; this.columns.push(this.#column()); }
    this.block[this.filled++] = y;
    if (this.filled === this.block.length) { this.filled = 0; this.#send(); }
  }

  #column() {
    const { past, recent, head } = this, column = new Uint8Array(BANDS);
    recent.set(past.subarray(head));
    recent.set(past.subarray(0, head), past.length - head);
    const power = this.spectrum.of(recent);
    this.bands.forEach(({ first, weights }, k) => {
      let sum = 1e-12;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * (power[first + i] ?? 0);
      column[k] = Math.max(0, Math.min(255, 255 * (1 - 10 * Math.log10(sum) / FLOOR_DB)));
    });
    return column;
  }

  #send() {
    const { block, columns } = this, pcm = new Int16Array(block.length);
    let sum = 0, peak = 0;
    for (let i = 0; i < block.length; i++) {
      const y = block[i];
      sum += y * y;
      peak = Math.max(peak, Math.abs(y));
      pcm[i] = Math.max(-32768, Math.min(32767, Math.round(y * 32768)));
    }
    this.columns = [];
    this.port.postMessage({ pcm, db: 10 * Math.log10(sum / block.length + 1e-12), peak, columns }, [pcm.buffer, ...columns.map((column) => column.buffer)]);
  }
}

registerProcessor("earmark-capture", Capture);
