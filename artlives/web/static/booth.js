// The camera's view: the mirror, painted live if a style is chosen, the strip of styles over it, and the shutter.

import { stylize } from "./api.js";
import * as camera from "./camera.js";
import { attempt, element, forgive, make, onClick } from "./dom.js";
import * as live from "./live.js";
import { toBlob } from "./picture.js";
import { isReady, title } from "./styles.js";
import { show } from "./views.js";

const THUMB_SIDE = 192; // pixels of the longer side of the person's pictures in the strip
const QUALITY = 0.9;
const WARM_UP = 800; // milliseconds until a camera's exposure is right
const FOUR = 4; // pictures in a row
const BETWEEN = 2; // seconds from one to the next

const strip = element("live-styles");
const chips = new Map(); // by style; null is the mirror alone
let mix = null; // what is painted live
let visit = new AbortController(); // ends when the camera's view is left
let isShooting = false;

/** Offer these styles. */
export function offer(all) {
  const wanted = [null, ...all.filter(isReady)];
  for (const [style, chip] of chips) {
    if (wanted.includes(style)) continue;
    chip.remove();
    chips.delete(style);
  }
  for (const style of wanted) if (!chips.has(style)) chips.set(style, chip(style));
  strip.append(...wanted.map((style) => chips.get(style)));
}

function chip(style) {
  const name = style ? title(style) : "Mirror";
  const input = make("input", { type: "radio", name: "live", value: style?.name ?? "", className: "unseen" });
  input.checked = !style;
  input.addEventListener("change", () => paint(style && { style, name: style.name }));
  return make(
    "label",
    { className: "chip", title: name },
    input,
    make("img", { alt: "" }),
    make("span", { className: "caption two-lines", textContent: name }),
  );
}

/** Open the camera; a mix of styles is painted live at once. */
export async function open(newMix = null) {
  await camera.open();
  show("camera");
  paint(newMix);
  visit = new AbortController();
  photographSoon();
}

/** The camera's view is left. */
export function close() {
  visit.abort();
  live.stop();
  camera.close();
}

/** Give what the camera `takes(signal)` to `use(taken, mix)`. */
async function shoot(takes, use) {
  if (isShooting) return;
  isShooting = true;
  try {
    await use(await takes(visit.signal), mix);
  } finally {
    isShooting = false;
  }
}

async function four(signal) {
  const files = [await camera.shoot(signal)];
  while (files.length < FOUR) files.push(await camera.shoot(signal, BETWEEN));
  return files;
}

const clip = (signal) => camera.record(Number(element("record").dataset.seconds), signal);

/** Paint live in a mix of styles, or show the mirror. */
function paint(newMix) {
  forgive();
  mix = newMix;
  const input = chips.get(mix?.style ?? null).querySelector("input");
  input.checked = true;
  input.parentElement.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (mix) live.start(mix.name, () => paint(null));
  else live.stop();
}

/** Go to the style before or after the one that is painted in. */
export function step(by) {
  const all = [...chips.keys()];
  const style = all[(all.indexOf(mix?.style ?? null) + by + all.length) % all.length];
  paint(style && { style, name: style.name });
  chips.get(style).querySelector("input").focus();
}

/** Paint the person small in every style, for the strip, once the camera has warmed up. */
function photographSoon() {
  const { signal } = visit;
  setTimeout(() => signal.aborted || attempt(() => photograph(signal)), WARM_UP);
}

async function photograph(signal) {
  const { videoWidth, videoHeight } = element("video");
  const width = (THUMB_SIDE * videoWidth) / Math.max(videoWidth, videoHeight);
  const photo = await toBlob(camera.grab(width), "image/jpeg", QUALITY);
  for (const [style, chip] of chips) {
    const picture = style ? await stylize(photo, { style: style.name, one_pass: true }, signal) : photo;
    if (signal.aborted) return;
    const image = chip.querySelector("img");
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(picture);
  }
  performance.mark("strip painted");
}

/**
 * Follow the buttons. `onPicture(file, mix)` gets a picture and what it was painted with, `onFour(files, mix)` four, and
 * `onClip(file, mix)` a clip.
 */
export function build(onPicture, onFour, onClip) {
  onClick(element("shoot"), () => shoot((signal) => camera.shoot(signal), onPicture));
  onClick(element("burst"), () => shoot(four, onFour));
  onClick(element("record"), () => shoot(clip, onClip));
  onClick(element("boomerang"), () => shoot(camera.recordBoomerang, onClip));
  onClick(element("close-camera"), () => history.back());
  onClick(element("switch-camera"), async () => {
    await camera.change();
    paint(mix); // live mode goes on with the other camera's frames
    photographSoon();
  });
}
