import { describe, expect, test } from "vitest";
import { cloudConfig } from "#functions/harvester/cloud-config/function.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { cluster } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import type { ClusterStage, Loose } from "../cluster-stage.ts";
import { at, cloudStage, configMap, eyesOn, finalizer, KEY } from "./cloud-stage.ts";

const CONDITION = "CloudProviderConfigReady";
const second = { namespace: "demo", name: "second" };

async function settled() {
  const stage = cloudStage();
  await stage.settle();
  return { stage, look: eyesOn(stage) };
}

function edit(stage: ClusterStage, change: (own: Loose) => void): void {
  const own = stage.own();
  change(own);
  stage.deps.management.put(own);
}

const forget = (stage: ClusterStage): void => edit(stage, (own) => delete own.spec.updateCloudProviderConfig);
const elsewhere = (stage: ClusterStage): void =>
  edit(stage, (own) => (own.spec.updateCloudProviderConfig.manifestsConfigMapName = second.name));

/** One step on what the index had before somebody was quicker. */
async function stepAfter(stage: ClusterStage, quicker: () => void) {
  const lookup = await stage.world.snapshot(cloudConfig);
  quicker();
  const item = {
    object: { connection: "management", namespace: "demo", name: "demo" },
    cause: { id: "1", type: "dev.capfn.step.due", source: "/", time: "2026-01-01T00:00:00Z" },
  } as const;
  return cloudConfig.run([item], lookup, stage.deps);
}

describe("credentials are taken back", () => {
  const quicker: readonly (readonly [string, (stage: ClusterStage) => void])[] = [
    [
      "the HarvesterCluster is paused",
      (stage) => edit(stage, (own) => (own.metadata.annotations["cluster.x-k8s.io/paused"] = "")),
    ],
    [
      "its Cluster is paused",
      ({ deps }) =>
        void deps.management.put(cluster({ spec: { ...(cluster() as Loose).spec, paused: true } })),
    ],
    [
      "another HarvesterCluster has the name",
      (stage) => edit(stage, (own) => (own.metadata.uid = "another")),
    ],
  ];

  test.each([
    ...quicker,
    [
      "they are asked for again",
      (stage: ClusterStage) =>
        edit(stage, (own) => {
          own.spec.updateCloudProviderConfig = {
            manifestsConfigMapNamespace: at.namespace,
            manifestsConfigMapName: at.name,
            manifestsConfigMapKey: KEY,
            cloudConfigCredentialsSecretName: "cloud-config",
            cloudConfigCredentialsSecretKey: "kubeconfig",
          };
        }),
    ],
  ] as const)("only after a quorum read: not when %s by now", async (_what, act) => {
    const { stage, look } = await settled();
    forget(stage);
    await stepAfter(stage, () => act(stage));
    expect(look.token()).toBe("token-1");
    expect([look.accounts().length, look.bindings().length]).toEqual([1, 1]);
  });

  test.each(quicker)("out of the ConfigMap named before, too: not when %s by now", async (_what, act) => {
    const { stage, look } = await settled();
    stage.deps.management.put(configMap({ metadata: second }));
    elsewhere(stage);
    await stepAfter(stage, () => act(stage));
    expect(look.token()).toBe("token-1");
    expect(Object.keys(look.records())).toHaveLength(1);
  });

  const freeze = (stage: ClusterStage): void => {
    eyesOn(stage).edit((object) => (object.immutable = true));
    const refused = kubeError("invalid", "management");
    stage.deps.management.failOn({ verb: "mergePatch", plural: "configmaps", name: at.name }, refused, {
      times: 100,
    });
  };

  test("with the ServiceAccount when the ConfigMap is immutable by now", async () => {
    const { stage, look } = await settled();
    freeze(stage);
    forget(stage);
    await stage.settle();
    expect([look.accounts(), look.bindings()]).toEqual([[], []]);
    expect(stage.condition(CONDITION)).toBe("True/CloudProviderConfigNotApplicable");
  });

  test("and an immutable ConfigMap does not hold the cluster's deletion", async () => {
    const { stage, look } = await settled();
    freeze(stage);
    edit(stage, ({ metadata }) => {
      metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
      metadata.finalizers = [finalizer, "other"];
    });
    await stage.settle();
    expect(stage.own().metadata.finalizers).toEqual(["other"]);
    expect(look.accounts()).toEqual([]);
  });

  test.each([
    [
      "management",
      "mergePatch",
      "configmaps",
      /^capfn may not take the credentials out of ConfigMap demo\/addon/,
    ],
    ["harvesterApi", "delete", "serviceaccounts", /^the identity may not delete the credentials/],
  ] as const)(
    "as far as rights go: on %s without %s of %s it is told",
    async (api, verb, plural, message) => {
      const { stage, look } = await settled();
      forget(stage);
      const connection = api === "management" ? "management" : "harvester";
      stage.deps[api].failOn({ verb, plural }, kubeError("forbidden", connection), { times: 2 });
      const outcome = (await stage.world.run(cloudConfig, ["demo"]))["demo"];
      expect(outcome).toMatchObject({ kind: "requeueAfter", afterMs: 600_000 });
      expect(stage.condition(CONDITION)).toBe("False/CloudProviderConfigGenerationFailed");
      expect(stage.message(CONDITION)).toMatch(message);
      await stage.world.run(cloudConfig, ["demo"]);
      await stage.settle();
      expect(look.accounts()).toEqual([]);
      expect(stage.condition(CONDITION)).toBe("True/CloudProviderConfigNotApplicable");
    },
  );

  test("out of the ConfigMap named before: that the right is missing names that one", async () => {
    const { stage, look } = await settled();
    stage.deps.management.put(configMap({ metadata: second }));
    elsewhere(stage);
    const forbidden = kubeError("forbidden", "management");
    stage.deps.management.failOn({ verb: "mergePatch", plural: "configmaps", name: at.name }, forbidden);
    const outcome = (await stage.world.run(cloudConfig, ["demo"]))["demo"];
    expect(outcome).toMatchObject({ kind: "requeueAfter", afterMs: 600_000 });
    expect(stage.message(CONDITION)).toMatch(
      /^capfn may not take the credentials out of ConfigMap demo\/addon/,
    );
    await stage.settle();
    expect([look.token(), look.records()]).toEqual([undefined, {}]);
    expect(stage.condition(CONDITION)).toBe("True/CloudProviderConfigGeneratedSuccessfully");
  });

  test.each<readonly [string, string, string]>([
    ["key", "manifestsConfigMapKey", "other.yaml"],
    ["Secret", "cloudConfigCredentialsSecretName", "other"],
    ["key of the Secret", "cloudConfigCredentialsSecretKey", "other"],
  ])(
    "from where they were in the same ConfigMap when another %s is to hold them",
    async (_what, field, value) => {
      const { stage, look } = await settled();
      look.edit((object) => (object.data["other.yaml"] = "# theirs\n"));
      await stage.settle();
      const before = stage.deps.requests.length;
      edit(stage, (own) => (own.spec.updateCloudProviderConfig[field] = value));
      await stage.settle();
      const { data } = stage.deps.management.peek(configMaps, at) as Loose;
      const all = Object.values<string>(data).join("");
      expect(all.match(/YXBpVmVyc2lvbjogdjEKa2luZDogQ29uZmln/g)).toHaveLength(1);
      expect(look.token()).toBeUndefined();
      expect(all).toContain("# theirs");
      const writes = stage.deps
        .summary()
        .slice(before)
        .filter((request) => request.includes("mergePatch configmaps"));
      expect(writes).toHaveLength(1);
    },
  );
});
