// "Paint like this": a painting is learnt by the service, and is a style for this visit.
//
// Such a style's `study` is {url, state, place, progress, secondsLeft, version, detail}: the painting's address; "waiting",
// "learning", "learnt" or "failed"; how many are before it; 0 to 1; how many stages it has learnt so far, with
// each of which it can be painted; and what went wrong.

import { followStudy, forgetStudy, keepStudy, startStudy } from "./api.js";
import { announce, Problem } from "./dom.js";
import * as styles from "./styles.js";

const going = new Map(); // by style: what ends its events
let onNews = () => {};

/** Call `listener(style, isNewStage)` whenever there is news of a study; it can be painted anew if there is a new stage. */
export function watch(listener) {
  onNews = listener;
}

/** Have a painting's file learnt; the style, which is among the others at once. */
export async function begin(file) {
  if (file.type && !file.type.startsWith("image/")) {
    throw new Problem(`${file.name} is not a picture: choose a JPEG, PNG or WebP file of a painting.`);
  }
  const { name, place } = await startStudy(file);
  const painting = (file.name || "Your painting").replace(/\.[^.]*$/, "");
  const study = { url: URL.createObjectURL(file), state: "waiting", place, progress: 0, version: 0 };
  const style = { name, painting, painter: "", year: "", study };
  styles.add(style);
  follow(style);
  return style;
}

function follow(style) {
  const close = followStudy(style.name, {
    waiting: ({ place }) => tell(style, { state: "waiting", place }),
    learning: ({ step, steps, seconds_left: secondsLeft, version }) =>
      tell(style, { state: "learning", progress: step / steps, secondsLeft, version }),
    learnt({ version }) {
      settle(style);
      tell(style, { state: "learnt", version });
      announce(`${style.painting} is learnt.`);
    },
    failed({ detail }) {
      settle(style);
      tell(style, { state: "failed", detail });
      announce(`${style.painting} was not learnt: ${detail}`);
    },
  });
  going.set(style, close);
}

function tell(style, news) {
  const { version } = style.study;
  Object.assign(style.study, news);
  onNews(style, style.study.version > version || news.state === "learnt");
}

function settle(style) {
  going.get(style)?.();
  going.delete(style);
}

/** Stop learning, and let the service forget the style. */
export function remove(style) {
  settle(style);
  forgetStudy(style.name);
  URL.revokeObjectURL(style.study.url);
  styles.remove(style);
}

/** Keep it in the user's style folder under a name; from then on it is a style like those that were there before. */
export async function keep(style, name) {
  const kept = await keepStudy(style.name, name);
  await styles.load();
  remove(style);
  announce(`${kept.name} is kept among your styles.`);
  return styles.all().find((other) => other.name === kept.name);
}

/** How far it is, in a few words; "" once it is learnt. */
export function progressOf({ study }) {
  if (study.state === "failed") return study.detail;
  if (study.state === "learnt") return "";
  if (study.place > 0 && study.state === "waiting") {
    return study.place === 1 ? "Waiting: one painting is before it" : `Waiting: ${study.place} paintings are before it`;
  }
  return study.secondsLeft ? `Learning, ${Math.ceil(study.secondsLeft)} s left` : "Learning";
}

// The service is told when the page goes away; styles learnt here are gone when the browser shows it again.
window.addEventListener("pagehide", () => {
  for (const style of styles.all().filter(({ study }) => study)) remove(style);
});
