// The wall: the photo and its painting in every style, side by side, each hung as soon as it is painted.

import { announce, element, Problem } from "./dom.js";
import { isReady } from "./styles.js";
import { Tile } from "./tile.js";

const QUICK = 256; // pixels of the longer side of the first, quick paintings
const FINE = 640;

const wall = element("wall");
const tiles = new Map(); // by style
let picture = null;
let work = new AbortController(); // of the paintings in work
let urgent = Promise.resolve(); // what the fine paintings wait for

/** Hang a tile for each of these styles; `choose(style)` and `remove(style)` are called when that is asked for. */
export function offer(styles, choose, remove) {
  for (const [style, tile] of tiles) {
    if (styles.includes(style)) continue;
    tile.close();
    tiles.delete(style);
  }
  const last = wall.lastElementChild; // where a painting is added
  for (const style of styles) {
    if (tiles.has(style)) continue;
    const tile = new Tile(style, choose, remove);
    tiles.set(style, tile);
    wall.insertBefore(tile.place, last);
    if (!picture) continue;
    tile.wait(picture);
    if (isReady(style)) refresh(style);
  }
}

/** Paint the picture in every style and hang it: small paintings first, then the fine ones, in one pass each. */
export async function hang(newPicture) {
  work.abort();
  work = new AbortController();
  const { signal } = work;
  picture = newPicture;
  element("wall-photo").src = picture.url;
  for (const tile of tiles.values()) tile.wait(picture);
  const ready = [...tiles.values()].filter(({ style }) => isReady(style));
  await Promise.all(ready.map((tile) => paint(tile, QUICK, signal)));
  if (signal.aborted) return;
  const failed = ready.filter(({ again }) => again);
  if (failed.length) throw new Problem(failed[0].why || "Some were not painted: click one to try again.");
  announce(`All ${ready.length} are painted. Choose one to see it large.`);
  performance.mark("previews");
  for (const tile of ready) {
    await urgent;
    await paint(tile, FINE, signal);
  }
  performance.mark("fine previews");
}

async function paint(tile, side, signal) {
  await tile.paint(await picture.scaled(side), { size: side, format: picture.format }, signal);
}

/** Paint one style's tile anew, finely. */
export async function refresh(style) {
  if (picture) await paint(tiles.get(style), FINE, work.signal);
}

/** Say what has changed about a style that is studied. */
export const describe = (style) => tiles.get(style)?.describe();

/** The address of what hangs in a style's place now. */
export const imageOf = (style) => tiles.get(style).image.src;

/** Let this promise end before the fine paintings go on. */
export function giveWay(promise) {
  urgent = promise.catch(() => {});
}

/** Mark the chosen style, or none. */
export function mark(chosen) {
  wall.classList.toggle("strip", Boolean(chosen));
  for (const [style, { button }] of tiles) {
    if (chosen) button.setAttribute("aria-pressed", String(style === chosen));
    else button.removeAttribute("aria-pressed");
  }
  if (chosen) reveal(chosen);
}

/** Bring a style's tile into view. */
export function reveal(style) {
  tiles.get(style).place.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function focus(style) {
  tiles.get(style)?.button.focus();
}
