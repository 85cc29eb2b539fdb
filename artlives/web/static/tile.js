// A style's place on the wall: its painting of the photo, its label, and how far a study is.

import { stylize } from "./api.js";
import { make, Problem } from "./dom.js";
import { progressOf } from "./studies.js";
import { byline, isReady, title } from "./styles.js";

export class Tile {
  /** `choose(style)` is called when it is clicked, `remove(style)` when a style of this visit is to go. */
  constructor(style, choose, remove) {
    this.style = style;
    this.own = ""; // the address of the painting, if one is shown
    this.asked = 0; // paintings asked for, so that an older one does not replace a newer one
    this.image = make("img", { alt: "" });
    this.note = make("span", { className: "note" });
    this.bar = make("progress", { max: 1, hidden: true, ariaHidden: "true" });
    const label = make(
      "span",
      { className: "label" },
      make("cite", { textContent: title(style) }),
      make("span", { className: "byline", textContent: byline(style) }),
      this.note,
      this.bar,
    );
    if (style.study) label.prepend(make("img", { src: style.study.url, className: "source", alt: "" }));
    this.button = make("button", { type: "button", className: "tile" }, this.image, label);
    this.button.dataset.style = style.name;
    this.button.addEventListener("click", () => (this.again ? this.again() : choose(style)));
    this.place = make("li", {}, this.button);
    if (style.study) this.place.append(removal(style, remove));
    this.describe();
  }

  /** Show the photo, or the painting that is studied, until there is a painting. */
  wait(picture) {
    this.again = null;
    this.asked++;
    this.busy(isReady(this.style));
    this.replace(isReady(this.style) ? picture.url : this.style.study.url, false);
    this.describe();
  }

  /** Paint the photo's copy and hang it. If that fails, a click on the tile tries again. */
  async paint(photo, settings, signal) {
    const turn = ++this.asked;
    this.again = null;
    try {
      const painting = await stylize(photo, { ...settings, style: this.style.name, one_pass: true }, signal);
      const next = new Image();
      next.src = URL.createObjectURL(painting);
      await next.decode();
      if (signal.aborted || turn !== this.asked) return URL.revokeObjectURL(next.src);
      this.replace(next.src, true);
    } catch (error) {
      if (signal.aborted || turn !== this.asked) return;
      this.again = () => {
        this.busy(true);
        this.describe();
        this.paint(photo, settings, signal);
      };
      this.why = error instanceof Problem ? error.message : "";
    }
    this.busy(false);
    this.describe();
  }

  /** What the label says beside the painting's name. */
  describe() {
    const { study } = this.style;
    this.note.textContent = this.again ? "Not painted: try again" : study ? progressOf(this.style) : "";
    this.note.title = (this.again && this.why) || "";
    this.bar.hidden = study?.state !== "learning";
    if (study) this.bar.value = study.progress;
    this.button.classList.toggle("failed", Boolean(this.again) || study?.state === "failed");
    this.button.disabled = !isReady(this.style);
  }

  replace(url, isOwn) {
    this.image.src = url;
    URL.revokeObjectURL(this.own);
    this.own = isOwn ? url : "";
  }

  busy(isBusy) {
    if (isBusy) this.button.setAttribute("aria-busy", "true");
    else this.button.removeAttribute("aria-busy");
  }

  /** Let go of what it holds; it is no longer on the wall. */
  close() {
    this.asked++;
    this.place.remove();
    URL.revokeObjectURL(this.own);
  }
}

function removal(style, remove) {
  const button = make("button", { type: "button", className: "remove", textContent: "×" });
  button.setAttribute("aria-label", `Remove ${title(style)}`);
  button.addEventListener("click", () => remove(style));
  return button;
}
