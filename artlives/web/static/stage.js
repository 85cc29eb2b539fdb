// The stage: the chosen painting large, beside its photo, with the settings that repaint it.

import { stylize } from "./api.js";
import { coalesce } from "./coalesce.js";
import * as compare from "./compare.js";
import { announce, complain, element, forgive, make } from "./dom.js";
import { Mix } from "./mix.js";
import * as studies from "./studies.js";
import * as styles from "./styles.js";
import * as wall from "./wall.js";

const BRUSHES = ["finer", "default", "broader"]; // by the slider's value
const SIDE = 1280; // pixels of the longer side of what is shown
const STUDY_SIDE = 768; // of a style that is still being learnt
const QUICK_SIDE = 384; // while a slider moves
const PATIENCE = 150; // milliseconds without a further change before it is repainted
const HALF = 0.5; // the second style's share at first

const after = element("after");
let picture = null;
let mix = null; // what is chosen; null while the stage is closed
let onPainted = () => {};
let own = ""; // the address of the painting that was made for the stage, if that is shown
let work = new AbortController(); // of the painting in work
let timer = 0;
let isMoving = false; // whether quick paintings are wanted until the next full one

/** A new picture. */
export function use(newPicture) {
  picture = newPicture;
  for (const id of ["before", "under"]) element(id).src = picture.url;
  element("gallery").style.setProperty("--ratio", picture.ratio);
  const { strength, brush, keepColors } = picture.settings;
  element("strength").value = 100 * strength;
  element("brush").value = BRUSHES.indexOf(brush);
  element("keep-colors").checked = keepColors;
  describe();
}

/** Show the picture in a style, or in a mix of two. */
export function open(style, other = null, share = HALF) {
  const wasOpen = isOpen();
  choose(new Mix(style, other, share));
  show(wall.imageOf(style));
  if (!wasOpen) {
    compare.reset();
    element("stage").hidden = false;
    element("gallery").classList.add("staged");
    element("stage-title").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  wall.mark(style);
  repaint();
}

/** Go to the style before or after the chosen one. */
export function step(by) {
  const all = styles.all().filter(styles.isReady);
  open(all[(all.indexOf(mix.style) + by + all.length) % all.length]);
}

export const isOpen = () => mix !== null;

function choose(newMix) {
  mix = picture.mix = newMix;
  element("keep-name").value = styles.slug(mix.style);
  offerOthers();
  describe();
}

export function close() {
  if (!isOpen()) return;
  work.abort();
  clearTimeout(timer);
  element("stage").hidden = true;
  element("gallery").classList.remove("staged");
  wall.mark(null);
  wall.focus(mix.style);
  mix = null;
}

export const chosen = () => ({ picture, mix });

/** How the service is asked to paint what is shown. */
export function settings() {
  const { strength, brush, keepColors } = picture.settings;
  return { style: mix.name, strength, keep_colors: keepColors, brush };
}

/** There is news of a style that is studied. */
export function follow(style, isNewStage) {
  if (!mix?.has(style)) return;
  describe();
  if (!isNewStage) return;
  if (style.study.state === "learnt") repaint();
  else previewAt(STUDY_SIDE);
}

/** The styles are others than before; one that is chosen may be gone. */
export function offer(all) {
  if (!mix) return;
  if (!all.includes(mix.style)) return close();
  if (!mix.other || all.includes(mix.other)) return offerOthers(all);
  choose(new Mix(mix.style));
  repaint();
}

/** Offer the other styles to be mixed with the chosen one. */
function offerOthers(all = styles.all()) {
  const others = all.filter((style) => style !== mix.style && styles.isReady(style));
  const options = others.map((style) => make("option", { value: style.name, textContent: styles.title(style) }));
  element("other").replaceChildren(make("option", { value: "", textContent: "nothing else" }), ...options);
  element("other").value = mix.other?.name ?? "";
}

/** Paint what the settings say; a painting that is still in work is given up. */
function repaint() {
  isMoving = false;
  work.abort();
  work = new AbortController();
  performance.mark("chosen");
  wall.giveWay(paint(SIDE, { one_pass: false }, work.signal));
}

/** Paint it small and quickly; of what is asked for meanwhile, only the latest is painted. */
function previewAt(side) {
  isMoving = true;
  preview(side);
}

const preview = coalesce(async (side) => {
  if (!mix || !isMoving) return;
  work.abort();
  work = new AbortController();
  await paint(side, { one_pass: true }, work.signal);
});

async function paint(side, passes, signal) {
  const compare = element("compare");
  compare.setAttribute("aria-busy", "true");
  try {
    // Strength is shown by laying the full painting over the photo: the same blend, at once.
    const asked = { ...settings(), ...passes, strength: 1, format: picture.format };
    const painting = await stylize(await picture.scaled(side), asked, signal);
    if (signal.aborted) return;
    const next = new Image();
    next.src = URL.createObjectURL(painting);
    await next.decode();
    if (signal.aborted) return;
    show(next.src);
    own = next.src;
    compare.removeAttribute("aria-busy");
    if (passes.one_pass) return;
    performance.measure("repaint", "chosen");
    onPainted(picture, painting);
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

/** Repaint once nothing changes for a moment. */
function repaintSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => mix && repaint(), PATIENCE);
}

function describe() {
  const { strength, brush } = picture.settings;
  const [width, height] = picture.fullSize;
  const percent = `${Math.round(100 * strength)} %`;
  element("strength-value").textContent = percent;
  element("brush-value").textContent = brush;
  element("brush").setAttribute("aria-valuetext", brush);
  element("compare").style.setProperty("--strength", strength);
  element("dimensions").textContent = `Saved at ${width} × ${height} pixels.`;
  if (mix) describeStyles();
}

function describeStyles() {
  const { style, other, share } = mix;
  element("stage-title").textContent = other
    ? `${styles.title(style)} and ${styles.title(other)}`
    : styles.title(style);
  element("stage-painter").textContent = [style, other].filter(Boolean).map(byline).filter(Boolean).join("; ");
  after.alt = `Your photo as ${mix.title}`;
  element("mix").hidden = !other;
  element("mix").value = 100 * share;
  element("mix-value").textContent = other ? mix.title : "";
  element("mix").setAttribute("aria-valuetext", mix.title);
  element("keep").hidden = style.study?.state !== "learnt" || Boolean(other);
}

/** Who painted a style's painting, or how far it is learnt. */
const byline = (style) => (style.study ? studies.progressOf(style) : styles.byline(style));

/** Follow the controls; `painted(picture, blob)` is called with each painting that is shown. */
export function build(painted) {
  onPainted = painted;
  element("strength").addEventListener("input", ({ target }) => {
    picture.settings.strength = target.value / 100;
    describe();
  });
  element("brush").addEventListener("input", ({ target }) => {
    picture.settings.brush = BRUSHES[target.value];
    change();
  });
  element("keep-colors").addEventListener("input", ({ target }) => {
    picture.settings.keepColors = target.checked;
    change();
  });
  element("other").addEventListener("change", ({ target }) => {
    const other = styles.all().find(({ name }) => name === target.value) ?? null;
    choose(new Mix(mix.style, other, HALF));
    change();
  });
  element("mix").addEventListener("input", ({ target }) => {
    mix = picture.mix = new Mix(mix.style, mix.other, target.value / 100);
    previewAt(QUICK_SIDE);
    change();
  });
}

function change() {
  forgive();
  describe();
  repaintSoon();
}
