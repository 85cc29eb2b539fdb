// The page: where a picture comes from, and where it goes.

import { listStyles } from "./api.js";
import * as camera from "./camera.js";
import { complain, element, forgive, make, onClick, Problem } from "./dom.js";
import * as live from "./live.js";
import { Picture } from "./picture.js";
import * as save from "./save.js";
import * as stage from "./stage.js";
import { followHistory, onLeaving, show } from "./views.js";
import * as wall from "./wall.js";

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
let styles = [];
let picture = null;
let countdown = null;

/** Paint a file, whichever way it came. */
async function take(file) {
  performance.mark("taken");
  forgive();
  stage.close();
  await loadStyles(); // one may have been trained meanwhile
  if (!styles.length) throw new Problem("There are no styles here: train one with `artlives train`.");
  const next = await Picture.of(file, styles[0].name);
  picture?.close();
  picture = next;
  stage.use(picture);
  show("gallery");
  wall.hang(picture);
}

async function loadStyles() {
  const known = JSON.stringify(styles);
  styles = await listStyles();
  if (JSON.stringify(styles) === known) return;
  element("how-many").textContent = NUMBERS[styles.length] ?? styles.length;
  wall.build(styles, (style) => stage.open(style));
  const chips = [{ name: "", painting: "Just the mirror" }, ...styles].map(chip);
  element("live-styles").replaceChildren(element("live-styles").querySelector("legend"), ...chips);
}

function chip({ name, painting }) {
  const input = make("input", {
    type: "radio",
    name: "live",
    value: name,
    checked: !name,
    className: "unseen",
  });
  input.addEventListener("change", () => {
    forgive();
    if (name) live.start(name);
    else live.stop();
  });
  return make("label", { className: "chip" }, input, make("span", { textContent: painting || name }));
}

/** Show the mirror, painted live if a style is given. */
async function openCamera(style = "") {
  if (!styles.length) await loadStyles();
  await camera.open();
  show("camera");
  const input = element("live-styles").querySelector(`input[value="${style}"]`);
  input.checked = true;
  input.dispatchEvent(new Event("change"));
}

async function shoot() {
  countdown = new AbortController();
  const file = await camera.shoot(countdown.signal);
  await take(file);
}

function leaveCamera() {
  countdown?.abort();
  live.stop();
  camera.close();
}

function chooseFrom(input) {
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (file) await attempt(() => take(file));
  });
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    complain(error);
  }
}

function acceptDrops() {
  const sign = element("drop");
  const carriesFile = (event) => [...event.dataTransfer.types].includes("Files");
  window.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) sign.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    sign.hidden = true;
    attempt(() => take(event.dataTransfer.files[0]));
  });
  window.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) attempt(() => take(file));
  });
}

function isThisComputer() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}

async function begin() {
  if (!isThisComputer())
    element("privacy").textContent = "Your picture goes to the computer that runs artlives, and no further.";
  if (!camera.isPossible()) {
    for (const id of ["snapshot", "snapshot-label"]) element(id).hidden = false;
  }
  stage.build();
  save.build();
  acceptDrops();
  followHistory((view) => view === "start" || (view === "gallery" && picture));
  onLeaving("camera", leaveCamera);
  onClick(element("open-camera"), () => openCamera());
  onClick(element("shoot"), shoot);
  onClick(element("close-camera"), () => show("start"));
  onClick(element("again"), () => show("start"));
  onClick(element("go-live"), () => openCamera(stage.chosen().style.name));
  element("close-stage").addEventListener("click", () => stage.close());
  element("notice-close").addEventListener("click", forgive);
  element("home").addEventListener("click", (event) => {
    event.preventDefault();
    show("start");
  });
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stage.close();
  });
  for (const input of [element("file"), element("snapshot")]) chooseFrom(input);
  for (const button of document.querySelectorAll("[data-sample]")) {
    onClick(button, async () => take(await (await fetch(`/samples/${button.dataset.sample}.jpg`)).blob()));
  }
  await attempt(loadStyles);
}

begin();
