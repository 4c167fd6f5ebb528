// View 5. The card of a model, in plain words: what it can do, how well, by what kind of test, and where it fails.
import { h, icon, pct, count, copy, wide, trouble } from "./ui.js";
import { cssColour, inOrder } from "./genres.js";
import { get } from "./api.js";
import { whiskers } from "./whiskers.js";

export const title = "Models";

// Metrics of cards -> words for people, in the order in which they are shown. A card without any of them shows its own names.
const WORDS = [
  ["people's own songs, 12 s: top genre", "Genre, people's own songs"],
  ["people's own songs, 12 s: among the first two", "… among its first two"],
  ["Emotify, 12 s, four genres: top genre", "Genre, best of four (Emotify)"],
  ["people's own songs, 12 s: top genre: a phone across a room, noise, 10 dB", "Own songs, by phone across a room"],
  ["top genre is one of the artist's", "Genre, best of {genres}"],
  ["GTZAN, up to 30 s, best of ten", "Genre, GTZAN, 30 s"],
  ["GTZAN, first 3 s, best of ten", "Genre, GTZAN, first 3 s"],
  ["GTZAN, up to 30 s, best of ten, by heads that never met GTZAN", "GTZAN, 30 s, without training on it"],
  ["top genre is one of the artist's: a phone across a room, noise, 10 dB", "Genre, by phone across a room"],
  ["mood quadrant", "Mood, best of 4"],
  ["speech, noise, environment, applause called not-music", "Speech and noise rejected"],
];
// What a constant guess reaches on a test set, by the digest of its split: the card does not hold it.
const BASELINES = { "74cdb78721cf": ["pop", 0.48, "always pop: 48 %"], "9b529e2a5ac41120": ["rock", 0.41, "always rock: 41 %"] };

/** Measured by folds, on music that an earlier stage of the model has processed: a little too good. */
const byFolds = (metric) => /folds/.test(metric.split ?? "") && /heard|processed/.test(metric.split ?? "");
const where = (metric) => byFolds(metric) ? "by folds" : /^exam,/.test(metric.split ?? "") ? "new to the model" : metric.split ?? "";

export function mount(root, rest) {
  let gone = false;
  const pane = h("div.model"), heading = h("h1.sr", {}, "Models");
  root.append(heading, pane);
  open().catch((error) => { if (!gone) pane.replaceChildren(trouble(error)); });

  async function open() {
    const { models } = await get("/api/models"), entry = models.find(({ name }) => name === rest) ?? models.find(({ in_use: used }) => used) ?? models[0];
    const card = await get(`/api/models/${encodeURIComponent(entry.name)}`);
    if (gone) return;
    heading.remove();
    pane.replaceChildren(...view(card, entry, models));
  }
  return () => { gone = true; };
}

function view(card, entry, models) {
  const shown = figures(card);
  return [h("header.full", {}, h("div.row", {}, h("h1", {}, card.name), entry.in_use && h("span.chip", {}, "in use"), entry.bytes && h("span.chip", {}, `${(entry.bytes / 1e6).toFixed(1)} MB`), card.licence && h("span.chip", {}, card.licence)),
    h("p.note.lead", {}, sentence(card)),
    models.length > 1 && h("nav.row.others", { "aria-label": "Models" }, h("span.fine", {}, "Also here"), models.filter(({ name }) => name !== card.name).map(({ name }) => h("a.chip", { href: `#models/${encodeURIComponent(name)}` }, name)))),
  shown.length > 0 && accuracy(card, shown),
  h("div.stack.gap", {}, card.calibration?.risk?.length > 1 && selective(card), card.limits?.length > 0 && h("section.card", {}, h("h2", {}, "Where it fails"), h("ul.plain", {}, card.limits.map((words) => h("li", {}, plain(words)))))),
  knows(card), trained(card)].filter(Boolean);
}

const head = (card, name) => card.heads?.find((one) => one.name === name);

function sentence(card) {
  const best = metric(card, WORDS[0][0]) ?? metric(card, "top genre is one of the artist's"), base = BASELINES[best?.split_digest], what = `It scores ${card.window} seconds at a time: ${(card.summary ?? "").replace(/\.$/, "")}. `;
  if (!best) return what;
  const words = `Its first genre is right for ${pct(best.value)} of ${count(best.n)} test tracks`;
  return `${what}${words}${base ? `; a guess that is always “${base[0]}” would be right for ${pct(base[1])}.` : "."}`;
}

const metric = (card, name) => card.metrics?.find((one) => one.name === name);

/** [[words, metric]]: those that have words; else what has an interval, at most ten. */
function figures(card) {
  const genres = card.heads?.[0]?.classes?.length ?? 0;
  const known = WORDS.map(([name, words]) => [words.replace("{genres}", genres), metric(card, name)]).filter(([, m]) => m);
  return known.length ? known : (card.metrics ?? []).filter((m) => m.value >= 0 && m.value <= 1).slice(0, 10).map((m) => [m.name, m]);
}

function accuracy(card, shown) {
  const folds = shown.some(([, m]) => byFolds(m)), base = BASELINES[shown[0][1].split_digest], wideNow = wide();
  const rows = shown.map(([words, m]) => [words, m.value, m.low ?? m.value, m.high ?? m.value, `${wideNow ? `${where(m)}; ` : ""}n = ${count(m.n ?? 0)}`, byFolds(m)]);
  const lowest = Math.floor(5 * Math.min(...rows.map(([, , low]) => low), base?.[1] ?? 1)) / 5;
  return h("section.card", { "aria-label": "How accurate it is" }, h("div.top", {}, h("h2", {}, "How accurate is it?"), h("span.fine", {}, "dot: measured · whisker: 95 % interval")),
    whiskers(rows, { from: Math.max(0, Math.min(0.4, lowest) - (lowest >= 0.4 ? 0.1 : 0)), base: base ? [base[1], base[2]] : null, label: 270, width: 640, row: 48, stacked: !wideNow }),
    folds && h("p.note.after", {}, h("b", {}, "Hollow dots are measured by folds"), " of music that the backbone has processed in training: the heads were tested on artists that they were not trained on, the network below them was not. Such figures are a little too good; expect less on music that no stage has processed."),
    h("p.fine.after", {}, "Figures of 90 % and more on GTZAN, as published elsewhere, come from tracks of one artist on both sides of the split."));
}

/** If it may say “unsure” for the songs of which it is least sure, it errs less on the rest: figures of the card, straight lines between. */
function selective(card) {
  const risk = [...card.calibration.risk].sort((a, b) => b.coverage - a.coverage);
  const at = (c) => { const i = Math.max(0, risk.findIndex((r) => r.coverage <= c + 1e-9)), a = risk[Math.max(0, i - 1)], b = risk[i]; return a === b ? b.accuracy : b.accuracy + (a.accuracy - b.accuracy) * (c - b.coverage) / (a.coverage - b.coverage); };
  const least = Math.round(100 * risk.at(-1).coverage), words = h("p.say.num"), slider = h("input", { type: "range", min: least, max: 100, step: 10, value: 80, "aria-label": "Songs that it answers for, in per cent", oninput: () => draw() });
  const draw = () => { const c = slider.value / 100; slider.setAttribute("aria-valuetext", `answers for ${pct(c)}, right for ${pct(at(c))}`); words.replaceChildren(`${pct(at(c))} `, h("small", {}, "right, if it answers for ", h("b", {}, pct(c)), " of songs")); };
  draw();
  return h("section.card", {}, h("h2", {}, "May it answer “unsure”?"), words, slider, h("p.fine", {}, "Slide left: it leaves out the songs of which it is least sure, and errs less on the rest. Measured by folds, which is a little too good."));
}

function knows(card) {
  const genres = head(card, "genres") ?? card.heads?.[0], moods = head(card, "moods"), quadrant = head(card, "quadrant"), sound = head(card, "sound");
  const voice = head(card, "voice"), instruments = head(card, "instruments"), affect = head(card, "affect");
  return h("section.card", {}, h("h2", {}, "What it knows"), genres && [h("h3.first", {}, `${genres.classes.length} genres, in families of sound`), h("div.row.chips", {}, inOrder(genres.classes).map((g) => h("span.chip", { vars: { c: cssColour(g) } }, h("i.dot"), g)))],
    (moods || quadrant || affect) && [h("h3", {}, "Mood"), h("p.note", {}, [quadrant && "Four corners: excited, tense, gloomy, calm", moods && `${moods.classes.length} words such as ${moods.classes.filter((w) => ["wistful", "fiery", "dreamy"].includes(w)).join(", ") || moods.classes.slice(0, 3).join(", ")}`, affect && "how pleasant and how energetic, as amounts"].filter(Boolean).join(", and ") + ".")],
    (voice || instruments) && [h("h3", {}, "Voice and instruments"), h("p.note", {}, [voice, instruments].filter(Boolean).map(({ classes }) => `${cap(classes.join(", "))}.`).join(" "))],
    [h("h3", {}, "And besides"), h("p.note", {}, `${sound ? `${cap(sound.classes.join(", "))}. ` : ""}${card.embedding_size ? "Songs that sound alike. " : ""}Tempo and key are computed, without a model.`)]);
}

const cap = (words) => words[0].toUpperCase() + words.slice(1);

function trained(card) {
  const rows = card.training_data ?? [], command = `earmark models ${card.name}`;
  return h("section.card", {}, h("h2", {}, "What it was trained on"), rows.length ? h("table.tab", {}, h("thead", {}, h("tr", {}, ["Source", "Clips", "Licence"].map((x) => h("th", { scope: "col" }, x)))), h("tbody", {}, rows.map((d) => h("tr", {}, h("td", {}, plain(d.name ?? "")), h("td.num", {}, d.n ? count(d.n) : "–"), h("td", {}, d.licence ?? "–"))))) : h("p.note", {}, "The card does not name it."),
    card.sha256 && h("p.fine.after", {}, "Digest ", h("code", {}, `${card.sha256.slice(0, 12)}…`), ". The whole card, with splits:"), h("div.cmd.after", {}, h("code", { tabindex: 0 }, command), h("button.btn.icon.small", { type: "button", "aria-label": "Copy the command", onclick: () => copy(command) }, icon("copy", true))));
}

/** Texts of a card carry code marks; a page shows words. */
const plain = (text) => text.replaceAll("`", "");
