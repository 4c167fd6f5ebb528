// A native dialog: it keeps the focus, closes with Escape and gives the focus back.
import { h } from "./ui.js";

/** `acts`: [[words, act, style?]]; the first is what Enter does. Cancel is always there. */
export function dialog(name, body, acts) {
  const box = h("dialog", { "aria-label": name }, h("form", { method: "dialog" }, h("h2.title", {}, name), body,
    h("div.row.end", {}, h("button.btn", { value: "", type: "submit" }, "Cancel"), acts.map(([words, , style], i) => h(`button.btn${style ?? (i ? "" : ".go")}`, { value: String(i), type: "submit" }, words)))));
  // The first submit button is what Enter presses: that must be the act, wherever it stands.
  box.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input, select")) { event.preventDefault(); box.close("0"); } });
  box.addEventListener("close", () => { if (box.returnValue !== "") acts[Number(box.returnValue)][1](); box.remove(); });
  document.body.append(box);
  box.showModal();
  return box;
}

/** A field with its name above. */
export const named = (words, field) => h("label.named", {}, h("span.fine", {}, words), field);
