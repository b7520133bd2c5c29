/** Strings beyond this length are seldom said twice. */
const LONGEST = 80;
const GENERATION = 4_096;

/**
 * Makes equal short strings one string. A thousand machines say the same condition types, label values and timestamps; JSON gives each its
 * own copy, and a third of what the index holds would be such copies. What has not been said for a while is let go.
 */
export class Interning {
  #current = new Map<string, string>();
  #previous = new Map<string, string>();

  /** Replaces, in place, the strings within a value as JSON gives it. */
  within(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    for (const [key, each] of Object.entries(value)) {
      if (typeof each === "string") Reflect.set(value, key, this.#one(each));
      else this.within(each);
    }
  }

  #one(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#current.get(text);
    if (known !== undefined) return known;
    const kept = this.#previous.get(text) ?? text;
    if (this.#current.size >= GENERATION) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(kept, kept);
    return kept;
  }
}
