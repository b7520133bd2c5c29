import * as z from "zod";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import { keyPairs } from "#platform/kube/resources.ts";
import { keyFingerprint } from "#platform/simulator/key-fingerprint.ts";
import { type KeyedWorker, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { watchObjects } from "#platform/simulator/object-store.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";

const keyPairSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ publicKey: z.string().default("") }).prefault({}),
  status: z
    .looseObject({ fingerPrint: z.string().optional(), conditions: z.array(z.unknown()).optional() })
    .prefault({}),
});

/** Plays Harvester's key pair controller: fingerprint and condition `validated`, once for each key pair. */
export function startKeyPairController(world: SimulatedWorld): Pick<KeyedWorker, "stop"> {
  const pairs = watchObjects(world.client, keyPairs, {
    schema: keyPairSchema,
    signal: world.signal,
    scope: world.scope,
    onUnreadable: (what) => world.onError(what, undefined),
  });
  const worker = startKeyedWorker({
    clock: world.clock,
    concurrency: 2,
    onError: (key, error) => world.onError(`key pair ${key}`, error),
    run: async (key) => {
      const pair = pairs.get(key);
      if (pair === undefined || pair.spec.publicKey === "" || pair.status.conditions !== undefined)
        return undefined;
      const patch = {
        metadata: { uid: pair.metadata.uid },
        status: statusOf(pair.spec.publicKey, timeOf(world.clock)),
      };
      pairs.put(await world.client.mergePatch(keyPairs, pair.metadata, patch, { signal: world.signal }));
      return undefined;
    },
  });
  pairs.onChange((key) => worker.request(key));
  return worker;
}

function statusOf(publicKey: string, time: string): Record<string, unknown> {
  const fingerPrint = keyFingerprint(publicKey);
  return {
    ...(fingerPrint === undefined ? {} : { fingerPrint }),
    conditions: [
      {
        type: "validated",
        status: fingerPrint === undefined ? "False" : "True",
        lastUpdateTime: time,
        ...(fingerPrint === undefined ? { reason: "failed to parse the public key" } : {}),
      },
    ],
  };
}
