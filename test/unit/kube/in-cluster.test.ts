import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { inClusterConfig } from "#platform/kube/in-cluster.ts";
import { manualClock } from "./test-clocks.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "serviceaccount-"));
  await writeFile(join(directory, "token"), "one\n");
  await writeFile(join(directory, "ca.crt"), "ca-1");
});
afterEach(() => rm(directory, { recursive: true }));

const environment = (host: string) => {
  const values = new Map([
    ["KUBERNETES_SERVICE_HOST", host],
    ["KUBERNETES_SERVICE_PORT", "443"],
  ]);
  return { get: (name: string) => values.get(name) };
};

describe("the connection of a pod", () => {
  it("is undefined outside a pod and takes IPv6 addresses inside", () => {
    const clock = manualClock();
    expect(inClusterConfig("management", { environment: { get: () => undefined }, clock })).toBeUndefined();
    const config = inClusterConfig("management", { environment: environment("fd00::1"), clock });
    expect(config?.server).toBe("https://[fd00::1]:443");
  });

  it("reads the token again after a minute, or at once when it was refused", async () => {
    const clock = manualClock();
    const config = inClusterConfig("management", { environment: environment("10.0.0.1"), clock, directory });
    const token = config?.token as (fresh?: boolean) => Promise<string>;
    expect(await token()).toBe("one");
    await writeFile(join(directory, "token"), "two\n");
    clock.advance(59_000);
    expect(await token()).toBe("one");
    expect(await token(true)).toBe("two");
    await writeFile(join(directory, "token"), "three\n");
    clock.advance(60_000);
    expect(await token()).toBe("three");
  });

  it("reads the CA again when its file changed", async () => {
    const clock = manualClock();
    const config = inClusterConfig("management", { environment: environment("10.0.0.1"), clock, directory });
    expect(await config?.certificateAuthority?.()).toBe("ca-1");
    await writeFile(join(directory, "ca.crt"), "ca-2");
    await utimes(join(directory, "ca.crt"), 1, 2_000_000_000);
    expect(await config?.certificateAuthority?.()).toBe("ca-1");
    clock.advance(10_000);
    expect(await config?.certificateAuthority?.()).toBe("ca-2");
  });
});
