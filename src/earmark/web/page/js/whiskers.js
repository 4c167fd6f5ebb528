// A dot for the figure, a whisker for where it likely lies (95 %). Text is text, so that it can be read, copied and zoomed.
import { s, pct } from "./ui.js";

/** rows: [label, value, low, high, note?, hollow?]; from: the left end; base: [value, words] draws a dashed line; stacked: words above (phones). */
export function whiskers(rows, { from = 0.3, base = null, label = 168, width = 560, row = 40, stacked = false } = {}) {
  if (stacked) { label = 6; width = 330; }
  const rowH = stacked ? 50 : row, right = stacked ? 14 : 56, x = (v) => label + (v - from) / (1 - from) * (width - label - right);
  const top = base ? 20 : 4, height = top + rows.length * rowH + 24;
  const words = rows.map(([name, v, low, high, , hollow]) => `${name}: ${pct(v)}, ${pct(low)} to ${pct(high)}${hollow ? ", by folds" : ""}`).join(". ");
  const svg = s("svg", { class: "dw", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  const upright = (v, cls) => s("line", { class: cls, x1: x(v), x2: x(v), y1: top - (cls === "base" ? 4 : 0), y2: height - 22 });
  for (let v = Math.ceil(from * 5) / 5; v <= 1.001; v += 0.2) svg.append(upright(v, "grid"), s("text", { class: "ax", x: x(v), y: height - 6, "text-anchor": v > 0.99 && stacked ? "end" : "middle" }, pct(v)));
  if (base) svg.append(upright(base[0], "base"), s("text", { class: "ax", x: x(base[0]), y: 11, "text-anchor": "middle" }, base[1]));
  rows.forEach(([name, v, low, high, note, hollow], i) => {
    const y0 = top + i * rowH, y = stacked ? y0 + 34 : y0 + rowH / 2;
    const title = s("text", { class: "lab", x: 0, y: stacked ? y0 + 16 : y + (note ? -1 : 4) }, name);
    if (note && stacked) title.append(s("tspan", { class: "ax", dx: 8 }, note));
    svg.append(title, note && !stacked ? s("text", { class: "ax", x: 0, y: y + 14 }, note) : "", s("line", { class: "wh", x1: x(low), x2: x(high), y1: y, y2: y }),
      s("circle", { class: hollow ? "pt hollow" : "pt", cx: x(v), cy: y, r: 6.5 }), s("text", { class: "val", x: width, y: stacked ? y0 + 16 : y + 4 }, pct(v)));
  });
  return svg;
}
