import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";

import { infrastructureApi } from "#api/custom-resource.ts";
import { customResources } from "#api/custom-resources.ts";
import { harvesterResources } from "#api/harvester-resources.ts";
import { infrastructureGroup } from "#api/names.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { objectsApi, type ObjectsApi } from "#test/api/objects-api.ts";
import { clientOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import * as objects from "#test/unit/api/running-cluster.ts";
import { renderedSchema } from "#test/unit/api/structural-fields.ts";
import { valuesOf } from "#test/unit/api/structural-values.ts";

let api: ObjectsApi;

beforeAll(async () => {
  const client = clientOf(sharedManagement());
  api = objectsApi(sharedManagement(), await newNamespace(client, "crds"));
  client.close();
});

describe("the custom resources on a real API server", () => {
  it("are established and served in every version, without a structural complaint [check 1] [check 2]", async () => {
    for (const resource of customResources) {
      expect(await api.conditionsOf(resource)).toEqual(["NamesAccepted=True", "Established=True"]);
    }
  });

  it("have definitions the API server knows every keyword of", async () => {
    for (const content of generateCrds().values()) {
      const definition: unknown = parse(content);
      const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      const { status, body } = await api.call(
        "POST",
        `${definitions}?dryRun=All&fieldValidation=Strict`,
        definition,
      );
      // Whether it exists already is asked last, after what does not fit.
      expect(status, JSON.stringify(body)).toBe(409);
    }
  });

  it("are found by discovery as hvct and in the category cluster-api [check 1] [check 8]", async () => {
    for (const version of infrastructureApi.served) {
      const { body } = await api.call("GET", `/apis/${infrastructureGroup}/${version}`);
      const resources = z
        .object({
          resources: z.array(
            z.object({
              name: z.string(),
              namespaced: z.boolean(),
              shortNames: z.array(z.string()).default([]),
              categories: z.array(z.string()).default([]),
            }),
          ),
        })
        .parse(body)
        .resources.filter(({ name }) => !name.includes("/"));
      expect(resources.map(({ name }) => name).toSorted()).toEqual(
        harvesterResources.map(({ plural }) => plural).toSorted(),
      );
      for (const { namespaced, categories } of resources) {
        expect(namespaced).toBe(true);
        expect(categories).toEqual(["cluster-api"]);
      }
      expect(
        resources.filter(({ shortNames }) => shortNames.includes("hvct")).map(({ name }) => name),
      ).toEqual(["harvesterclustertemplates"]);
    }
  });

  const takenOver = {
    "a cluster": objects.harvesterCluster,
    "a machine": objects.harvesterMachine,
    "a waiting machine": objects.waitingMachine,
    "a machine template": objects.machineTemplate,
    "a cluster template with placeholders": objects.clusterTemplate,
  };

  describe.each(infrastructureApi.served)("written in %s", (version) => {
    it.each(Object.entries(takenOver))(
      "accept %s of the Go provider and read back unchanged in both versions [check 2] [check 6] [check 10]",
      async (what, object) => {
        const name = `${what.replaceAll(" ", "-")}-${version}`;
        await api.write(object, version, name);
        for (const other of infrastructureApi.served) {
          const answered = await api.read(object.kind, other, name);
          expect(answered["spec"]).toEqual(object.spec);
          expect(answered["status"]).toEqual("status" in object ? object.status : undefined);
        }
      },
    );

    it.each(
      customResources
        .filter(({ group }) => group.served.includes(version))
        .map(({ kind, group }) => ({ kind, group })),
    )(
      "lose no field of a random $kind in any version [check 2] [check 3] [check 6]",
      async ({ kind, group }) => {
        for (const [index, sample] of fc
          .sample(valuesOf(renderedSchema(kind, version)), { numRuns: 8, seed: 7 })
          .entries()) {
          const { spec, status } = z
            .object({ spec: z.unknown().optional(), status: z.looseObject({}).optional() })
            .parse(sample);
          const { failureReason: _reason, failureMessage: _message, ...kept } = status ?? {};
          const name = `${kind.toLowerCase()}-${version}-${index}`;
          await api.write({ kind, metadata: {}, spec, status }, version, name);
          for (const other of group.served) {
            const answered = await api.read(kind, other, name);
            expect(answered["spec"]).toEqual(spec);
            if (status !== undefined) expect(answered["status"] ?? {}).toEqual(kept);
          }
        }
      },
    );

    it("refuse an unknown IPAM type and listener protocol, naming the field [check 7]", async () => {
      const { spec } = objects.harvesterCluster;
      const listeners = [{ name: "join", port: 9345, backendPort: 9345, protocol: "SCTP" }];
      const loadBalancerConfig = { ipamType: "static", listeners };
      const refused = await api.refusals(
        { kind: "HarvesterCluster", spec: { ...spec, loadBalancerConfig } },
        version,
      );
      expect([...refused.keys()].toSorted()).toEqual([
        "spec.loadBalancerConfig.ipamType",
        "spec.loadBalancerConfig.listeners[0].protocol",
      ]);
      expect(refused.get("spec.loadBalancerConfig.ipamType")).toContain('supported values: "dhcp", "pool"');
    });

    it("refuse what is missing, all of it in one answer", async () => {
      const cluster = await api.refusals({ kind: "HarvesterCluster", spec: {} }, version);
      expect([...cluster.keys()].toSorted()).toEqual([
        "spec.identitySecret",
        "spec.loadBalancerConfig",
        "spec.targetNamespace",
      ]);
      const machine = await api.refusals({ kind: "HarvesterMachine", spec: {} }, version);
      expect([...machine.keys()].toSorted()).toEqual(
        ["cpu", "memory", "networks", "sshKeyPair", "sshUser", "volumes"].map((field) => `spec.${field}`),
      );
    });
  });

  it("refuse an unknown volume type in v1beta1 only, as ever [check 7]", async () => {
    const spec = { ...objects.waitingMachine.spec, volumes: [{ volumeType: "floppy" }] };
    const machine = { kind: "HarvesterMachine", spec };
    expect((await api.refusals(machine, "v1beta1")).has("spec.volumes[0].volumeType")).toBe(true);
    await api.write(machine, "v1alpha1", "floppy");
  });

  it("let an object that breaks a rule be labelled and freed of its finalizer", async () => {
    const spec = { ...objects.waitingMachine.spec, volumes: [{ volumeType: "floppy" }] };
    await api.write({ kind: "HarvesterMachine", spec }, "v1alpha1", "unruly");
    const headers = { "content-type": "application/merge-patch+json" };
    for (const finalizers of [["example.com/hold"], null]) {
      const path = api.pathOf("HarvesterMachine", "v1beta1", "unruly");
      const { status, body } = await api.call("PATCH", path, { metadata: { finalizers } }, headers);
      expect(status, JSON.stringify(body)).toBe(200);
    }
  });

  it("prune what no schema knows", async () => {
    const spec = {
      ...objects.waitingMachine.spec,
      volumes: [{ ...objects.waitingMachine.spec.volumes[0], cache: "none" }],
    };
    const manifest = {
      apiVersion: `${infrastructureGroup}/v1beta1`,
      kind: "HarvesterMachine",
      metadata: { name: "pruned" },
      spec,
    };
    expect((await api.call("POST", api.pathOf("HarvesterMachine", "v1beta1"), manifest)).status).toBe(201);
    expect((await api.read("HarvesterMachine", "v1beta1", "pruned"))["spec"]).toEqual(
      objects.waitingMachine.spec,
    );
  });

  it("accept the additions", async () => {
    const spec = {
      ...objects.waitingMachine.spec,
      failureDomainPolicy: "Preferred",
      networkConfig: { address: "10.7.0.40", gateway: "10.7.0.1", subnetMask: "16" },
      volumes: [
        { volumeType: "image", imageName: "leap", accessMode: "ReadWriteOnce", volumeMode: "Filesystem" },
      ],
    };
    expect((await api.write({ kind: "HarvesterMachine", spec }, "v1beta1", "additions"))["spec"]).toEqual(
      spec,
    );
    const wrong = { ...spec, volumes: [{ volumeType: "image", accessMode: "ReadOnlyMany" }] };
    expect(
      (await api.refusals({ kind: "HarvesterMachine", spec: wrong }, "v1beta1")).has(
        "spec.volumes[0].accessMode",
      ),
    ).toBe(true);
  });

  it("keep status out of reach of a write to the object; templates of clusters have none", async () => {
    const { status: _status, ...fresh } = objects.harvesterMachine;
    const written = await api.write(fresh, "v1beta1", "subresource");
    const replaced = { ...written, status: { ready: true } };
    const { body } = await api.call(
      "PUT",
      api.pathOf("HarvesterMachine", "v1beta1", "subresource"),
      replaced,
    );
    expect(z.looseObject({}).parse(body)["status"]).toBeUndefined();
    const placeholder = "a-cluster-template-with-placeholders-v1beta1";
    const status = `${api.pathOf("HarvesterClusterTemplate", "v1beta1", placeholder)}/status`;
    expect((await api.call("GET", status)).status).toBe(404);
  });

  it("show in columns what an operator looks for [check 8] [check 9]", async () => {
    await api.write(objects.harvesterCluster, "v1beta1", "columns");
    expect(await api.columnsOf("HarvesterCluster", "columns")).toMatchObject({
      Ready: "true",
      Server: "https://10.1.0.1:6443",
      ControlPlaneEndpoint: "10.1.2.3",
    });
    await api.write(objects.harvesterMachine, "v1beta1", "columns");
    expect(await api.columnsOf("HarvesterMachine", "columns")).toMatchObject({
      Cluster: "shop",
      Ready: "true",
      Address: "10.7.0.10",
      State: "VMProvisioningReady",
      ProviderID: "harvester://vm-uid",
    });
  });

  it("refuse a condition reason that is no identifier [check 10]", async () => {
    const { status: _status, ...fresh } = objects.waitingMachine;
    await api.write(fresh, "v1beta1", "reason");
    const condition = {
      type: "VMProvisioningReady",
      status: "False",
      message: "",
      lastTransitionTime: "2026-03-01T08:01:00Z",
    };
    const put = (reason: string) =>
      api.writeStatus("HarvesterMachine", "v1beta1", "reason", { conditions: [{ ...condition, reason }] });
    expect((await put("not an identifier")).status).toBe(422);
    expect((await put("VMProvisioningInProgress")).status).toBe(200);
  });
});
