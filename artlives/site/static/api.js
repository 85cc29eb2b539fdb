// What paints, as the page sees it: here a worker of the page itself. The other file of that name asks a service.

import { Problem } from "./dom.js";

export { LARGEST } from "./passes.js";
export const canLearn = false;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map(); // by id: what settles the promise
let latest = 0;

worker.onmessage = ({ data: { id, result, problem, isForPeople } }) => {
  const { resolve, reject } = waiting.get(id) ?? {};
  waiting.delete(id);
  if (problem) reject?.(isForPeople ? new Problem(problem) : new Error(problem));
  else resolve?.(result);
};
worker.onerror = () => {
  for (const { reject } of waiting.values()) reject(new Problem("This browser cannot paint: a newer one can."));
  waiting.clear();
};

/** Whether no picture leaves this computer. */
export const isPrivate = () => true;

/** The styles there are: [{name, painting, painter, year, licence}]. */
export const listStyles = () => ask({ kind: "styles" });

/** The painting of a picture, as a Blob. Settings: style, strength, keep_colors, size, brush, one_pass, format. */
export const stylize = (picture, settings, signal) => ask({ kind: "stylize", picture, settings }, signal);

/** A picture in every style on one sheet, as a Blob. Settings: size, columns. */
export const sheet = (picture, settings, signal) => ask({ kind: "sheet", picture, settings }, signal);

/** A stream of pictures to paint; its listeners are as in the other api.js. */
export class Stream {
  constructor(listeners) {
    this.listeners = listeners;
    this.ended = new AbortController();
    queueMicrotask(() => this.isOpen && listeners.opened());
  }

  get isOpen() {
    return !this.ended.signal.aborted;
  }

  settle(style) {
    this.style = style;
  }

  /** Send what is on a canvas; whether it was. */
  async send(canvas) {
    const picture = await createImageBitmap(canvas);
    const { signal } = this.ended;
    ask({ kind: "frame", picture, style: this.style }, signal, [picture]).then(
      (painting) => this.isOpen && this.listeners.painted(painting),
      (error) => this.isOpen && this.listeners.refused(error.message),
    );
    return this.isOpen;
  }

  close() {
    this.ended.abort();
  }
}

function ask(request, signal, transferred = []) {
  const id = ++latest;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    signal?.addEventListener("abort", () => {
      if (!waiting.delete(id)) return;
      worker.postMessage({ abort: id });
      reject(new DOMException("", "AbortError"));
    });
    if (signal?.aborted) {
      waiting.delete(id);
      return reject(new DOMException("", "AbortError"));
    }
    worker.postMessage({ id, ...request }, transferred);
  });
}

// What this page cannot do without a service: it never asks for it.
const needsService = () => Promise.reject(new Problem("A painting is learnt by artlives on a computer: see its README."));
export const startStudy = needsService;
export const keepStudy = needsService;
export const followStudy = () => () => {};
export const forgetStudy = () => {};
export const clipLimits = () => Promise.resolve({ missing: "Clips are painted by artlives on a computer: see its README." });
export const startClip = needsService;
export const followClip = () => () => {};
export const fetchClip = needsService;
export const forgetClip = () => {};
export const isShared = () => Promise.resolve(false);
export const keepForPhone = needsService;

// From the second visit on, the page needs no connection.
navigator.serviceWorker?.register("service-worker.js").catch(console.warn);
