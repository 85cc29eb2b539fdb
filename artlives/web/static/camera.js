// The camera: permission, which one, the mirror, the countdown, the picture.

import { announce, element, Problem } from "./dom.js";
import { resize, toBlob } from "./picture.js";

const WANTED = { width: { ideal: 1280 }, height: { ideal: 960 } };
const SECOND = 1000; // milliseconds
const QUALITY = 0.95;
const FLASH = 150; // milliseconds
const RECORDED_SIDE = 960; // pixels of the longer side of what is recorded
const RECORDED_RATE = 25; // frames a second
const video = element("video");
let stream = null;
let chosen = ""; // the id of the camera that was chosen on this visit

/** Whether the browser gives this page a camera: it does on this machine and over https. */
export const isPossible = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Whether the browser records what the mirror shows. */
export const isRecordable = () => isPossible() && Boolean(window.MediaRecorder);

/** Start the camera, which asks for permission. */
export async function open() {
  if (!isPossible()) {
    throw new Problem(
      "The browser gives the camera only to pages on this machine or over https: " +
        "start artlives with --https, or choose a photo.",
    );
  }
  const which = chosen ? { deviceId: { exact: chosen } } : { facingMode: "user" };
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...which }, audio: false });
  } catch (error) {
    chosen = ""; // it may have been unplugged
    throw new Problem(explain(error));
  }
  video.srcObject = stream;
  await video.play();
  element("camera").style.setProperty("--ratio", video.videoWidth / video.videoHeight);
  element("mirror").classList.toggle("flipped", isMirrored());
  element("switch-camera").hidden = (await cameras()).length < 2;
}

export function close() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

/** Go on with the next one of several cameras. */
export async function change() {
  const all = await cameras();
  const now = all.findIndex(({ deviceId }) => deviceId === track().getSettings().deviceId);
  const next = all[(now + 1) % all.length];
  close(); // a phone opens one camera at a time
  chosen = next.deviceId;
  await open();
  announce(next.label || "The other camera", true);
}

async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput");
}

/** Count down from a number and take the picture that the mirror shows, as a file. `signal` ends it. */
export async function shoot(signal, from = 3) {
  const count = element("count");
  try {
    for (let number = from; number > 0; number--) {
      count.textContent = number;
      announce(String(number));
      await pause(SECOND, signal);
    }
  } finally {
    count.textContent = "";
  }
  element("mirror").classList.add("flash");
  setTimeout(() => element("mirror").classList.remove("flash"), FLASH);
  const picture = await toBlob(grab(video.videoWidth), "image/jpeg", QUALITY);
  return new File([picture], "selfie.jpg", { type: "image/jpeg" });
}

/** Record what the mirror shows for so many seconds, as a file. `signal` ends it. */
export async function record(seconds, signal) {
  const canvas = grab(recordedWidth());
  const count = element("count");
  return filmed(canvas, "selfie", async () => {
    const timer = setInterval(() => grab(recordedWidth(), canvas), SECOND / RECORDED_RATE);
    try {
      for (let left = seconds; left > 0; left--) {
        count.textContent = left;
        await pause(SECOND, signal);
      }
    } finally {
      count.textContent = "";
      clearInterval(timer);
    }
  });
}

/** Record what the mirror shows for a second, there and back again, as a file. `signal` ends it. */
export async function recordBoomerang(signal) {
  const canvas = grab(recordedWidth());
  const pictures = [];
  while (pictures.length < RECORDED_RATE) {
    pictures.push(grab(recordedWidth()));
    await pause(SECOND / RECORDED_RATE, signal);
  }
  // The first and the last picture stand between two rounds once, not twice.
  const round = [...pictures, ...pictures.slice(1, -1).reverse()];
  return filmed(canvas, "boomerang", async () => {
    for (const picture of round) {
      canvas.getContext("2d").setTransform(1, 0, 0, 1, 0, 0);
      canvas.getContext("2d").drawImage(picture, 0, 0);
      await pause(SECOND / RECORDED_RATE, signal);
    }
  });
}

function recordedWidth() {
  const { videoWidth, videoHeight } = video;
  return videoWidth * Math.min(1, RECORDED_SIDE / Math.max(videoWidth, videoHeight));
}

/** What is drawn on a canvas while `draw()` is at work, as a video's file. */
async function filmed(canvas, stem, draw) {
  const recorder = new MediaRecorder(canvas.captureStream(RECORDED_RATE));
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
  recorder.start();
  try {
    await draw();
  } finally {
    recorder.stop();
  }
  await stopped;
  const [type] = recorder.mimeType.split(";");
  return new File(parts, `${stem}.${type.replace("video/", "")}`, { type });
}

/** What the mirror shows now, on a canvas of that width. */
export function grab(width, canvas = document.createElement("canvas")) {
  resize(canvas, width, (width * video.videoHeight) / video.videoWidth);
  const context = canvas.getContext("2d");
  const side = isMirrored() ? -1 : 1;
  context.setTransform(side, 0, 0, 1, side < 0 ? canvas.width : 0, 0);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const track = () => stream?.getVideoTracks()[0];

const isMirrored = () => track()?.getSettings().facingMode !== "environment";

function explain(error) {
  const reasons = {
    NotAllowedError: "The camera was not allowed. Allow it in the browser's address bar",
    NotFoundError: "There is no camera here. Connect one",
    NotReadableError: "The camera is in use by another program. Close that",
  };
  return `${reasons[error.name] ?? "The camera cannot be used"}, or choose, drop or paste a photo instead.`;
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}
