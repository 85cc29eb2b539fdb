// A small painting enlarged with the detail of the picture that it was painted from.
//
// What the picture has and a small copy of it lacks - its edges - is added to the enlarged painting, which is soft
// without: the Laplacian detail of unsharp masking, of the picture instead of the painting.

import { resize } from "./picture.js";

const layer = document.createElement("canvas");

/** Draw `painting` onto `canvas`, with the detail of `picture`, of which `small` is the copy that was painted. */
export function enlarge(canvas, painting, picture, small) {
  const { width, height } = picture;
  for (const each of [canvas, layer]) resize(each, width, height);
  // What is drawn enlarged takes longest: the copy is inverted while it is small.
  const copy = small.getContext("2d");
  draw(copy, "difference", () => {
    copy.fillStyle = "#fff";
    copy.fillRect(0, 0, small.width, small.height);
  });
  // (picture - small + 1) / 2: half grey where nothing is lacking.
  const detail = layer.getContext("2d");
  draw(detail, "copy", () => detail.drawImage(small, 0, 0, width, height));
  detail.globalAlpha = 0.5;
  draw(detail, "source-over", () => detail.drawImage(picture, 0, 0));
  detail.globalAlpha = 1;
  // Opaque: the browser need not draw the mirror beneath it.
  const context = canvas.getContext("2d", { alpha: false });
  draw(context, "copy", () => context.drawImage(painting, 0, 0, width, height));
  draw(context, "hard-light", () => context.drawImage(layer, 0, 0));
}

function draw(context, operation, action) {
  context.globalCompositeOperation = operation;
  action();
  context.globalCompositeOperation = "source-over";
}
