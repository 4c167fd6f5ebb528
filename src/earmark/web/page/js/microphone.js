// The microphone: opened inside the tap, without the filters that calls want and music does not, and let go at once.

/** `reason`: a state of Listen (denied, nomic, taken, insecure, frozen). */
export class MicTrouble extends Error {
  constructor(reason) { super(reason); this.reason = reason; }
}

const REASONS = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "nomic", OverconstrainedError: "nomic", NotReadableError: "taken", AbortError: "taken" };
const WANTED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Microphone {
  /** onblock({pcm, db, peak, columns}); onrate(rate) after a reopening with another rate; ontrouble(reason) when it is gone for good. */
  constructor({ onblock, onrate = () => {}, ontrouble = () => {} }) {
    Object.assign(this, { onblock, onrate, ontrouble, closed: false, disturbed: 0, zeros: 0, frozen: 0, reopened: 0 });
    this.changed = () => this.#devices();
  }

  /** Call it inside the tap: iOS starts a clock of sound only there. */
  async open() {
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new MicTrouble("insecure");
    await this.#start();
    this.timer = setInterval(() => this.#watch(), 500);
    navigator.mediaDevices.addEventListener?.("devicechange", this.changed);
    return this.rate;
  }

  async #start() {
    const context = this.context = new AudioContext({ latencyHint: "interactive" });
    context.resume();
    let stream;
    try { stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED }); } catch (error) {
      context.close();
      throw new MicTrouble(REASONS[error.name] ?? "taken");
    }
    this.stream = stream;
    try { await context.audioWorklet.addModule(new URL("./capture.worklet.js", import.meta.url)); } catch (error) { this.#stop(); throw error; }
    if (this.closed) { this.#stop(); throw new MicTrouble("left"); } // the user left while the browser was still asking
    const [track] = stream.getAudioTracks();
    track.onended = () => this.#again();
    track.onmute = () => { this.disturbed = performance.now(); };
    context.onstatechange = () => { if (context.state !== "running") this.disturbed = performance.now(); };
    this.rate = context.sampleRate;
    this.trackRate = track.getSettings().sampleRate;
    this.node = new AudioWorkletNode(context, "earmark-capture", { numberOfOutputs: 1 });
    this.node.port.onmessage = ({ data }) => this.#take(data);
    context.createMediaStreamSource(stream).connect(this.node).connect(context.destination); // silent: the processor writes nothing
  }

  /** Filters that stayed on although they were not wanted: iOS may not obey. */
  get filters() {
    const settings = this.stream?.getAudioTracks()[0]?.getSettings() ?? {};
    return Object.keys(WANTED).filter((name) => settings[name] === true);
  }

  #take(block) {
    if (this.closed) return;
    this.zeros = block.peak === 0 ? this.zeros + block.pcm.length / this.rate : 0;
    this.onblock(block);
  }

  /** Twice a second: does the clock run, and does a disturbed track give more than exact zeros? */
  #watch() {
    const { context } = this, stands = context.currentTime === this.seen;
    this.seen = context.currentTime;
    if (context.state !== "running") context.resume().catch(() => {});
    this.frozen = stands ? this.frozen + 0.5 : 0;
    const dead = this.zeros >= 1 && performance.now() - this.disturbed < 5000;
    if (this.frozen >= 1.5 || dead) this.#again();
  }

  #devices() {
    const track = this.stream?.getAudioTracks()[0], rate = track?.getSettings().sampleRate;
    if (!track || track.readyState === "ended" || (rate && this.trackRate && rate !== this.trackRate)) this.#again();
  }

  /** Close and make anew; where that fails, only a tap helps. */
  async #again() {
    if (this.closed || this.busy) return;
    if (performance.now() - this.reopened < 4000) { this.close(); this.ontrouble("frozen"); return; }
    this.busy = true;
    this.reopened = performance.now();
    this.frozen = this.zeros = this.disturbed = 0;
    const before = this.rate;
    this.#stop();
    try {
      await this.#start();
      if (this.rate !== before) this.onrate(this.rate);
    } catch (error) { if (!this.closed) { this.close(); this.ontrouble(error.reason ?? "frozen"); } }
    this.busy = false;
  }

  #stop() {
    for (const track of this.stream?.getTracks() ?? []) { track.onended = null; track.stop(); }
    this.node?.port.postMessage("stop");
    if (this.node) this.node.port.onmessage = null;
    if (this.context) { this.context.onstatechange = null; if (this.context.state !== "closed") this.context.close(); }
    this.stream = this.node = null;
  }

  /** The browser's red dot goes out. */
  close() {
    this.closed = true;
    clearInterval(this.timer);
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.changed);
    this.#stop();
  }
}
