// The line to WS /api/live: sends 16-bit sound every 100 ms, keeps the last 10 s for a broken line, and comes back by itself.
// Everything is placed by the sample index of the stream; the wall clock only times the tries.
import { socket, get, at } from "./api.js";

const HELD = 10, CHUNK = 0.1, QUIET = 6, WAITS = [0.5, 1, 2, 4, 8];

export class Line {
  /** on: {open(hello), answer(a), final(prediction), lost({wait}), back({late, gap}), busy({wait}), refused({message, hint})}. */
  constructor(rate, on, { model = null } = {}) {
    Object.assign(this, { rate, on, model, session: null, index: 0, cursor: 0, held: [], part: [], partLength: 0, tries: 0, over: false, ready: false, ending: false, was: false });
    this.#connect();
    this.timer = setInterval(() => this.#checkQuiet(), 1000);
  }

  /** Seconds of sound that were captured and have not left yet. */
  get behind() { return (this.index - Math.max(this.cursor, this.held[0]?.index ?? this.cursor)) / this.rate; }

  /** A block of the microphone. */
  push(pcm) {
    if (this.over || this.ending) return;
    this.part.push(pcm);
    this.partLength += pcm.length;
    if (this.partLength >= this.rate * CHUNK) this.#chunk();
  }

  #chunk() {
    if (!this.partLength) return;
    const pcm = new Int16Array(this.partLength);
    let to = 0;
    for (const block of this.part) { pcm.set(block, to); to += block.length; }
    this.held.push({ index: this.index, pcm });
    this.index += pcm.length;
    this.part = []; this.partLength = 0;
    while (this.held.length > HELD / CHUNK) this.held.shift();
    this.#flush();
  }

  #flush() {
    if (!this.ready) return;
    // A slow line: old sound is dropped, not new, and the server gets the index of what follows.
    while (this.ws.bufferedAmount < this.rate * 2 * 2) {
      const next = this.held.find(({ index, pcm }) => index + pcm.length > this.cursor);
      if (!next) return;
      if (next.index > this.cursor) this.#send({ type: "skip", index: next.index });
      this.ws.send(next.index < this.cursor ? next.pcm.subarray(this.cursor - next.index) : next.pcm);
      this.cursor = next.index + next.pcm.length;
    }
  }

  #send(message) { this.ws.send(JSON.stringify(message)); }

  #connect() {
    const ws = this.ws = new WebSocket(socket(at("/api/live", { model: this.model })));
    ws.binaryType = "arraybuffer";
    this.refusal = null;
    this.answered = performance.now();
    ws.onopen = () => this.#send({ type: "hello", rate: this.rate, session: this.session, index: this.held[0]?.index ?? this.index, hop: 0.25 });
    ws.onmessage = ({ data }) => { this.answered = performance.now(); this.#read(JSON.parse(data)); };
    ws.onclose = (event) => { if (ws === this.ws) this.#closed(event.code); };
  }

  #read(message) {
    if (this.over) return;
    if (message.type === "hello") this.#open(message);
    else if (message.type === "answer") this.on.answer(message);
    else if (message.type === "error") this.refusal = message;
    else if (message.type === "final") { this.over = true; clearInterval(this.timer); this.on.final(message.prediction); }
  }

  #open(hello) {
    const first = this.held[0]?.index ?? this.index, wanted = Math.max(hello.next ?? 0, this.session === null || this.session === hello.session ? 0 : first);
    const gap = this.was ? Math.max(0, first - wanted) / this.rate : 0;
    this.session = hello.session;
    this.cursor = wanted;
    this.ready = true;
    this.tries = 0;
    if (this.was) this.on.back({ late: this.behind, gap });
    this.was = true;
    this.on.open(hello);
    this.#flush();
    if (this.ending) this.#send({ type: "end" });
  }

  #closed(code) {
    this.ready = false;
    if (this.over) return;
    const busy = code === 1013 || this.refusal?.code === "busy";
    if (!busy && this.refusal && code !== 1011) { this.#finish(); this.on.refused(this.refusal); return; }
    const base = busy ? this.refusal?.retry_after ?? 5 : WAITS[Math.min(this.tries, WAITS.length - 1)], wait = base * (busy ? 1 + 0.2 * Math.random() : 0.75 + 0.5 * Math.random());
    this.tries++;
    if (this.ending && this.tries > 3) { this.#finish(); this.on.final(null); return; }
    this.on[busy ? "busy" : "lost"]({ wait });
    this.retry = setTimeout(() => this.#connect(), wait * 1000);
    if (!busy && this.tries % 4 === 1) get("/api/status").catch(() => {}); // where the token is not valid any more, the frame shows it
  }

  /** A line that looks open but brings nothing any more, as phones leave behind: answers come at least twice a second. */
  #checkQuiet() {
    if (this.ready && performance.now() - this.answered > QUIET * 1000) { this.answered = performance.now(); const { ws } = this; this.ws = null; ws.onclose = null; ws.close(); this.#closed(1006); }
  }

  /** The device has another rate now: a new stream within the session. */
  changeRate(rate) {
    this.#chunk();
    this.rate = rate; this.index = this.cursor = 0; this.held = [];
    if (this.ready) this.#send({ type: "rate", rate }); // else the next hello carries it
  }

  /** No more sound: the prediction of the whole session comes as `final`, or null if the line stays broken. */
  end() {
    if (this.over || this.ending) return;
    this.#chunk();
    this.ending = true;
    if (this.ready) { this.#flush(); this.#send({ type: "end" }); }
    this.giveUp = setTimeout(() => { if (!this.over) { this.#finish(); this.on.final(null); } }, 8000);
  }

  #finish() { this.over = true; clearInterval(this.timer); clearTimeout(this.retry); clearTimeout(this.giveUp); if (this.ws && this.ws.readyState < 2) { this.ws.onclose = null; this.ws.close(1000); } }
  close() { this.#finish(); }
}
