// The sound of a song. A track of the library may be a part of its file, as the songs of a CUE sheet are: its clock begins at 0 all the
// same, and it ends where the track does.

const NEAR_END = 0.05; // s: where a browser stops by itself may be a little before the end

/** Address of the sound of a track; the media fragment names its part of the file. */
export function address({ id, start = 0, stop = null }) {
  const part = start || stop !== null ? `#t=${start}${stop === null ? "" : `,${stop}`}` : "";
  return `/api/tracks/${encodeURIComponent(id)}/audio${part}`;
}

export class Sound {
  constructor() {
    this.audio = new Audio();
    // A browser keeps to the end of the fragment once; after a jump back, or without support, only this does.
    this.audio.addEventListener("timeupdate", () => { if (this.#over && !this.audio.paused) this.audio.pause(); });
  }

  load(url, { start = 0, stop = null } = {}) {
    Object.assign(this, { start, stop });
    this.audio.src = url;
  }

  /** Seconds since the beginning of the track. */
  get time() { return Math.max(0, this.audio.currentTime - this.start); }
  set time(t) { this.audio.currentTime = this.start + t; }

  /** Seconds; NaN until it is known. */
  get duration() { return (this.stop ?? this.audio.duration) - this.start; }

  get #over() { return this.stop !== null && this.audio.currentTime >= this.stop; }

  /** Play on; at the end, from the beginning. Rejects as `play` of an element does. */
  play() {
    const early = this.audio.currentTime < this.start, late = this.stop !== null && this.audio.currentTime >= this.stop - NEAR_END;
    if (early || late) this.time = 0; // early: where a browser knows no fragments
    return this.audio.play();
  }

  pause() { this.audio.pause(); }

  /** Let go of the file. */
  unload() { this.audio.pause(); this.audio.removeAttribute("src"); this.audio.load(); }
}
