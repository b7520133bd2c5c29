import { describe, expect, test } from "vitest";
import { kubeadmControlPlanes } from "#platform/kube/resources.ts";
import {
  apiServerPort,
  authority,
  clusterThat,
  inDays,
  machineAt,
  machineServers,
  serving,
  watching,
} from "./on-loopback.ts";

type Json = Record<string, unknown>;

const at = { namespace: "demo", name: "demo" };
const owner = {
  apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
  kind: "KubeadmControlPlane",
  name: "demo",
  uid: "u",
};

function provider(rollout?: Json): object {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    metadata: at,
    spec: { replicas: 3, ...(rollout !== undefined && { rollout }) },
  };
}

async function withProvider(
  address: string,
  rollout?: Json,
  annotations: Json = { "capfn.dev/renew-node-certificates": "rollout" },
) {
  const made = watching([
    clusterThat(annotations),
    machineAt("cp-0", { address, metadata: { ownerReferences: [{ ...owner, controller: true }] } }),
    provider(rollout),
  ]);
  const outcome = await made.run();
  const spec = () => made.deps.management.peek(kubeadmControlPlanes, at)?.["spec"] as { rollout?: Json };
  return { ...made, outcome, spec };
}

describe("a control plane whose provider may be asked to roll out", () => {
  test("is asked once when a certificate is due, and told of until the machine is replaced", async () => {
    await using servers = await machineServers({
      [apiServerPort]: await serving(await authority(), -300, 65),
    });
    const made = await withProvider(servers.address, { strategy: { type: "RollingUpdate" } });
    expect(made.outcome).toMatchObject({ kind: "requeueAfter", afterMs: 3_600_000 });
    expect(made.spec().rollout).toEqual({
      strategy: { type: "RollingUpdate" },
      after: "2026-06-01T00:00:00Z",
    });
    expect(made.events()).toEqual(["RolloutAsked", "CertificateExpiring"]);
    await made.run("cp-0", inDays(1));
    expect(made.spec().rollout).toMatchObject({ after: "2026-06-01T00:00:00Z" });
    expect(made.events()).toHaveLength(2);
    expect(made.condition()).toMatchObject({ status: "False", reason: "CertificateExpiring" });
  });

  test.each([
    [
      "replaces it by itself some days ahead",
      { before: { certificatesExpiryDays: 21 } },
      undefined,
      /by itself 21 days ahead/,
    ],
    [
      "was asked since the machine was made",
      { after: inDays(-5).toISOString() },
      undefined,
      /has been asked/,
    ],
    ["may not be asked by us", undefined, {}, /roll out the control plane, or let it be renewed there/],
  ])("is left alone when it %s", async (_, rollout, annotations, why) => {
    await using servers = await machineServers({
      [apiServerPort]: await serving(await authority(), -300, 65),
    });
    const made = await withProvider(servers.address, rollout, annotations);
    expect(made.spec().rollout).toEqual(rollout);
    expect(made.condition()?.["message"]).toMatch(why);
  });
});
