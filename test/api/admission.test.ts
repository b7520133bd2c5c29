import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { admissionPolicies } from "#api/admission/policies.ts";
import { infrastructureApi } from "#api/custom-resource.ts";
import { infrastructureGroup } from "#api/names.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { objectsApi, type Answer, type ObjectsApi } from "#test/api/objects-api.ts";
import { installAdmission } from "#test/support/admission.ts";
import * as played from "#test/support/cluster-objects.ts";
import { newNamespace, privateControlPlane } from "#test/support/control-planes.ts";
import { objectsIn, readPage, repository, titledExample } from "#test/support/documentation.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import * as chaos from "#test/chaos/manifests.ts";
import { trialNames } from "#test/chaos/trial-names.ts";
import { broken, leastCluster, leastMachine, sound } from "#test/unit/api/admission-cases.ts";
import * as taken from "#test/unit/api/running-cluster.ts";

type Json = Record<string, unknown>;

const stack = new AsyncDisposableStack();
let api: ObjectsApi;

/** Stored before there were any rules: each breaks some. */
const unruly: readonly { kind: string; name: string; spec: Json }[] = [
  { kind: "HarvesterCluster", name: "unruly", spec: { ...leastCluster, targetNamespace: "" } },
  {
    kind: "HarvesterMachine",
    name: "unruly",
    spec: { ...leastMachine, cpu: 0, volumes: [{ volumeType: "image" }] },
  },
  { kind: "HarvesterMachine", name: "unruly-deleted", spec: { ...leastMachine, networks: [] } },
  {
    kind: "HarvesterClusterTemplate",
    name: "unruly",
    spec: inTemplate({ ...leastCluster, targetNamespace: "_" }),
  },
  {
    kind: "HarvesterMachineTemplate",
    name: "unruly",
    spec: inTemplate({ ...leastMachine, sshKeyPair: "a/b/c" }),
  },
];

beforeAll(async () => {
  // Of its own: what tests elsewhere write is not always meant to be in order.
  const plane = stack.use(await privateControlPlane({ name: "admission" }, await ownCrds()));
  const client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  api = objectsApi(shared(plane), await newNamespace(client, "admission"));
  client.close();
  for (const { kind, name, spec } of unruly) await api.write({ kind, spec }, "v1alpha1", name);
  await installAdmission(plane);
});

afterAll(() => stack.disposeAsync());

function shared({ name, server, caPem, adminToken, auditLogPath }: ControlPlane) {
  const tokens = { admin: adminToken, capfn: adminToken, simulator: adminToken };
  return { name, server, caPem, auditLogPath, tokens };
}

function inTemplate(spec: object): Json {
  return { template: { spec } };
}

const answerSchema = z.looseObject({
  message: z.string().default(""),
  details: z.looseObject({ causes: z.array(z.looseObject({ message: z.string() })).default([]) }).optional(),
});

/** What is said of an object that is to be created, or was; nothing is kept. */
async function tried(kind: string, version: string, spec: unknown, metadata: Json = {}): Promise<Answer> {
  return api.call("POST", `${api.pathOf(kind, version)}?dryRun=All&fieldValidation=Strict`, {
    apiVersion: `${infrastructureGroup}/${version}`,
    kind,
    metadata: { name: "tried", ...metadata },
    spec,
  });
}

function messageOf({ body }: Answer): string {
  return answerSchema.parse(body).message;
}

function expectAdmitted(answer: Answer): void {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
}

/** Refused by a policy, for exactly these reasons. */
function expectRefused(answer: Answer, says: readonly string[]): void {
  const message = messageOf(answer);
  expect(answer.status, message).toBe(422);
  expect(message).toContain("denied request: validation failed for ");
  const violations = message.replace(/^.*?validation failed for \w+ \S+: /, "").split("; spec.");
  for (const each of says) expect(message).toContain(`spec.${each}`);
  expect(violations, message).toHaveLength(says.length);
}

async function patched(
  kind: string,
  name: string,
  patch: Json,
  { version = "v1beta1", query = "" } = {},
): Promise<Answer> {
  const headers = { "content-type": "application/merge-patch+json" };
  return api.call("PATCH", `${api.pathOf(kind, version, name)}${query}`, patch, headers);
}

describe.each(infrastructureApi.served)("admission of what is written in %s", (version) => {
  it.each(broken.filter(({ alphaOnly }) => version === "v1alpha1" || alphaOnly !== true))(
    "refuses a $kind for $says.0 [check 13] [check 14] [check 19]",
    async ({ kind, spec, says, rules }) => {
      expectRefused(await tried(kind, version, spec), says);
      const template = `${kind}Template`;
      const held = admissionPolicies.find((policy) => policy.kind === template)!.rules;
      const emptied = says.some((each) => each.includes(" is missing"));
      const answer = await tried(template, version, inTemplate(spec));
      if (!emptied && held.some(({ name }) => rules.includes(name)))
        expectRefused(
          answer,
          says.map((each) => `template.spec.${each}`),
        );
      else expectAdmitted(answer);
    },
  );

  it.each(Object.entries(sound))(
    "lets through %s, and a template of it [check 15] [check 16]",
    async (what, { kind, spec }) => {
      expectAdmitted(await tried(kind, version, spec));
      expectAdmitted(await tried(`${kind}Template`, version, inTemplate(spec)));
      const name = what
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "-")
        .replaceAll(/^-|-$/g, "");
      await api.write({ kind, spec }, version, `${name}-${version}`);
    },
  );

  it("names all violations of a cluster in one message [check 13]", async () => {
    const spec = {
      identitySecret: { namespace: "", name: "" },
      targetNamespace: "",
      loadBalancerConfig: { ipamType: "pool" },
      vmNetworkConfig: { gateway: "router", subnetMask: "" },
    };
    expectRefused(await tried("HarvesterCluster", version, spec), [
      "targetNamespace is missing",
      "identitySecret.name is missing",
      "identitySecret.namespace is missing",
      "loadBalancerConfig names no pool",
      "vmNetworkConfig names no pool",
      'vmNetworkConfig.gateway "router" is no IP address',
      "vmNetworkConfig.subnetMask is missing",
    ]);
  });

  it("names all violations of a machine in one message [check 14]", async () => {
    const spec = { cpu: 0, memory: "", sshUser: "", sshKeyPair: "", volumes: [], networks: [] };
    expectRefused(await tried("HarvesterMachine", version, spec), [
      "cpu is 0",
      "memory is missing",
      "sshUser is missing",
      "sshKeyPair is missing",
      "volumes is empty",
      "networks is empty",
    ]);
  });

  it("judges a real request as it judges a dry run [check 17]", async () => {
    const object = { apiVersion: `${infrastructureGroup}/${version}`, kind: "HarvesterMachine" };
    const answer = await api.call("POST", api.pathOf("HarvesterMachine", version), {
      ...object,
      metadata: { name: "real" },
      spec: { ...leastMachine, cpu: 0 },
    });
    expectRefused(answer, ["cpu is 0"]);
  });
});

describe("objects that were stored before there were rules", () => {
  it.each(unruly.filter(({ name }) => name === "unruly"))(
    "are labelled, held and let go, and a $kind keeps its status writable [check 18]",
    async ({ kind, name }) => {
      for (const version of infrastructureApi.served) {
        for (const finalizers of [["example.com/hold"], null]) {
          const metadata = { finalizers, labels: { "example.com/seen": version } };
          expectAdmitted(await patched(kind, name, { metadata }, { version }));
        }
      }
      if (!kind.endsWith("Template"))
        expectAdmitted(await api.writeStatus(kind, "v1beta1", name, { ready: false }));
    },
  );

  it("are deleted, their finalizers removed after that [check 17] [check 18]", async () => {
    const [kind, name] = ["HarvesterMachine", "unruly-deleted"];
    expectAdmitted(await patched(kind, name, { metadata: { finalizers: ["example.com/hold"] } }));
    expectAdmitted(await api.call("DELETE", api.pathOf(kind, "v1beta1", name)));
    expect(
      z
        .looseObject({ metadata: z.looseObject({ deletionTimestamp: z.string() }) })
        .safeParse(await api.read(kind, "v1beta1", name)).success,
    ).toBe(true);
    expectAdmitted(await patched(kind, name, { metadata: { finalizers: null } }));
    expect((await api.call("GET", api.pathOf(kind, "v1beta1", name))).status).toBe(404);
  });

  it("take a change elsewhere in the spec, but no further violation", async () => {
    const query = "?dryRun=All";
    const providerID = "harvester://7daa79a5-03c0-4903-bd5f-8c0e8970fda5";
    expectAdmitted(await patched("HarvesterMachine", "unruly", { spec: { providerID } }, { query }));
    expectRefused(await patched("HarvesterMachine", "unruly", { spec: { sshUser: "" } }, { query }), [
      "sshUser is missing",
    ]);
    expectRefused(await patched("HarvesterMachine", "unruly", { spec: { volumes: [] } }, { query }), [
      "volumes is empty",
    ]);
  });
});

describe("what the project itself writes", () => {
  const ours = (objects: readonly object[]): Json[] =>
    objects
      .map((each) =>
        z.looseObject({ apiVersion: z.string(), kind: z.string(), spec: z.unknown().optional() }).parse(each),
      )
      .filter(({ apiVersion }) => apiVersion.startsWith(`${infrastructureGroup}/`));
  const examples = readdirSync(join(repository, "docs/examples")).flatMap((file) =>
    objectsIn(readFileSync(join(repository, "docs/examples", file), "utf8")),
  );
  const names = trialNames("adm", 0);

  it.each([
    ["the examples of the documentation", ours(examples)],
    [
      "what the Go provider leaves behind",
      ours([
        taken.harvesterCluster,
        taken.harvesterMachine,
        taken.waitingMachine,
        taken.machineTemplate,
        taken.clusterTemplate,
      ]),
    ],
    [
      "what tests of single steps start from",
      ours([played.harvesterCluster(), played.harvesterMachine("m")]),
    ],
    [
      "what fault plans are played on",
      ours([
        chaos.harvesterCluster(names, "u"),
        chaos.harvesterMachine(names, "m", { owner: "u", spec: chaos.fromPools(names, "a", "b") }),
      ]),
    ],
  ])("is admitted: %s", async (_what, objects) => {
    expect(objects.length).toBeGreaterThan(1);
    for (const { kind, spec } of objects) {
      for (const version of infrastructureApi.served)
        expectAdmitted(await tried(String(kind), version, spec));
    }
  });
});

describe("the page about what is refused", () => {
  it("shows the answer as it is", async () => {
    const page = readPage("docs/tasks/refused.md");
    const [object] = objectsIn(titledExample("refused").text);
    const { kind, spec, metadata } = z
      .looseObject({
        kind: z.string(),
        spec: z.unknown(),
        metadata: z.looseObject({ namespace: z.string() }),
      })
      .parse(object);
    const answer = await tried(kind, "v1beta1", spec, { ...metadata, namespace: undefined });
    const said = messageOf(answer)
      .replace(/^.*denied request: /, "")
      .replace(/ \S+\/demo: /, " demo/demo: ");
    expect(page.examples.map(({ text }) => text)).toContain(said);
  });
});

describe("an object that is large", () => {
  it("is judged whole, and of many failing entries the answer names the first", async () => {
    const listeners = Array.from({ length: 100 }, (_, index) => ({
      name: `listener-${index}`,
      port: 1000 + index,
      protocol: "TCP",
      backendPort: 1000 + index,
    }));
    const cluster = { ...leastCluster, loadBalancerConfig: { ipamType: "dhcp", listeners } };
    expectAdmitted(await tried("HarvesterCluster", "v1beta1", cluster));
    const volumes = Array.from({ length: 100 }, (_, index) => ({
      volumeType: "image",
      imageName: "leap",
      volumeSize: "1Gi",
      bootOrder: index + 1,
    }));
    expectAdmitted(await tried("HarvesterMachine", "v1beta1", { ...leastMachine, volumes }));
    const bare = volumes.map(({ volumeSize: _size, ...volume }) => volume);
    expectRefused(await tried("HarvesterMachine", "v1beta1", { ...leastMachine, volumes: bare }), [
      "volumes[0, 1, 2",
    ]);
  });
});
