import type { KubeClient } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";

/** What this machine takes for one write until a watch delivers it, measured beside the others; latencies are made of several of these. */
export interface Floor {
  /** Ends the measurement; ms, one per write. */
  stop(): Promise<readonly number[]>;
}

const PAUSE_MS = 100;
const AT = { namespace: "default", name: "bench-floor" } as const;

export async function startFloor(client: KubeClient, clock: Clock): Promise<Floor> {
  const ending = new AbortController();
  const { signal } = ending;
  const passed: number[] = [];
  const waiting = new Map<string, (at: number) => void>();
  await client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: AT, data: { n: "" } });

  const watching = (async () => {
    const fieldSelector = `metadata.name=${AT.name}`;
    for await (const event of client.watch(configMaps, { namespace: AT.namespace, fieldSelector, signal })) {
      if (event.type !== "modified") continue;
      const now = performance.now();
      const data = event.object["data"];
      const n = typeof data === "object" && data !== null && "n" in data ? String(data.n) : "";
      waiting.get(n)?.(now);
    }
  })();
  const writing = (async () => {
    for (let n = 0; !signal.aborted; n += 1) {
      const delivered = new Promise<number>((resolve) => waiting.set(String(n), resolve));
      const begunAt = performance.now();
      await client.mergePatch(configMaps, AT, { data: { n: String(n) } });
      const at = await Promise.race([delivered, sleep(clock, 10_000)]);
      waiting.delete(String(n));
      if (at !== undefined) passed.push(at - begunAt);
      await sleep(clock, PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      ending.abort(new Error("the bench is over"));
      await Promise.allSettled([watching, writing]);
      return passed;
    },
  };
}
