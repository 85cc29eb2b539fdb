// Live mode: the camera's frames go to the painter and come back painted.

import { Stream } from "./api.js";
import { grab } from "./camera.js";
import { enlarge } from "./detail.js";
import { announce, complain, element, forgive, Problem } from "./dom.js";
import { Pace } from "./pace.js";

const DETAIL = 3; // times as large as it was painted a frame is shown
const IN_FLIGHT = 2; // frames: one is painted while the next one comes
const HEAD_START = 100; // milliseconds; two frames at once would replace each other
const RETRIES = [500, 1000, 2000, 4000]; // milliseconds before each try to connect again
const GONE = "The painter does not answer. Is artlives still running in its terminal?";

const screen = element("live");
let session = null;
let onEnd = () => {};

/** Paint the camera's frames in this style, or mix of styles, until `stop`. `ended()` is called if it stops by itself. */
export function start(style, ended) {
  onEnd = ended;
  if (session) {
    session.settle(style);
  } else {
    session = new Session(style);
  }
}

export function stop() {
  session?.close();
  session = null;
  screen.hidden = true;
  element("rate").hidden = true;
}

export const isOn = () => session !== null;

class Session {
  constructor(style) {
    this.style = style;
    this.tries = 0;
    this.connect();
  }

  connect() {
    this.stream = new Stream({
      opened: () => this.begin(),
      painted: (painting) => this.receive(painting),
      refused: (detail) => this.end(detail),
      closed: (reason, isFull) => this.lost(reason, isFull),
    });
  }

  begin() {
    if (this.tries) forgive();
    this.settle(this.style);
    const { videoWidth, videoHeight } = element("video");
    this.pace = new Pace(performance.now(), Math.max(videoWidth, videoHeight));
    this.sent = []; // {picture, small, at}: the frames on their way, and when they were sent
    this.send();
    setTimeout(() => this.send(), HEAD_START);
  }

  settle(style) {
    this.style = style;
    this.stream.settle(style);
  }

  async send() {
    await nextFrame();
    if (session !== this) return;
    const { videoWidth, videoHeight } = element("video");
    const longer = Math.max(videoWidth, videoHeight);
    const width = (videoWidth * Math.min(DETAIL * this.pace.side, longer)) / longer;
    try {
      const picture = grab(width);
      const small = reduced(picture, this.pace.side / Math.max(picture.width, picture.height));
      if (!(await this.stream.send(small))) return;
      this.sent.push({ picture, small, at: performance.now() });
      if (this.sent.length > IN_FLIGHT) this.sent.shift(); // the service dropped one
    } catch (error) {
      complain(error);
    }
  }

  async receive(painted) {
    this.tries = 0;
    this.send();
    const { picture, small, at } = this.sent.shift();
    const took = performance.now() - at;
    const painting = await painted;
    if (session !== this) return;
    enlarge(screen, painting, picture, small);
    painting.close();
    this.shown(small, took);
  }

  shown(painted, took) {
    if (screen.hidden) {
      screen.hidden = false;
      announce("You are painted live.");
    }
    const rate = this.pace.count(performance.now(), took);
    if (rate === null) return;
    element("rate").hidden = false;
    element("rate").textContent = "live";
    element("rate").title = `${rate.toFixed(1)} frames a second at ${painted.width} × ${painted.height}`;
  }

  lost(reason, isFull) {
    if (session !== this) return;
    // Asking again at once does not help where there is no room.
    if (isFull || this.tries === RETRIES.length) return this.end(reason || GONE);
    screen.hidden = true; // the mirror, meanwhile
    complain(new Problem("The connection to the painter is lost. Trying again …"));
    this.timer = setTimeout(() => this.connect(), RETRIES[this.tries++]);
  }

  end(reason) {
    stop();
    onEnd();
    complain(new Problem(`${reason} Choose a style to go on.`));
  }

  close() {
    clearTimeout(this.timer);
    this.stream.close();
  }
}

/** A smaller copy of a canvas. */
function reduced(canvas, scale) {
  const copy = document.createElement("canvas");
  copy.width = Math.round(canvas.width * scale);
  copy.height = Math.round(canvas.height * scale);
  copy.getContext("2d").drawImage(canvas, 0, 0, copy.width, copy.height);
  return copy;
}

/** The camera's next picture, so that none is painted twice; where the browser does not tell of it, a moment. */
function nextFrame() {
  return new Promise((resolve) => {
    element("video").requestVideoFrameCallback?.(resolve);
    setTimeout(resolve, 50);
  });
}

let paused = null; // the style to go on with when the page is seen again
document.addEventListener("visibilitychange", () => {
  if (document.hidden && session) {
    paused = session.style;
    stop();
  } else if (!document.hidden && paused) {
    start(paused, onEnd);
    paused = null;
  }
});
