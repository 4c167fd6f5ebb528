// The last seconds of sound, in memory, for what the user keeps. Nothing of it is sent anywhere until it is opened in Song.

const SECONDS = 30;

/** A ring of the newest samples. */
export class Tail {
  constructor(rate) { this.rate = rate; this.ring = new Int16Array(rate * SECONDS); this.n = 0; }

  push(pcm) {
    const { ring } = this, at = this.n % ring.length, room = ring.length - at;
    ring.set(pcm.length <= room ? pcm : pcm.subarray(0, room), at);
    if (pcm.length > room) ring.set(pcm.subarray(room), 0);
    this.n += pcm.length;
  }

  /** {seconds, blob}: at most the last 30 s, as WAV. */
  keep() {
    const { ring, n } = this, length = Math.min(n, ring.length), out = new Int16Array(length), at = n > ring.length ? n % ring.length : 0;
    out.set(ring.subarray(at, Math.min(ring.length, at + length)));
    if (at) out.set(ring.subarray(0, at), ring.length - at);
    return { seconds: length / this.rate, blob: wav(out, this.rate) };
  }
}

/** Mono 16-bit samples as a WAV file. */
export function wav(pcm, rate) {
  const head = new DataView(new ArrayBuffer(44)), text = (at, words) => [...words].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); head.setUint32(4, 36 + pcm.byteLength, true); text(8, "WAVEfmt ");
  head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
  head.setUint32(24, rate, true); head.setUint32(28, rate * 2, true); head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  text(36, "data"); head.setUint32(40, pcm.byteLength, true);
  return new Blob([head, pcm], { type: "audio/wav" });
}

/** Kept for the length of the visit: {name, seconds, blob, url, best, score}. */
export const takes = [];
let made = 0;

export function keepTake(tail, [best, score]) {
  const { seconds, blob } = tail.keep();
  const take = { name: `Take ${++made}`, seconds, blob, url: URL.createObjectURL(blob), best, score };
  takes.unshift(take);
  return take;
}

export function dropTake(take) {
  takes.splice(takes.indexOf(take), 1);
  URL.revokeObjectURL(take.url);
}

/** A sound on its way to Song: {blob, name}, taken once. */
let parcel = null;
export const hand = (blob, name) => { parcel = { blob, name }; };
export const taken = () => { const given = parcel; parcel = null; return given; };
