// The router: #view/rest. A view and its style sheet are loaded when it is first opened; it exports {title, mount(root, rest) -> unmount}.
import { h, icon, announce } from "./ui.js";
import { signs, status } from "./api.js";
import { setVocabulary } from "./genres.js";
import * as listen from "./listen.js";

const VIEWS = {
  listen: async () => listen,
  song: () => view("song"),
  library: () => view("library"),
  teach: () => view("teach"),
  models: () => view("models"),
};
const main = document.getElementById("view");
let unmount = () => {}, shown = "", turn = 0;

/** The module of a view; its style sheet comes first, so that nothing is laid out twice. */
async function view(name) {
  const [module] = await Promise.all([import(`./${name}.js`), sheet(`css/${name}.css`)]);
  return module;
}

function sheet(href) {
  if (document.querySelector(`link[href="${href}"]`)) return null;
  return new Promise((resolve, reject) => document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: () => reject(new Error(href)) })));
}

async function route() {
  const [name, ...rest] = (location.hash.slice(1) || "listen").split("/");
  if (name === "view") return;
  const key = VIEWS[name] ? name : "listen", mine = ++turn;
  let opened;
  try { opened = await VIEWS[key](); } catch { opened = { title: "Not loaded", mount: unloaded }; }
  if (mine !== turn) return;
  unmount();
  const root = h("div.view");
  main.replaceChildren(root);
  document.title = `${opened.title} · earmark`;
  for (const a of document.querySelectorAll(".nav a")) {
    if (a.hash === `#${key}`) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
  }
  unmount = opened.mount(root, decodeURIComponent(rest.join("/"))) ?? (() => {});
  if (shown && shown !== key) { scrollTo(0, 0); main.focus({ preventScroll: true }); announce(opened.title, { now: true }); }
  shown = key;
}

const unloaded = (root) => {
  root.append(h("section.drop", { role: "alert" }, icon("warn"), h("h1", {}, "This view could not be loaded"), h("p.note", {}, "The server does not answer. Start it again, then reload this page."),
    h("button.btn.go", { type: "button", onclick: () => location.reload() }, "Reload")));
};

/** The server wants a token that this browser does not have. */
function locked() {
  turn++;
  unmount(); unmount = () => {};
  main.replaceChildren(h("div.view", {}, h("section.drop", { role: "alert" }, icon("link"), h("h1", {}, "This page needs its link"),
    h("p.note", {}, "The server accepts those who have its token. Scan the code that its terminal shows, or open the address that is printed there. On the machine that serves it:"),
    h("p.cmd", {}, h("code", {}, "earmark serve --lan")), h("button.btn", { type: "button", onclick: () => location.reload() }, "Try again"))));
  document.title = "Token missing · earmark";
}

const where = document.getElementById("where");
where.lastElementChild.textContent = location.hostname;
signs.addEventListener("reachable", () => { where.dataset.state = "here"; });
signs.addEventListener("unreachable", () => { where.dataset.state = "lost"; });
signs.addEventListener("locked", locked);

const theme = document.getElementById("theme");
const nameTheme = () => {
  const words = `Theme: ${document.documentElement.dataset.choice}`;
  theme.setAttribute("aria-label", words);
  theme.title = words;
};
theme.addEventListener("click", () => announce(`Theme: ${window.earmarkTheme.next()}`, { now: true }));
addEventListener("themechange", nameTheme);
nameTheme();

// 1 to 5 change the view, unless one is typing.
addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = Object.keys(VIEWS)[Number(event.key) - 1];
  if (key) location.hash = key;
});
addEventListener("hashchange", route);
route();
status().then((s) => setVocabulary(s.labels)).catch(() => { /* the dot shows it */ });

// The shell is kept for the next visit; never an answer. Only where browsers allow it.
if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => { /* works without */ });
