// The styles that the page offers: those of the service, and those learnt from paintings on this visit.
//
// A style is {name, painting, painter, year, licence}; one that was learnt here also has `study` (see studies.js).

import { listStyles } from "./api.js";

const MOST_LETTERS = 40; // of a painting's name in a file's name
let listed = [];
let learnt = [];
let onChange = () => {};

export const all = () => [...listed, ...learnt];

/** Call `listener` with all styles now, and whenever there are others. */
export function watch(listener) {
  onChange = listener;
  onChange(all());
}

/** Ask the service again: a style may have been trained meanwhile. */
export async function load() {
  const known = new Map(listed.map((style) => [JSON.stringify(style), style]));
  const now = (await listStyles()).map((style) => known.get(JSON.stringify(style)) ?? style);
  if (now.length === listed.length && now.every((style, i) => style === listed[i])) return;
  listed = now;
  onChange(all());
}

export function add(style) {
  learnt = [...learnt, style];
  onChange(all());
}

export function remove(style) {
  learnt = learnt.filter((other) => other !== style);
  onChange(all());
}

/** Whether the service can paint in it: a study that has learnt nothing yet is no style. */
export const isReady = (style) => !style.study || style.study.version > 0;

export const title = (style) => style.painting || style.name;

/** Who painted it and when, as far as that is known. */
export const byline = (style) => [style.painter, style.year].filter(Boolean).join(", ");

/** What stands for the style in a file's name, and is proposed as the name of one that is kept. */
export function slug({ study, name, painting }) {
  if (!study) return name;
  const words = painting.normalize("NFKC").match(/[\p{L}\p{N}]+/gu) ?? ["painting"];
  return words.join("-").toLowerCase().slice(0, MOST_LETTERS);
}
