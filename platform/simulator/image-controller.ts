import { virtualMachineImages } from "#platform/kube/resources.ts";
import { conditionIsTrue } from "#platform/simulator/guest-objects.ts";
import { type KeyedWorker, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { keyOf } from "#platform/simulator/object-store.ts";
import { type Image, type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";

/** Plays Harvester's image controller: the download makes progress, then the image is imported and has its storage class. */
export function startImageController(world: SimulatedWorld): Pick<KeyedWorker, "stop"> {
  const firstSeen = new Map<string, number>();
  const run = async (key: string): Promise<number | undefined> => {
    const image = world.images.get(key);
    if (image === undefined || conditionIsTrue(image.status.conditions, "Imported")) {
      firstSeen.delete(key);
      return undefined;
    }
    const nowMs = world.clock.monotonic();
    const seenMs = firstSeen.get(key) ?? nowMs;
    firstSeen.set(key, seenMs);
    const next = nextProgress(image, nowMs - seenMs, world.timesOf(image.metadata.name).imageAfterMs);
    if (next.waitMs > 0) return next.waitMs;
    const patch = {
      metadata: { uid: image.metadata.uid },
      status: imageStatus(image.metadata.name, next.progress, timeOf(world.clock)),
    };
    const options = { signal: world.signal };
    world.images.put(await world.client.mergePatch(virtualMachineImages, image.metadata, patch, options));
    return 0;
  };
  const worker = startKeyedWorker({
    clock: world.clock,
    concurrency: 2,
    run,
    onError: (key, error) => world.onError(`image ${key}`, error),
  });
  world.images.onChange((key) => worker.request(key));
  for (const { metadata } of world.images.values()) worker.request(keyOf(metadata));
  return worker;
}

/** The progress an image reaches next, in percent, and how long that takes from now. Progress is written at 0, 50 and 100 percent. */
function nextProgress(
  image: Image,
  elapsedMs: number,
  importMs: number,
): { progress: number; waitMs: number } {
  const reached = image.status.progress;
  const progress = reached === undefined ? 0 : reached < 50 ? 50 : 100;
  return { progress, waitMs: Math.ceil((importMs * progress) / 100 - elapsedMs) };
}

function imageStatus(name: string, progress: number, time: string): Record<string, unknown> {
  const done = progress === 100;
  const condition = (type: string, status: string): Record<string, string> => ({
    type,
    status,
    lastUpdateTime: time,
    lastTransitionTime: time,
  });
  return {
    progress,
    conditions: [
      condition("Initialized", "True"),
      condition("Imported", done ? "True" : "Unknown"),
      condition("RetryLimitExceeded", "False"),
    ],
    ...(done ? { storageClassName: `longhorn-${name}`, size: 2 ** 30, virtualSize: 10 * 2 ** 30 } : {}),
  };
}
