// Four in a row: four pictures painted, one below the other on a strip that can be saved and printed.

import { stylize } from "./api.js";
import { announce, element, onClick } from "./dom.js";
import { title } from "./styles.js";
import { download } from "./save.js";
import { toBlob } from "./picture.js";

const QUALITY = 0.92;
const MARGIN = 0.05; // of the pictures' width
const FOOT = 0.16;
const PAPER = "#fffdf8";
const INK = "#1d1b18";

const image = element("strip-picture");
let strip = null; // the file
let work = null; // AbortController of the paintings in work

/** Paint four pictures, each in its mix of styles, and lay them out. */
export async function paint(pictures, mixes) {
  work?.abort();
  work = new AbortController();
  const { signal } = work;
  clear();
  const paintings = [];
  for (const [i, picture] of pictures.entries()) {
    say(`Painting ${i + 1} of ${pictures.length}: ${mixes[i].title}`);
    const painting = await stylize(picture.file, { style: mixes[i].name }, signal);
    paintings.push(await createImageBitmap(painting));
  }
  const canvas = lay(paintings);
  const blob = await toBlob(canvas, "image/jpeg", QUALITY);
  if (signal.aborted) return;
  strip = new File([blob], "selfie-four.jpg", { type: "image/jpeg" });
  image.src = URL.createObjectURL(strip);
  await image.decode();
  image.hidden = false;
  say("");
  setButtons(true);
  announce("Your strip is painted.");
  performance.mark("strip");
}

/** The strip's view is left. */
export const stop = () => work?.abort();

/** Forget the strip. */
export function clear() {
  URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  image.hidden = true;
  setButtons(false);
}

function setButtons(isReady) {
  for (const id of ["save-strip", "print-strip"]) element(id).disabled = !isReady;
}

function say(text) {
  element("strip-progress").textContent = text;
  element("strip-progress").hidden = !text;
  if (text) announce(text);
}

/** Paintings at their own size one below the other, on paper, with the page's name and the day at the foot. */
function lay(paintings) {
  const [{ width, height }] = paintings;
  const margin = Math.round(width * MARGIN);
  const foot = Math.round(width * FOOT);
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * margin;
  canvas.height = margin + (height + margin) * paintings.length + foot;
  const context = canvas.getContext("2d");
  context.fillStyle = PAPER;
  context.fillRect(0, 0, canvas.width, canvas.height);
  paintings.forEach((painting, i) => {
    context.drawImage(painting, margin, margin + i * (height + margin));
    painting.close();
  });
  context.fillStyle = INK;
  context.textBaseline = "middle";
  context.font = `${Math.round(foot * 0.36)}px ${getComputedStyle(element("strip-title")).fontFamily}`;
  const line = canvas.height - margin / 2 - foot / 2;
  context.fillText("Art Lives", margin, line);
  context.textAlign = "right";
  context.fillText(new Date().toLocaleDateString(), canvas.width - margin, line);
  return canvas;
}

/** Follow the buttons. */
export function build() {
  onClick(element("save-strip"), () => download(strip));
  onClick(element("print-strip"), () => window.print());
}
