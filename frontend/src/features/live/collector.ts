/** Collects names and hands each over once in a while: many events about one thing ask for one reading. */

export class Collector {
  readonly #names = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hand: (names: string[]) => void,
    private readonly everyMs: number,
  ) {}

  add(name: string): void {
    this.#names.add(name);
    this.#timer ??= setTimeout(() => this.flush(), this.everyMs);
  }

  /** Hands over what there is, at once. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const names = [...this.#names];
    this.#names.clear();
    if (names.length > 0) this.hand(names);
  }

  /** Forgets what there is. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#names.clear();
  }
}
