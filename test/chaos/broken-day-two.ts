import type { Deps } from "#functions/contract/deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { secrets, virtualMachineInstances } from "#platform/kube/resources.ts";

/** As `broken`, for what is done once machines run. */
export type DayTwoBreakage =
  /** Removes a member of etcd that was not meant. */
  | "another-member"
  /** Takes the member of the machine that goes for removed. */
  | "blind-to-member"
  /** Restarts every machine there is. */
  | "all-instances"
  /** Stores a certificate without its key. */
  | "half-a-pair";

export function brokenDayTwo(functions: readonly StepFunction[], breakage: DayTwoBreakage): StepFunction[] {
  return functions.map((fn) => ({
    ...fn,
    run: (items, lookup, deps) => fn.run(items, lookup, depsWith(deps, breakage)),
  }));
}

/** The machine that goes has the leader. */
const LEADER = "cp1";

function depsWith(deps: Deps, breakage: DayTwoBreakage): Deps {
  switch (breakage) {
    case "another-member":
      return {
        ...deps,
        etcdMember: (endpoint) => {
          const client = deps.etcdMember(endpoint);
          const removeMember = async (id: string): Promise<void> => {
            const { members } = await client.members();
            await client.removeMember(members.find((each) => each.id !== id)?.id ?? id);
          };
          return { ...client, removeMember };
        },
      };
    case "blind-to-member":
      return {
        ...deps,
        etcdMember: (endpoint) => {
          const client = deps.etcdMember(endpoint);
          const members = async () => {
            const list = await client.members();
            return { ...list, members: list.members.filter(({ name }) => name !== LEADER) };
          };
          return { ...client, members };
        },
      };
    case "all-instances":
      return {
        ...deps,
        harvester: async (identity) => {
          const client = await deps.harvester(identity);
          return {
            ...client,
            delete: async (type, name, options) => {
              if (type !== virtualMachineInstances) return client.delete(type, name, options);
              for await (const { metadata } of client.list(type, { namespace: name.namespace })) {
                try {
                  await client.delete(type, metadata, { uid: metadata.uid });
                } catch (error) {
                  if (!isKubeError(error, "notFound", "conflict")) throw error;
                }
              }
              return true;
            },
          };
        },
      };
    case "half-a-pair":
      return {
        ...deps,
        management: {
          ...deps.management,
          mergePatch: (type, name, patch, options) => {
            const { data } = patch;
            const isKubeconfig =
              type === secrets && typeof data === "object" && data !== null && "value" in data;
            if (!isKubeconfig) return deps.management.mergePatch(type, name, patch, options);
            const text = Buffer.from(String(data.value), "base64").toString();
            const value = Buffer.from(text.replace(/client-key-data:.*/, "")).toString("base64");
            return deps.management.mergePatch(type, name, { ...patch, data: { value } }, options);
          },
        },
      };
  }
}
