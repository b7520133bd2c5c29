import type { LedgerSnapshot, LedgerStore } from "#events/hub/records.ts";

/** A ledger that lives as long as what holds it: for a single run, and for handing one hub's ledger to the next in a test. */
export function memoryLedger(
  initial?: LedgerSnapshot,
): LedgerStore & { current(): LedgerSnapshot | undefined } {
  let stored = initial;
  return {
    load: () => Promise.resolve(stored),
    save: (snapshot) => {
      stored = snapshot;
      return Promise.resolve();
    },
    current: () => stored,
  };
}
