// The page's three views - start, camera, gallery - of which one is shown; the browser's Back goes between them.

import { element, forgive } from "./dom.js";

const VIEWS = ["start", "camera", "gallery"];
const leaving = {};
let current = "start";

/** Call `action` whenever that view is left. */
export function onLeaving(view, action) {
  leaving[view] = action;
}

/** Show a view. */
export function show(view) {
  if (view !== current) history.pushState({ view }, "");
  enter(view);
}

function enter(view) {
  if (view !== current) leaving[current]?.();
  current = view;
  for (const name of VIEWS) element(name).hidden = name !== view;
  element(`${view}-title`).focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** Let the browser's Back and Forward show views; `isThere(view)` says whether one can be shown. */
export function followHistory(isThere) {
  history.replaceState({ view: "start" }, "");
  window.addEventListener("popstate", (event) => {
    forgive();
    const view = event.state?.view;
    enter(view && isThere(view) ? view : "start");
  });
}
