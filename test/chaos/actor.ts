import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  keyPairs,
  machines,
  namespaces,
  persistentVolumeClaims,
  secrets,
  virtualMachineImages,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { type History } from "#test/chaos/history.ts";
import * as manifests from "#test/chaos/manifests.ts";
import { machineView } from "#test/chaos/readings.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";
import type { Voters } from "#test/chaos/voters.ts";

type Json = Record<string, unknown>;

export interface MachineOptions {
  /** Fields of the HarvesterMachine. */
  readonly spec?: Json;
  readonly metadata?: Json;
  /** Whether its bootstrap data are there; true when absent. */
  readonly bootstrap?: boolean | string;
}

/** Longest time nothing may happen in a step of a scenario under faults, ms. */
const LONGEST_STEP_MS = 30_000;

/** Plays the user, Cluster API core and the bootstrap provider of one trial. */
export interface Actor {
  readonly names: TrialNames;
  readonly history: History;
  readonly theatre: Theatre;
  /** Everything machines need, with these pools as [name, first address, last address]. */
  prepare(pools: readonly (readonly [string, number, number])[], over?: Prepared): Promise<void>;
  createMachine(name: string, options?: MachineOptions): Promise<KubeObject>;
  /** Asks for the deletion, as the Machine controller does. */
  deleteMachine(name: string): Promise<void>;
  /** What is left to Cluster API once the HarvesterMachine is gone: Node, bootstrap data, Machine. */
  buryMachine(name: string): Promise<void>;
  provisioned(...names: string[]): Promise<void>;
  gone(...names: string[]): Promise<void>;
  readonly until: (what: string, isThere: () => boolean) => Promise<void>;
  /** Real members of etcd for a control plane of the trial; once. */
  openVoters(): Promise<Voters>;
}

export interface Prepared {
  readonly identity?: boolean | string;
  readonly workload?: boolean | string;
  readonly image?: boolean;
  readonly keyPair?: boolean;
  /** Fields of the HarvesterCluster. */
  readonly cluster?: Json;
}

export function actor(
  { theatre, names, history }: Pick<Actor, "theatre" | "names" | "history">,
  openVoters: Actor["openVoters"],
): Actor {
  const { M, H } = theatre.clients;
  const nameOf = (name: string) => ({ namespace: names.namespace, name: names.machine(name) });
  const until = (what: string, isThere: () => boolean): Promise<void> =>
    history.until(what, isThere, LONGEST_STEP_MS);

  const prepare: Actor["prepare"] = async (pools, over = {}) => {
    const { stage } = theatre;
    await Promise.all([
      M.create(namespaces, manifests.namespace(names.namespace)),
      H.create(namespaces, manifests.namespace(names.target)),
    ]);
    const kubeconfig = (name: string, key: string, given: boolean | string | undefined, api: "H" | "W") =>
      given === false
        ? undefined
        : M.create(
            secrets,
            manifests.kubeconfigSecret(names, name, key, typeof given === "string" ? given : stage[api]),
          );
    const [owner] = await Promise.all([
      M.create(clusters, manifests.cluster(names)),
      over.image === false ? undefined : H.create(virtualMachineImages, manifests.image(names)),
      over.keyPair === false ? undefined : H.create(keyPairs, manifests.keyPair(names)),
      ...manifests.foreignObjects(names).map((object) => H.create(typeOf(object), object)),
      ...pools.map(([name, first, last]) => H.create(ipPools, manifests.ipPool(names, name, first, last))),
      kubeconfig("identity", "kubeconfig", over.identity, "H"),
      kubeconfig(`${names.cluster}-kubeconfig`, "value", over.workload, "W"),
    ]);
    await M.create(harvesterClusters, manifests.harvesterCluster(names, owner.metadata.uid, over.cluster));
    await M.mergePatch(
      clusters,
      owner.metadata,
      { status: { initialization: { infrastructureProvisioned: true } } },
      { subresource: "status" },
    );
    const counted = (name: string): boolean => {
      const status = history.get("H", "ippools", `/${names.pool(name)}`)?.["status"];
      return typeof status === "object" && status !== null && "total" in status;
    };
    await until("pools are counted", () => pools.every(([name]) => counted(name)));
  };

  const createMachine: Actor["createMachine"] = async (name, options = {}) => {
    const { name: full } = nameOf(name);
    const { bootstrap = true } = options;
    const userData = typeof bootstrap === "string" ? bootstrap : undefined;
    const [owner] = await Promise.all([
      M.create(machines, manifests.machine(names, full)),
      bootstrap === false ? undefined : M.create(secrets, manifests.bootstrapSecret(names, full, userData)),
    ]);
    return M.create(
      harvesterMachines,
      manifests.harvesterMachine(names, full, {
        owner: owner.metadata.uid,
        ...(options.spec && { spec: options.spec }),
        ...(options.metadata && { metadata: options.metadata }),
      }),
    );
  };

  const buryMachine = async (name: string): Promise<void> => {
    const at = nameOf(name);
    await theatre.workload.removeNode(at.name);
    await remove(M, secrets, { ...at, name: `${at.name}-bootstrap` });
    await remove(M, machines, at);
  };
  const isGone = (name: string): boolean =>
    history.get("M", "harvestermachines", `${names.namespace}/${names.machine(name)}`) === undefined;
  return {
    names,
    history,
    theatre,
    prepare,
    createMachine,
    deleteMachine: (name) => remove(M, harvesterMachines, nameOf(name)),
    buryMachine,
    provisioned: (...wanted) =>
      until(`${wanted.join(", ")} provisioned, Node initialised`, () =>
        wanted.every((name) => machineView(history, names, name).complete),
      ),
    gone: (...wanted) => until(`${wanted.join(", ")} gone`, () => wanted.every(isGone)),
    until,
    openVoters,
  };
}

async function remove(
  client: KubeClient,
  type: ResourceType,
  at: { namespace?: string; name: string },
): Promise<void> {
  const object = await client.get(type, at);
  if (object === undefined) return;
  try {
    await client.delete(type, at, { uid: object.metadata.uid });
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}

function typeOf({ kind }: NewObject): ResourceType {
  const type = [virtualMachines, persistentVolumeClaims, secrets].find((each) => each.kind === kind);
  if (type === undefined) throw new Error(`no resource type for kind ${kind}`);
  return type;
}
