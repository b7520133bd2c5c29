import { describe, expect, it } from "vitest";

import * as names from "#api/condition-names.ts";
import { renderedSchema, schemaAt } from "#test/unit/api/structural-fields.ts";

const maps: Record<string, Record<string, string>> = { ...names };

describe("condition types and reasons", () => {
  it.each(Object.keys(maps))("of %s equal their keys, so that they can be searched for", (name) => {
    for (const [key, value] of Object.entries(maps[name]!)) expect(value).toBe(key);
  });

  it("are what the API server accepts, in PascalCase [check 10]", () => {
    const condition = schemaAt(renderedSchema("HarvesterMachine", "v1beta1"), "status.conditions[]");
    const reason = new RegExp(String(condition.properties?.["reason"]?.pattern));
    const type = new RegExp(String(condition.properties?.["type"]?.pattern));
    for (const word of Object.values(maps).flatMap((map) => Object.values(map))) {
      expect(word).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(word).toMatch(reason);
      expect(word).toMatch(type);
    }
  });

  it("include those of the Go provider that something says", () => {
    expect(Object.keys(names.clusterReasons)).toHaveLength(25 + 24);
    expect(Object.keys(names.clusterConditions)).toHaveLength(11 + 5);
    expect(Object.keys(names.machineConditions)).toEqual(
      expect.arrayContaining([
        "InfrastructureReady",
        "VMIPAllocated",
        "VMProvisioningReady",
        "MachineCreated",
        "VMRunning",
        "Paused",
      ]),
    );
    expect(Object.keys(names.machineReasons)).toEqual(
      expect.arrayContaining([
        "VMIPPoolExhausted",
        "VMIPAllocationFailed",
        "MachineNotFound",
        "VMNotRunning",
      ]),
    );
  });
});
