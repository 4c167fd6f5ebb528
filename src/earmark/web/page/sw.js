// Keeps the shell (page, styles, modules, icons), never an answer of the service. The network comes first, so a newer server shows at
// once; the kept copy stands in when the server is away, and shows that. Raise VERSION when the way of keeping changes.
const VERSION = "earmark-shell-1", PATIENCE = 3000;
const SHELL = /^\/(?:$|index\.html$|css\/|js\/|icons\/|manifest\.webmanifest$)/;
const FIRST = ["/", "/css/tokens.css", "/css/base.css", "/css/shell.css", "/css/parts.css", "/css/listen.css", "/js/theme.js", "/js/app.js", "/js/ui.js", "/js/api.js", "/js/genres.js",
  "/js/listen.js", "/js/words.js", "/js/ring.js", "/js/bars.js", "/js/mood.js", "/js/mel.js", "/js/takes.js", "/icons/icon.svg"];

addEventListener("install", (event) => { event.waitUntil(caches.open(VERSION).then((kept) => kept.addAll(FIRST)).then(() => self.skipWaiting())); });
addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith("earmark-shell-") && name !== VERSION).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  // A token in the address belongs to the server, and to no store.
  if (event.request.method !== "GET" || url.origin !== location.origin || !SHELL.test(url.pathname) || url.search) return;
  event.respondWith(shell(event.request));
});

async function shell(request) {
  const kept = await caches.open(VERSION), copy = await kept.match(request);
  const fresh = fetch(request).then((response) => {
    if (response.ok && !response.redirected) kept.put(request, response.clone());
    return response;
  });
  if (!copy) return fresh;
  fresh.catch(() => {});
  return Promise.race([fresh.catch(() => copy), new Promise((resolve) => { setTimeout(() => resolve(copy), PATIENCE); })]);
}
