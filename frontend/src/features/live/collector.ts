/** Collects things and hands them over together once in a while: many events ask for one drawing, and for one reading. */

export class Collector<Thing> {
  readonly #things = new Set<Thing>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hand: (things: Thing[]) => void,
    private readonly everyMs: number,
  ) {}

  /** Adds one; of those that are the same, one is handed over. */
  add(thing: Thing): void {
    this.#things.add(thing);
    this.#timer ??= setTimeout(() => this.flush(), this.everyMs);
  }

  /** Hands over what there is, at once. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const things = [...this.#things];
    this.#things.clear();
    if (things.length > 0) this.hand(things);
  }

  /** Forgets what there is. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#things.clear();
  }
}
