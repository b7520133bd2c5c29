import { describe, expect, test } from "vitest";
import { csrApprove } from "#functions/cluster-api/csr-approve/function.ts";
import { projectionOf } from "#events/hub/projection.ts";
import { signingRequestView } from "#platform/cluster-api/signing-request.ts";
import { certificateSigningRequests } from "#platform/kube/resources.ts";
import { cluster, harvesterCluster, harvesterMachine, machine } from "#test/support/cluster-objects.ts";
import { signingRequest } from "#test/support/signing-request.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;
type Names = Parameters<typeof signingRequest>[1];

const subject = "O=system:nodes, CN=system:node:m-0";
const own: Names = [
  { type: "dns", value: "m-0" },
  { type: "ip", value: "10.50.0.10" },
];
const addresses = [
  { type: "InternalIP", address: "10.50.0.10" },
  { type: "InternalIP", address: "fd00::a" },
  { type: "InternalDNS", address: "m-0.demo.example" },
];

interface Request {
  readonly subject?: string;
  readonly names?: Names;
  readonly spec?: Json;
  readonly status?: Json;
}

async function csr(over: Request = {}): Promise<object> {
  const pem = await signingRequest(over.subject ?? subject, over.names ?? own);
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr-1" },
    spec: {
      signerName: "kubernetes.io/kubelet-serving",
      username: "system:node:m-0",
      groups: ["system:nodes", "system:authenticated"],
      usages: ["digital signature", "server auth"],
      request: Buffer.from(pem).toString("base64"),
      ...over.spec,
    },
    ...(over.status !== undefined && { status: over.status }),
  };
}

const approving = { annotations: { "capfn.dev/approve-kubelet-certificates": "true" } };

function named(name: string, of: readonly Json[]): object {
  return { ...machine(name), status: { nodeRef: { name }, addresses: of } };
}

function setUp(request: object, how: { metadata?: Json; others?: readonly object[] } = {}) {
  const deps = fakeDeps({
    management: [
      cluster({ metadata: how.metadata ?? approving }),
      harvesterCluster(),
      named("m-0", addresses),
      harvesterMachine("m-0", { status: { addresses } }),
      ...(how.others ?? []),
    ],
    workload: [request],
  });
  const world = stepWorld(deps, "demo");
  return {
    deps,
    need: async () => (await world.evaluate(csrApprove, "m-0")).need,
    run: () => world.run(csrApprove, ["m-0"]),
    conditions: () => {
      const found = deps.workloadApi.peek(certificateSigningRequests, { name: "csr-1" });
      return ((found?.["status"] ?? {}) as { conditions?: Json[] }).conditions ?? [];
    },
    told: () => deps.announced.map(({ event: { reason, message } }) => `${reason}: ${message}`).join("\n"),
  };
}

describe("a kubelet's request for a serving certificate", () => {
  test.each<[string, Request]>([
    ["its Node's name and its address", {}],
    [
      "all its names and addresses, however they are written",
      {
        names: [
          { type: "dns", value: "M-0.demo.example" },
          { type: "ip", value: "fd00:0:0:0:0:0:0:a" },
        ],
      },
    ],
    ["RSA's usages", { spec: { usages: ["digital signature", "key encipherment", "server auth"] } }],
  ])("is approved with %s", async (_, request) => {
    const made = setUp(await csr(request));
    expect(await made.need()).toBe(true);
    await made.run();
    expect(made.conditions()).toMatchObject([{ type: "Approved", status: "True" }]);
    expect(made.told()).toMatch(/^CertificateRequestApproved/);
    expect(await made.need()).toBe(false);
    expect(made.deps.summary()).toEqual([
      "management get harvestermachines demo/m-0",
      "workload mergePatch certificatesigningrequests/approval csr-1",
    ]);
  });

  test.each<[string, Request, RegExp]>([
    [
      "another machine's address",
      { names: [...own, { type: "ip", value: "10.50.0.11" }] },
      /has not the name or address 10\.50\.0\.11/,
    ],
    ["the API server's address alone", { names: [{ type: "ip", value: "10.60.0.2" }] }, /10\.60\.0\.2/],
    ["another machine's name", { names: [{ type: "dns", value: "m-1" }] }, /m-1/],
    [
      "a name that only begins as its own",
      { names: [{ type: "dns", value: "m-0.evil.example" }] },
      /m-0\.evil/,
    ],
    ["a wildcard", { names: [{ type: "dns", value: "*.demo.example" }] }, /\*\.demo/],
    ["a URI", { names: [...own, { type: "url", value: "spiffe://x/y" }] }, /neither DNS names nor IP/],
    ["no name at all", { names: [] }, /no name nor address/],
    ["another's subject", { subject: "O=system:nodes, CN=system:node:m-1" }, /subject is another's/],
    ["the administrators' group", { subject: "O=system:masters, CN=system:node:m-0" }, /other groups/],
    ["a second group", { subject: "O=system:nodes, O=system:masters, CN=system:node:m-0" }, /other groups/],
    ["a second name", { subject: "O=system:nodes, CN=system:node:m-0, CN=admin" }, /subject is another's/],
    ["another attribute", { subject: "O=system:nodes, OU=x, CN=system:node:m-0" }, /other groups/],
    [
      "the use of a client",
      { spec: { usages: ["digital signature", "client auth", "server auth"] } },
      /other uses/,
    ],
    ["no use of a server", { spec: { usages: ["digital signature"] } }, /other uses/],
    ["a requestor outside system:nodes", { spec: { groups: ["system:authenticated"] } }, /was not made by/],
    ["garbage", { spec: { request: Buffer.from("garbage").toString("base64") } }, /cannot be read/],
  ])("is not approved with %s, and people are told why", async (_, request, why) => {
    const made = setUp(await csr(request));
    await made.run();
    expect(made.conditions()).toEqual([]);
    expect(made.told()).toMatch(/^CertificateRequestRefused/);
    expect(made.told()).toMatch(why);
    expect(made.deps.summary()).not.toContain(
      "workload mergePatch certificatesigningrequests/approval csr-1",
    );
  });

  test("is not approved for an address that another machine has too: who reports it cannot be believed", async () => {
    const twin = named("m-1", [{ type: "InternalIP", address: "10.50.0.10" }]);
    const made = setUp(await csr(), { others: [twin] });
    await made.run();
    expect(made.conditions()).toEqual([]);
    expect(made.told()).toMatch(/has not the name or address 10\.50\.0\.10/);
  });

  test("is no affair of ours unless the Cluster asks for it, nor when it is decided, nor another signer's, nor another node's", async () => {
    expect(await setUp(await csr(), { metadata: {} }).need()).toBe(false);
    for (const over of [
      { status: { conditions: [{ type: "Denied", status: "True" }] } },
      { spec: { signerName: "kubernetes.io/kube-apiserver-client-kubelet" } },
      { spec: { username: "system:node:m-1" } },
    ]) {
      expect(await setUp(await csr(over)).need()).toBe(false);
    }
  });

  test("that is decided, or another signer's, leaves nothing of it in the index", async () => {
    const object = await csr({ status: { conditions: [{ type: "Approved", status: "True" }] } });
    const { deps } = setUp(object);
    const held = deps.workloadApi.peek(certificateSigningRequests, { name: "csr-1" })!;
    const { seen } = projectionOf(signingRequestView, "workload/demo/demo", held);
    expect((seen as unknown as { spec: object }).spec).toEqual({
      signerName: "kubernetes.io/kubelet-serving",
    });
  });

  test("is not approved over somebody else's decision: the write names the version that was seen", async () => {
    const made = setUp(await csr());
    await made.run();
    const patch = made.deps.requests.find(({ verb }) => verb === "mergePatch");
    expect(patch?.body).toMatchObject({
      metadata: { uid: expect.any(String) as string, resourceVersion: expect.any(String) as string },
    });
  });
});
