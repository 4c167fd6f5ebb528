// The PNG of a song, 1600 by 900, drawn here: what the page shows, without a round trip.
import { token, mmss, pct } from "./ui.js";
import { colour } from "./genres.js";
import { isMusic, kindOf } from "./words.js";

const W = 1600, H = 900, PAD = 48, LANES = { wave: 120, mel: 220, genres: 300, gap: 14, axis: 26 };
const NO_MUSIC = { ...LANES, mel: 470, genres: 50 };

/** -> Blob. `line` is the Timeline on the page. */
export async function picture(name, prediction, line) {
  const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
  canvas.width = W; canvas.height = H;
  ctx.fillStyle = token("paper"); ctx.fillRect(0, 0, W, H);
  ctx.fillStyle = token("ink"); ctx.textBaseline = "alphabetic"; ctx.font = `40px ${token("serif")}`;
  ctx.fillText(cut(ctx, name, W - 2 * PAD), PAD, 78);
  ctx.font = `20px ${token("sans")}`; ctx.fillStyle = token("ink-2");
  ctx.fillText(facts(prediction), PAD, 112);
  ctx.save();
  ctx.translate(PAD, 140);
  line.paint(ctx, W - 2 * PAD, isMusic(prediction) ? LANES : NO_MUSIC);
  ctx.restore();
  ctx.font = `16px ${token("sans")}`; ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
  let x = PAD;
  for (const genre of line.six) {
    ctx.fillStyle = colour(genre); ctx.fillRect(x, H - 40, 14, 14);
    ctx.fillStyle = token("ink"); ctx.fillText(genre, x + 20, H - 27);
    x += ctx.measureText(genre).width + 46;
  }
  ctx.textAlign = "right"; ctx.fillStyle = token("ink-3");
  ctx.fillText(`earmark, ${prediction.model.name}`, W - PAD, H - 27);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

const facts = (p) => [mmss(p.duration), ...(isMusic(p) ? p.genres.slice(0, 3).map(({ label, score }) => `${label} ${pct(score)}`) : [kindOf(p)]), p.tempo && `${Math.round(p.tempo)} BPM`, p.key].filter(Boolean).join("   ");

function cut(ctx, words, width) {
  let out = words;
  while (out.length > 1 && ctx.measureText(out).width > width) out = `${out.slice(0, -2)}…`;
  return out;
}
