// Live mode: the camera's frames go to the painter and come back painted.

import { Stream } from "./api.js";
import { grab } from "./camera.js";
import { enlarge } from "./detail.js";
import { announce, complain, element, forgive, Problem } from "./dom.js";
import { Pace } from "./pace.js";
import { resize } from "./picture.js";

const DETAIL = 2; // times as large as it was painted a frame is shown
const IN_FLIGHT = 2; // frames: one is painted while the next one comes
const HEAD_START = 100; // milliseconds; two frames at once would replace each other
const LATEST = 50; // milliseconds until a camera is taken to have given another picture
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
    notePictures();
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
    this.pace = new Pace(performance.now(), Math.max(...shownSize()));
    this.sent = []; // the frames on their way, each a Frame
    this.spare = []; // those that were shown, to be used again
    this.send();
    setTimeout(() => this.send(), HEAD_START);
  }

  settle(style) {
    this.style = style;
    this.stream.settle(style);
  }

  async send() {
    await nextPicture();
    if (session !== this) return;
    try {
      const frame = this.spare.pop() ?? new Frame();
      frame.take(this.pace.side);
      if (!(await this.stream.send(frame.small))) return;
      frame.at = performance.now();
      this.sent.push(frame);
      if (this.sent.length > IN_FLIGHT) this.spare.push(this.sent.shift()); // the service dropped one
    } catch (error) {
      complain(error);
    }
  }

  async receive(painted) {
    this.tries = 0;
    this.send();
    const frame = this.sent.shift();
    const took = performance.now() - frame.at;
    const painting = await painted;
    if (session !== this) return;
    enlarge(screen, painting, frame.picture, frame.small);
    painting.close?.();
    this.shown(frame.small, took);
    this.spare.push(frame);
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

/** A picture of the camera, and the smaller copy of it that is painted. */
class Frame {
  picture = document.createElement("canvas");
  small = document.createElement("canvas");

  /** Take what the mirror shows; the copy's longer side has so many pixels. */
  take(side) {
    const [width, height] = shownSize();
    const longer = Math.max(width, height);
    grab((width * Math.min(Math.max(longer, side), DETAIL * side)) / longer, this.picture);
    const scale = side / Math.max(this.picture.width, this.picture.height);
    resize(this.small, this.picture.width * scale, this.picture.height * scale);
    // It is read, or encoded, by the processor.
    const context = this.small.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.picture, 0, 0, this.small.width, this.small.height);
  }
}

/** [width, height] of the mirror, in pixels of the camera or, if those are fewer, of the screen. */
function shownSize() {
  const { videoWidth, videoHeight, clientWidth } = element("video");
  const scale = Math.min(1, (clientWidth * devicePixelRatio) / videoWidth);
  return [videoWidth * scale, videoHeight * scale];
}

let isFresh = true; // whether the camera has given a picture since one was taken
let onFresh = () => {};

/** The camera's next picture, or one that nobody has taken yet, so that none is painted twice. */
async function nextPicture() {
  // Where the browser does not tell of pictures, a moment.
  if (!isFresh) await new Promise((resolve) => ((onFresh = resolve), setTimeout(resolve, LATEST)));
  isFresh = false;
}

/** Note each of the camera's pictures for as long as there is a session. */
function notePictures() {
  element("video").requestVideoFrameCallback?.(() => {
    isFresh = true;
    onFresh();
    if (session) notePictures();
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
