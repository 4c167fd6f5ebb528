// What Listen writes in each state. One sentence for what is so, one for what to do.
import { QUADRANTS } from "./genres.js";
import { pct } from "./ui.js";

const host = () => location.hostname;
export const CALM = {
  idle: { icon: "mic", act: "Start listening", say: "What is playing?", note: "Tap, and hold the microphone towards the music. Three seconds are enough for a first answer." },
  asking: { icon: "mic", act: "Waiting for the browser", say: "Microphone?", note: () => `Answer your browser with “Allow”. The sound goes to ${host()} only.` },
  denied: { icon: "micoff", act: "Try again", say: "The microphone is not allowed", note: "The browser blocks it for this page. To allow it:" },
  nomic: { icon: "micoff", act: "Look again", say: "No microphone found", note: "Plug one in or switch one on, then tap again. You can also drop a file into Song." },
  taken: { icon: "micoff", act: "Try again", say: "The microphone is in use", note: "Another program holds it, or the system does not hand it out. Close that program, then tap again." },
  insecure: { icon: "micoff", act: "Try again", say: "Browsers lend the microphone only to safe pages", note: "This page came over plain http. On the machine that serves it, start it again like this, and scan the code that it shows:" },
  paused: { icon: "mic", act: "Go on listening", say: "Stopped in the background", note: "This page was hidden for a minute, so it let go of the microphone. Tap to go on." },
  frozen: { icon: "mic", act: "Go on listening", say: "The system took the microphone", note: "A call, a lock or another program interrupted it. Tap to go on." },
  refused: { icon: "warn", act: "Try again", say: "The server refused", note: "" },
};

export const ALLOW = [
  ["Chrome", "Tap the sliders left of the address, then Permissions, Microphone, Allow."],
  ["Safari, iPhone", "Tap the page menu in the address bar, then Website Settings, Microphone, Allow."],
  ["Safari, Mac", "Safari, Settings, Websites, Microphone: set this page to Allow."],
  ["Firefox", "Tap the crossed-out microphone by the address, and remove the block."],
  ["Edge", "Tap the lock by the address, then Permissions, Microphone, Allow."],
];

export function thisBrowser(agent = navigator.userAgent) {
  if (/Edg\//.test(agent)) return "Edge";
  if (/Firefox|FxiOS/.test(agent)) return "Firefox";
  if (/iPhone|iPad/.test(agent)) return "Safari, iPhone";
  if (/Chrome|CriOS/.test(agent)) return "Chrome";
  return /Safari/.test(agent) ? "Safari, Mac" : "";
}

export const TEACHES = [["Genre", "bars for the last 3 seconds"], ["Mood", "from gloomy to excited, as a point that wanders"], ["Tempo and key", "after about eight seconds"]];

export const VERDICTS = [["music", "music", "note"], ["unsure", "unsure", "ask"], ["not-music", "not music", "voice"], ["silence", "silence", "hush"]];

/** The big words and the note under them: of an answer of the server. */
export function headline(answer, best, score) {
  if (answer.verdict === "silence") return ["No sound", "Nothing above −60 dB. Come closer, or uncover the microphone."];
  if (answer.verdict === "not-music") return ["Not music", instead(answer) || "Speech or noise, or a voice alone."];
  if (answer.verdict === "unsure") return ["Unsure", `Nothing stands out: ${best} leads with ${score}.`];
  return null;
}

/** Of what is not music: what it sounds like, as a sentence; nothing where music is the likeliest all the same, and from a model that does not know. */
export function instead({ sound }) {
  return sound && sound.label !== "music" ? `Sounds like ${sound.label}, ${pct(sound.scores[sound.label])}.` : "";
}

export const isMusic = ({ verdict }) => verdict === "music" || verdict === "unsure";

/** The same in two words; "not music" where nothing better is known. */
export function kindOf({ sound }) {
  return sound && sound.label !== "music" ? `${sound.label} ${pct(sound.scores[sound.label])}` : "not music";
}

/** Of a song: its voice and the instruments that are present, each with its score; nothing from a model without them. */
export function played({ voice, instruments = [] }) {
  return [...(voice ? [[voice.label, voice.scores[voice.label]]] : []), ...instruments.filter(({ present }) => present).map(({ label, score }) => [label, score])];
}

/** Of music: the corner of the mood plane, and the mood words that stand out. */
export function moodWords(answer) {
  const label = answer.quadrant?.label, words = (answer.moods ?? []).filter(({ score }) => score > 0.4).slice(0, 2).map(({ label: word }) => word);
  return [QUADRANTS[label]?.split(", ")[0] ?? label, ...words].filter((word, i, all) => word && all.indexOf(word) === i).join(", ");
}
