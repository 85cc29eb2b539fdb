// The camera: permission, the mirror, the countdown, the picture.

import { announce, element, Problem } from "./dom.js";
import { toBlob } from "./picture.js";

const WANTED = { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" };
const video = element("video");
let stream = null;

/** Whether the browser gives this page a camera: it does on this machine and over https. */
export const isPossible = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Start the camera, which asks for permission. */
export async function open() {
  if (!isPossible()) {
    throw new Problem(
      "The browser gives the camera only to pages on this machine or over https: " +
        "start artlives with --https, or choose a photo.",
    );
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
  } catch (error) {
    throw new Problem(explain(error));
  }
  video.srcObject = stream;
  await video.play();
  element("mirror").style.setProperty("--ratio", video.videoWidth / video.videoHeight);
  element("mirror").classList.toggle("flipped", isMirrored());
}

export function close() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

/** Count 3-2-1 and take the picture that the mirror shows, as a Blob. `signal` ends it. */
export async function shoot(signal) {
  const count = element("count");
  try {
    for (const number of [3, 2, 1]) {
      count.textContent = number;
      announce(String(number));
      await second(signal);
    }
  } finally {
    count.textContent = "";
  }
  return toBlob(grab(video.videoWidth), "image/jpeg", 0.95);
}

/** What the mirror shows now, on a canvas of that width. */
export function grab(width, canvas = document.createElement("canvas")) {
  canvas.width = Math.round(width);
  canvas.height = Math.round((width * video.videoHeight) / video.videoWidth);
  const context = canvas.getContext("2d");
  if (isMirrored()) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function isMirrored() {
  return stream?.getVideoTracks()[0]?.getSettings().facingMode !== "environment";
}

function explain(error) {
  const reasons = {
    NotAllowedError: "The camera was not allowed. Allow it in the browser's address bar",
    NotFoundError: "There is no camera here. Connect one",
    NotReadableError: "The camera is in use by another program. Close that",
  };
  return `${reasons[error.name] ?? "The camera cannot be used"}, or choose, drop or paste a photo instead.`;
}

function second(signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}
