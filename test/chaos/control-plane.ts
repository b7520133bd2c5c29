import { ETCD_HOOK_ANNOTATION } from "#platform/cluster-api/cluster.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { machines, secrets } from "#platform/kube/resources.ts";
import type { Actor } from "#test/chaos/actor.ts";
import { voterNames } from "#test/chaos/etcd-stock.ts";
import * as manifests from "#test/chaos/manifests.ts";
import type { Voters } from "#test/chaos/voters.ts";

/** A control plane of three whose Machines are kept, and deleted, as Cluster API core does. */
export interface ControlPlane {
  readonly voters: Voters;
  /** Asks for the deletion and takes it to the pre-terminate hooks. */
  readonly askToDelete: (name: string) => Promise<void>;
  /** What follows once nobody holds the Machine any more. */
  readonly deleteFurther: (name: string) => Promise<void>;
  /** Whether etcd-remove holds the Machine. */
  readonly isHeld: (name: string) => boolean;
}

/** Makes Machines for real members of etcd and the Secret with its authority; resolves when each Machine is held. */
export async function controlPlane(actor: Actor): Promise<ControlPlane> {
  const { names, history, theatre, until } = actor;
  const { M } = theatre.clients;
  const voters = await actor.openVoters();
  const at = (name: string) => ({ namespace: names.namespace, name: names.machine(name) });
  const now = (name: string): KubeObject | undefined =>
    history.get("M", "machines", `${names.namespace}/${names.machine(name)}`);
  const isHeld = (name: string): boolean =>
    now(name)?.metadata.annotations?.[ETCD_HOOK_ANNOTATION] !== undefined;
  const phase = async (name: string, reason: string): Promise<void> => {
    const status = { conditions: [manifests.condition("Deleting", "True", reason)] };
    await M.mergePatch(machines, at(name), { status }, { subresource: "status" });
  };
  const { certPem, keyPem } = voters.cluster.authority;
  await M.create(
    secrets,
    manifests.secret(names, `${names.cluster}-etcd`, { "tls.crt": certPem, "tls.key": keyPem }),
  );
  await Promise.all(
    voterNames.map(async (name) => {
      await M.create(machines, manifests.controlPlaneMachine(names, names.machine(name)));
      const { address } = voters.cluster.member(name);
      // The Node is named as the member: that is what a member is told by.
      const status = { nodeRef: { name }, addresses: [{ type: "InternalIP", address }] };
      await M.mergePatch(machines, at(name), { status }, { subresource: "status" });
    }),
  );
  await until("every machine of the control plane is held", () => voterNames.every(isHeld));
  return {
    voters,
    isHeld,
    askToDelete: async (name) => {
      const machine = await M.get(machines, at(name));
      if (machine === undefined) throw new Error(`there is no machine ${name}`);
      await M.delete(machines, at(name), { uid: machine.metadata.uid });
      await phase(name, "WaitingForPreTerminateHook");
    },
    deleteFurther: async (name) => {
      await until(`nobody holds ${name}`, () => !isHeld(name));
      await phase(name, "WaitingForInfrastructureDeletion");
      await M.mergePatch(machines, at(name), { metadata: { finalizers: null } });
      await until(`machine ${name} is gone`, () => now(name) === undefined);
    },
  };
}
