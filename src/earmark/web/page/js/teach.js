// View 4. Boxes with names of yours, a few clips in each, seconds to train, an honest estimate, a live try, a file to take away.
import { h, icon, pct, announce, toast, copy, surface, trouble, wide, write } from "./ui.js";
import { at, follow, post, status, upload } from "./api.js";
import { scoresOf } from "./genres.js";
import { columnsOf, drawMel } from "./mel.js";
import { GlideBars } from "./bars.js";
import { whiskers } from "./whiskers.js";
import { Microphone } from "./microphone.js";
import { Line } from "./line.js";
import { wav } from "./takes.js";
import { CALM } from "./words.js";

export const title = "Teach";
const LEAST = 8, RECORD = 3, NONE = "none of these";
const TONES = ["var(--g-jazz)", "var(--g-pop)", "var(--g-electronic)", "var(--g-rock)", "var(--g-folk)", "var(--g-classical)", "var(--g-latin)", "var(--g-reggae)"];

// Kept while the page is open: leaving the view loses nothing. The server forgets the clips after an hour.
let boxes = null, trained = null, name = "my-words";
const fresh = () => [{ name: "", clips: [] }, { name: "", clips: [] }, { name: NONE, clips: [], fixed: true }];

export function mount(root) {
  boxes ??= fresh();
  const grid = h("div.boxes"), bar = h("div.trainbar"), note = h("p.note.lead", {}, `Name two boxes or more, and put at least ${LEAST} clips into each. It is trained on the sound alone, on this server, in seconds.`);
  root.append(h("div.teach", {}, h("header", {}, h("h1", {}, "Teach it your own words"), note), grid, bar));
  let stops = [], job = null, unfollow = () => {}, gone = false, recording = null, tryout = null;

  status().then((s) => { if (s.can && s.can.teach === false && !gone) { grid.replaceChildren(h("section.card", {}, h("h2", {}, "This server cannot train"), h("p.note", {}, "It needs the extra `train`. On the machine that serves this page:".replaceAll("`", "")), h("p.cmd", {}, h("code", {}, "pip install 'earmark[train]'")))); bar.hidden = true; } }).catch(() => {});

  // --- boxes ---

  const filled = () => boxes.filter((box) => box.clips.length);
  const missing = () => boxes.filter((box) => !box.fixed || box.clips.length).reduce((n, box) => n + Math.max(0, LEAST - box.clips.length), 0);
  const nameless = () => filled().find((box) => !box.name.trim());
  const twins = () => new Set(filled().map((box) => box.name.trim().toLowerCase())).size < filled().length;

  function draw() {
    stops.forEach((stop) => stop()); stops = [];
    grid.replaceChildren(...boxes.map(drawBox), h("button.btn.another", { type: "button", onclick: () => { boxes.splice(-1, 0, { name: "", clips: [] }); draw(); } }, icon("plus"), "Another box"));
    drawBar();
  }

  function drawBox(box, i) {
    const n = box.clips.length, ready = box.clips.filter((clip) => !clip.busy).length, full = ready >= LEAST, clips = h("div.clips");
    box.clips.forEach((clip, k) => clips.append(drawClip(box, clip, k)));
    for (let k = n; k < LEAST; k++) clips.append(h("span.clip.want", { "aria-hidden": "true" }));
    const input = h("input", { type: "file", accept: "audio/*,.flac,.opus,.oga", multiple: true, hidden: true, "aria-label": `Files for ${box.name || `box ${i + 1}`}`, onchange: (event) => add(box, [...event.target.files]) });
    return h(`section.card.box${full ? ".full" : ""}`, { "aria-label": box.name || `Box ${i + 1}`, ondragover: (event) => event.preventDefault(), ondrop: (event) => { event.preventDefault(); event.stopPropagation(); add(box, [...event.dataTransfer.files]); } },
      h("input.name", { value: box.name, "aria-label": `Name of box ${i + 1}`, placeholder: ["my hall", "synth-pop I like"][i] ?? "another word", readonly: box.fixed, maxlength: 60, oninput: (event) => { box.name = event.target.value; drawBar(); } }),
      h("div.row", {}, h("span.note.num", { role: "status" }, ready < n ? `${ready} of ${n} clips analysed` : full ? `${n} clips` : `${n} of at least ${LEAST} clips`), full && icon("check", true), h("span.grow"), box.fixed && h("span.fine", {}, "so that neither is possible")),
      clips, h("div.row", {}, input, h("button.btn.small", { type: "button", onclick: (event) => record(box, event.currentTarget) }, icon("mic", true), `Record ${RECORD} s`), h("button.btn.small", { type: "button", onclick: () => input.click() }, icon("drop", true), "Add files"),
        boxes.length > 3 && !box.fixed && h("button.btn.bare.small", { type: "button", onclick: () => { boxes = boxes.filter((b) => b !== box); trained = null; draw(); } }, "Remove")));
  }

  function drawClip(box, clip, k) {
    if (clip.busy) return h("span.clip.busy", { role: "img", "aria-label": "Clip on its way" });
    const canvas = h("canvas", { "aria-hidden": "true" }), columns = columnsOf(clip.picture.log_mel);
    stops.push(surface(canvas, (ctx, w, hh) => drawMel(ctx, columns, 0, 0, w, hh)).stop);
    const remove = () => { box.clips = box.clips.filter((c) => c !== clip); URL.revokeObjectURL(clip.url); trained = null; draw(); };
    return h("button.clip", { type: "button", "aria-label": `Clip ${k + 1} of ${box.name || "this box"}: press to play, Delete to remove`, onclick: () => { new Audio(clip.url).play().catch(() => {}); toast(`Clip ${k + 1}, ${clip.seconds.toFixed(1)} s.`, "Remove", remove); },
      onkeydown: (event) => { if (event.key === "Delete" || event.key === "Backspace") remove(); } }, canvas);
  }

  async function add(box, files) {
    if (!files.length) return;
    trained = null;
    const slots = files.map((file) => ({ busy: true, file }));
    box.clips.push(...slots);
    draw();
    for (const slot of slots) {
      try {
        const made = await upload(at("/api/teach/clips", { name: slot.file.name }), slot.file).done;
        Object.assign(slot, made, { busy: false, url: URL.createObjectURL(slot.file) });
      } catch (error) {
        box.clips = box.clips.filter((c) => c !== slot);
        toast(`${slot.file.name}: ${error.message} ${error.hint ?? ""}`);
      }
      if (!gone) draw();
    }
    announce(`${box.clips.length} clips in ${box.name || "the box"}`, { now: true });
  }

  async function record(box, button) {
    if (recording) return;
    const blocks = [];
    let n = 0, rate = 48000;
    endTry();
    button.disabled = true;
    const words = h("span", {}, "Allow …");
    button.replaceChildren(icon("stop", true), words);
    const mic = recording = new Microphone({ ontrouble: () => finish(false), onblock: ({ pcm }) => {
      blocks.push(pcm); n += pcm.length;
      write(words, `${Math.max(0, Math.ceil(RECORD - n / rate))} …`);
      if (n >= rate * RECORD) finish(true);
    } });
    announce("Recording three seconds", { now: true });

    function finish(good) {
      if (recording !== mic) return;
      mic.close(); recording = null;
      if (!good) { draw(); return; }
      const pcm = new Int16Array(n);
      blocks.reduce((to, block) => { pcm.set(block, to); return to + block.length; }, 0);
      add(box, [new File([wav(pcm, rate)], "recorded.wav", { type: "audio/wav" })]);
    }
    try { rate = await mic.open(); } catch (error) { finish(false); toast(CALM[error.reason]?.say ?? "The microphone could not be opened"); }
  }

  // --- training ---

  async function train() {
    job = { state: "queued", done: 0, total: null };
    trained = null;
    drawBar();
    try {
      job = await post("/api/teach", { name, boxes: filled().map((box) => ({ name: box.name.trim(), clips: box.clips.map(({ clip }) => clip) })) });
      unfollow = follow(job.id, (now) => {
        job = now;
        if (now.state === "done") {
          trained = now.result; job = null;
          announce(`Trained. Right in about ${pct(trained.accuracy)} of cases, likely between ${pct(trained.low)} and ${pct(trained.high)}.`, { now: true });
        }
        if (!gone) drawBar();
      });
    } catch (error) { job = { state: "failed", error }; if (!gone) drawBar(); }
  }

  function drawBar() {
    endTry();
    if (trained) { bar.replaceChildren(result(), tryIt()); return; }
    const lack = missing(), running = job && ["queued", "running"].includes(job.state), few = filled().length < 2;
    const words = running ? job.text || "Fitting, then checking each recording against the others." : lack || few ? `${lack || LEAST} more clips to go. Few clips give a wide estimate; twenty in each box give a good one.` : boxes.some((b) => b.clips.some((c) => c.busy)) ? "Clips are being analysed." : nameless() ? "Give each box a name." : twins() ? "Two boxes have the same name." : "Takes a few seconds.";
    bar.replaceChildren(h("section.card", { "aria-label": "Train" }, h("div.row", {}, h("button.btn.go", { type: "button", disabled: lack > 0 || few || running || Boolean(nameless()) || twins() || boxes.some((b) => b.clips.some((c) => c.busy)), onclick: train }, running ? "Training…" : "Train"),
      h("span.note.grow", { role: "status" }, words)),
    running && h("div.meter.after", { role: "progressbar", "aria-label": "Training" }, h("i", { css: { transform: `scaleX(${job.total ? job.done / job.total : 0.1})` } })), job?.state === "failed" && h("div.after", {}, trouble(job.error ?? { message: "The training failed." }))));
  }

  function result() {
    const t = trained, rows = [["all boxes", t.accuracy, t.low, t.high], ...t.each], file = `${name}.earmark`;
    return h("section.card.ear", { "aria-label": "How accurate it is" }, h("h2", {}, "How accurate is it?"), h("p.say", {}, `${pct(t.accuracy)} `, h("small", {}, `likely ${pct(t.low)} to ${pct(t.high)}`)),
      whiskers(rows, { from: Math.min(0.4, Math.floor(5 * Math.min(...rows.map(([, , low]) => low))) / 5), stacked: !wide() }),
      h("p.fine.after", {}, t.how ?? `From ${t.n} clips.`),
      h("div.stack.after", {}, h("div.row", {}, h("a.btn.go.small", { href: `/api/teach/${encodeURIComponent(t.model)}/bundle`, download: file }, icon("down", true), "Download the bundle"), h("button.btn.small", { type: "button", onclick: train }, "Train again")), command(`earmark classify --model ${file} song.mp3`)));
  }

  // --- the try ---

  function tryIt() {
    const bars = h("div.bars.long", { "aria-hidden": "true" }), aloud = h("p.sr", { role: "status" }), words = h("span", {}, "Listen"), button = h("button.btn.small", { type: "button" }, icon("mic", true), words);
    const note = h("p.note.after", {}, "Sing, play, or hold the phone to a speaker. Wrong? Record that moment into the right box and train again.");
    const colours = Object.fromEntries(filled().map((box, i) => [box.name.trim(), box.fixed ? "var(--other)" : TONES[i % TONES.length]]));
    const glide = new GlideBars(bars, { rows: filled().length, colours, marks: {} });
    glide.clear("The bars wait for sound.");
    button.addEventListener("click", () => { if (tryout) { endTry(); return; } begin().catch((error) => { endTry(); toast(CALM[error.reason]?.say ?? "The microphone could not be opened"); }); });

    async function begin() {
      let line = null, frame = 0, last = performance.now();
      const mic = new Microphone({ onblock: ({ pcm }) => line?.push(pcm), onrate: (rate) => line?.changeRate(rate), ontrouble: () => endTry() });
      tryout = { end: () => { mic.close(); line?.close(); cancelAnimationFrame(frame); write(words, "Listen"); } };
      write(words, "Listening, stop");
      const rate = await mic.open();
      line = new Line(rate, { open() {}, final() {}, back() {}, lost: () => write(note, "Connection lost; sound is held."), busy: () => write(note, "The server is busy."), refused: (why) => { endTry(); toast(`${why.message} ${why.hint ?? ""}`); },
        answer: (a) => {
          if (a.verdict === "silence") { glide.clear("No sound."); return; }
          glide.update(scoresOf(a.genres));
          write(aloud, `${a.genres[0].label} ${pct(a.genres[0].score)}`);
        } }, { model: trained.model });
      const step = (now) => { glide.tick(Math.min(0.1, (now - last) / 1000)); last = now; frame = requestAnimationFrame(step); };
      frame = requestAnimationFrame(step);
    }
    return h("section.card", { "aria-label": "Try it" }, h("div.top", {}, h("h2", {}, "Try it live"), button), bars, aloud, note);
  }

  function endTry() { tryout?.end(); tryout = null; }

  draw();
  return () => { gone = true; unfollow(); endTry(); recording?.close(); stops.forEach((stop) => stop()); };
}

const command = (text) => h("div.cmd", {}, h("code", { tabindex: 0 }, text), h("button.btn.icon.small", { type: "button", "aria-label": "Copy the command", onclick: () => copy(text) }, icon("copy", true)));
