// The start page's exhibition: a sample photo painted by the service in every style, one after the other.

import { stylize } from "./api.js";
import { element, make } from "./dom.js";
import { byline, title } from "./styles.js";

const SAMPLES = ["astronaut", "chelsea"]; // in turns
const SIDE = 512; // pixels of the longer side, which the samples have
const THUMB_SIDE = 160;
const EVERY = 5000; // milliseconds

const pause = element("exhibit-pause");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let styles = [];
let thumbs = [];
let at = { sample: 0, style: 0 };
let photos = new Map(); // by sample: a promise of its Blob
let paintings = new Map(); // by sample, style and size: a promise of its address
let frames = [element("hung"), element("next")]; // the one that is seen, the one that is hung next
let work = null; // AbortController while the start page is shown
let timer = 0;

/** Show these styles. */
export function offer(all) {
  const now = all.filter(({ study }) => !study);
  if (now.length === styles.length && now.every((style, i) => style === styles[i])) return;
  styles = now;
  at = { sample: 0, style: 0 };
  thumbs = styles.map((style, i) => {
    const button = make("button", { type: "button", title: title(style) }, make("img", { alt: title(style) }));
    button.addEventListener("click", () => {
      stop();
      hang(at.sample, i);
    });
    return button;
  });
  element("exhibit-styles").replaceChildren(...thumbs.map((thumb) => make("li", {}, thumb)));
  if (work) open();
}

/** The start page is shown. */
export function open() {
  close();
  work = new AbortController();
  if (!styles.length) return;
  go(!still.matches);
  hangThumbs();
  hang(at.sample, at.style);
}

/** It is left: nothing more is painted for it. */
export function close() {
  work?.abort();
  work = null;
  clearInterval(timer);
}

function go(isMoving) {
  clearInterval(timer);
  timer = isMoving ? setInterval(advance, EVERY) : 0;
  pause.textContent = isMoving ? "Pause" : "Go on";
}

const stop = () => go(false);

function advance() {
  if (document.hidden) return;
  const style = (at.style + 1) % styles.length;
  const sample = style ? at.sample : (at.sample + 1) % SAMPLES.length;
  const isOther = sample !== at.sample;
  hang(sample, style);
  if (isOther) hangThumbs();
}

async function hang(sample, style) {
  const { signal } = work;
  at = { sample, style };
  thumbs.forEach((thumb, i) => thumb.setAttribute("aria-pressed", String(i === style)));
  try {
    const url = await painting(sample, styles[style], SIDE, signal);
    if (signal.aborted || at.sample !== sample || at.style !== style) return;
    const [seen, next] = frames;
    next.src = url;
    await next.decode();
    next.classList.add("seen");
    seen.classList.remove("seen");
    frames = [next, seen];
    describe(styles[style]);
    performance.mark("hung");
  } catch {
    // What is wrong with the service is said where it is asked for something; here the photo stays.
  }
}

async function hangThumbs() {
  const { signal } = work;
  const { sample } = at;
  for (const [i, style] of styles.entries()) {
    const url = await painting(sample, style, THUMB_SIDE, signal).catch(() => null);
    if (signal.aborted || sample !== at.sample) return;
    if (url) thumbs[i].firstChild.src = url;
  }
  performance.mark("exhibited");
}

function describe(style) {
  const label = element("exhibit-label");
  label.replaceChildren(make("cite", { textContent: title(style) }), byline(style) && ", ", byline(style));
}

function painting(sample, style, size, signal) {
  const key = [SAMPLES[sample], style.name, size].join();
  if (!paintings.has(key)) {
    const made = paint(SAMPLES[sample], style, size, signal);
    paintings.set(key, made);
    made.catch(() => paintings.delete(key));
  }
  return paintings.get(key);
}

async function paint(sample, style, size, signal) {
  if (!photos.has(sample)) photos.set(sample, fetch(`samples/${sample}.jpg`).then((answer) => answer.blob()));
  const settings = { style: style.name, size, one_pass: size === THUMB_SIDE };
  return URL.createObjectURL(await stylize(await photos.get(sample), settings, signal));
}

pause.addEventListener("click", () => go(!timer));
