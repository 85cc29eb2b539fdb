// The wall: the photo and its painting in every style, side by side, each hung as soon as it is painted.

import { stylize } from "./api.js";
import { announce, complain, element, make } from "./dom.js";

const QUICK = 256; // pixels of the longer side of the first, quick paintings
const FINE = 640;

const wall = element("wall");
let tiles = new Map(); // by style name: {style, button, image}
let work = null; // AbortController of the paintings in work
let photo = ""; // the address of the picture itself, which is not ours to revoke
let urgent = Promise.resolve(); // what the fine paintings wait for

/** Prepare a place for each style; `choose(style)` is called when one is chosen. */
export function build(styles, choose) {
  tiles = new Map(styles.map((style) => [style.name, tile(style, choose)]));
  wall.style.setProperty("--columns", styles.length > 5 ? 4 : 3);
  const label = make(
    "span",
    { className: "label" },
    make("span", { className: "painter", textContent: "You" }),
    "the photo",
  );
  const yours = make(
    "div",
    { className: "tile" },
    make("img", { id: "wall-photo", alt: "Your photo" }),
    label,
  );
  wall.replaceChildren(
    make("li", {}, yours),
    ...[...tiles.values()].map(({ button }) => make("li", {}, button)),
  );
}

function tile(style, choose) {
  const image = make("img", { alt: "" });
  const year = style.year ? `, ${style.year}` : "";
  const label = make(
    "span",
    { className: "label" },
    make("span", { className: "painter", textContent: style.painter || style.name }),
    make("cite", { textContent: style.painting }),
    year,
  );
  const button = make("button", { type: "button", className: "tile" }, image, label);
  button.dataset.style = style.name;
  button.addEventListener("click", () => choose(style));
  return { style, button, image };
}

/** Paint the picture in every style and hang it: small paintings first, then the fine ones, in one pass each. */
export async function hang(picture) {
  work?.abort();
  work = new AbortController();
  const { signal } = work;
  wall.style.setProperty("--ratio", Math.min(Math.max(picture.ratio, 0.7), 1.6));
  photo = element("wall-photo").src = picture.url;
  for (const { button, image } of tiles.values()) {
    button.setAttribute("aria-busy", "true");
    replace(image, picture.url);
  }
  try {
    const small = await picture.scaled(QUICK);
    await Promise.all([...tiles.values()].map((tile) => paint(tile, small, QUICK, signal)));
    announce(`All ${tiles.size} are painted. Choose one to see it large.`);
    performance.mark("previews");
    await refine(picture, signal);
  } catch (error) {
    complain(error);
  }
}

async function refine(picture, signal) {
  const fine = await picture.scaled(FINE);
  for (const tile of tiles.values()) {
    await urgent;
    await paint(tile, fine, FINE, signal);
  }
  performance.mark("fine previews");
}

async function paint(tile, picture, size, signal) {
  const painting = await stylize(picture, { style: tile.style.name, size, one_pass: true }, signal);
  if (signal.aborted) return;
  await show(tile.image, painting);
  tile.button.removeAttribute("aria-busy");
}

async function show(image, blob) {
  const next = new Image();
  next.src = URL.createObjectURL(blob);
  await next.decode();
  replace(image, next.src);
}

function replace(image, url) {
  const old = image.src;
  image.src = url;
  if (old !== photo) URL.revokeObjectURL(old);
}

/** The image that hangs in a style's place now. */
export const imageOf = (style) => tiles.get(style.name).image;

/** Let this promise end before the fine paintings go on. */
export function giveWay(promise) {
  urgent = promise.catch(() => {});
}

/** Mark the chosen style, or none. */
export function mark(style) {
  wall.classList.toggle("strip", Boolean(style));
  for (const [name, { button }] of tiles) {
    if (style) button.setAttribute("aria-pressed", String(name === style.name));
    else button.removeAttribute("aria-pressed");
  }
}

export function focus(style) {
  tiles.get(style.name).button.focus();
}
