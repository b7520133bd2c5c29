import { describe, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import {
  apiServerPort,
  authority,
  clusterThat,
  etcdPort,
  inDays,
  kubeletPort,
  machineAt,
  machineServers,
  serving,
  watching,
} from "./on-loopback.ts";

describe("the certificates that a machine's servers show", () => {
  test("are looked at an hour after the machine was made, and again at two thirds of the life that ends first", async () => {
    const ca = await authority();
    await using servers = await machineServers({
      [kubeletPort]: await serving(ca, -10, 355),
      [apiServerPort]: await serving(ca, -10, 80),
      [etcdPort]: await serving(ca, -10, 355),
    });
    const made = watching([
      clusterThat({}),
      machineAt("cp-0", {
        address: servers.address,
        metadata: { creationTimestamp: inDays(0).toISOString() },
      }),
    ]);
    expect((await made.evaluate()).need).toEqual(inDays(1 / 24));
    expect(await made.run()).toEqual({ kind: "done" });
    expect(Object.keys(made.record()?.shown ?? {}).toSorted()).toEqual(["apiServer", "etcd", "kubelet"]);
    expect((await made.evaluate()).need).toEqual(inDays(50));
    expect(made.condition()).toBeUndefined();
    expect(made.deps.summary()).toEqual([
      "management get machines demo/cp-0",
      "management mergePatch machines demo/cp-0",
    ]);
  });

  test("of a worker are its kubelet's, which has till the last tenth to renew by itself", async () => {
    const ca = await authority();
    await using servers = await machineServers({
      [kubeletPort]: await serving(ca, -300, 65),
      [apiServerPort]: await serving(ca, -300, 1),
    });
    const made = watching([
      clusterThat({}),
      machineAt("w-0", { address: servers.address, controlPlane: false }),
    ]);
    await made.run("w-0");
    expect(Object.keys(made.record("w-0")?.shown ?? {})).toEqual(["kubelet"]);
    expect(made.condition("w-0")).toBeUndefined();
    await made.run("w-0", inDays(40));
    expect(made.condition("w-0")).toMatchObject({ status: "False", reason: "CertificateExpiring" });
    expect(made.condition("w-0")?.["message"]).toMatch(
      /that its kubelet shows expires on 2026-08-05; replace the machine, or let it be renewed/,
    );
  });

  test.each([
    ["due", -300, 65, "CertificateExpiring", /its etcd member shows expires on/],
    ["over", -400, -1, "CertificateExpired", /its etcd member shows expired on/],
    [
      "not valid yet",
      1,
      300,
      "CertificateNotYetValid",
      /is valid from 2026-06-02 on only; compare the clocks/,
    ],
  ])(
    "are told of once when one is %s, and again when it is well",
    async (...[, from, to, reason, message]) => {
      const ca = await authority();
      await using servers = await machineServers({ [etcdPort]: await serving(ca, from, to) });
      const made = watching([clusterThat({}), machineAt("cp-0", { address: servers.address })]);
      await made.run();
      await made.run();
      expect(made.condition()).toMatchObject({ status: "False", reason });
      expect(made.condition()?.["message"]).toMatch(message);
      expect(made.events()).toEqual([reason]);
      servers.show(etcdPort, await serving(ca, -1, 300));
      await made.run();
      expect(made.condition()).toMatchObject({ status: "True", reason: "CertificatesValid", message: "" });
    },
  );

  test("are asked for again the next day when nobody answers, and nothing is told", async () => {
    const made = watching([clusterThat({}), machineAt("cp-0", { address: "127.0.0.1" })]);
    expect(await made.run()).toEqual({ kind: "done" });
    expect((await made.evaluate()).need).toEqual(inDays(1));
    expect(made.events()).toEqual([]);
  });

  test.each([
    ["is being deleted", { metadata: { deletionTimestamp: inDays(0).toISOString(), finalizers: ["x"] } }, {}],
    ["is worked on", { annotations: { "capfn.dev/maintenance": "disk" } }, {}],
    ["is paused", { annotations: { "cluster.x-k8s.io/paused": "" } }, {}],
    ["is in a Cluster that moves", {}, { "clusterctl.cluster.x-k8s.io/delete-for-move": "" }],
  ])("are left alone while the machine %s", async (_, over, annotations) => {
    const made = watching([clusterThat(annotations), machineAt("cp-0", { address: "127.0.0.1", ...over })]);
    expect((await made.evaluate()).need).toBe(false);
    expect(await made.run()).toEqual({ kind: "done" });
    expect(made.deps.requests).toEqual([]);
  });

  test("of one control plane, and the removal of its etcd members, are never worked on at the same time", async () => {
    const made = watching([
      clusterThat({}),
      machineAt("cp-0", { address: "127.0.0.1" }),
      machineAt("cp-1", { address: "127.0.0.2" }),
    ]);
    const keys = [(await made.evaluate("cp-0")).key, (await made.evaluate("cp-1")).key];
    expect(new Set(keys)).toEqual(new Set(["cluster/uid-Cluster-demo"]));
    expect(allFunctions.map(({ name }) => name)).toContain("node-cert-reissue");
  });
});
