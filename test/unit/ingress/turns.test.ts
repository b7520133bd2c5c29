import { beforeEach, describe, expect, it } from "vitest";
import type { Sender } from "#events/sources/ingress/senders.ts";
import { tokenBucket } from "#events/sources/ingress/token-bucket.ts";
import { Turns, type Turn, type TurnLimits, type TurnRequest } from "#events/sources/ingress/turns.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";

const limits: TurnLimits = { atOnce: 2, bytes: 100, waiting: 3, waitMs: 8_000 };
let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

function sender(name: string, requestsPerSecond = 1_000): Sender {
  const bucket = tokenBucket(clock, requestsPerSecond);
  return { name, paths: ["/alerts"], origins: [], requestsPerSecond, bucket, allows: () => true };
}

/** Asks for a turn and notes under its name what came of it. */
function asking(turns: Turns) {
  const got = new Map<string, Turn>();
  const ask = (name: string, of: Sender, more: Partial<TurnRequest> = {}): void => {
    const { signal: gone } = new AbortController();
    void turns
      .take({ sender: of, bytes: 1, patient: true, gone, ...more })
      .then((turn) => got.set(name, turn));
  };
  const end = (name: string): void => {
    const turn = got.get(name);
    if (turn === undefined || !("end" in turn)) throw new Error(`${name} has no turn`);
    turn.end();
  };
  const working = (): string[] => [...got].flatMap(([name, turn]) => ("end" in turn ? [name] : []));
  return { ask, end, got, working };
}

describe("turns", () => {
  it("are as many at once as the limit says, and of those that wait the newest is next: its sender waits longest for the answer", async () => {
    const { ask, end, working } = asking(new Turns(clock, limits));
    const one = sender("one");
    for (const name of ["a", "b", "c", "d"]) ask(name, one);
    await settle();
    expect(working()).toEqual(["a", "b"]);
    end("b");
    await settle();
    expect(working()).toEqual(["a", "b", "d"]);
    end("a");
    await settle();
    expect(working()).toEqual(["a", "b", "d", "c"]);
  });

  it("are refused as busy when too many of the sender wait, and when the wait is over", async () => {
    const { ask, got, working } = asking(new Turns(clock, limits));
    const one = sender("one");
    for (const name of ["a", "b", "c", "d", "e", "f"]) ask(name, one);
    await settle();
    expect(got.get("f")).toEqual({ refused: "busy", afterMs: 1_000 });
    expect(got.has("c")).toBe(false);
    await clock.advance(8_001);
    for (const name of ["c", "d", "e"]) expect(got.get(name)).toEqual({ refused: "busy", afterMs: 1_000 });
    expect(working()).toEqual(["a", "b"]);
    expect(clock.pending).toBe(0);
  });

  it("of one sender in a storm come in rotation with those of another", async () => {
    const { ask, end, working } = asking(new Turns(clock, { ...limits, atOnce: 1 }));
    const stormy = sender("stormy");
    for (const name of ["a", "b", "c"]) ask(name, stormy);
    ask("other", sender("other"));
    await settle();
    end("a");
    await settle();
    end(working().at(-1) ?? "");
    await settle();
    expect(working()).toContain("other");
    expect(working()).toHaveLength(3);
  });

  it("keep to the sender's rate by waiting, and hold up nobody else meanwhile", async () => {
    const { ask, end, working } = asking(new Turns(clock, limits));
    const slow = sender("slow", 1);
    for (const name of ["a", "b", "c", "d"]) ask(name, slow);
    await settle();
    expect(working()).toEqual(["a", "b"]);
    end("a");
    end("b");
    ask("quick", sender("quick"));
    await settle();
    expect(working()).toEqual(["a", "b", "quick"]);
    await clock.advance(1_001);
    expect(working()).toEqual(["a", "b", "quick", "d"]);
    end("quick");
    end("d");
    await clock.advance(1_001);
    expect(working()).toEqual(["a", "b", "quick", "d", "c"]);
  });

  it("are for no more bytes at once than the limit says, but a body that is larger by itself has its turn alone", async () => {
    const { ask, end, working } = asking(new Turns(clock, { ...limits, atOnce: 10 }));
    const one = sender("one");
    ask("a", one, { bytes: 60 });
    ask("b", one, { bytes: 40 });
    ask("large", one, { bytes: 500 });
    await settle();
    expect(working()).toEqual(["a", "b"]);
    end("a");
    await settle();
    expect(working()).toEqual(["a", "b"]);
    end("b");
    await settle();
    expect(working()).toEqual(["a", "b", "large"]);
  });

  it("are not kept for a sender that has gone away", async () => {
    const { ask, end, got, working } = asking(new Turns(clock, { ...limits, atOnce: 1 }));
    const one = sender("one");
    const gone = new AbortController();
    ask("a", one);
    ask("b", one, { gone: gone.signal });
    ask("c", one);
    await settle();
    gone.abort();
    end("a");
    await settle();
    expect(got.get("b")).toMatchObject({ refused: "busy" });
    expect(working()).toEqual(["a", "c"]);
  });

  it("of what does not wait are refused at once: as too many for the rate, or as busy", async () => {
    const { ask, got } = asking(new Turns(clock, limits));
    const slow = sender("slow", 1);
    for (const name of ["a", "b"]) ask(name, slow, { patient: false });
    ask("busy", sender("other"), { patient: false });
    await settle();
    expect(got.get("busy")).toEqual({ refused: "busy", afterMs: 1_000 });
    const { ask: askAnother, got: gotOther } = asking(new Turns(clock, limits));
    askAnother("c", slow, { patient: false });
    await settle();
    expect(gotOther.get("c")).toEqual({ refused: "rate", afterMs: 1_000 });
  });
});
