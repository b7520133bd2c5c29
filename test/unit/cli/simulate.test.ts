import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planeKubeconfig } from "#cli/simulate/place.ts";
import { simulatorPod } from "#cli/simulate/pod.ts";
import { prepareSimulator } from "#cli/simulate/prepare.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { systemClock } from "#platform/process/clock.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "capfn-simulate-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("the simulated world in a pod", () => {
  it("is reached at its Services by everybody, and in the pod by the simulator", async () => {
    await prepareSimulator({ directory, namespace: "sim", clock: systemClock() });
    const servers = (["harvester", "workload"] as const).flatMap((plane) =>
      ["capfn", "simulator"].map((user) => {
        const text = readFileSync(planeKubeconfig(directory, plane, user), "utf8");
        return parseKubeconfig(text, plane).server;
      }),
    );
    expect(servers).toEqual([
      "https://harvester.sim.svc",
      "https://127.0.0.1:6443",
      "https://workload.sim.svc",
      "https://127.0.0.1:6444",
    ]);
  });

  it("keeps its identity when its pod starts again", async () => {
    const path = planeKubeconfig(directory, "harvester", "capfn");
    await prepareSimulator({ directory, namespace: "sim", clock: systemClock() });
    const before = readFileSync(path, "utf8");
    await prepareSimulator({ directory, namespace: "sim", clock: systemClock() });
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("is made of the control plane's images and of capfn, as nobody in particular", () => {
    const { spec } = simulatorPod("capfn-simulator", {
      capfnImage: "capfn:1",
      etcdImage: "etcd:1",
      apiServerImage: "kube-apiserver:1",
      namespace: "sim",
      publishTo: "demo",
      cluster: "demo",
      realistic: true,
    });
    expect(spec.containers.map(({ name, image }) => `${name} ${image}`)).toEqual([
      "etcd etcd:1",
      "harvester kube-apiserver:1",
      "workload kube-apiserver:1",
      "simulator capfn:1",
    ]);
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
    expect(spec.containers[3]?.command).toContain("--realistic");
  });
});
