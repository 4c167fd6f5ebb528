// View 1. The microphone, the last three seconds, and the server's answers to them.
import { h, icon, pct, mmss, announce, toast, still, wide, write } from "./ui.js";
import { QUADRANTS, ranked, scoresOf, setVocabulary } from "./genres.js";
import { status } from "./api.js";
import { GlideBars } from "./bars.js";
import { MoodPlane } from "./mood.js";
import { MelStrip } from "./mel.js";
import { LevelRing } from "./ring.js";
import { CALM, ALLOW, TEACHES, VERDICTS, headline, moodWords, thisBrowser } from "./words.js";
import { takes, keepTake, dropTake, hand } from "./takes.js";

export const title = "Listen";
const KEEP_AFTER = 10, HIDDEN_FOR = 60, STRIP = 10, FLOOR_DB = -60;
const JUDGED = ["music", "unsure"]; // verdicts whose scores mean something

/** What a session needs: loaded with the first tap, so that the first paint does not wait for it. */
const engine = () => Promise.all([import("./microphone.js"), import("./line.js"), import("./takes.js")]);

export function mount(root) {
  const dom = build();
  root.append(dom.root);
  const ring = new LevelRing(dom.ringCanvas), bars = new GlideBars(dom.bars, { rows: wide() ? 8 : 6 }), mood = new MoodPlane(), strip = new MelStrip(dom.strip);
  dom.mood.append(mood.el);
  status().then((s) => { dom.voiceStat.hidden = !s.labels.voice.length; }).catch(() => {}); // some models know no voice
  let state = null, note = null, mic = null, line = null, tail = null, last = 0, frame = 0, top = "", settled = null, lost = null, hidden = 0, lock = null, lag = 0, gone = false;
  const clock = () => (tail ? tail.n / tail.rate : 0);

  /** From the big button to the workbench and back is one movement, where the browser can and the user likes it. */
  function enter(next, words) {
    const bench = (x) => !CALM[x] || x === "asking", changes = state !== null && bench(next) !== bench(state);
    state = next; // at once: the browser draws the movement later, and by then another state may hold
    note = words;
    if (!changes || !document.startViewTransition || still()) { paint(); return; }
    const { ready, finished } = document.startViewTransition(paint);
    for (const part of [ready, finished]) part.catch(() => {}); // another movement came in between: it paints the newer state
  }

  function paint() {
    if (gone) return;
    const atRest = Boolean(CALM[state]) && state !== "asking"; // asking already has the workbench: nothing moves when it is allowed
    dom.root.classList.toggle("calm", atRest);
    for (const name of ["stale", "unsure"]) if (!lost) dom.root.classList.remove(name);
    dom.ring.dataset.state = state;
    if (CALM[state]) { calm(dom, state, note); ring.rest(); }
  }

  // --- begin and end ---

  async function start() {
    enter("asking");
    bars.clear("The bars wait for your answer."); mood.clear(); strip.clear(); figures(null); verdict(null);
    write(dom.barsTitle, "The last 3 seconds");
    // iOS makes a clock of sound only inside the tap, and a module that is still to come would end the tap: so it was fetched before.
    const [{ Microphone }, { Line }, { Tail }] = await loaded;
    if (gone) return;
    const mine = mic = new Microphone({ onblock: take, onrate: (rate) => { tail = new Tail(rate); line?.changeRate(rate); ring.rest(); ring.live = true; }, ontrouble: (reason) => { leave(); enter(reason); } });
    let rate;
    try { rate = await mine.open(); } catch (error) {
      if (mic !== mine) return;
      mic = null;
      enter(CALM[error.reason] ? error.reason : "taken");
      return;
    }
    if (mic !== mine) { mine.close(); return; }
    tail = new Tail(rate);
    enter("live");
    setFace(dom, "stop", "Stop listening");
    dom.say.replaceChildren("Listening");
    write(dom.note, "The first answer takes three seconds.");
    bars.clear("The bars wait for three seconds of sound.");
    keepButton();
    ring.live = true; ring.tone = "ink-2"; top = ""; settled = null; lost = null; lag = 0;
    line = new Line(rate, { open: (hello) => setVocabulary({ genres: hello.labels, marks: hello.marks }), answer, final, lost: (why) => broken("lost", why), busy: (why) => broken("busy", why), back, refused });
    if (mic.filters.length) toast("This device keeps its filters for calls on; music is recognised less well through them.");
    wake();
    last = performance.now();
    frame = requestAnimationFrame(step);
  }

  /** Let go of everything; without a final answer. */
  function leave() {
    mic?.close(); mic = null;
    line?.close(); line = null;
    lock?.release?.().catch(() => {}); lock = null;
    lost = null;
    where("here");
    cancelAnimationFrame(frame);
    frame = 0;
  }

  /** The user stops: the answer to the whole session stays where the bars are. */
  function stop() {
    mic.close(); mic = null;
    lock?.release?.().catch(() => {}); lock = null;
    enter("done");
    setFace(dom, "mic", "Listen again");
    write(dom.note, "Summing up the session.");
    dom.tempo.querySelector(".pulse")?.remove();
    delete dom.tempo.dataset.words;
    announce("Stopped.", { now: true });
    line.end();
  }

  function final(prediction) {
    leave();
    ring.rest();
    if (!prediction) { write(dom.note, "The connection is lost; this was the last answer."); return; }
    write(dom.barsTitle, `The whole session, ${mmss(prediction.duration)}`);
    show({ ...prediction, settled: true }, { whole: true });
    bars.tick(10);
    mood.tick(10, performance.now());
    announce(`The whole session: ${dom.say.textContent}`, { now: true });
  }

  function refused({ message, hint }) { leave(); enter("refused", [message, hint].filter(Boolean).join(" ")); }

  // --- sound ---

  function take({ pcm, db, peak, columns }) {
    if (!tail || state !== "live") return;
    tail.push(pcm);
    line?.push(pcm);
    for (const column of columns) strip.push(column);
    ring.tick(clock(), peak > 0.99 ? 1 : 0.95 * Math.max(0, Math.min(1, 1 - db / FLOOR_DB)) ** 2);
  }

  function step(now) {
    const dt = Math.min(0.1, (now - last) / 1000);
    last = now;
    ring.draw();
    bars.tick(dt);
    mood.tick(dt, now);
    strip.tick();
    keepButton();
    if (lost) waiting(now);
    const pulse = dom.tempo.querySelector(".pulse");
    if (pulse && !still()) pulse.style.opacity = (0.25 + 0.75 * Math.exp(-((clock() * settled.tempo / 60) % 1) * 4)).toFixed(2);
    frame = requestAnimationFrame(step);
  }

  function keepButton() {
    const t = clock();
    dom.keep.disabled = t < KEEP_AFTER || !settled || settled.verdict === "silence";
    write(dom.keepWords, t < KEEP_AFTER ? "Keep, from 0:10" : "Keep this");
    write(dom.clock, mmss(t));
  }

  // --- answers ---

  function answer(a) {
    if (state !== "live") return;
    if (lost) { lost = null; dom.root.classList.remove("stale"); where("here"); }
    show(a);
    const behind = (tail.n - a.index) / tail.rate; // the bracket stands over the 3 s that this answer is about
    if (behind >= 0 && behind < STRIP) { lag = lag ? lag + 0.3 * (behind - lag) : behind; dom.now3.style.transform = `translateX(${(-lag / STRIP * 100 / 0.3).toFixed(1)}%)`; }
  }

  function show(a, { whole = false } = {}) {
    settled = a;
    const scores = scoresOf(a.genres), music = JUDGED.includes(a.verdict);
    if (music) bars.update(scores, { now: whole }); else bars.clear("The bars wait until music comes.");
    if (music && a.valence !== null && a.valence !== undefined) mood.update(a.valence, a.arousal); else if (!music) mood.clear();
    const best = bars.order[0] ?? a.genres[0]?.label ?? "", score = scores[best] ?? 0; // the headline follows the first bar
    verdict(a.verdict);
    const words = headline(a, best, pct(score));
    put(words ? words[0] : best, words ? "" : pct(score));
    if (!lost) write(dom.note, words ? words[1] : moodWords(a));
    figures(a, music);
    write(dom.aloud, `${a.verdict}. ${music ? ranked(scores).slice(0, 3).map(([g, x]) => `${g} ${pct(x)}`).join(", ") : ""}.`);
    const now = `${a.verdict} ${best}`;
    if (now !== top && !whole) { top = now; announce(words ? words[0] : `${best}, ${pct(score)}`); }
  }

  function put(words, percent) {
    const both = `${words} ${percent}`;
    if (dom.say.dataset.words === both) return;
    dom.say.dataset.words = both;
    dom.say.replaceChildren(words, percent && " ", percent && h("small.num", {}, percent));
  }

  function verdict(name) {
    for (const li of dom.verdicts.children) if (li.dataset.v === name) li.setAttribute("aria-current", "true"); else li.removeAttribute("aria-current");
    dom.root.classList.toggle("unsure", name === "unsure");
    ring.tone = name === "unsure" ? "flag-ink" : name === "music" ? "mark" : "ink-2";
  }

  function figures(a, music = false) {
    const pending = !a || !music ? "–" : a.settled ? null : "settling…";
    const tempo = pending ?? (a.tempo ? `${Math.round(a.tempo)} BPM` : "none found"), key = pending ?? a.key ?? "none found";
    if (dom.tempo.dataset.words !== tempo) {
      dom.tempo.dataset.words = tempo;
      dom.tempo.replaceChildren(...(/BPM/.test(tempo) ? [tempo.split(" ")[0], " ", h("small", {}, "BPM"), state === "live" && h("i.pulse")].filter(Boolean) : [h("small", {}, tempo)]));
    }
    write(dom.voice, (music && a?.voice?.label) || "–");
    if (dom.key.dataset.words !== key) { dom.key.dataset.words = key; dom.key.replaceChildren(pending || !a?.key ? h("small", {}, key) : key); }
  }

  // --- the line ---

  const where = (name) => { document.getElementById("where").dataset.state = name; };

  function broken(kind, { wait }) {
    if (state !== "live") return;
    const fresh = !lost;
    lost = { kind, until: performance.now() + wait * 1000, words: "" };
    where("lost");
    dom.root.classList.add("stale");
    waiting(performance.now());
    if (fresh) announce(kind === "busy" ? "The server is busy. Sound is held." : "Connection lost. Sound is held and will be sent.", { now: true });
  }

  function waiting(now) {
    const held = Math.min(10, Math.round(line?.behind ?? 0)), next = Math.max(0, Math.ceil((lost.until - now) / 1000));
    const head = lost.kind === "busy" ? "The server is busy." : "Connection lost.";
    write(dom.note, `${head} ${held} s of sound are held and will be sent; next try ${next ? `in ${next} s` : "now"}.`);
  }

  function back({ late, gap }) {
    const seconds = Math.round(late), missing = Math.round(gap);
    const words = `Connected again. ${seconds ? `${seconds} s of sound were sent late` : "No sound was lost"}${missing ? `; ${missing} s before them are lost` : ""}.`;
    toast(words);
    announce(words, { now: true });
  }

  // --- the phone ---

  async function wake() { try { lock = await navigator.wakeLock?.request("screen"); } catch { /* battery saver: it works without */ } }

  const visible = () => {
    clearTimeout(hidden);
    if (state !== "live") return;
    if (document.hidden) hidden = setTimeout(() => { leave(); enter("paused"); }, HIDDEN_FOR * 1000);
    else wake();
  };
  document.addEventListener("visibilitychange", visible);

  // --- kept takes ---

  function keep() {
    const best = bars.order[0] ?? settled.verdict, take = keepTake(tail, [best, scoresOf(settled.genres)[best] ?? null]);
    drawTakes(dom);
    toast(`${take.name} kept: ${mmss(take.seconds)}.`, "Undo", () => { dropTake(take); drawTakes(dom); });
  }

  const loaded = new Promise((resolve) => { setTimeout(() => resolve(engine()), 300); }); // after the first paint, before a finger is there
  dom.keep.addEventListener("click", keep);
  dom.ring.addEventListener("click", () => {
    if (state === "live") stop();
    else if (state !== "asking") { leave(); start().catch(() => { leave(); enter("taken"); }); }
  });
  drawTakes(dom);
  enter("idle");
  return () => {
    gone = true;
    leave();
    clearTimeout(hidden);
    document.removeEventListener("visibilitychange", visible);
    for (const part of [ring, mood, strip]) part.stop();
  };
}

function setFace(dom, name, words) {
  dom.face.replaceChildren(icon(name));
  dom.ring.setAttribute("aria-label", words);
}

function calm(dom, state, note) {
  const c = CALM[state];
  setFace(dom, c.icon, c.act);
  delete dom.say.dataset.words;
  dom.say.textContent = c.say;
  write(dom.note, note ?? (typeof c.note === "function" ? c.note() : c.note));
  const here = thisBrowser();
  dom.how.replaceChildren(...{
    idle: () => [h("ul.three", {}, TEACHES.map(([what, how]) => h("li", {}, h("b", {}, what), how))), h("p.fine", {}, "No title, no lookup, no account. The sound goes to your own server, never leaves your network, and is not kept.")],
    denied: () => [h("ul", {}, [...ALLOW].sort((a, b) => (b[0] === here) - (a[0] === here)).map(([name, words]) => h("li", { "data-here": name === here }, h("span", {}, name, name === here && h("em", {}, " yours?")), words)))],
    insecure: () => [h("p.cmd", {}, h("code", {}, "earmark serve --lan"))],
  }[state]?.() ?? []);
  if (state !== "idle") announce(`${c.say}. ${dom.note.textContent}`, { now: true });
}

function drawTakes(dom) {
  dom.takes.hidden = !takes.length;
  const player = new Audio();
  dom.takeList.replaceChildren(...takes.map((take) => h("li", {},
    h("button.btn.icon.small", { type: "button", "aria-label": `Play ${take.name}`, onclick: () => { if (player.src === take.url && !player.paused) player.pause(); else { player.src = take.url; player.play().catch(() => {}); } } }, icon("play")),
    h("span.grow.cut", {}, take.name, h("span.note.num", {}, ` · ${mmss(take.seconds)} · ${take.best}${take.score === null ? "" : ` ${pct(take.score)}`}`)),
    h("button.btn.bare.small", { type: "button", "aria-label": `Remove ${take.name}`, onclick: () => { player.pause(); dropTake(take); drawTakes(dom); } }, "Remove"),
    h("a.btn.small", { href: "#song/take", "aria-label": `Open ${take.name} in Song`, onclick: () => { player.pause(); hand(take.blob, `${take.name}.wav`); } }, "Open"))));
}

function build() {
  const dom = {};
  dom.ringCanvas = h("canvas", { "aria-hidden": "true" });
  dom.face = h("span.face");
  dom.ring = h("button.ring", { type: "button" }, dom.ringCanvas, dom.face);
  dom.verdicts = h("ul.verdicts", { "aria-label": "Verdict" }, VERDICTS.map(([v, words, name]) => h("li", { "data-v": v }, icon(name), words)));
  dom.say = h("h1.say");
  dom.note = h("p.note");
  dom.clock = h("span.fine.num");
  dom.keepWords = h("span");
  dom.keep = h("button.btn.small.keep", { type: "button", disabled: true }, icon("ear", true), dom.keepWords);
  dom.aloud = h("p.sr");
  dom.bars = h("div.bars", { "aria-hidden": "true" });
  dom.barsTitle = h("h2", {}, "The last 3 seconds");
  dom.mood = h("section.card", { "aria-label": "Mood" }, h("h2.sr", {}, "Mood"));
  dom.tempo = h("dd.num"); dom.key = h("dd"); dom.voice = h("dd");
  dom.voiceStat = h("div.stat", { hidden: true }, h("dt", {}, "Voice"), dom.voice);
  dom.strip = h("canvas", { role: "img", "aria-label": "Log-mel spectrogram of the last ten seconds" });
  dom.now3 = h("div.now3", { "aria-hidden": "true" }, h("span", {}, "these 3 s"));
  dom.takeList = h("ul.list");
  dom.how = h("div.how");
  dom.takes = h("section.card.takes.ear", { hidden: true }, h("h2", {}, "Kept"), dom.takeList);
  const verdictRow = h("div.row.verdict-row", {}, dom.verdicts);
  dom.root = h("div.listen", {},
    h("section.hero", { "aria-label": "Microphone" }, verdictRow, dom.ring, h("div.said", {}, dom.say, dom.note, h("div.row.tight.keep-row", {}, dom.keep, dom.clock)), dom.aloud),
    h("section.card.bars-card", { "aria-label": "Genres" }, h("div.top", {}, dom.barsTitle, h("span.fine", {}, "mark: present from here")), dom.bars),
    h("div.pair", {}, dom.mood, h("section.card", { "aria-label": "Tempo and key" }, h("dl.stack", {}, h("div.stat", {}, h("dt", {}, "Tempo"), dom.tempo), h("div.stat", {}, h("dt", {}, "Key"), dom.key), dom.voiceStat))),
    h("section.mel-card", { "aria-label": "Spectrogram" }, h("div.mel", {}, dom.strip, dom.now3,
      ...MEL_AXIS.map(([words, top]) => h("span.hz", { "aria-hidden": "true", css: { top: `${top}%` } }, words))), h("p.axis", { "aria-hidden": "true" }, h("span", {}, "10 s ago"), h("span", {}, "now"))),
    dom.takes, dom.how);
  return dom;
}

// Where 8, 2 and 0.5 kHz lie between 30 Hz and 11 kHz on the mel scale of the strip, in per cent from above.
const MEL_AXIS = [["8 kHz", 7], ["2 kHz", 46], ["500 Hz", 79]];
