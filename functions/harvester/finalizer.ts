import { legacyMachineFinalizer, machineFinalizer } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { IDENTITY_ANNOTATION, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { isKubeError, KubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Management = Pick<Deps, "management">;

/** The metadata both writes are computed from, as the snapshot or a quorum read has it. */
interface Current {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
  readonly annotations: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes sure that our finalizer and the identity annotation are on the machine; to be called before the first write on Harvester. One
 * merge patch under the resourceVersion seen, which a namesake cannot have; it also replaces the finalizer of early releases of the Go
 * provider. No request when all is there. After a conflict it looks once more by itself.
 *
 * @param notes annotations the machine must carry as well before the write that follows
 * @throws KubeError `conflict` when the machine changed twice or is being deleted, `notFound` when it is gone.
 */
export async function ensureFinalizer(
  deps: Management,
  machine: Seen<HarvesterMachineBody>,
  notes: Readonly<Record<string, string>> = {},
): Promise<void> {
  await compareAndSet(deps, machine, (current) => {
    const finalizers = mendedFinalizers(current.finalizers);
    const identity = current.annotations[IDENTITY_ANNOTATION] ?? current.uid;
    const wanted = Object.entries({ ...notes, [IDENTITY_ANNOTATION]: identity });
    const missing = wanted.filter(([name, value]) => current.annotations[name] !== value);
    if (finalizers === undefined && missing.length === 0) return undefined;
    if (current.deleting) throw changed(deps, machine, "is being deleted");
    return {
      ...(finalizers !== undefined && { finalizers }),
      ...(missing.length > 0 && { annotations: Object.fromEntries(missing) }),
    };
  });
}

/**
 * Takes our finalizer, and the legacy one, off the machine; others stay. Only after everything of it on Harvester was proven absent. No
 * request when there is none of ours.
 *
 * @throws KubeError `conflict` when the machine changed twice. A machine that is gone is success.
 */
export async function removeFinalizers(deps: Management, machine: Seen<HarvesterMachineBody>): Promise<void> {
  try {
    await compareAndSet(deps, machine, ({ finalizers }) =>
      finalizers.some((name) => ours.includes(name))
        ? { finalizers: finalizers.filter((name) => !ours.includes(name)) }
        : undefined,
    );
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}

/** Whether the machine is held by a finalizer of ours, current or legacy. */
export function isHeldByUs(machine: Seen<HarvesterMachineBody>): boolean {
  return machine.metadata.finalizers.some((name) => ours.includes(name));
}

const ours: readonly string[] = [machineFinalizer, legacyMachineFinalizer];

/** The finalizers with the current one of ours in place of any legacy one; undefined when they are so already. */
export function mendedFinalizers(finalizers: readonly string[]): readonly string[] | undefined {
  if (finalizers.includes(machineFinalizer) && !finalizers.includes(legacyMachineFinalizer)) return undefined;
  return [...finalizers.filter((name) => !ours.includes(name)), machineFinalizer];
}

type Metadata = Readonly<Record<string, unknown>>;

async function compareAndSet(
  deps: Management,
  machine: Seen<HarvesterMachineBody>,
  wanted: (current: Current) => Metadata | undefined,
): Promise<void> {
  const patch = async (current: Current): Promise<void> => {
    const metadata = wanted(current);
    if (metadata === undefined) return;
    await deps.management.mergePatch(harvesterMachines, nameOf(machine), {
      metadata: { ...metadata, resourceVersion: current.resourceVersion },
    });
  };
  try {
    await patch(fromSnapshot(machine));
  } catch (error) {
    if (!isKubeError(error, "conflict")) throw error;
    const fresh = await deps.management.get(harvesterMachines, nameOf(machine));
    if (fresh?.metadata.uid !== machine.meta.uid) {
      throw new KubeError({ ...about(deps, machine, "is gone"), reason: "notFound", cause: error });
    }
    await patch(fromObject(fresh));
  }
}

function fromSnapshot(machine: Seen<HarvesterMachineBody>): Current {
  const { uid, resourceVersion, deletionTimestamp } = machine.meta;
  return {
    uid,
    resourceVersion,
    deleting: deletionTimestamp !== undefined,
    finalizers: machine.metadata.finalizers,
    annotations: machine.metadata.annotations,
  };
}

function fromObject({ metadata }: KubeObject): Current {
  return {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    annotations: metadata.annotations ?? {},
  };
}

function nameOf(machine: Seen<HarvesterMachineBody>) {
  return { namespace: machine.meta.namespace, name: machine.meta.name };
}

function changed(deps: Management, machine: Seen<HarvesterMachineBody>, what: string): KubeError {
  return new KubeError({ ...about(deps, machine, what), reason: "conflict" });
}

function about(deps: Management, machine: Seen<HarvesterMachineBody>, what: string) {
  return {
    message: `HarvesterMachine ${machine.meta.namespace ?? ""}/${machine.meta.name} ${what}`,
    dependency: deps.management.connection,
  };
}
