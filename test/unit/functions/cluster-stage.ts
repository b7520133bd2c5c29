import { clusterConnect } from "#functions/harvester/cluster-connect/function.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { harvesterClusters, loadBalancers, services } from "#platform/kube/resources.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  machine,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorld, type StepWorldOptions } from "#test/support/step-world.ts";
import { harvesterItself } from "./go-provider-objects.ts";

type Json = Record<string, unknown>;

// Read field by field.
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export interface StageOptions {
  readonly spec?: Json;
  readonly metadata?: Json;
  readonly status?: Json;
  readonly cluster?: object;
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly world?: StepWorldOptions;
}

export const LB = "demo-demo-lb";
export const IDENTITY = "uid-HarvesterCluster-demo";

/** A HarvesterCluster with a Harvester that answers, functions that look after it, and eyes on what came of it. */
export interface ClusterStage {
  readonly deps: FakeDeps;
  readonly world: StepWorld;
  /** Until nothing is to be done any more. */
  settle(): Promise<void>;
  own(): Loose;
  /** `status/reason` of a condition. */
  condition(type: string): string | undefined;
  message(type: string): string | undefined;
  service(): Loose;
  balancer(): Loose;
  /** kube-vip gives the Service an address. */
  giveServiceAddress(ip: string): void;
  /** Harvester gives the LoadBalancer an address. */
  giveBalancerAddress(ip: string): void;
  /** The first VM of the control plane comes into being. */
  addControlPlane(name?: string, labels?: Record<string, string>): void;
}

export function clusterStage(functions: readonly StepFunction[], options: StageOptions = {}): ClusterStage {
  const { spec = {}, metadata = {}, management = [], harvester = [] } = options;
  const deps = fakeDeps({
    management: [
      options.cluster ?? cluster(),
      harvesterCluster({ spec, metadata, ...(options.status && { status: options.status }) }),
      ...management,
    ],
    harvester: [...harvesterItself(), ...harvester],
  });
  const world = stepWorld(deps, place.namespace, {
    hub: { [place.connection]: { state: "connected", server: "https://harvester.example.com" } },
    ...options.world,
  });
  const at = { namespace: place.namespace, name: place.cluster };
  const inTarget = { namespace: place.target, name: LB };
  const own = (): Loose => deps.management.peek(harvesterClusters, at);
  const find = (type: string): Loose =>
    own()?.status?.conditions?.find((condition: Loose) => condition.type === type);
  const put = (object: KubeObject | undefined, status: Json): void => {
    if (object !== undefined) deps.harvesterApi.put({ ...object, status });
  };
  return {
    deps,
    world,
    settle: async () => void (await world.settle([clusterConnect, ...functions], [place.cluster])),
    own,
    condition: (type) => {
      const found = find(type);
      return found === undefined ? undefined : `${found.status}/${found.reason}`;
    },
    message: (type) => find(type)?.message,
    service: () => deps.harvesterApi.peek(services, inTarget),
    balancer: () => deps.harvesterApi.peek(loadBalancers, inTarget),
    giveServiceAddress: (ip) =>
      put(deps.harvesterApi.peek(services, inTarget), { loadBalancer: { ingress: [{ ip }] } }),
    giveBalancerAddress: (address) => put(deps.harvesterApi.peek(loadBalancers, inTarget), { address }),
    addControlPlane: (name = "cp-0", labels = { "capfn.dev/owner-namespace": "demo" }) => {
      const labelled = {
        labels: { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/control-plane": "" },
      };
      deps.management.put(machine(name, { metadata: labelled }));
      deps.management.put(harvesterMachine(name, { metadata: labelled }));
      deps.harvesterApi.put(virtualMachine(name, { metadata: { labels } }));
    },
  };
}
