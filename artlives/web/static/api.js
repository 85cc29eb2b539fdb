// The service, as the page sees it: styles, paintings, sheets, clips.

import { Problem } from "./dom.js";
import { toBlob } from "./picture.js";
import * as raw from "./raw.js";
import { Trial } from "./trial.js";

export const canLearn = true; // a painting, as a style of its own
export const LARGEST = 4096; // pixels of the longer side of a painting; the service reduces what is larger
const RETRIES = 5;
const QUALITY = 0.85; // of a stream's pictures
const IN_FLIGHT = 2; // pictures of a stream, at most: the service drops those that wait behind
const FULL = 1013; // the close code of a service that has no room

/** Whether no picture leaves this computer. */
export const isPrivate = () => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/** The styles there are: [{name, painting, painter, year, licence}]. */
export async function listStyles() {
  return (await ask("/api/styles")).json();
}

/** The painting of a picture, as a Blob. Settings: style, strength, keep_colors, size, brush, one_pass, format. */
export async function stylize(picture, settings, signal) {
  return paint("/api/stylize", picture, settings, signal);
}

/** A picture in every style on one sheet, as a Blob. Settings: size, columns. */
export async function sheet(picture, settings, signal) {
  return paint("/api/sheet", picture, settings, signal);
}

/** A stream of pictures to paint, in the style that was settled last. */
export class Stream {
  /**
   * The listeners are `opened()`; `painted(picture)` with a promise of what can be drawn; `refused(detail)`; and
   * `closed(reason, isFull)`, not after `close`.
   */
  constructor({ opened, painted, refused, closed }) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = opened;
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") refused(JSON.parse(data).detail);
      else painted(this.read(data));
    };
    this.socket.onclose = ({ code, reason }) => closed(reason, code === FULL);
    // JPEG takes time, and raw pictures take a network's; within this computer, no network is needed.
    this.trial = new Trial(isPrivate() ? ["raw"] : ["jpeg", "raw"]);
    this.begun = []; // [way, when], of the pictures on their way
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  settle(style) {
    if (this.isOpen) this.socket.send(JSON.stringify({ style }));
  }

  /** Send what is on a canvas; whether it was. */
  async send(canvas) {
    const { way } = this.trial;
    this.begun.push([way, performance.now()]);
    if (this.begun.length > IN_FLIGHT) this.begun.shift();
    const frame = way === "raw" ? raw.written(canvas) : await toBlob(canvas, "image/jpeg", QUALITY);
    if (this.isOpen) this.socket.send(frame);
    return this.isOpen;
  }

  /** A painting that came back, to be drawn at once. */
  async read(data) {
    const painting = raw.isRaw(data) ? raw.read(data) : await createImageBitmap(new Blob([data]));
    const [way, when] = this.begun.shift();
    this.trial.note(way, performance.now() - when);
    return painting;
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}

/** Have a painting learnt as a style, for this visit: {name, painting, place, state}. */
export async function startStudy(painting) {
  const body = new FormData();
  body.append("painting", painting, painting.name || "painting");
  return (await ask("/api/styles", { method: "POST", body })).json();
}

/** Call the listeners `waiting`, `learning`, `learnt` and `failed` with what they are told of a study; what ends that. */
export const followStudy = (name, listeners) => follow(studyPath(name), listeners);

/** What clips are painted: {seconds, bytes, recorded, missing}; `missing` says why none are. */
export async function clipLimits() {
  return (await ask("/api/clips")).json();
}

/** Have a clip painted: {name, place, state}. Settings: style, format ("mp4" or "gif"). */
export async function startClip(clip, settings, signal) {
  return (await ask("/api/clips", { method: "POST", body: form("clip", clip, settings), signal })).json();
}

/** Call the listeners `waiting`, `painting`, `painted` and `failed` with what they are told of a clip; what ends that. */
export const followClip = (name, listeners) => follow(clipPath(name), listeners);

/** A painted clip, as a Blob. */
export async function fetchClip(name, signal) {
  return (await ask(clipPath(name), { signal })).blob();
}

/** Let the service forget a clip. */
export const forgetClip = (name) => forget(clipPath(name));

function follow(path, listeners) {
  const events = new EventSource(`${path}/events`);
  let tries = 0;
  for (const [kind, listener] of Object.entries(listeners)) {
    events.addEventListener(kind, ({ data }) => {
      tries = 0;
      listener(JSON.parse(data));
    });
  }
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) return listeners.failed({ detail: "The painter forgot it." });
    // The browser connects again by itself, for as long as it is let.
    if (++tries === RETRIES) listeners.failed({ detail: "The painter does not answer." });
  });
  return () => events.close();
}

/** Let the service forget a study. */
export const forgetStudy = (name) => forget(studyPath(name));

/** This works while the page goes away, too. */
function forget(path) {
  fetch(path, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Keep a learnt style in the user's style folder under that name; the style. */
export async function keepStudy(name, as) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ name: as });
  return (await ask(`${studyPath(name)}/keep`, { method: "POST", headers, body })).json();
}

const studyPath = (name) => `/api/styles/${encodeURIComponent(name)}`;
const clipPath = (name) => `/api/clips/${encodeURIComponent(name)}`;

/** Whether pictures can be taken to a phone. */
export async function isShared() {
  return (await (await ask("/api/shared")).json()).possible;
}

/** Keep a JPEG for a phone, for some minutes: {link, code}, the code as SVG. */
export async function keepForPhone(picture) {
  return (await ask("/api/shared", { method: "POST", body: form("file", picture, {}) })).json();
}

async function paint(path, picture, settings, signal) {
  return (await ask(path, { method: "POST", body: form("file", picture, settings), signal })).blob();
}

function form(field, file, settings) {
  const body = new FormData();
  body.append(field, file, field);
  for (const [name, value] of Object.entries(settings)) body.append(name, value);
  return body;
}

async function ask(path, options = {}) {
  for (let attempt = 1; ; attempt++) {
    const response = await reach(path, options);
    if (response.ok) return response;
    if (response.status !== 503 || attempt === RETRIES) throw new Problem(await sentence(response));
    await pause(1000 * (Number(response.headers.get("Retry-After")) || 2), options.signal);
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The painter does not answer. Is artlives still running in its terminal?");
  }
}

async function sentence(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The painter answered with an error (${response.status}).`;
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}
