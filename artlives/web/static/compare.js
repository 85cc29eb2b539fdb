// The painting and its photo on top of each other: the painting whole, a wipe that can be drawn over it, and the photo
// for as long as the painting is held.

import { element } from "./dom.js";

const HOLD = 200; // milliseconds: what is shorter is a tap
const MOVED = 10; // pixels: a finger that moves further does not tap or hold

const compare = element("compare");
const split = element("split");
let held = null; // {x, y, timer} while a pointer is down on the painting

/** Show the painting whole. */
export function reset() {
  split.value = 0;
  wipe();
}

/** Follow the pointer and the keys; `enlarge()` is called when the painting is tapped. */
export function build(enlarge) {
  split.addEventListener("input", wipe);
  reset();
  followHandle(element("wipe"));
  compare.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest("button, .wipe")) return;
    held = { x: event.clientX, y: event.clientY, timer: setTimeout(() => peek(true), HOLD) };
  });
  window.addEventListener("pointermove", (event) => {
    if (held && Math.hypot(event.clientX - held.x, event.clientY - held.y) > MOVED) release();
  });
  window.addEventListener("pointercancel", release);
  window.addEventListener("pointerup", () => {
    if (!held) return;
    const isTap = !isPeeking();
    release();
    if (isTap) enlarge();
  });
  compare.addEventListener("contextmenu", (event) => {
    if (held) event.preventDefault(); // a long press
  });
  const button = element("peek");
  button.addEventListener("pointerdown", () => peek(true));
  for (const end of ["pointerup", "pointercancel", "pointerleave", "blur", "keyup"]) {
    button.addEventListener(end, () => peek(false));
  }
  button.addEventListener("keydown", ({ key }) => {
    if (key === " " || key === "Enter") peek(true);
  });
}

/** The handle is drawn over the painting; the slider that it stands for is for the keyboard. */
function followHandle(handle) {
  compare.addEventListener("dragstart", (event) => event.preventDefault()); // of the photo under the handle
  handle.addEventListener("pointerdown", ({ pointerId }) => handle.setPointerCapture(pointerId));
  handle.addEventListener("pointermove", ({ clientX, pointerId }) => {
    if (!handle.hasPointerCapture(pointerId)) return;
    const { left, width } = compare.getBoundingClientRect();
    split.value = (100 * (clientX - left)) / width;
    wipe();
  });
}

function release() {
  clearTimeout(held?.timer);
  held = null;
  peek(false);
}

const isPeeking = () => compare.classList.contains("peeking");

function peek(isOn) {
  compare.classList.toggle("peeking", isOn);
}

function wipe() {
  const value = Number(split.value);
  compare.style.setProperty("--at", `${value}%`);
  split.setAttribute("aria-valuetext", value ? `${value} % photo, ${100 - value} % painting` : "the painting alone");
}
