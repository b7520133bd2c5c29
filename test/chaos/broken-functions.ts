import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, ipPools, virtualMachines } from "#platform/kube/resources.ts";
import { allocatedOf } from "#test/chaos/readings.ts";

/** Functions with a fault of the kind that real controllers have had. Whoever judges trials must find each. */
export type Breakage =
  /** Takes "already exists" for somebody else's and makes a second VM beside it. */
  | "second-vm"
  /** Gives the address back before the VM is gone. */
  | "early-release"
  /** Lets go of the machine as soon as the VM's deletion was asked for. */
  | "hasty-finalizer"
  /** Gives back one more address than it holds. */
  | "miscounted-pool";

export function broken(functions: readonly StepFunction[], breakage: Breakage): StepFunction[] {
  return functions.map((fn) => ({
    ...fn,
    run: (items, lookup, deps) =>
      fn.run(items, lookup, {
        ...deps,
        harvester: async (identity) => harvesterWith(await deps.harvester(identity), breakage, deps),
      }),
  }));
}

function harvesterWith(client: StepClient, breakage: Breakage, deps: Deps): StepClient {
  switch (breakage) {
    case "second-vm":
      return {
        ...client,
        create: async (type, object, options) => {
          try {
            return await client.create(type, object, options);
          } catch (error) {
            if (type !== virtualMachines || !isKubeError(error, "alreadyExists")) throw error;
            const metadata = { ...object.metadata, name: `${object.metadata.name}-2` };
            return client.create(type, { ...object, metadata }, options);
          }
        },
      };
    case "early-release":
      return {
        ...client,
        delete: async (type, name, options) => {
          for await (const pool of client.list(ipPools)) {
            for (const [address, holder] of allocatedOf(pool)) {
              if (holder.includes(`/${name.name}/`))
                await client.mergePatch(ipPools, pool.metadata, {
                  status: { allocated: { [address]: null } },
                });
            }
          }
          return client.delete(type, name, options);
        },
      };
    case "hasty-finalizer":
      return {
        ...client,
        delete: async (type, name, options) => {
          const deleted = await client.delete(type, name, options);
          for await (const machine of deps.management.list(harvesterMachines)) {
            if (machine.metadata.name === name.name)
              await deps.management.mergePatch(harvesterMachines, machine.metadata, {
                metadata: { finalizers: [] },
              });
          }
          return deleted;
        },
      };
    case "miscounted-pool":
      return {
        ...client,
        mergePatch: (type, name, patch, options) => {
          const { status } = patch;
          const counted =
            type === ipPools && typeof status === "object" && status !== null && "available" in status
              ? { ...patch, status: { ...status, available: Number(status.available) + 1 } }
              : patch;
          return client.mergePatch(type, name, counted, options);
        },
      };
  }
}
