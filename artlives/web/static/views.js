// The page's views - start, camera, gallery, strip, clip - of which one is shown; the browser's Back goes between them.

import { element, forgive } from "./dom.js";

const VIEWS = ["start", "camera", "gallery", "strip", "clip"];
const entering = {};
const leaving = {};
let shown = "start";

/** Call these whenever that view is shown, and when it is left. */
export function watch(view, { entered = () => {}, left = () => {} }) {
  entering[view] = entered;
  leaving[view] = left;
}

/** The view that is shown. */
export const current = () => shown;

/** Show a view. */
export function show(view) {
  if (view !== shown) history.pushState({ view }, "");
  enter(view);
}

function enter(view) {
  const last = shown;
  shown = view;
  document.body.dataset.view = view;
  for (const name of VIEWS) element(name).hidden = name !== view;
  if (view !== last) {
    leaving[last]?.();
    entering[view]?.();
  }
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
