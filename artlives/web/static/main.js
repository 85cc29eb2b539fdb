// The page: where a picture comes from, and where it goes.

import { canLearn, isPrivate } from "./api.js";
import * as booth from "./booth.js";
import * as camera from "./camera.js";
import * as clips from "./clips.js";
import * as compare from "./compare.js";
import { attempt, complain, element, forgive, onClick, Problem } from "./dom.js";
import * as exhibit from "./exhibit.js";
import * as four from "./four.js";
import * as keys from "./keys.js";
import * as kiosk from "./kiosk.js";
import { Mix } from "./mix.js";
import { Picture } from "./picture.js";
import * as save from "./save.js";
import * as sources from "./sources.js";
import * as stage from "./stage.js";
import * as studies from "./studies.js";
import * as styles from "./styles.js";
import * as tray from "./tray.js";
import * as viewer from "./viewer.js";
import * as views from "./views.js";
import * as wall from "./wall.js";

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
let picture = null;

/** Paint a file, whichever way it came; if a mix of styles is given, it is shown in that. */
async function take(file, mix = null) {
  performance.mark("taken");
  forgive();
  present(await read(file), mix);
}

async function read(file) {
  await styles.load(); // one may have been trained meanwhile
  if (!styles.all().length) throw new Problem("There are no styles here: train one with `artlives train`.");
  const read = await Picture.of(file, styles.all()[0].name);
  tray.add(read);
  return read;
}

/** Show a picture on the wall, or in a mix of styles on the stage. */
function present(next, mix) {
  stage.close();
  picture = next;
  stage.use(picture);
  views.show("gallery");
  wall.hang(picture).catch(complain);
  if (mix && [mix.style, mix.other ?? mix.style].every((style) => styles.all().includes(style))) {
    stage.open(mix.style, mix.other, mix.share);
  }
}

/** Paint four files and show them on a strip: in the mix that they were seen in, or each in another style. */
async function takeFour(files, mix) {
  forgive();
  const pictures = [];
  for (const file of files) pictures.push(await read(file));
  const all = shuffled(styles.all().filter(styles.isReady));
  views.show("strip");
  await four.paint(
    pictures,
    pictures.map((_, i) => mix ?? new Mix(all[i % all.length])),
  );
}

/** Learn a painting: it is a style of its own from then on. */
async function learn(file) {
  forgive();
  const style = await studies.begin(file);
  wall.reveal(style);
}

/** Keep the style on the stage under the name in the form. */
async function keep() {
  forgive();
  stage.open(await studies.keep(stage.chosen().mix.style, element("keep-name").value.trim()));
}

/** Show the picture in a mix of two styles that nobody has chosen. */
function surprise() {
  const [style, other] = shuffled(styles.all().filter(styles.isReady));
  const share = (6 + Math.floor(9 * Math.random())) / 20; // 30 to 70 %, in twentieths
  stage.open(style, other, share);
}

function shuffled(list) {
  const keys = new Map(list.map((entry) => [entry, Math.random()]));
  return [...list].sort((a, b) => keys.get(a) - keys.get(b));
}

function forgetAll() {
  stage.close();
  viewer.close();
  picture = null;
  tray.empty();
  four.clear();
  views.show("start");
}

function offer(all) {
  const count = all.filter(({ study }) => !study).length;
  element("how-many").textContent = NUMBERS[count] ?? count;
  exhibit.offer(all);
  wall.offer(all, (style) => stage.open(style), studies.remove);
  booth.offer(all);
  stage.offer(all);
}

function follow(style, isNewStage) {
  wall.describe(style);
  stage.follow(style, isNewStage);
  if (!isNewStage) return;
  wall.refresh(style);
  booth.offer(styles.all());
}

async function sample(name) {
  const response = await fetch(`samples/${name}.jpg`);
  return new File([await response.blob()], `${name}.jpg`, { type: "image/jpeg" });
}

function adapt() {
  document.documentElement.classList.toggle("unlearning", !canLearn);
  if (!isPrivate()) {
    element("privacy").textContent = "Your picture goes to the computer that runs artlives, and no further.";
    document.documentElement.classList.add("elsewhere"); // styles are kept on that computer alone
  }
  if (camera.isPossible()) return;
  for (const id of ["snapshot", "snapshot-label"]) element(id).hidden = false;
}

function followButtons() {
  onClick(element("open-camera"), () => openCamera());
  onClick(element("go-live"), () => openCamera(stage.chosen().mix));
  onClick(element("strip-again"), () => openCamera());
  onClick(element("again"), () => views.show("start"));
  onClick(element("surprise"), surprise);
  element("keep").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(keep, element("keep-button"));
  });
  element("close-stage").addEventListener("click", stage.close);
  element("close-strip").addEventListener("click", () => views.show("start"));
  element("notice-close").addEventListener("click", forgive);
  onClick(element("enlarge"), enlarge);
  element("home").addEventListener("click", (event) => {
    event.preventDefault();
    views.show("start");
  });
  for (const button of document.querySelectorAll("[data-sample]")) {
    onClick(button, async () => take(await sample(button.dataset.sample)));
  }
}

async function openCamera(mix) {
  if (!styles.all().length) await styles.load();
  await booth.open(mix);
}

function enlarge() {
  const { strength } = picture.settings;
  viewer.open(element("under"), element("after"), strength, picture.fullSize, () => save.full(picture.format));
}

async function begin() {
  adapt();
  compare.build(enlarge);
  stage.build(tray.update);
  attempt(save.build);
  viewer.build();
  booth.build(take, takeFour, clips.take);
  four.build();
  keys.build();
  tray.build((chosen) => present(chosen, chosen.mix), forgetAll);
  kiosk.build(forgetAll);
  followButtons();
  styles.watch(offer);
  studies.watch(follow);
  if (!kiosk.isKiosk) {
    sources.follow({
      onPhoto: take,
      onPainting: learn,
      onClip: (file) => clips.take(file),
      isOpen: () => canLearn && views.current() === "gallery",
    });
    attempt(clips.build);
  }
  views.watch("start", { entered: exhibit.open, left: exhibit.close });
  views.watch("camera", { left: booth.close });
  views.watch("strip", { left: four.stop });
  views.followHistory((view) => ["start", "strip"].includes(view) || (view === "gallery" && picture));
  exhibit.open();
  await attempt(styles.load);
}

begin();
