// Clips: short moving pictures, chosen, dropped or recorded; painted by the service, shown and saved.

import { clipLimits, fetchClip, followClip, forgetClip, startClip } from "./api.js";
import { isRecordable } from "./camera.js";
import { announce, element, forgive, make, onClick, Problem } from "./dom.js";
import { download } from "./save.js";
import * as styles from "./styles.js";
import { show, watch } from "./views.js";

let limits = { missing: "Clips are not painted here." };
let clip = null; // the file
let painted = null; // its painting, a file
let work = new AbortController(); // of the painting in work

export const isClip = (file) => file.type.startsWith("video/");

/** Show a clip, to be painted in a style that is chosen; `mix` is what it was seen in. */
export async function take(file, mix = null) {
  forgive();
  if (limits.missing) throw new Problem(limits.missing);
  if (file.size > limits.bytes) {
    throw new Problem(`The clip is larger than ${limits.bytes / 1e6} MB: make it shorter or smaller first.`);
  }
  await styles.load();
  const ready = styles.all().filter(styles.isReady);
  const options = ready.map((style) => make("option", { value: style.name, textContent: styles.title(style) }));
  element("clip-style").replaceChildren(...options);
  if (mix) element("clip-style").value = mix.style.name;
  work.abort();
  clip = file;
  painted = null;
  element("save-clip").hidden = true;
  present(file, "Your clip");
  show("clip");
}

/** Show a file: an image where it is an animation. */
function present(file, name) {
  const [video, image] = [element("clip-video"), element("clip-image")];
  const isVideo = isClip(file);
  URL.revokeObjectURL(video.src || image.src);
  for (const shown of [video, image]) shown.removeAttribute("src");
  video.hidden = !isVideo;
  image.hidden = isVideo;
  (isVideo ? video : image).src = URL.createObjectURL(file);
  video.setAttribute("aria-label", name);
  image.alt = name;
}

async function paint(format) {
  work.abort();
  work = new AbortController();
  const { signal } = work;
  const style = styles.all().find(({ name }) => name === element("clip-style").value);
  const file = clip;
  say("Sending the clip");
  try {
    const { name } = await startClip(file, { style: style.name, format }, signal);
    try {
      await followed(name, signal);
      const blob = await fetchClip(name, signal);
      const stem = file.name?.replace(/\.[^.]*$/, "") || "clip";
      painted = new File([blob], `${stem}-${styles.slug(style)}.${format}`, { type: blob.type });
    } finally {
      forgetClip(name);
    }
  } finally {
    say("");
  }
  present(painted, `Your clip as ${styles.title(style)}`);
  element("save-clip").hidden = false;
  element("save-clip").focus();
  announce("Your clip is painted.");
  performance.mark("clip painted");
}

/** Wait until the service has painted a clip, and tell how far it is. */
function followed(name, signal) {
  let close = () => {};
  const over = new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    close = followClip(name, {
      waiting: ({ place }) => say(waiting(place)),
      painting: ({ frame, frames, seconds_left: left }) =>
        say(left ? `Painting, ${Math.ceil(left)} s left` : "Painting", frame && frame / frames),
      painted: resolve,
      failed: ({ detail }) => reject(new Problem(detail)),
    });
  });
  return over.finally(() => close());
}

function waiting(place) {
  if (!place) return "Painting";
  return place === 1 ? "Waiting: one clip is before it" : `Waiting: ${place} clips are before it`;
}

/** Tell how far the painting is: in words, and its `part` of all; "" once it is over. */
function say(text, part = 0) {
  element("clip-work").hidden = !text;
  element("clip-progress").textContent = text;
  if (part) element("clip-done").value = part;
  else element("clip-done").removeAttribute("value");
}

/** Follow the buttons, and offer clips where the service paints them. */
export async function build() {
  onClick(element("paint-mp4"), () => paint("mp4"));
  onClick(element("paint-gif"), () => paint("gif"));
  onClick(element("save-clip"), () => download(painted));
  element("cancel-clip").addEventListener("click", () => work.abort());
  element("close-clip").addEventListener("click", () => show("start"));
  element("clip-video").autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  watch("clip", { left: () => work.abort() });
  window.addEventListener("pagehide", () => work.abort());
  limits = await clipLimits();
  element("clip-offer").hidden = Boolean(limits.missing);
  element("records").hidden = Boolean(limits.missing) || !isRecordable();
  element("record").textContent = `Record ${limits.recorded} s`;
  element("record").dataset.seconds = limits.recorded;
}
