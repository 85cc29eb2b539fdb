// The stage: the chosen painting large, beside its photo, with the settings that repaint it.

import { stylize } from "./api.js";
import { announce, complain, element, forgive } from "./dom.js";
import * as wall from "./wall.js";

const BRUSHES = ["finer", "default", "broader"]; // by the slider's value
const SIDE = 1280; // pixels of the longer side of what is shown
const PATIENCE = 150; // milliseconds without a further change before it is repainted

const after = element("after");
let picture = null;
let style = null;
let own = ""; // the address of the painting that was made for the stage, if that is shown
let work = null; // AbortController of the painting in work
let timer = 0;

/** A new picture. */
export function use(newPicture) {
  picture = newPicture;
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

/** How the service is asked to paint what is shown. */
export function settings() {
  return {
    style: style.name,
    strength: element("strength").value / 100,
    keep_colors: element("keep-colors").checked,
    brush: brush(),
  };
}

const brush = () => BRUSHES[element("brush").value];

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
    // Strength is shown by laying the full painting over the photo: the same blend, at once.
    const painting = await stylize(await picture.scaled(SIDE), { ...settings(), strength: 1 }, signal);
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
  const [width, height] = picture.fullSize;
  element("strength-value").textContent = `${strength.value} %`;
  element("brush-value").textContent = brush();
  element("brush").setAttribute("aria-valuetext", brush());
  element("compare").style.setProperty("--strength", strength.value / 100);
  element("dimensions").textContent = `Saved at ${width} × ${height} pixels.`;
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
