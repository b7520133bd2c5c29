import { describe, expect, test } from "vitest";
import { cloudConfig } from "#functions/harvester/cloud-config/function.ts";
import { cloudAccountName, cloudBindingName } from "#functions/harvester/cluster-names.ts";
import { clusterRoleBindings, configMaps, serviceAccounts } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import type { ClusterStage, Loose } from "../cluster-stage.ts";
import { asked, authority, cloudStage, configMap, eyesOn, ingress, KEY, manifests } from "./cloud-stage.ts";

const CONDITION = "CloudProviderConfigReady";
const GOOD = "True/CloudProviderConfigGeneratedSuccessfully";

async function settled(options: Parameters<typeof cloudStage>[0] = {}) {
  const stage = cloudStage(options);
  await stage.settle();
  return { stage, look: eyesOn(stage) };
}

const need = async (stage: ClusterStage) => (await stage.world.evaluate(cloudConfig, "demo")).need;

describe("the names of what is made for a cloud provider", () => {
  const namesOf = (namespace: string, name: string, targetNamespace = "vms") => {
    const own = { meta: { namespace, name }, spec: { targetNamespace } } as Loose;
    return [cloudAccountName(own), cloudBindingName(own)];
  };

  test("are apart whatever is in the names, and fit in 63 characters [check 44]", () => {
    const long = "n".repeat(63);
    const all = [
      namesOf("a-b", "c"),
      namesOf("a", "b-c"),
      namesOf("A", "b.c"),
      namesOf(long, `${long}x`),
      namesOf(long, `${long}y`),
      namesOf("a", "b-c", "other"),
    ];
    // The account is in the target namespace, so its name need not tell that.
    const accounts = all.slice(0, -1).map(([account]) => account);
    expect(new Set(accounts).size).toBe(accounts.length);
    expect(new Set(all.map(([, binding]) => binding)).size).toBe(all.length);
    for (const name of all.flat()) expect(name).toMatch(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/);
  });
});

describe("the credentials of a cloud provider", () => {
  test("are a ServiceAccount, a binding and a token of it, in the manifest's Secret [check 40]", async () => {
    const { stage, look } = await settled();
    expect(stage.condition(CONDITION)).toBe(GOOD);
    const [account] = look.accounts();
    const [binding] = look.bindings();
    expect(account.metadata).toMatchObject({
      namespace: "vms",
      labels: { "capfn.dev/owner-uid": "uid-HarvesterCluster-demo" },
    });
    expect(binding).toMatchObject({
      roleRef: { kind: "ClusterRole", name: "harvesterhci.io:cloudprovider" },
      subjects: [{ kind: "ServiceAccount", namespace: "vms", name: account.metadata.name }],
    });
    expect(look.kubeconfig()).toMatchObject({
      clusters: [
        {
          name: "default",
          cluster: {
            server: "https://10.50.255.10:6443",
            "certificate-authority-data": Buffer.from("the authority").toString("base64"),
          },
        },
      ],
      users: [{ user: { token: "token-1" } }],
      contexts: [{ name: "context", context: { namespace: "vms" } }],
      "current-context": "context",
    });
    expect(look.text().startsWith(manifests.split("---")[0] ?? "?")).toBe(true);
  });

  test("are not asked for: the condition says so and nothing is made [check 43]", async () => {
    const { stage, look } = await settled({ spec: {} });
    expect(stage.condition(CONDITION)).toBe("True/CloudProviderConfigNotApplicable");
    expect([look.accounts(), look.bindings(), stage.deps.harvesterApi.tokens]).toEqual([[], [], 0]);
    expect(look.text()).toBe(manifests);
  });

  test.each([
    ["no kube-vip address", []],
    ["an address that is none", [ingress("none")]],
  ])("with %s lead to the server of the identity", async (_what, service) => {
    const { look } = await settled({ harvester: [authority(), ...service] });
    expect(look.server()).toBe("https://harvester.example.com");
  });

  test("wait for a ConfigMap or key that is missing, by name, and nothing is made before [check 42]", async () => {
    const { stage, look } = await settled({ management: [] });
    expect(stage.condition(CONDITION)).toBe("False/CloudProviderConfigNotReady");
    expect(stage.message(CONDITION)).toContain("ConfigMap demo/addon does not exist");
    expect(look.accounts()).toEqual([]);
    stage.deps.management.put(configMap({ data: { other: "" } }));
    await stage.settle();
    expect(stage.message(CONDITION)).toContain(`ConfigMap demo/addon has no key ${KEY}`);
    stage.deps.management.put(configMap());
    await stage.settle();
    expect(stage.condition(CONDITION)).toBe(GOOD);
    expect(look.token()).toBe("token-1");
  });

  test.each([
    ["is immutable", { immutable: true }, /is immutable/],
    [
      "is no YAML",
      { data: { [KEY]: "a: [hush" } },
      /^ConfigMap demo\/addon, key manifests.yaml: document 1 is not YAML/,
    ],
  ])("are not put into a ConfigMap that %s", async (_what, over, message) => {
    const { stage } = await settled({ management: [configMap(over)] });
    expect(stage.condition(CONDITION)).toMatch(/^False/);
    expect(stage.message(CONDITION)).toMatch(message);
    expect(stage.message(CONDITION)).not.toContain("hush");
  });

  test("are not put into a ConfigMap of another namespace, unless that one consents", async () => {
    const elsewhere = { namespace: "other", name: "addon" };
    const spec = {
      server: "https://harvester.example.com",
      updateCloudProviderConfig: { ...asked.updateCloudProviderConfig, manifestsConfigMapNamespace: "other" },
    };
    const { stage } = await settled({ spec, management: [configMap({ metadata: elsewhere })] });
    expect(stage.message(CONDITION)).toContain("annotate it with capfn.dev/cloud-config-from: demo");
    expect(stage.deps.harvesterApi.tokens).toBe(0);
    const annotations = { "capfn.dev/cloud-config-from": "x, demo" };
    stage.deps.management.put(configMap({ metadata: { ...elsewhere, annotations } }));
    await stage.settle();
    expect(stage.condition(CONDITION)).toBe(GOOD);
  });

  test("are put in anew when the user resets the ConfigMap, also with our record in it [check 44]", async () => {
    const { stage, look } = await settled();
    look.edit((object) => (object.data[KEY] = manifests));
    expect(await need(stage)).toBe(true);
    await stage.settle();
    expect(look.token()).toBe("token-2");
    stage.deps.management.put(configMap());
    await stage.settle();
    expect(look.token()).toBe("token-3");
    expect(look.accounts()).toHaveLength(1);
  });

  test("stay when the user changes other manifests beside them: no token is issued for that", async () => {
    const { stage, look } = await settled();
    look.edit((object) => (object.data[KEY] = `# changed\n${object.data[KEY]}`));
    await stage.settle();
    expect(look.text()).toMatch(/^# changed/);
    expect([look.token(), stage.deps.harvesterApi.tokens]).toEqual(["token-1", 1]);
    expect(await need(stage)).toBeInstanceOf(Date);
  });

  test("are replaced when the value is somebody else's", async () => {
    const { stage, look } = await settled();
    look.edit((object) => (object.data[KEY] = `${manifests}data: {kubeconfig: bWluZQ==}\n`));
    await stage.settle();
    expect(look.token()).toBe("token-2");
  });

  test("follow the address of Harvester and its authority", async () => {
    const { stage, look } = await settled();
    stage.deps.harvesterApi.put(ingress("fd00::10"));
    await stage.settle();
    expect(look.server()).toBe("https://[fd00::10]:6443");
    stage.deps.harvesterApi.put(authority("another"));
    await stage.settle();
    expect(look.kubeconfig()?.clusters[0].cluster["certificate-authority-data"]).toBe(
      Buffer.from("another").toString("base64"),
    );
  });

  test("that are right need nothing before two thirds of the token's life, whatever was asked for", async () => {
    const stage = cloudStage();
    stage.deps.harvesterApi.longestTokenSeconds = 3_000;
    await stage.settle();
    expect(await need(stage)).toEqual(new Date("2026-01-01T00:33:20Z"));
    const writes = stage.deps.requests.length;
    await stage.world.run(cloudConfig, ["demo"]);
    expect(stage.deps.requests.length).toBe(writes);
  });

  test("get a new token once two thirds of its life are over, and keep ServiceAccount and binding", async () => {
    const { stage, look } = await settled();
    const uids = [...look.accounts(), ...look.bindings()].map(({ metadata }) => metadata.uid);
    const later = { ...stage.deps, now: () => new Date("2026-09-02T00:00:00Z") };
    stage.deps.harvesterApi.tokensFrom = "2026-09-02T00:00:00Z";
    expect(Number(await need(stage))).toBeLessThan(later.now().getTime());
    const lookup = await stage.world.snapshot(cloudConfig);
    const item = {
      object: { connection: "management", namespace: "demo", name: "demo" },
      cause: { id: "1", type: "dev.capfn.step.due", source: "/", time: "2026-09-02T00:00:00Z" },
    } as const;
    await cloudConfig.run([item], lookup, later);
    expect(look.token()).toBe("token-2");
    expect([...look.accounts(), ...look.bindings()].map(({ metadata }) => metadata.uid)).toEqual(uids);
    expect(Number(await need(stage))).toBeGreaterThan(later.now().getTime());
  });

  test.each<readonly [string, (stage: ClusterStage) => void, boolean]>([
    ["ServiceAccount is deleted", ({ deps }) => drop(deps, "ServiceAccount"), true],
    ["binding is deleted", ({ deps }) => drop(deps, "ClusterRoleBinding"), false],
    [
      "binding binds somebody else, too",
      ({ deps }) =>
        change(deps, "ClusterRoleBinding", (object) => object.subjects.push({ kind: "User", name: "eve" })),
      false,
    ],
    [
      "binding is about another role",
      ({ deps }) => change(deps, "ClusterRoleBinding", (object) => (object.roleRef.name = "view")),
      false,
    ],
    ["ServiceAccount lost its labels", ({ deps }) => change(deps, "ServiceAccount", unlabel), false],
    ["binding lost its labels", ({ deps }) => change(deps, "ClusterRoleBinding", unlabel), false],
  ])("are mended when the %s", async (_what, disturb, isNewToken) => {
    const { stage, look } = await settled();
    disturb(stage);
    expect(await need(stage)).toBe(true);
    await stage.settle();
    expect(await need(stage)).toBeInstanceOf(Date);
    const [account] = look.accounts();
    const [binding] = look.bindings();
    expect(binding.roleRef.name).toBe("harvesterhci.io:cloudprovider");
    expect(binding.subjects).toEqual([
      { kind: "ServiceAccount", namespace: "vms", name: account.metadata.name },
    ]);
    for (const { metadata } of [account, binding])
      expect(metadata.labels["capfn.dev/owner-uid"]).toBe("uid-HarvesterCluster-demo");
    expect(stage.deps.harvesterApi.tokens).toBe(isNewToken ? 2 : 1);
  });

  test("never come of a ServiceAccount or binding that somebody else made under our name", async () => {
    const { look } = await settled();
    const made = [look.accounts()[0], look.bindings()[0]];
    for (const object of made) {
      for (const labels of [undefined, { "capfn.dev/owner-uid": "another" }]) {
        const changed = structuredClone(object);
        changed.metadata = { ...changed.metadata, labels, uid: "theirs" };
        if (changed.kind === "ClusterRoleBinding") changed.subjects = [{ kind: "User", name: "eve" }];
        const { stage } = await settled({ harvester: [authority(), ingress(), changed] });
        expect(stage.condition(CONDITION)).toBe("False/CloudProviderConfigGenerationFailed");
        expect(stage.message(CONDITION)).toContain(`${object.kind} `);
        expect(stage.deps.harvesterApi.tokens).toBe(0);
      }
    }
  });

  test("of two clusters in one manifest are refused for the second", async () => {
    const { look } = await settled();
    const [[, record] = []] = Object.entries(look.records());
    const annotations = { "cloud-config.capfn.dev/another": record };
    const { stage } = await settled({ management: [configMap({ metadata: { annotations } })] });
    expect(stage.message(CONDITION)).toContain("holds the credentials of another cluster");
  });

  test("are told what is missing: authority, rights on Harvester, rights here", async () => {
    const { stage } = await settled({ harvester: [ingress()] });
    expect(stage.condition(CONDITION)).toBe("False/CloudProviderConfigNotReady");
    expect(stage.message(CONDITION)).toContain("vms/kube-root-ca.crt");
    for (const [api, plural, message] of [
      ["harvesterApi", "clusterrolebindings", /identity has not the rights/],
      ["management", "configmaps", /may not write ConfigMap demo\/addon/],
    ] as const) {
      const other = cloudStage();
      const connection = api === "management" ? "management" : "harvester";
      const verb = api === "management" ? "mergePatch" : "create";
      other.deps[api].failOn({ verb, plural }, kubeError("forbidden", connection), { times: 20 });
      await other.settle();
      expect(other.condition(CONDITION)).toBe("False/CloudProviderConfigGenerationFailed");
      expect(other.message(CONDITION)).toMatch(message);
    }
  });

  test("are taken back when they are no longer asked for", async () => {
    const { stage, look } = await settled();
    const { spec, ...own } = stage.own();
    const { updateCloudProviderConfig: _gone, ...rest } = spec;
    stage.deps.management.put({ ...own, spec: rest });
    await stage.settle();
    expect([look.accounts(), look.bindings()]).toEqual([[], []]);
    expect([look.token(), look.records()]).toEqual([undefined, {}]);
    expect(stage.condition(CONDITION)).toBe("True/CloudProviderConfigNotApplicable");
    expect(stage.own().metadata.annotations["capfn.dev/cloud-config"]).toBeUndefined();
    expect(await need(stage)).toBe(false);
  });

  test("move with the spec to another ConfigMap, and leave the old one", async () => {
    const { stage, look } = await settled();
    const second = { namespace: "demo", name: "second" };
    stage.deps.management.put(configMap({ metadata: second }));
    const own = stage.own();
    own.spec.updateCloudProviderConfig.manifestsConfigMapName = "second";
    stage.deps.management.put(own);
    await stage.settle();
    expect([look.token(), look.records()]).toEqual([undefined, {}]);
    expect((stage.deps.management.peek(configMaps, second) as Loose).data[KEY]).toContain("kubeconfig:");
    expect(look.accounts()).toHaveLength(1);
  });

  test("appear in no condition, Event or annotation", async () => {
    const { stage, look } = await settled();
    const kubeconfig = Buffer.from(JSON.stringify(look.kubeconfig())).toString("base64");
    const shown = JSON.stringify([stage.own(), look.records(), stage.deps.announced]);
    for (const secret of ["token-1", kubeconfig]) expect(shown).not.toContain(secret);
    const { view } = await stage.world.evaluate(cloudConfig, "demo");
    expect(JSON.stringify(view)).not.toMatch(/token-1|a3ViZWNvbmZpZw/);
    expect(stage.deps.announced.map(({ event }) => event.reason)).toContain("CloudCredentialsIssued");
  });

  test("survive a crash or a lost answer at every request: one ServiceAccount, one binding, one kubeconfig", async () => {
    const { stage: undisturbed } = await settled();
    const count = undisturbed.deps.requests.length;
    for (const moment of ["before", "after"] as const) {
      for (let n = 0; n < count; n += 1) {
        const stage = cloudStage();
        const look = eyesOn(stage);
        stage.deps.failAt(n, kubeError("unavailable"), moment);
        await stage.settle().catch(() => undefined);
        await stage.settle();
        expect(stage.condition(CONDITION), `request ${n} ${moment}`).toBe(GOOD);
        expect([look.accounts().length, look.bindings().length]).toEqual([1, 1]);
        expect(look.token()).toBe(`token-${stage.deps.harvesterApi.tokens}`);
      }
    }
  });
});

function drop(deps: ClusterStage["deps"], kind: "ServiceAccount" | "ClusterRoleBinding"): void {
  const type = kind === "ServiceAccount" ? serviceAccounts : clusterRoleBindings;
  for (const { metadata } of deps.harvesterApi.all().filter((object) => object.kind === kind))
    deps.harvesterApi.drop(type, metadata);
}

function change(deps: ClusterStage["deps"], kind: string, act: (object: Loose) => void): void {
  const found = deps.harvesterApi.all().find((object) => object.kind === kind) as Loose;
  act(found);
  const { resourceVersion: _old, ...metadata } = found.metadata;
  deps.harvesterApi.put({ ...found, metadata });
}

function unlabel(object: Loose): void {
  object.metadata.labels = {};
}
