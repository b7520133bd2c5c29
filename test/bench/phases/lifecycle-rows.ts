import type { BenchWorld } from "#test/bench/bench-world.ts";
import type { LifecycleResult } from "#test/bench/phases/lifecycle.ts";
import { type Api, type RequestCounts, topKinds } from "#test/bench/request-counts.ts";
import { type Figure, quantile, type Sheet } from "#test/bench/sheet.ts";

/** One disk a machine. */
const DISKS = 1;

/** Turns what one scenario took into rows. */
export function reportLifecycle(world: BenchWorld, sheet: Sheet, result: LifecycleResult): void {
  const seconds = (world.sizes[result.late ? "late" : "early"].addressAfterMs / 1000).toFixed(0);
  const suffix = `${result.cluster}/${seconds}s`;
  const add = (step: string, figure: Omit<Figure, "id"> & { readonly name: string }): void => {
    const { name, ...rest } = figure;
    sheet.measured({ ...rest, id: `${step}/${name}/${suffix}` });
  };
  reportCreate(result, (figure) => add("create", figure));
  reportDelete(result, (figure) => add("delete", figure));
}

type Add = (figure: Omit<Figure, "id"> & { readonly name: string }) => void;

function reportCreate(result: LifecycleResult, add: Add): void {
  const { create, machines, address } = result;
  const per = perMachine(create, machines);
  add(
    per("h-requests", create.harvester, { what: "H requests to create one machine", target: 5, of: ["H"] }),
  );
  add(per("w-requests", create.workload, { what: "W requests to create one machine", target: 2, of: ["W"] }));
  add(
    per("m-writes", create.managementWrites, {
      what: "M writes to create one machine",
      target: 5,
      of: ["M"],
    }),
  );
  add(per("m-reads", create.managementReads, { what: "M reads to create one machine", of: ["M"] }));
  add(
    per("kubernetes-events", create.kubernetesEvents, {
      what: "Kubernetes Events (M) per created machine",
      of: [],
    }),
  );
  const count = (name: string, value: number, what: string, target = 0): void =>
    add({ name, value, what, target, unit: "machines" });
  count("provisioned-too-early", result.tooEarly, "machines provisioned before their address was known");
  count("relapsed", result.relapses, "times a machine went back from ready or provisioned by itself");
  count("not-provisioned-at-end", result.notProvisioned, "machines not provisioned at the end");
  if (address === "pool") {
    add({
      name: "pool-writes",
      value: create.poolWrites,
      what: "IPPool writes for all machines together; how many share one depends on how they arrive",
      unit: "requests",
    });
  }
  const known = address === "dhcp" ? "address reported" : "runs, address from the pool";
  latency(add, "address-to-provisioned", result.toProvisioned, { what: `${known} -> provisioned`, p99: 100 });
  latency(add, "node-to-initialised", result.toNodeInitialised, {
    what: "Node registered -> providerID set, taint gone",
    p99: 100,
  });
  latency(add, "bootstrap-to-vm", result.bootstrapToVm, { what: "bootstrap data set -> VM exists" });
}

function reportDelete(result: LifecycleResult, add: Add): void {
  const { delete: counts, machines, address } = result;
  const per = perMachine(counts, machines);
  const target = 5 + DISKS;
  add(
    per("h-requests", counts.harvester, {
      what: `H requests to delete one machine with ${DISKS} disk`,
      target,
      of: ["H"],
    }),
  );
  add(per("w-requests", counts.workload, { what: "W requests to delete one worker", target: 1, of: ["W"] }));
  add(
    per("m-writes", counts.managementWrites, {
      what: "M writes to delete one machine",
      target: 2,
      of: ["M"],
    }),
  );
  add(
    per("m-reads", counts.managementReads, {
      what: "M reads to delete one machine (quorum GETs before destruction)",
      of: ["M"],
    }),
  );
  add(
    per("kubernetes-events", counts.kubernetesEvents, {
      what: "Kubernetes Events (M) per deleted machine",
      of: [],
    }),
  );
  if (address === "pool") {
    add(
      per("pool-releases", counts.poolWrites, {
        what: "IPPool writes per deleted machine",
        target: 1,
        of: [],
      }),
    );
    add({
      name: "pool-entries-left",
      value: result.poolLeft,
      target: 0,
      unit: "entries",
      what: "addresses leaked",
    });
    add({
      name: "pool-counter-off",
      value: result.poolOff,
      target: 0,
      unit: "addresses",
      what: "total - allocated - available",
    });
  }
  latency(add, "vm-gone-to-machine-gone", result.toGone, {
    what: "VM let go -> HarvesterMachine gone",
    p99: 200,
  });
}

interface PerMachine {
  readonly what: string;
  readonly target?: number;
  /** Whose requests are listed in the note. */
  readonly of: readonly Api[];
}

function perMachine(counts: RequestCounts, machines: number) {
  return (name: string, total: number, { what, target, of }: PerMachine) => ({
    name,
    what,
    unit: "requests",
    value: total / machines,
    target,
    note: topKinds(counts, machines, of),
  });
}

function latency(
  add: Add,
  name: string,
  values: readonly number[],
  { what, p99 }: { readonly what: string; readonly p99?: number },
): void {
  add({ name: `${name}/p50`, what: `${what}, p50`, unit: "ms", value: quantile(values, 0.5) });
  add({ name: `${name}/p99`, what: `${what}, p99`, unit: "ms", value: quantile(values, 0.99), target: p99 });
}
