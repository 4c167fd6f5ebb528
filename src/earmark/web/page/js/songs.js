// The songs that a query finds: all their ids at once, their rows by pages as they come into view.
import { at, get } from "./api.js";

const PAGE = 100;

export class Songs {
  /** `onload(from, to)`: the rows of these places have arrived. */
  constructor(onload) { Object.assign(this, { onload, ids: [], failed: 0, of: 0, q: "", sort: "id", pages: new Map(), known: new Map(), turn: 0 }); }

  /** Run a query; throws the server's Problem. False if another one came in between. */
  async find(q, sort = this.sort) {
    const mine = ++this.turn;
    const [{ ids }, first] = await Promise.all([get(at("/api/tracks/ids", { q, sort })), get(at("/api/tracks", { q, sort, limit: PAGE }))]);
    if (mine !== this.turn) return false;
    Object.assign(this, { q, sort, ids, failed: first.failed, of: first.of, pages: new Map() });
    this.places = new Map(ids.map((id, i) => [id, i]));
    this.#keep(0, first.tracks);
    return true;
  }

  #keep(page, tracks) {
    this.pages.set(page, tracks);
    for (const track of tracks) this.known.set(track.id, track);
  }

  /** The track at a place, or undefined until its page has come. */
  get(i) {
    const page = Math.floor(i / PAGE);
    if (!this.pages.has(page)) this.#load(page);
    return this.pages.get(page)?.[i % PAGE];
  }

  async #load(page) {
    this.pages.set(page, []);
    const mine = this.turn;
    try {
      const { tracks } = await get(at("/api/tracks", { q: this.q, sort: this.sort, limit: PAGE, offset: page * PAGE }));
      if (mine !== this.turn) return;
      this.#keep(page, tracks);
      this.onload(page * PAGE, page * PAGE + tracks.length);
    } catch { if (mine === this.turn) setTimeout(() => this.pages.delete(page), 2000); } // fetched again when it comes into view
  }

  place(id) { return this.places?.get(id) ?? -1; }

  /** A track by id, wherever it is: the map knows tracks of which no row was loaded. */
  async byId(id) {
    if (!this.known.has(id)) this.known.set(id, await get(`/api/tracks/${id}`));
    return this.known.get(id);
  }

  /** A track that has changed. */
  put(track) {
    const before = this.known.get(track.id);
    if (before) Object.assign(before, track); else this.known.set(track.id, track);
  }
}
