// Saving and sharing: files painted at the photo's full size, the clipboard, the sheet, the system's share dialog.

import { isShared, keepForPhone, sheet, stylize } from "./api.js";
import { announce, element, make, onClick, Problem } from "./dom.js";
import { chosen, settings } from "./stage.js";

const ENDINGS = { jpeg: "jpg", png: "png" };
const SHEET_SIDE = 640;
let last = { picture: null, asked: "", painting: null }; // what was painted last at full size, to be used again

/** What is on the stage, painted at the photo's full size, as a promise of a Blob. `format` is "jpeg" or "png". */
export function full(format) {
  const { picture } = chosen();
  const asked = { ...settings(), format };
  if (last.picture === picture && last.asked === JSON.stringify(asked)) return last.painting;
  const now = { picture, asked: JSON.stringify(asked), painting: stylize(picture.file, asked) };
  now.painting.catch(() => (now.picture = null));
  last = now;
  return now.painting;
}

async function painting(format) {
  const { picture, mix } = chosen();
  return new File([await full(format)], `${picture.stem}-${mix.slug}.${ENDINGS[format]}`, { type: `image/${format}` });
}

/** Have the browser save a file. */
export function download(file) {
  const url = URL.createObjectURL(file);
  make("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce(`${file.name} is saved.`, true);
}

async function copy() {
  // The browser waits for the picture by itself: asked later, it would have forgotten the click.
  const item = new ClipboardItem({ "image/png": painting("png") });
  try {
    await navigator.clipboard.write([item]);
  } catch (error) {
    throw error.forPeople
      ? error
      : new Problem("The browser does not let this page copy: save the picture instead.");
  }
  announce("The painting is in the clipboard.", true);
}

async function share() {
  try {
    await navigator.share({ files: [await painting("jpeg")], title: "Painted by artlives" });
  } catch (error) {
    if (error.name === "AbortError") return;
    throw error.forPeople
      ? error
      : new Problem("The system's share dialog did not open: save the picture instead.");
  }
}

/** Show a QR code, with which a phone in the same network sees the painting. */
async function takeToPhone() {
  const { link, code } = await keepForPhone(await painting("jpeg"));
  const image = element("phone-code");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(new Blob([code], { type: "image/svg+xml" }));
  element("phone-link").textContent = link;
  element("phone").showModal();
}

async function saveSheet() {
  const { picture } = chosen();
  const columns = window.innerWidth < 600 ? 2 : 3;
  const painted = await sheet(await picture.scaled(SHEET_SIDE), { size: SHEET_SIDE, columns });
  download(new File([painted], `${picture.stem}-sheet.jpg`, { type: "image/jpeg" }));
}

/** Follow the buttons, and show those that this browser has a use for. */
export async function build() {
  onClick(element("save-jpeg"), async () => download(await painting("jpeg")));
  onClick(element("save-png"), async () => download(await painting("png")));
  onClick(element("save-sheet"), saveSheet);
  onClick(element("copy"), copy);
  onClick(element("share"), share);
  onClick(element("to-phone"), takeToPhone);
  element("copy").hidden = !(window.ClipboardItem && navigator.clipboard?.write);
  const example = new File([""], "selfie.jpg", { type: "image/jpeg" });
  element("share").hidden = !navigator.canShare?.({ files: [example] });
  element("to-phone").hidden = !(await isShared());
}
