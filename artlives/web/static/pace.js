// Which size to paint the camera's frames at: the largest that holds more than twenty frames a second.

// Below the smallest, faces are lost.
export const SIDES = [256, 320, 384, 480, 560, 640, 768, 960]; // pixels of the longer side
export const WANTED = 20; // frames a second: fewer are seen to stutter
const FIRST = 320;
const SAFE = 1.1; // how much faster than wanted a larger size must promise to be
const WINDOW = 1500; // milliseconds of measuring before a decision
const MEMORY = 60_000; // milliseconds for which a size that was too slow is not tried again

export class Pace {
  constructor(now, largest = Infinity) {
    this.sides = SIDES.filter((side) => side <= largest);
    this.index = Math.max(0, this.sides.indexOf(FIRST));
    this.tooSlow = new Map(); // index: when it was
    this.restart(now);
  }

  get side() {
    return this.sides[this.index];
  }

  restart(now) {
    this.since = now;
    this.frames = 0;
    this.waited = 0;
  }

  /** Count a frame shown at `now` that took so long from its sending, in milliseconds; the rate, whenever one was measured. */
  count(now, took) {
    this.frames++;
    this.waited += took;
    const passed = now - this.since;
    if (passed < WINDOW || this.frames < 3) return null;
    const rate = (1000 * this.frames) / passed;
    this.#decide(rate, now);
    this.restart(now);
    return rate;
  }

  #decide(rate, now) {
    if (rate <= WANTED && this.index > 0) {
      this.tooSlow.set(this.index, now);
      this.index--;
      return;
    }
    const next = this.index + 1;
    if (next >= this.sides.length || now - (this.tooSlow.get(next) ?? -Infinity) < MEMORY) return;
    // The camera may be slower than the painter, who could have painted one frame after the other.
    const possible = Math.max(rate, (1000 * this.frames) / this.waited);
    const promised = possible * (this.side / this.sides[next]) ** 2;
    if (promised > WANTED * SAFE) this.index = next;
  }
}
