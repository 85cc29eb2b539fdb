// Kiosk mode, for exhibitions (`artlives selfie --kiosk`): in full screen, without files, and back at the start after a
// minute in which nobody touches anything.

const IDLE = 60_000; // milliseconds

/** Whether the page was opened for a kiosk. */
export const isKiosk = location.hash === "#kiosk";

/** Call `restart()` when nobody is there any more. */
export function build(restart) {
  if (!isKiosk) return;
  document.documentElement.classList.add("kiosk"); // which hides what has to do with files
  for (const control of document.querySelectorAll(".files :is(button, input), .files:is(button, input)")) {
    control.disabled = true;
  }
  let timer = 0;
  const touched = () => {
    clearTimeout(timer);
    timer = setTimeout(restart, IDLE);
  };
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
    window.addEventListener(kind, touched, { passive: true });
  }
  // Browsers give the full screen to a click alone.
  window.addEventListener("click", () => {
    if (!document.fullscreenElement) document.documentElement.requestFullscreen?.().catch(() => {});
  });
  touched();
}
