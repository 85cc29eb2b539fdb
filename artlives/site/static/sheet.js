// A sheet: pictures of one size in rows, each above its title and a smaller line; as `artlives.sheet` lays it out.

const GAP = 12; // pixels between pictures and around them
const PAPER = "white";
const INK = "#222222";
const PALE_INK = "#777777";

/** A canvas with these tiles, {picture, title, line}, `columns` of them side by side. */
export function layOut(tiles, columns) {
  const { width, height } = tiles[0].picture;
  const size = Math.max(14, Math.floor(width / 22)); // of the titles' letters
  const caption = Math.floor((size * 5) / 2);
  columns = Math.min(columns, tiles.length);
  const rows = Math.ceil(tiles.length / columns);
  const sheet = new OffscreenCanvas(columns * (width + GAP) + GAP, rows * (height + caption + GAP) + GAP);
  const context = sheet.getContext("2d");
  context.fillStyle = PAPER;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.textBaseline = "top";
  tiles.forEach(({ picture, title, line }, i) => {
    const x = GAP + (i % columns) * (width + GAP);
    const y = GAP + Math.floor(i / columns) * (height + caption + GAP);
    context.drawImage(picture, x, y);
    write(context, INK, size, title, x, y + height + size / 4, width);
    write(context, PALE_INK, (size * 3) / 4, line, x, y + height + (size * 3) / 2, width);
  });
  return sheet;
}

function write(context, ink, size, text, x, y, width) {
  context.fillStyle = ink;
  context.font = `${size}px sans-serif`;
  context.fillText(text, x, y, width);
}
