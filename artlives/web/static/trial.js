// Which of several ways is the quickest: they are tried in turns, and the one whose median time is the least is taken.

const EACH = 6; // times in a row, so that one way is not slowed by what is left of another
const ROUNDS = 2;

export class Trial {
  constructor(ways) {
    this.ways = ways;
    this.times = new Map(ways.map((way) => [way, []]));
    this.count = 0;
  }

  /** The way to take next. */
  get way() {
    if (this.isOver) return this.best;
    return this.ways[Math.floor(this.count / EACH) % this.ways.length];
  }

  get isOver() {
    return this.count >= EACH * ROUNDS * this.ways.length || this.ways.length === 1;
  }

  get best() {
    const median = (way) => this.times.get(way).toSorted((a, b) => a - b)[this.times.get(way).length >> 1];
    return this.ways.reduce((best, way) => (median(way) < median(best) ? way : best));
  }

  /** A way took so many milliseconds. */
  note(way, took) {
    if (this.isOver) return;
    this.times.get(way).push(took);
    this.count++;
  }
}
