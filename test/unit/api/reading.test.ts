import { describe, expect, expectTypeOf, it } from "vitest";

import { clusterSchema, machineSchema } from "#api/cluster-api.ts";
import { harvesterClusterSchema } from "#api/harvester-cluster.ts";
import { harvesterMachineTemplateSchema } from "#api/harvester-machine-template.ts";
import { harvesterMachineSchema, type HarvesterMachine } from "#api/harvester-machine.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import * as objects from "#test/unit/api/running-cluster.ts";

describe("reading", () => {
  it("accepts the objects of a running cluster of the Go provider unchanged", () => {
    expect(harvesterClusterSchema.parse(objects.harvesterCluster)).toEqual(objects.harvesterCluster);
    expect(harvesterMachineSchema.parse(objects.harvesterMachine)).toEqual(objects.harvesterMachine);
    expect(harvesterMachineSchema.parse(objects.waitingMachine)).toEqual(objects.waitingMachine);
    expect(harvesterMachineTemplateSchema.parse(objects.machineTemplate)).toEqual(objects.machineTemplate);
  });

  it("accepts the Cluster and Machine above them and keeps fields it does not know", () => {
    expect(clusterSchema.parse(objects.cluster)).toEqual(objects.cluster);
    expect(machineSchema.parse(objects.machine)).toEqual(objects.machine);
  });

  it("keeps fields of a later release at every depth", () => {
    const { spec, status } = objects.harvesterMachine;
    const later = {
      ...objects.harvesterMachine,
      spec: {
        ...spec,
        gpus: ["nvidia"],
        volumes: spec.volumes.map((volume) => ({ ...volume, cache: "none" })),
      },
      status: {
        ...status,
        conditions: status.conditions.map((condition) => ({ ...condition, severity: "Info" })),
      },
    };
    expect(harvesterMachineSchema.parse(later)).toEqual(later);
  });

  it("does not hide an object whose values the API server would refuse now, so that it can still be deleted", () => {
    const { spec } = objects.harvesterMachine;
    const odd = {
      ...objects.harvesterMachine,
      spec: { ...spec, cpu: 0, memory: "much", networks: [], volumes: [{ volumeType: "floppy" }] },
      status: { addresses: [{ type: "InternalIP", address: "" }] },
    };
    expect(harvesterMachineSchema.safeParse(odd).success).toBe(true);
  });

  it("names the field that does not fit", () => {
    const result = harvesterMachineSchema.safeParse({ ...objects.harvesterMachine, spec: { cpu: "two" } });
    expect(result.error?.issues.map(({ path }) => path.join("."))).toContain("spec.cpu");
  });

  it("yields objects the Kubernetes client can write back", () => {
    expectTypeOf<HarvesterMachine>().toExtend<KubeObject>();
  });
});
