// Keys that work wherever the focus is, but for text fields and dialogs.

import * as booth from "./booth.js";
import { element } from "./dom.js";
import * as stage from "./stage.js";
import { current } from "./views.js";

const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };

/** The action of a key in the view that is shown; undefined if it has none there. */
function actionOf(key, target) {
  const isButton = target.closest("button, summary, a");
  const isRange = target.matches("input[type=range], select");
  if (current() === "camera") {
    if (key === "Escape") return () => element("close-camera").click();
    if ((key === " " || key === "Enter") && !isButton) return () => element("shoot").click();
    if (key in ARROWS) return () => booth.step(ARROWS[key]);
  }
  if (current() === "gallery" && stage.isOpen()) {
    if (key === "Escape") return stage.close;
    if (key in ARROWS && !isRange) return () => stage.step(ARROWS[key]);
    if (key === "s") return () => element("save-jpeg").click();
    if (key === "f") return () => element("enlarge").click();
  }
  if (current() === "clip" && key === "Escape") return () => element("close-clip").click();
  if (current() === "strip" && key === "Escape") return () => element("close-strip").click();
}

export function build() {
  window.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || target.matches("input[type=text]")) return;
    const action = actionOf(key, target);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
