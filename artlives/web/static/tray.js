// The tray: the pictures of this visit, in the page's memory alone, each with how it was painted last.

import { element, make } from "./dom.js";

const MOST = 12; // pictures, of some megabytes each; the oldest goes first
const THUMB_SIDE = 256; // pixels of the longer side

const tray = element("tray");
let kept = []; // {picture, item, image, url}, newest first
let open = () => {};

/** Put a picture into the tray. */
export async function add(picture) {
  const image = make("img", { alt: "" });
  const button = make("button", { type: "button", title: picture.stem }, image);
  button.setAttribute("aria-label", `Picture ${picture.stem}`);
  button.addEventListener("click", () => open(picture));
  const entry = { picture, image, url: "", item: make("li", {}, button) };
  kept.unshift(entry);
  element("tray-pictures").prepend(entry.item);
  tray.hidden = false;
  for (const old of kept.splice(MOST)) drop(old);
  set(entry, await picture.scaled(THUMB_SIDE));
}

/** Show a picture's latest painting in the tray. */
export function update(picture, painting) {
  const entry = kept.find((other) => other.picture === picture);
  if (entry) set(entry, painting);
}

function set(entry, blob) {
  URL.revokeObjectURL(entry.url);
  entry.url = entry.image.src = URL.createObjectURL(blob);
}

function drop({ picture, item, url }) {
  item.remove();
  URL.revokeObjectURL(url);
  picture.close();
}

/** Forget all pictures. */
export function empty() {
  for (const entry of kept) drop(entry);
  kept = [];
  tray.hidden = true;
}

/** Call `show(picture)` when one is chosen, and `forgotten()` when they are to be forgotten. */
export function build(show, forgotten) {
  open = show;
  element("empty-tray").addEventListener("click", forgotten);
}
