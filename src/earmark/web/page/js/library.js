// View 3. Find songs by how they sound: search, table, map, neighbours, playlists, corrections, the scan.
import { h, icon, pct, count, announce, toast, download, trouble } from "./ui.js";
import { GENRES, setVocabulary } from "./genres.js";
import { file, follow, get, post, put, status } from "./api.js";
import { queryBox } from "./query.js";
import { Songs } from "./songs.js";
import { SongTable, total } from "./table.js";
import { SoundMap } from "./map.js";
import { Player } from "./player.js";
import { scanCard } from "./scan.js";
import { dialog, named } from "./dialog.js";

export const title = "Library";

export function mount(root, rest) {
  let stop = () => {}, gone = false;
  root.append(h("h1.sr", {}, "Library"));
  status({ fresh: true }).then((s) => {
    if (gone) return;
    setVocabulary(s.labels);
    root.replaceChildren();
    stop = s.library ? browse(root, s, rest) : blank(root);
  }).catch((error) => { if (!gone) root.append(trouble(error)); });
  return () => { gone = true; stop(); };
}

function blank(root) {
  root.append(h("section.drop", {}, icon("library"), h("h1", {}, "No library yet"), h("p.note", {}, "Point earmark at your music, on the machine that serves this page. It analyses each song once, a few dozen in a second, and writes nothing into your files."),
    h("div.stack", {}, h("p.cmd", {}, h("code", {}, "earmark scan ~/Music")), h("p.cmd", {}, h("code", {}, "earmark serve"))),
    h("ul.three", {}, [["Then search", "genre:jazz mood:calm bpm:90..110"], ["or wander", "on a map where near means alike"], ["or stop", "any time; it goes on where it was"]].map(([a, b]) => h("li", {}, h("b", {}, a), b)))));
  return () => {};
}

function browse(root, server, rest) {
  const lib = h("div.lib", { "data-pane": "songs" }), countLine = h("span.fine.num.cut.count", { role: "status" }), side = h("section.card.like", { "aria-label": "Sounds like" });
  const make = h("button.btn.small", { type: "button", "aria-label": "Make a playlist of these", onclick: () => playlist(songs.ids.length, "this search", { q: songs.q, order: "smooth" }) }, icon("plus", true), h("span.wide-only", {}, "Playlist"));
  const songs = new Songs((from, to) => { table.refresh(from, to); if (table.at < 0 && from === 0) first(); });
  const table = new SongTable(songs, { onselect: (t) => { map.choose(t.id); near(t); }, onplay: (t) => player.play(t), onmenu: more, onsort: (sort) => search(songs.q, sort) });
  const map = new SoundMap({ onpick: picked, onlasso: lassoed, onswap: (on) => table.paint(on), name: async (id) => { const t = await songs.byId(id); return [t.title || t.name, [t.artist, t.corrected ? `${t.genre}, corrected` : t.top?.[0] && `${t.top[0][0]} ${pct(t.top[0][1])}`].filter(Boolean).join(" · ")]; }, make: compute });
  const player = new Player(), scan = scanCard(server.library.tracks, () => { search(songs.q, songs.sort, { quiet: true }); if (map.n) loadMap(); });
  const query = queryBox(rest, (text) => { history.replaceState(null, "", text ? `#library/${encodeURIComponent(text)}` : "#library"); search(text, songs.sort); }, { voice: server.labels.voice.length > 0 });
  let closed = false, unfollow = () => {}, turn = 0;

  async function search(q, sort, { quiet = false } = {}) {
    try {
      if (!await songs.find(q, sort) || closed) return;
    } catch (error) { if (!closed) query.complain(error); return; }
    table.show();
    map.filter(q ? new Set(songs.ids) : null);
    const words = total(songs.ids.length, songs.failed, songs.of);
    countLine.textContent = words;
    make.disabled = !songs.ids.length;
    if (!quiet) announce(words);
    first();
  }

  /** Something is always chosen, so that neighbours and map are never empty. */
  function first() {
    const track = songs.ids.length ? songs.get(0) : null;
    if (!track) { side.replaceChildren(h("p.note", {}, songs.ids.length ? "" : "No song, no neighbours.")); return; }
    table.select(0, true);
    map.choose(track.id);
    near(track);
  }

  async function picked(id, quiet) {
    const i = songs.place(id);
    if (i >= 0) table.select(i, true);
    try { const track = await songs.byId(id); near(track); if (!quiet) player.play(track); } catch (error) { toast(error.message); }
  }

  async function near(track) {
    const mine = ++turn, head = h("div.top", {}, h("h2.cut", {}, "Sounds like ", h("em", {}, track.title || track.name)), h("button.btn.bare.small", { type: "button", onclick: () => playlist(25, `songs like ${track.title || track.name}`, { like: [track.id], n: 25, order: "smooth" }) }, "Make playlist"));
    let list;
    try {
      const { tracks } = await get(`/api/tracks/${track.id}/similar?n=6&other_artists=1`);
      list = tracks.length ? h("ul.list", {}, tracks.map(neighbour)) : h("p.note", {}, "Nothing by other artists is near it.");
    } catch (error) { list = h("p.note", {}, error.message); }
    if (mine === turn) side.replaceChildren(head, list);
  }

  const neighbour = (t) => h("li", {}, h("button.btn.icon.small", { type: "button", "aria-label": `Play ${t.title || t.name}`, onclick: () => player.play(t) }, icon("play")),
    h("div.grow", {}, h("div.cut.name", {}, t.title || t.name, t.artist && h("span.note", {}, `  ${t.artist}`)), h("div.why", {}, (t.why ?? []).map((w) => h("span", {}, w)))), h("span.near.num", { title: "Similarity by sound" }, pct(t.similarity)));

  function lassoed(ids) {
    if (!ids.length) { toast("No song inside that loop."); return; }
    toast(`${count(ids.length)} songs inside.`, "Make a playlist", () => playlist(ids.length, "a loop on the map", { ids, order: "smooth" }));
    announce(`${ids.length} songs inside the loop`, { now: true });
  }

  // --- the map ---

  async function loadMap(isMade = true) {
    const none = "The map of this library is not made yet. Songs that sound alike will lie near each other.";
    if (!isMade) { map.empty(none, { code: "no_map" }); return; }
    try { map.fill(await get("/api/map")); map.choose(songs.ids[table.at] ?? -1); } catch (error) { map.empty(none, error); }
  }

  async function compute(onprogress) {
    try {
      const job = await post("/api/jobs", { kind: "map" });
      unfollow = follow(job.id, (now) => {
        if (now.total) onprogress(now.done / now.total);
        if (now.state === "done") loadMap();
        else if (now.state !== "running" && now.state !== "queued") map.empty("", now.error ?? { message: "The map was not computed." });
      });
    } catch (error) { map.empty("", error); }
  }

  // --- corrections ---

  async function relabel(track, genre) {
    const before = track.corrected ? track.genre : null;
    try {
      const now = await put(`/api/tracks/${track.id}/label`, { genre });
      songs.put(now);
      table.refresh();
      if (map.n) loadMap();
      const words = genre === null ? `${track.title || track.name}: the correction is taken back.` : `${track.title || track.name}: ${genre}, corrected.`;
      toast(words, "Undo", () => relabel({ ...track, ...now }, before));
      announce(words, { now: true });
    } catch (error) { toast(`${error.message} ${error.hint ?? ""}`); }
  }

  function more(track) {
    const name = track.title || track.name, best = track.top?.[0], second = track.top?.[1]?.[0];
    const known = track.corrected && !GENRES.includes(track.genre) ? [track.genre, ...GENRES] : GENRES;
    const pick = h("select.btn", { "aria-label": "Genre" }, known.map((g) => h("option", { value: g, selected: g === (track.corrected ? track.genre : second) }, g)));
    const words = best ? `The model predicts ${best[0]}, ${pct(best[1])}. ` : "";
    dialog("What is it really?", h("div.stack", {}, h("p.cut", {}, h("b", {}, name), track.artist && ` · ${track.artist}`), h("p.note", {}, `${words}Your correction stands beside the prediction, changes no file, and can be exported to train with.`), named("Genre", pick),
      h("a.btn.bare.small", { href: `#song/${track.id}`, onclick: (event) => event.target.closest("dialog").close("") }, icon("song", true), "Open in Song")),
    [["Keep my correction", () => relabel(track, pick.value)], ...(track.corrected ? [["Take it back", () => relabel(track, null), ""]] : [])]);
  }

  const pane = (id, words) => h("button", { type: "button", "aria-pressed": String(lib.dataset.pane === id), onclick: (event) => {
    lib.dataset.pane = id;
    for (const b of event.target.parentNode.children) b.setAttribute("aria-pressed", String(b === event.target));
  } }, words);

  lib.append(h("h1.sr", {}, "Library"), h("div.p-q.stack.tight", {}, query.el, h("div.row.tight", {}, h("div.seg.panes", { role: "group", "aria-label": "Show" }, pane("songs", "Songs"), pane("map", "Map"), pane("scan", "Scan")), countLine, h("span.grow"), make)),
    table.el, map.el, scan.el, h("div.p-side.stack", {}, side), player.el);
  root.append(lib);
  query.begin();
  loadMap(server.library.map !== false);
  return () => { closed = true; songs.turn++; unfollow(); scan.stop(); map.stop(); table.stop(); player.stop(); };
}

function playlist(n, from, wanted) {
  const name = h("input", { value: from[0].toUpperCase() + from.slice(1), maxlength: 200 }), select = (choices) => h("select.btn", {}, choices.map(([value, words]) => h("option", { value }, words)));
  const form = select([["m3u8", "M3U8"], ["xspf", "XSPF"], ["json", "JSON"]]), order = select([["smooth", "smooth: tempo, key, sound"], ["rise", "rising energy"], ["fall", "falling energy"], ["given", "as listed"], ["shuffle", "shuffled"]]);
  dialog("Make a playlist", h("div.stack", {}, h("p.note.num", {}, `${count(n)} song${n === 1 ? "" : "s"} from ${from}.`), named("Name", h("div.field", {}, name)), h("div.row", {}, named("Order", order), named("Format", form))), [["Download", async () => {
    try {
      const made = await file("/api/playlists", { ...wanted, name: name.value || "Playlist", format: form.value, order: order.value });
      download(made.name, made.blob, made.blob.type);
      toast(`${made.name} is made.`);
    } catch (error) { toast(`${error.message} ${error.hint ?? ""}`); }
  }]]);
}
