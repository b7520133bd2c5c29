import { expect, test } from "vitest";
import { type KeyedWorkerOptions, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";

function worker(run: KeyedWorkerOptions["run"], concurrency = 2) {
  const clock = new FakeClock();
  const errors: string[] = [];
  const onError = (key: string): void => void errors.push(key);
  return { clock, errors, worker: startKeyedWorker({ clock, concurrency, run, onError }) };
}

test("requests during a run lead to one more run of that key, not to two at a time", async () => {
  const gates: (() => void)[] = [];
  let active = 0;
  let most = 0;
  const { worker: each } = worker(async () => {
    most = Math.max(most, (active += 1));
    await new Promise<void>((resolve) => gates.push(resolve));
    active -= 1;
    return undefined;
  });
  each.request("a");
  await settle();
  each.request("a");
  each.request("a");
  await settle();
  expect(gates).toHaveLength(1);
  gates[0]?.();
  await settle();
  expect(gates).toHaveLength(2);
  gates[1]?.();
  await settle();
  expect([gates.length, most]).toEqual([2, 1]);
});

test("the soonest of several requests for later counts, and a run may ask for the next", async () => {
  const runs: number[] = [];
  const each = worker(async () => {
    runs.push(each.clock.now());
    return runs.length === 1 ? 50 : undefined;
  });
  const start = each.clock.now();
  each.worker.request("a", 100);
  each.worker.request("a", 20);
  each.worker.request("a", 70);
  await each.clock.advance(500);
  expect(runs.map((at) => at - start)).toEqual([20, 70]);
});

test("a failed run is reported and repeated ever later", async () => {
  const runs: number[] = [];
  const each = worker(async () => {
    runs.push(each.clock.now());
    if (runs.length < 4) throw new Error("no");
    return undefined;
  });
  const start = each.clock.now();
  each.worker.request("a");
  await each.clock.advance(1_000);
  expect(runs.map((at) => at - start)).toEqual([0, 10, 30, 70]);
  expect(each.errors).toEqual(["a", "a", "a"]);
});

test("no more keys run at a time than allowed, and stopping waits for those", async () => {
  const gates: (() => void)[] = [];
  const { worker: each } = worker(async () => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return 1;
  });
  for (const key of ["a", "b", "c"]) each.request(key);
  await settle();
  expect(gates).toHaveLength(2);
  let stopped = false;
  const stopping = each.stop().then(() => (stopped = true));
  gates[0]?.();
  await settle();
  expect([gates.length, stopped]).toEqual([2, false]);
  gates[1]?.();
  await stopping;
});
