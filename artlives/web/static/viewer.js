// The painting in full screen: it can be zoomed and moved.

import { element } from "./dom.js";

const MOST = 8; // times as large as it fits the screen
const STEP = 1.5; // times, of a button, a key or a notch of the wheel
const MOVE = 80; // pixels, of an arrow key

const viewer = element("viewer");
const sheet = element("viewer-sheet");
const picture = element("viewer-picture");
const pointers = new Map(); // by id: {x, y} of those that are down
let view = { scale: 1, x: 0, y: 0 }; // of the picture: enlarged, then moved by so many pixels
let own = ""; // the address of the full painting
let opened = 0; // how often it was, so that a painting that comes late is not shown over another
let isFullScreen = false; // by this viewer, not since before

/**
 * Show a painting over its photo, blended by `strength`; `full()` is a promise of the Blob with the blend in full size,
 * [width, height] pixels.
 */
export async function open(photo, painting, strength, [width, height], full) {
  const turn = ++opened;
  element("viewer-photo").src = photo.src;
  picture.src = painting.src;
  picture.alt = painting.alt;
  blend(strength);
  set({ scale: 1, x: 0, y: 0 });
  const isWhole = painting.naturalWidth >= width && painting.naturalHeight >= height;
  say(isWhole ? "" : `Painting all ${width} × ${height} pixels …`);
  viewer.showModal();
  isFullScreen = !document.fullscreenElement;
  if (isFullScreen) document.documentElement.requestFullscreen?.().catch(() => {});
  if (isWhole) return;
  try {
    const url = URL.createObjectURL(await full());
    if (turn !== opened || !viewer.open) return URL.revokeObjectURL(url);
    own = url;
    picture.src = url;
    blend(1);
    await picture.decode();
    say(`${width} × ${height} pixels`);
  } catch {
    if (turn === opened) say(`This is ${painting.naturalWidth} of ${width} pixels wide: the rest was not painted.`);
  }
}

export function close() {
  if (viewer.open) viewer.close();
}

function closed() {
  opened++;
  pointers.clear();
  for (const image of sheet.querySelectorAll("img")) image.removeAttribute("src");
  URL.revokeObjectURL(own);
  own = "";
  if (isFullScreen && document.fullscreenElement) document.exitFullscreen();
}

const blend = (strength) => sheet.style.setProperty("--strength", strength);

function say(text) {
  element("viewer-note").textContent = text;
}

/** Set what is seen, so that no more than the picture's edge comes into the middle of the screen. */
function set({ scale, x, y }) {
  const limit = (at, length) => Math.min(Math.max(at, (-length / 2) * (scale - 1)), (length / 2) * (scale - 1));
  view = { scale, x: limit(x, sheet.clientWidth), y: limit(y, sheet.clientHeight) };
  element("viewer-moved").style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale})`;
  element("zoom-out").disabled = scale <= 1;
  element("zoom-in").disabled = scale >= MOST;
}

/** Enlarge by a factor; the point (x, y) of the window stays where it is. */
function zoom(factor, x = innerWidth / 2, y = innerHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 1), MOST);
  const grown = scale / view.scale;
  const [left, top] = [x - innerWidth / 2, y - innerHeight / 2];
  set({ scale, x: left - (left - view.x) * grown, y: top - (top - view.y) * grown });
}

const move = (x, y) => set({ ...view, x: view.x + x, y: view.y + y });

function follow(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = { x: event.clientX, y: event.clientY };
  if (pointers.size === 1) {
    move(now.x - before.x, now.y - before.y);
  } else {
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const distance = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    zoom(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }
  pointers.set(event.pointerId, now);
}

const KEYS = {
  "+": () => zoom(STEP),
  "=": () => zoom(STEP),
  "-": () => zoom(1 / STEP),
  0: () => set({ scale: 1, x: 0, y: 0 }),
  ArrowLeft: () => move(MOVE, 0),
  ArrowRight: () => move(-MOVE, 0),
  ArrowUp: () => move(0, MOVE),
  ArrowDown: () => move(0, -MOVE),
  f: close,
};

/** Follow pointers, wheel, keys and buttons. */
export function build() {
  viewer.addEventListener("close", closed);
  element("close-viewer").addEventListener("click", close);
  element("zoom-in").addEventListener("click", () => zoom(STEP));
  element("zoom-out").addEventListener("click", () => zoom(1 / STEP));
  sheet.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX, event.clientY);
  });
  sheet.addEventListener("dblclick", ({ clientX, clientY }) => {
    zoom(view.scale > 1 ? 1 / MOST : 3, clientX, clientY);
  });
  sheet.addEventListener("pointerdown", (event) => {
    sheet.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  sheet.addEventListener("pointermove", follow);
  for (const end of ["pointerup", "pointercancel"]) {
    sheet.addEventListener(end, ({ pointerId }) => pointers.delete(pointerId));
  }
  viewer.addEventListener("keydown", (event) => {
    const action = KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("fullscreenchange", () => {
    if (isFullScreen && !document.fullscreenElement) close();
  });
}
