import type { WatchEvent } from "#platform/kube/client.ts";

/** A watch of which more can be read than is handed on. */
export interface LookAhead {
  next(): Promise<WatchEvent | undefined>;
  /** Whether such an event comes in time. It, and what comes before it, is handed on afterwards as ever. */
  brings(isMeant: (event: WatchEvent) => boolean, withinMs: number): Promise<boolean>;
}

export function lookAhead(watch: AsyncIterable<WatchEvent>): LookAhead {
  const events = watch[Symbol.asyncIterator]();
  const read: (WatchEvent | undefined)[] = [];
  let reading: Promise<void> | undefined;
  const readOne = (): Promise<void> => {
    reading ??= events.next().then(
      ({ done, value }) => {
        read.push(done === true ? undefined : value);
        reading = undefined;
      },
      () => {
        read.push(undefined);
        reading = undefined;
      },
    );
    return reading;
  };
  return {
    next: async () => {
      while (read.length === 0) await readOne();
      return read.shift();
    },
    brings: async (isMeant, withinMs) => {
      const deadline = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), withinMs));
      for (let at = 0; ; at += 1) {
        while (at >= read.length) if ((await Promise.race([readOne(), deadline])) === "late") return false;
        const event = read[at];
        if (event === undefined) return false;
        if (isMeant(event)) return true;
      }
    },
  };
}
