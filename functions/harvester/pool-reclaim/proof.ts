import { ownerUidLabel } from "#api/names.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { isHeld, mayBeVmOf, type Leak } from "#functions/harvester/pool-reclaim/leaks.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { canonicalIp } from "#platform/harvester/ip-address.ts";
import { virtualMachineInstanceView } from "#platform/harvester/virtual-machine.ts";
import { harvesterMachines, virtualMachineInstances, virtualMachines } from "#platform/kube/resources.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** What quorum reads say of a leak: its address is free to take back, or why not. */
export interface Proof {
  readonly leak: Leak;
  /** Undefined when nothing speaks against it. */
  readonly objection: string | undefined;
}

/** A running VM: what it is labelled with, and the addresses KubeVirt reports of it. */
interface Instance {
  readonly name: string;
  readonly identity: string | undefined;
  readonly addresses: ReadonlySet<string>;
}

const LEAKS_AT_ONCE = 4;

/**
 * Asks the API servers themselves, not the index. An address is free to take back only when its machine answers 404 or is another one, when no
 * VM in any namespace is labelled with the machine's identity nor stands under its name in the target namespace, and when no running VM, whosever
 * it is, reports the address.
 *
 * @throws KubeError when any of them does not answer: nothing is proven then.
 */
export async function prove(
  deps: Pick<Deps, "management">,
  harvester: StepClient,
  leaks: readonly Leak[],
  targetNamespace: string,
): Promise<readonly Proof[]> {
  const proofs: Proof[] = [];
  for (let at = 0; at < leaks.length; at += LEAKS_AT_ONCE) {
    const some = leaks.slice(at, at + LEAKS_AT_ONCE);
    const objections = await Promise.all(
      some.map(
        async ({ holder }) =>
          (await livingMachine(deps, holder)) ?? (await livingVm(harvester, holder, targetNamespace)),
      ),
    );
    proofs.push(...some.map((leak, index) => ({ leak, objection: objections[index] })));
  }
  if (proofs.every(({ objection }) => objection !== undefined)) return proofs;
  const running = await instances(harvester);
  return proofs.map(({ leak, objection }) => ({ leak, objection: objection ?? runningVm(leak, running) }));
}

async function livingMachine(
  { management }: Pick<Deps, "management">,
  holder: Leak["holder"],
): Promise<string | undefined> {
  const { namespace, name } = holder;
  const machine = await freshLook(management, harvesterMachineView, {
    connection: MANAGEMENT,
    namespace,
    name,
  });
  return isHeld(holder, machine) ? `${harvesterMachines.kind} ${namespace}/${name} exists` : undefined;
}

async function livingVm(
  harvester: StepClient,
  holder: Leak["holder"],
  targetNamespace: string,
): Promise<string | undefined> {
  const { name, identity } = holder;
  const namesake = await harvester.get(virtualMachines, { namespace: targetNamespace, name });
  if (namesake !== undefined && mayBeVmOf(holder, namesake.metadata.labels)) {
    return `VM ${targetNamespace}/${name} exists`;
  }
  const labelSelector = `${ownerUidLabel}=${identity}`;
  for await (const { metadata } of harvester.list(virtualMachines, { labelSelector })) {
    return `VM ${metadata.namespace ?? ""}/${metadata.name} exists`;
  }
  return undefined;
}

async function instances(harvester: StepClient): Promise<readonly Instance[]> {
  const found: Instance[] = [];
  for await (const object of harvester.list(virtualMachineInstances)) {
    const { interfaces } = virtualMachineInstanceView.schema.parse(object).status;
    const texts = interfaces.flatMap(({ ipAddress, ipAddresses }) => [
      ...(ipAddress === undefined ? [] : [ipAddress]),
      ...(ipAddresses ?? []),
    ]);
    const { namespace = "", name, labels } = object.metadata;
    found.push({
      name: `${namespace}/${name}`,
      identity: labels?.[ownerUidLabel],
      addresses: new Set(texts.map(withoutPrefix)),
    });
  }
  return found;
}

function runningVm({ address, holder }: Leak, running: readonly Instance[]): string | undefined {
  const wanted = canonicalIp(address);
  const user = running.find(
    ({ identity, addresses }) => identity === holder.identity || addresses.has(wanted),
  );
  return user === undefined ? undefined : `the running VM ${user.name} uses it`;
}

/** KubeVirt reports some addresses with their prefix length. */
function withoutPrefix(text: string): string {
  const [address = ""] = text.split("/");
  return canonicalIp(address);
}
