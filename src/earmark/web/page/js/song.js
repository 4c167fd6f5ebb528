// View 2. Drop a song: what it is, and when.
import { h, icon, pct, mmss, count, announce, toast, download } from "./ui.js";
import { QUADRANTS, cssColour, scoresOf, setVocabulary } from "./genres.js";
import { at, get, status, upload } from "./api.js";
import { stillBars } from "./bars.js";
import { MoodPlane } from "./mood.js";
import { Timeline } from "./timeline.js";
import { VERDICTS, instead, isMusic, kindOf, played } from "./words.js";
import { Sound, address } from "./sound.js";
import { taken } from "./takes.js";
import { picture } from "./picture.js";

export const title = "Song";

// Codes of the service -> icon and words of ours; the message and the hint of the service stand below.
const TROUBLE = {
  "unknown-format": ["warn", "This is not sound that earmark can read"], unreadable: ["warn", "This file cannot be read"], corrupt: ["warn", "This file is damaged"], "bad-samples": ["warn", "This file is damaged"],
  "no-audio-track": ["warn", "There is no sound track in it"], encrypted: ["warn", "This file is locked by its shop"], empty: ["warn", "The file is empty"], "too-short": ["warn", "Too short"],
  "too-long": ["warn", "Too long for this server"], "too-large": ["warn", "Too large for this server"], memory: ["warn", "Too large for this server"], busy: ["warn", "The server is busy"], deadline: ["warn", "It took too long"], unreachable: ["link", "The server does not answer"],
};

export function mount(root, target) {
  const sheet = h("div.sheet", { hidden: true, "aria-hidden": "true" }, "Drop it anywhere"), pane = h("div.pane");
  root.append(pane, sheet);
  let stop = () => {}, depth = 0, turn = 0;

  function show({ el, stop: next = () => {} }) {
    stop();
    stop = next;
    pane.replaceChildren(el);
  }

  const begin = () => { turn++; show(empty(take, example)); };
  const fail = (error, file) => show(trouble(error, file, take));

  /** A file of the user, a take of Listen, or the example. */
  async function take(file) {
    if (!file) return;
    const mine = ++turn, limits = await status().then((s) => s.limits, () => null);
    if (mine !== turn) return;
    if (!file.size) { fail({ code: "empty", message: `${file.name} has 0 bytes.`, hint: "" }, file); return; }
    if (limits && file.size > limits.bytes) { fail({ code: "too-large", message: `${file.name} has ${megabytes(file.size)}; this server takes ${megabytes(limits.bytes)}.`, hint: "" }, file); return; }
    const waiting = reading(file, () => { sent.cancel(); begin(); });
    const sent = upload(at("/api/classify", { include: "picture,similar", name: file.name }), file, waiting.progress);
    show({ el: waiting.el, stop: () => sent.cancel() });
    try {
      const prediction = await sent.done;
      if (mine !== turn) return;
      stop = () => {}; // it has arrived: nothing to cancel
      present(prediction, { url: URL.createObjectURL(file), name: file.name, own: true });
    } catch (error) { if (mine === turn && error.name !== "AbortError") fail(error, file); }
  }

  async function example() {
    const mine = ++turn;
    try {
      const blob = await (await fetch("/api/demo")).blob();
      if (mine === turn) take(new File([blob], "earmark-demo.flac", { type: blob.type }));
    } catch { if (mine === turn) fail({ code: "unreachable", message: "The example could not be fetched.", hint: "" }); }
  }

  /** A track of the library: nothing is uploaded, it was analysed before. */
  async function open(id) {
    const mine = ++turn;
    show({ el: h("section.drop", { "aria-busy": "true" }, icon("song"), h("h1", {}, "Opening …")) });
    try {
      const [track, near] = await Promise.all([tracked(id), get(`/api/tracks/${encodeURIComponent(id)}/similar?n=6&other_artists=1`).catch(() => ({ tracks: null }))]);
      if (mine !== turn) return;
      if (!track.prediction) { fail({ code: "", message: `${track.name} could not be analysed.`, hint: "", ...track.error }); return; }
      present({ ...track.prediction, picture: track.picture, similar: near.tracks }, { url: address(track), name: track.name, track });
    } catch (error) { if (mine === turn) fail(error); }
  }

  function present(prediction, source) {
    if (prediction.verdict === "silence") { show(trouble({ code: "silent", message: `${source.name} stays below −60 dB for all of its ${mmss(prediction.duration)}.`, hint: "If you hear something, the wrong channel may have been recorded." }, null, take)); return; }
    show(analysed(prediction, source, take));
  }

  const over = (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); };
  const enter = (event) => { if (event.dataTransfer?.types.includes("Files")) { depth++; sheet.hidden = false; } };
  const leave = () => { depth = Math.max(0, depth - 1); if (!depth) sheet.hidden = true; };
  const drop = (event) => { event.preventDefault(); depth = 0; sheet.hidden = true; take(event.dataTransfer.files[0]); };
  const on = { dragover: over, dragenter: enter, dragleave: leave, drop };
  for (const [name, fn] of Object.entries(on)) addEventListener(name, fn);
  status().then((s) => setVocabulary(s.labels)).catch(() => {});
  const parcel = target === "take" ? taken() : null;
  if (parcel) take(new File([parcel.blob], parcel.name, { type: parcel.blob.type }));
  else if (target && target !== "take") open(target);
  else begin();
  return () => { turn++; stop(); for (const [name, fn] of Object.entries(on)) removeEventListener(name, fn); };
}

/** A track of the library with its waveform and spectrogram; without them (its file has gone, say) the rest still stands. */
function tracked(id) {
  const path = `/api/tracks/${encodeURIComponent(id)}`;
  return get(`${path}?include=picture`).catch(() => get(path));
}

const megabytes = (n) => `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`;

function chooser(take, words, style = "go") {
  const input = h("input", { type: "file", accept: "audio/*,video/mp4,video/webm,.flac,.opus,.oga,.mka", hidden: true, "aria-label": words, onchange: (event) => take(event.target.files[0]) });
  return h("span", {}, input, h(`button.btn.${style}`, { type: "button", onclick: () => input.click() }, words));
}

function empty(take, example) {
  const limit = h("span", {}, "Most formats, even the sound of a film.");
  status().then((s) => { limit.textContent = `Up to ${hours(s.limits.seconds)}; most formats, even the sound of a film.`; }).catch(() => {});
  return { el: h("section.drop", {}, icon("drop"), h("h1", {}, "Drop a song anywhere on this page"),
    h("p.note", {}, "You get its waveform and spectrogram, its genres at every moment, mood, tempo, key, and the songs of your library that sound like it."),
    h("div.row.centre", {}, chooser(take, "Choose a file"), h("button.btn", { type: "button", onclick: example }, "Try an example")),
    h("p.fine", {}, limit, " It is analysed and not kept.")) };
}

const hours = (s) => (s >= 7200 ? `${+(s / 3600).toFixed(1)} hours` : `${Math.round(s / 60)} minutes`);

function reading(file, cancel) {
  announce(`Sending ${file.name}`);
  const fill = h("i", { css: { transform: "scaleX(0)" } }), note = h("p.note.num", {}, `Sending ${megabytes(file.size)}`);
  const meter = h("div.meter", { role: "progressbar", "aria-label": "Sent", "aria-valuenow": 0, css: { width: "min(320px, 80%)" } }, fill);
  const progress = (x) => {
    fill.style.transform = `scaleX(${x})`;
    meter.setAttribute("aria-valuenow", Math.round(100 * x));
    note.textContent = x < 1 ? `Sent ${megabytes(x * file.size)} of ${megabytes(file.size)}` : "Analysing";
    meter.classList.toggle("busy", x >= 1);
  };
  return { progress, el: h("section.drop", { "aria-busy": "true" }, icon("song"), h("h1.name", {}, file.name), note, meter, h("button.btn", { type: "button", onclick: cancel }, "Cancel")) };
}

function trouble(error, file, take) {
  const [name, words] = error.code === "silent" ? ["hush", "There is no sound in it"] : TROUBLE[error.code] ?? ["warn", "This did not work"];
  const command = error.code.startsWith("too-l") && file ? `earmark classify --excerpt ${quoted(file.name)}` : null;
  announce(`${words}. ${error.message}`, { now: true });
  return { el: h("section.drop", { role: "alert" }, icon(name), h("h1", {}, words), h("p.note", {}, error.message), error.hint && h("p.note", {}, error.hint.replaceAll("`", "")),
    command && h("p.note", {}, "The command line can:"), command && h("p.cmd", {}, h("code", {}, command)),
    h("div.row.centre", {}, file && ["busy", "unreachable", "deadline"].includes(error.code) && h("button.btn.go", { type: "button", onclick: () => take(file) }, "Try again"), chooser(take, "Choose another", file ? "other" : "go"))) };
}

const quoted = (name) => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

/** The times of a track that is a part of its file count from the beginning of the file, those of the page from its own. */
function withinTrack(p) {
  const shifted = (list) => list?.map((one) => ({ ...one, start: one.start - p.start, end: one.end - p.start }));
  return p.start ? { ...p, segments: shifted(p.segments), parts: shifted(p.parts) } : p;
}

/** What the timeline needs; a prediction without segments has one window. */
const windowsOf = (p) => (p.segments?.length ? p.segments : [{ start: 0, end: p.duration, genres: p.genres }]).map(({ start, end, genres }) => ({ start, end, scores: scoresOf(genres) }));

function analysed(whole, source, take) {
  const p = withinTrack(whole);
  const music = isMusic(p);
  const name = source.track?.title || source.name.replace(/\.[^.]+$/, ""), clock = h("span.num", {}, `0:00 of ${mmss(p.duration)}`);
  const song = { duration: p.duration, windows: windowsOf(p), picture: p.picture, lead: music ? [...new Set(partsOf(p).map(({ genre }) => genre))].slice(0, 6) : [], kind: music ? null : kindOf(p) };
  const line = new Timeline(song, { onseek: (t) => { seconds(t); if (Math.abs(sound.time - t) > 0.2 && audio.readyState) sound.time = t; wanted = t; } });
  const sound = new Sound(), { audio } = sound, face = h("button.play", { type: "button", "aria-label": "Play", onclick: toggle }, icon("play"));
  let frame = 0, wanted = 0;
  sound.load(source.url, source.track);

  function seconds(t) { const words = `${mmss(t)} of ${mmss(p.duration)}`; if (clock.textContent !== words) clock.textContent = words; }
  async function toggle() {
    if (!audio.paused) { sound.pause(); return; }
    if (wanted && Math.abs(sound.time - wanted) > 0.2) sound.time = wanted;
    try { await sound.play(); } catch { unplayable(); }
  }
  function unplayable() {
    face.disabled = true;
    face.title = "This browser cannot play this format";
    toast("This browser cannot play this format; the analysis is complete all the same.");
  }
  const step = () => { wanted = Math.min(sound.time, p.duration); line.seek(wanted, true); seconds(wanted); frame = requestAnimationFrame(step); };
  const looks = (playing) => { face.replaceChildren(icon(playing ? "pause" : "play")); face.setAttribute("aria-label", playing ? "Pause" : "Play"); };
  audio.addEventListener("play", () => { looks(true); cancelAnimationFrame(frame); frame = requestAnimationFrame(step); });
  audio.addEventListener("pause", () => { looks(false); cancelAnimationFrame(frame); });
  const space = (event) => { if (event.key === " " && !event.target.closest("button, input, a, select, summary, dialog")) { event.preventDefault(); toggle(); } };
  addEventListener("keydown", space);

  const mood = music && p.valence !== null && p.valence !== undefined ? new MoodPlane() : null;
  const el = h("article.song", {},
    h("header.song-head", {}, face, h("div", {}, h("h1.cut", { title: name }, name), h("p.note.cut", {}, source.track?.artist ? `${source.track.artist} · ` : "", clock)), acts(whole, source, name, line, take)),
    h("div.col", {},
      h("section.card", { "aria-label": "Timeline" }, line.el, music && line.legend, music && parts(p, line)),
      h("section.card.like", {}, like(p))),
    h("div.col", {}, card(p, song), mood && h("section.card.flat", { "aria-label": "Mood" }, h("h2", {}, `Mood: ${moods(p)}`), mood.el)));
  mood?.put(p.valence, p.arousal);
  announce(music ? `${name}: ${p.genres.slice(0, 2).map(({ label, score }) => `${label} ${pct(score)}`).join(", ")}` : `${name}: ${song.kind}`, { now: true });
  return { el, stop: () => { cancelAnimationFrame(frame); removeEventListener("keydown", space); sound.unload(); line.stop(); mood?.stop(); if (source.own) URL.revokeObjectURL(source.url); } };
}

const moods = (p) => { const words = p.moods.filter(({ score }) => score >= 0.3).slice(0, 3).map(({ label }) => label); return (words.length ? words : [QUADRANTS[p.quadrant?.label]]).filter(Boolean).join(", "); };

function acts(p, source, name, line, take) {
  const stem = name.replace(/[^\p{L}\p{N} ._-]+/gu, "_").slice(0, 80) || "song";
  const json = () => { const { picture: _, similar: __, ...rest } = p; return JSON.stringify({ ...rest, source: source.name }, null, 1); };
  const labels = () => partsOf(p).map((part) => `${part.start.toFixed(6)}\t${part.end.toFixed(6)}\t${part.genre}`).join("\n") + "\n";
  const button = (words, act) => h("button.btn.small", { type: "button", onclick: act }, icon("down", true), words);
  return h("div.acts", { role: "group", "aria-label": "Download" }, button("JSON", () => download(`${stem}.json`, json(), "application/json")),
    button("Audacity labels", () => download(`${stem}.labels.txt`, labels(), "text/plain")),
    button("Picture", async () => download(`${stem}.png`, await picture(name, p, line), "image/png")), chooser(take, "Another song", "small"));
}

/** The parts of the prediction; without them, runs of windows with the same first genre; of what is not music, all of it as one. */
function partsOf(p) {
  if (!isMusic(p)) return [{ start: p.start ?? 0, end: (p.start ?? 0) + p.duration, genre: p.verdict }];
  if (p.parts?.length) return p.parts.map(({ start, end, genres }) => ({ start, end, genre: genres[0].label }));
  const runs = [];
  for (const { start, end, genres } of p.segments ?? []) {
    if (runs.at(-1)?.genre === genres[0].label) runs.at(-1).end = end; else runs.push({ start, end, genre: genres[0].label });
  }
  return runs;
}

/** Buttons with a letter for each genre: the text form of the picture. */
function parts(p, line) {
  const list = partsOf(p), letters = [...new Set(list.map(({ genre }) => genre))];
  if (list.length < 1 || list.length > 24) return null;
  return h("div.partsbar", { role: "group", "aria-label": "Parts of the song" }, list.map(({ start, end, genre }) => {
    const letter = String.fromCharCode(65 + letters.indexOf(genre) % 26);
    return h("button", { type: "button", vars: { c: cssColour(genre) }, css: { flex: `${end - start} 1 0` }, "aria-label": `Part ${letter}, ${genre}, from ${mmss(start)} to ${mmss(end)}`, onclick: () => line.seek(start) }, h("b", {}, letter), h("span.cut.part", {}, genre));
  }));
}

function card(p, song) {
  const music = isMusic(p), [, words, name] = VERDICTS.find(([v]) => v === p.verdict), best = p.genres[0];
  const sure = h("p.fine.after", {}, music && best ? `A score is a calibrated probability: of songs that get ${pct(best.score)}, about ${Math.round(100 * best.score)} in 100 have that genre. The tick is each genre's mark.` : "");
  return h("section.card", { "aria-label": "Result" }, h("div.top", {}, h("h2", {}, "Result"), h("ul.verdicts", { "aria-label": "Verdict" }, h("li", { "data-v": p.verdict, "aria-current": "true" }, icon(name), words))), chips(p),
    music ? stillBars(p.genres.slice(0, 6).map(({ label, score }) => [label, score])) : h("p.note", {}, instead(p) ? `${instead(p)} Genres mean nothing here, so none are shown.` : "Speech, noise, or a voice or instrument alone: genres mean nothing here, so none are shown."), sure,
    music && h("dl.facts.after", {}, h("div.stat", {}, h("dt", {}, "Tempo"), h("dd.num", {}, p.tempo ? Math.round(p.tempo) : "–", " ", p.tempo && h("small", {}, "BPM"))), h("div.stat", {}, h("dt", {}, "Key"), h("dd", {}, p.key ?? "–"))),
    coverage(p, song), p.warnings?.length ? h("div.hint.after", {}, p.warnings.map((w) => h("p", {}, w))) : null);
}

/** The voice and the instruments, quietly; from a model that knows them. */
function chips(p) {
  const found = played(p);
  return found.length > 0 && h("ul.row.chips", { "aria-label": "Voice and instruments" }, found.map(([label, score]) => h("li.chip", { title: pct(score) }, label)));
}

/** One cell for each window; of music, grey where the first genre does not reach its threshold. */
function coverage(p, song) {
  const n = p.segments?.length ?? 0;
  if (!n) return null;
  const cells = Math.min(34, n), lowest = (i) => Math.max(...Object.values(song.windows[Math.floor(i / cells * n)].scores));
  return h("div.after", {}, h("div.top", {}, h("h3", {}, `Analysed: ${p.coverage === "full" ? "all of it" : p.coverage === "part" ? "a part" : p.coverage}`), h("span.fine.num", {}, `${count(n)} window${n === 1 ? "" : "s"} of 3 s`)),
    h("div.cover", { role: "img", "aria-label": `${n} windows were analysed` }, Array.from({ length: cells }, (_, i) => h(`i${!song.kind && lowest(i) < 0.3 ? ".q" : ""}`))), !song.kind && h("p.fine", {}, "grey: no genre above 30 %"));
}

function like(p) {
  const head = h("div.top", {}, h("h2", {}, "Sounds like"), h("span.fine", {}, "in your library, other artists first"));
  if (p.similar === null) return [head, h("p.note", {}, "This song cannot be compared with those of the library.")];
  if (!p.similar) return [h("div.top", {}, h("h2", {}, "Sounds like")), h("p.note", {}, "This server has no library. On the machine that serves this page:"), h("p.cmd", {}, h("code", {}, "earmark scan ~/Music"))];
  if (!p.similar.length) return [head, h("p.note", {}, "The library has nothing near it yet.")];
  return [head, h("ul.list", {}, p.similar.slice(0, 6).map((t) => h("li", {},
    h("a.btn.icon.small", { href: `#song/${t.id}`, "aria-label": `Open ${t.title || t.name}` }, icon("song")),
    h("div.grow", {}, h("div.cut", {}, t.title || t.name, t.artist && h("span.note", {}, `  ${t.artist}`)), h("div.why", {}, (t.why ?? []).map((w) => h("span", {}, w)))),
    h("span.near.num", { title: "Similarity by sound" }, pct(t.similarity)))))];
}
