import { afterAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { capfn, endCapfn } from "#test/support/command-line.ts";

const resultSchema = z.looseObject({
  machinesCreated: z.number(),
  machinesDeleted: z.number(),
  leftovers: z.number(),
  harvesterRequestsPerCreate: z.number(),
  managementWritesPerCreate: z.number(),
  workloadRequestsPerCreate: z.number(),
  harvesterRequestsPerDelete: z.number(),
  managementWritesPerDelete: z.number(),
  runningToProvisionedMs: z.object({ p50: z.number(), p99: z.number() }),
});

afterAll(endCapfn);

// Cluster API core, four API servers and a dozen acts: a minute on a quiet machine, several on a busy one.
describe("capfn demo --json", { timeout: 400_000 }, () => {
  it("makes five machines with the real Cluster API core, takes them away, leaves nothing and stays within its goals [check 99]", async () => {
    const { code, stdout, stderr } = await capfn("demo", "--json");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const result = resultSchema.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    expect(result).toMatchObject({ machinesCreated: 5, machinesDeleted: 5, leftovers: 0 });
    expect(result.harvesterRequestsPerCreate).toBeLessThanOrEqual(5);
    expect(result.managementWritesPerCreate).toBeLessThanOrEqual(5);
    expect(result.workloadRequestsPerCreate).toBeLessThanOrEqual(2);
    expect(result.harvesterRequestsPerDelete).toBeLessThanOrEqual(6);
    expect(result.managementWritesPerDelete).toBeLessThanOrEqual(2);
  });
});
