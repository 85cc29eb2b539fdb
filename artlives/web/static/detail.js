// A small painting enlarged with the detail of the picture that it was painted from.
//
// What the picture has and a small copy of it lacks - its edges - is added to the enlarged painting, which is soft
// without: the Laplacian detail of unsharp masking, of the picture instead of the painting.

const layer = document.createElement("canvas");

/** Draw `painting` onto `canvas`, with the detail of `picture`, of which `small` is the copy that was painted. */
export function enlarge(canvas, painting, picture, small) {
  for (const each of [canvas, layer]) {
    if (each.width === picture.width && each.height === picture.height) continue;
    [each.width, each.height] = [picture.width, picture.height];
  }
  const { width, height } = canvas;
  // (picture - small + 1) / 2, in grey: half grey where nothing is lacking.
  const detail = layer.getContext("2d");
  draw(detail, "copy", () => detail.drawImage(small, 0, 0, width, height));
  draw(detail, "difference", () => fill(detail, "#fff"));
  detail.globalAlpha = 0.5;
  draw(detail, "source-over", () => detail.drawImage(picture, 0, 0));
  detail.globalAlpha = 1;
  draw(detail, "saturation", () => fill(detail, "#888"));
  const context = canvas.getContext("2d");
  draw(context, "copy", () => context.drawImage(painting, 0, 0, width, height));
  draw(context, "hard-light", () => context.drawImage(layer, 0, 0));
}

function draw(context, operation, action) {
  context.globalCompositeOperation = operation;
  action();
  context.globalCompositeOperation = "source-over";
}

function fill(context, style) {
  context.fillStyle = style;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}
