// A style, or two of them mixed: what the service, a file's name and people call it.

import { slug, title } from "./styles.js";

/** `share` is the second style's, 0 to 1; without a second style there is one alone. */
export class Mix {
  constructor(style, other = null, share = 0) {
    this.style = style;
    this.other = other;
    this.share = other ? share : 0;
  }

  /** The styles and their shares in percent, without one that has none. */
  get parts() {
    const second = Math.round(100 * this.share);
    return [
      [this.style, 100 - second],
      [this.other, second],
    ].filter(([, percent]) => percent > 0);
  }

  /** As the service takes it: "wave" or "wave:0.6,udnie:0.4". */
  get name() {
    const { parts } = this;
    if (parts.length === 1) return parts[0][0].name;
    return parts.map(([style, percent]) => `${style.name}:${percent / 100}`).join(",");
  }

  /** In a file's name: "wave" or "wave60-udnie40". */
  get slug() {
    const { parts } = this;
    if (parts.length === 1) return slug(parts[0][0]);
    return parts.map(([style, percent]) => `${slug(style)}${percent}`).join("-");
  }

  /** For people: "Udnie" or "60 % The Scream, 40 % Udnie". */
  get title() {
    const { parts } = this;
    if (parts.length === 1) return title(parts[0][0]);
    return parts.map(([style, percent]) => `${percent} % ${title(style)}`).join(", ");
  }

  has(style) {
    return this.style === style || this.other === style;
  }
}
