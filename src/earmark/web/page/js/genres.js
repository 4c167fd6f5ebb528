// The labels in the order of their families (which is the order of their hues), their colours, and the rule of six.
import { token } from "./ui.js";

const FAMILIES = ["metal", "rock", "latin", "country", "folk", "world", "reggae", "jazz", "new-age", "soundtrack",
  "electronic", "blues", "classical", "vocal", "spoken", "disco", "pop", "r&b", "hip-hop"];
export const QUADRANTS = { Q1: "excited, happy", Q2: "tense, angry", Q3: "gloomy, sad", Q4: "calm, relaxed" };

/** Labels of the model in use, in the order of their hues; {genres, marks} is live: views read it when they draw. */
export let GENRES = FAMILIES;
/** The score from which a label counts as present: `thresholds.labels` of the card. */
export let MARKS = {};
let hues = hueNames(FAMILIES);

/** A label of another vocabulary takes the hues in order, each of another family than the one before. */
function hueNames(labels) {
  const names = {};
  let next = 0;
  for (const label of labels) names[label] = FAMILIES.includes(label) ? label : FAMILIES[(next++ * 7) % FAMILIES.length];
  return names;
}

/** What the model in use knows: `labels` of /api/status. */
export function setVocabulary({ genres, marks }) {
  hues = hueNames(genres);
  GENRES = [...FAMILIES.filter((genre) => genres.includes(genre)), ...genres.filter((genre) => !FAMILIES.includes(genre))];
  MARKS = marks ?? {};
  cache = {};
}

const key = (genre) => (hues[genre] ? `g-${hues[genre].replace("&", "n")}` : "other");
export const cssColour = (genre) => `var(--${key(genre)})`;

let cache = {};
addEventListener("themechange", () => { cache = {}; });
/** The colour as the canvas wants it, of the theme that is on. */
export const colour = (genre) => (cache[genre] ??= token(key(genre)));

/** [{label, score}] of a prediction -> {label: score}. */
export const scoresOf = (list) => Object.fromEntries(list.map(({ label, score }) => [label, score]));

/** Labels in the order of their hues; those of another vocabulary last. */
export const inOrder = (some) => [...GENRES.filter((genre) => some.includes(genre)), ...some.filter((genre) => !GENRES.includes(genre))];

/** At most six genres have a colour at once: the heaviest; the rest are `other`. Kept in family order. */
export function six(weights) {
  const best = Object.entries(weights).sort((a, b) => b[1] - a[1]).slice(0, 6).map(([genre]) => genre);
  return inOrder(best);
}

export const ranked = (scores) => Object.entries(scores).sort((a, b) => b[1] - a[1]);

/** OKLCH (of a token such as "0.56 0.09 180") to bytes: for image data, which knows no CSS colours. */
export function bytes([L, C, H]) {
  const a = C * Math.cos(H * Math.PI / 180), b = C * Math.sin(H * Math.PI / 180);
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const t = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * t,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * t, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * t];
  return linear.map((x) => Math.round(255 * Math.min(1, Math.max(0, x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055))));
}

/** 256 colours from quiet to loud, through the theme's five stops. */
export function melScale() {
  const stops = [0, 1, 2, 3, 4].map((i) => token(`mel-${i}`).split(/\s+/).map(Number));
  return Array.from({ length: 256 }, (_, i) => {
    const x = i / 255 * 4, k = Math.min(3, Math.floor(x)), f = x - k;
    const [p, q] = [stops[k], stops[k + 1]];
    return bytes([p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1]), p[2] + f * (q[2] - p[2])]);
  });
}
