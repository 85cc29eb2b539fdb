// The stage: the chosen painting large, beside its photo, with the settings that repaint it.

import { stylize } from "./api.js";
import { announce, complain, element, forgive } from "./dom.js";
import * as wall from "./wall.js";

const SIDES = [4096, 1024, 640, 384, 256]; // pixels of the longer side at work, from the finest brush to the broadest
const NAMES = ["finest", "fine", "medium", "broad", "broadest"];
const USUAL = 1024;
const PATIENCE = 150; // milliseconds without a further change before it is repainted

const after = element("after");
let picture = null;
let style = null;
let brushes = []; // those that differ for this picture: [{side, name}]
let own = ""; // the address of the painting that was made for the stage, if that is shown
let work = null; // AbortController of the painting in work
let timer = 0;

/** A new picture: its brushes, its shape. */
export function use(newPicture) {
  picture = newPicture;
  brushes = SIDES.map((side, i) => ({ side: Math.min(side, picture.longSide), name: NAMES[i] })).filter(
    (brush, i, all) => i === 0 || brush.side < all[i - 1].side,
  );
  const brush = element("brush");
  brush.max = brushes.length - 1;
  brush.value = brushes.findIndex(({ side }) => side <= USUAL);
  brush.disabled = brushes.length === 1;
  element("before").src = picture.url;
  element("stage").style.setProperty("--ratio", picture.ratio);
  describe();
}

/** Show the picture in a style. */
export function open(newStyle) {
  style = newStyle;
  element("stage-title").textContent = style.painting || style.name;
  element("stage-painter").textContent = [style.painter, style.year].filter(Boolean).join(", ");
  after.alt = `Your photo as ${style.painting} by ${style.painter}`;
  show(wall.imageOf(style).src);
  element("stage").hidden = false;
  wall.mark(style);
  element("stage-title").focus({ preventScroll: true });
  element("stage").scrollIntoView({ block: "nearest" });
  repaint();
}

export function close() {
  if (!style) return;
  work?.abort();
  element("stage").hidden = true;
  wall.mark(null);
  wall.focus(style);
  style = null;
}

export const chosen = () => ({ picture, style });

/** What the service is asked for, to paint what is shown. */
export function settings() {
  return {
    style: style.name,
    strength: element("strength").value / 100,
    keep_colors: element("keep-colors").checked,
    size: Math.max(64, brushes[element("brush").value].side),
  };
}

/** Paint what the settings say; a painting that is still in work is given up. */
function repaint() {
  work?.abort();
  work = new AbortController();
  wall.giveWay(paint(work.signal));
}

async function paint(signal) {
  const compare = element("compare");
  compare.setAttribute("aria-busy", "true");
  performance.mark("chosen");
  try {
    const { size, ...rest } = settings();
    // Strength is shown by laying the full painting over the photo: the same blend, at once.
    const painting = await stylize(await picture.scaled(size), { ...rest, size, strength: 1 }, signal);
    if (signal.aborted) return;
    const next = new Image();
    next.src = URL.createObjectURL(painting);
    await next.decode();
    if (signal.aborted) return;
    show(next.src);
    own = next.src;
    compare.removeAttribute("aria-busy");
    performance.measure("repaint", "chosen");
    announce(`${element("stage-title").textContent} is painted.`);
  } catch (error) {
    if (!signal.aborted) compare.removeAttribute("aria-busy");
    complain(error);
  }
}

function show(url) {
  after.src = url;
  URL.revokeObjectURL(own);
  own = "";
}

function describe() {
  const strength = element("strength");
  const { side, name } = brushes[element("brush").value];
  element("strength-value").textContent = `${strength.value} %`;
  element("brush-value").textContent = name;
  element("brush").setAttribute("aria-valuetext", `${name}, painted at ${side} pixels`);
  element("compare").style.setProperty("--strength", strength.value / 100);
  element("dimensions").textContent = `Saved at ${picture.bitmap.width} × ${picture.bitmap.height} pixels.`;
}

function split() {
  const { value } = element("split");
  element("compare").style.setProperty("--split", value / 100);
  element("split").setAttribute("aria-valuetext", `${value} % photo, ${100 - value} % painting`);
}

/** Follow the controls. */
export function build() {
  element("split").addEventListener("input", split);
  split();
  element("strength").addEventListener("input", describe);
  for (const id of ["brush", "keep-colors"]) {
    element(id).addEventListener("input", () => {
      forgive();
      describe();
      clearTimeout(timer);
      work?.abort();
      timer = setTimeout(repaint, PATIENCE);
    });
  }
}
