// Where files come from: chosen, dropped or pasted. Once there is a picture, one may be a photo or a painting.

import { isClip } from "./clips.js";
import { attempt, element } from "./dom.js";

let photo = null;
let painting = null;
let clip = null;
let mayBePainting = () => false;

/** Call `onPhoto`, `onPainting` or `onClip` with each file; `isOpen()` says whether paintings are taken now. */
export function follow({ onPhoto, onPainting, onClip, isOpen }) {
  photo = onPhoto;
  painting = onPainting;
  clip = onClip;
  mayBePainting = isOpen;
  for (const id of ["file", "snapshot"]) chooseFrom(element(id), photo);
  chooseFrom(element("painting"), painting);
  chooseFrom(element("clip-file"), clip);
  acceptDrops();
  window.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) attempt(() => take(file));
  });
}

function chooseFrom(input, action) {
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (file) await attempt(() => action(file));
  });
}

/** Ask what a file is, if it may be either. */
async function take(file) {
  if (isClip(file)) return clip(file);
  if (!mayBePainting()) return photo(file);
  const dialog = element("which");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue === "photo") await photo(file);
  if (dialog.returnValue === "painting") await painting(file);
}

function acceptDrops() {
  const zones = element("drop");
  const carriesFile = (event) => [...event.dataTransfer.types].includes("Files");
  window.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    zones.hidden = false;
    element("drop-painting").hidden = !mayBePainting();
    const over = event.target.closest?.(".zone");
    for (const zone of zones.children) zone.classList.toggle("over", zone === over);
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zones.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    zones.hidden = true;
    const [file] = event.dataTransfer.files;
    const zone = event.target.closest?.(".zone");
    if (zone && !isClip(file)) attempt(() => (zone.id === "drop-painting" ? painting : photo)(file));
    else attempt(() => take(file));
  });
}
