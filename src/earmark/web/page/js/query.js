// The query language as chips. The words are those of `earmark search`; the server knows the language, and what it refuses is shown.
import { h, icon } from "./ui.js";

const TERM = /-?(?:[\w-]+(?::|>=|<=|>|<)?)?"[^"]*"|\S+/g;

/** "genre:jazz -genre:latin rain" -> its terms. Brackets and alternatives join terms, so such a query stays in one piece. */
export function terms(text) {
  const whole = text.trim();
  if (!whole) return [];
  return /[()|]|(^|\s)or(\s|$)/i.test(whole.replace(/"[^"]*"/g, "")) ? [whole] : whole.match(TERM);
}

const TRY = ["genre:jazz", "mood:calm", "voice:instrumental", "bpm:90..110", "key:Am", "bpm-confidence>0.7", "year:1970..", "verdict:unsure", "is:corrected"];
const field = (term) => term.replace(/^-/, "").split(/[:<>]/)[0];

/** The search box: type or tap; a chip for each term, which can be taken away again. `onchange(text)`; `voice`: whether the model knows voices. */
export function queryBox(text, onchange, { voice = false } = {}) {
  const input = h("input", { type: "search", "aria-label": "Search the library", "aria-describedby": "query-help", placeholder: "words, or genre:jazz", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const chips = h("div.query", {}), help = h("div.fine", { id: "query-help", role: "status" });
  let list = terms(text);

  function chip(term, i) {
    const [, not, name, value] = /^(-?)(?:([\w-]+(?::|>=|<=|>|<)))?(.*)$/s.exec(term);
    return h(`span.chip.mono${not ? ".not" : ""}`, {}, not && "not ", name, h("b.cut", {}, value.replaceAll('"', "") || term),
      h("button", { type: "button", "aria-label": `Remove ${term}`, onclick: () => { commit(list.filter((_, j) => j !== i)); input.focus(); } }, icon("x", true)));
  }

  function commit(next) {
    list = next;
    chips.replaceChildren(...list.map(chip));
    hints();
    onchange(list.join(" "));
  }

  function hints() {
    const unused = TRY.filter((word) => (voice || field(word) !== "voice") && !list.some((term) => field(term) === field(word))).slice(0, 3);
    help.replaceChildren("Try ", ...unused.flatMap((word, i) => [i ? " " : "", h("button.btn.bare.small.tiny", { type: "button", onclick: () => commit([...list, word]) }, h("code", {}, word))]));
  }

  /** Show why the server refused the query. */
  function complain(error) { help.replaceChildren(h("span.wrong", {}, error.message, error.hint && ` ${error.hint.replaceAll("`", "")}`)); }

  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && input.value.trim()) { const more = terms(input.value); input.value = ""; commit([...list, ...more]); }
    if (event.key === "Backspace" && !input.value && list.length) commit(list.slice(0, -1));
    if (event.key === "Escape") input.value = "";
  });
  return { el: h("div.stack.tight", {}, h("div.field", {}, icon("find"), input, h("span.fine", { "aria-hidden": "true" }, "Enter")), h("div.row", {}, chips, h("span.grow"), help)),
    begin: () => commit(list), complain };
}
