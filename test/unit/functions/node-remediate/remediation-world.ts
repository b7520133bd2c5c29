import type { RemediationStatus } from "#api/remediation.ts";
import { machineRemediate, nodeRemediate } from "#functions/cluster-api/node-remediate/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import {
  machineRemediations,
  machines,
  nodes,
  remediationRequests,
  virtualMachineInstances,
} from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  machine,
  ownedLabels,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorldOptions } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const hub = { hub: { "workload/demo/demo": { state: "connected" } } };

/** A cluster of workers `m-0` ... and control plane machines `cp-0` ..., all well, that have run for long. */
export interface ClusterShape {
  readonly workers?: number;
  readonly controlPlanes?: number;
  /** Machines whose Node is not Ready. */
  readonly ill?: readonly string[];
}

export interface RemediationBench {
  readonly deps: FakeDeps;
  /** One run, an hour and `afterSeconds` after the VMs were started. */
  run(afterSeconds?: number, options?: StepWorldOptions): Promise<Outcome>;
  /** Runs until nothing is left to do at this moment. */
  settle(afterSeconds?: number): Promise<void>;
  status(): RemediationStatus;
  needs(): Promise<unknown>;
  /** The condition's reason. */
  why(type: string): string | undefined;
  setReady(name: string, ready: "True" | "False" | "Unknown", bootID?: string): void;
  /** KubeVirt's answer to a deleted instance. */
  startAnew(name: string, afterSeconds: number): void;
  instance(name: string): KubeObject | undefined;
  edit(type: ResourceType, name: string, change: (object: KubeObject) => void): void;
}

const START = Date.parse("2026-01-01T00:00:00Z");
const HOUR = 3_600_000;

const request = {
  apiVersion: "capfn.dev/v1alpha1",
  kind: "RemediationRequest",
  metadata: { namespace: "demo", name: "r", generation: 1 },
  spec: { source: "Injection" as string },
};

export function targetOf(name: string): Json {
  const target = { by: "label node", namespace: "demo", cluster: "demo", machine: name, node: name };
  return { phase: "Pending", target: { ...target, machineUID: `uid-Machine-${name}` } };
}

/** A RemediationRequest `r` for the machine, or a MachineRemediation as a MachineHealthCheck makes it. */
export function bench(
  about: string,
  shape: ClusterShape = {},
  asked: { spec?: Json; status?: Json; byHealthCheck?: boolean; now?: number } & FakeDepsOptions = {},
): RemediationBench {
  const { workers = 5, controlPlanes = 0, ill = [about] } = shape;
  const names = [
    ...Array.from({ length: controlPlanes }, (_, index) => `cp-${index}`),
    ...Array.from({ length: workers }, (_, index) => `m-${index}`),
  ];
  const isMhc = asked.byHealthCheck === true;
  const type = isMhc ? machineRemediations : remediationRequests;
  const own = isMhc
    ? {
        ...request,
        kind: "MachineRemediation",
        metadata: {
          ...request.metadata,
          name: about,
          ownerReferences: [
            {
              apiVersion: "cluster.x-k8s.io/v1beta2",
              kind: "Machine",
              name: about,
              uid: `uid-Machine-${about}`,
            },
          ],
        },
        spec: asked.spec ?? {},
      }
    : {
        ...request,
        spec: { ...request.spec, ...asked.spec },
        status: asked.status ?? targetOf(about),
      };
  let time = START + HOUR;
  const deps: FakeDeps = {
    ...fakeDeps({
      ...asked,
      management: [
        cluster(),
        harvesterCluster(),
        own,
        ...names.flatMap((name) => machineObjects(name, ill.includes(name))),
        ...(asked.management ?? []),
      ],
      harvester: [host(), ...names.flatMap(vmObjects)],
      workload: names.map((name) => node(name, ill.includes(name) ? "False" : "True")),
    }),
    now: () => new Date(time),
  };
  const name = isMhc ? about : "r";
  const fn = isMhc ? machineRemediate : nodeRemediate;
  const at = (object: string) => ({ namespace: place.target, name: object });
  const status = (): RemediationStatus =>
    (deps.management.peek(type, { namespace: "demo", name })?.["status"] ?? {}) as RemediationStatus;
  return {
    deps,
    status,
    needs: async () => (await stepWorld(deps, "demo", hub).evaluate(fn, name)).need,
    run: async (afterSeconds = 0, options = {}) => {
      time = START + HOUR + afterSeconds * 1_000;
      return (await stepWorld(deps, "demo", { ...hub, ...options }).run(fn, [name]))[name]!;
    },
    settle: async (afterSeconds = 0) => {
      time = START + HOUR + afterSeconds * 1_000;
      await stepWorld(deps, "demo", hub).settle([fn], [name]);
    },
    why: (condition) => status().conditions?.find((each) => each.type === condition)?.reason,
    setReady: (machineName, ready, bootID) =>
      void deps.workloadApi.put(node(machineName, ready, {}, bootID === undefined ? {} : { bootID })),
    startAnew: (vm, afterSeconds) => {
      const made = new Date(START + HOUR + afterSeconds * 1_000).toISOString();
      deps.harvesterApi.put(instance(vm, { uid: `${vm}-second`, creationTimestamp: made }));
    },
    instance: (vm) => deps.harvesterApi.peek(virtualMachineInstances, at(vm)),
    edit: (of, object, change) => {
      const api = of === nodes ? deps.workloadApi : deps.management;
      const found = api.peek(of, { namespace: "demo", name: object })!;
      change(found);
      const { resourceVersion: _old, ...metadata } = found.metadata;
      api.put({ ...found, metadata });
    },
  };
}

function machineObjects(name: string, isIll: boolean): object[] {
  const labels = name.startsWith("cp-") ? { "cluster.x-k8s.io/control-plane": "" } : {};
  const owner = { apiVersion: "x/v1", kind: "MachineSet", name: "set", uid: "uid-set", controller: true };
  const made = machine(name, {
    metadata: { labels, ownerReferences: [owner] },
    spec: { infrastructureRef: { kind: "HarvesterMachine", name } },
  });
  const check = condition("HealthCheckSucceeded", isIll ? "False" : "True", "UnhealthyNode");
  return [
    {
      ...made,
      status: { nodeRef: { name }, conditions: [condition("Ready", "True", "Ready"), check] },
    },
    harvesterMachine(name),
  ];
}

/** A condition as the API server demands it of a Machine. */
export function condition(type: string, status: "True" | "False", reason: string) {
  return { type, status, reason, message: "", lastTransitionTime: "2026-01-01T00:30:00Z" };
}

function vmObjects(name: string): object[] {
  return [virtualMachine(name), instance(name), pod(name)];
}

function instance(name: string, metadata: Json = {}): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: {
      name,
      namespace: place.target,
      labels: ownedLabels(name),
      uid: `${name}-first`,
      creationTimestamp: new Date(START).toISOString(),
      ...metadata,
    },
    status: { phase: "Running", nodeName: "host-1" },
  };
}

/** The Pod a guest runs in. */
function pod(name: string): object {
  const labels = { "kubevirt.io/created-by": `${name}-first` };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `virt-launcher-${name}`, namespace: place.target, labels },
  };
}

export function host(ready = "True"): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "host-1" },
    status: { conditions: [{ type: "Ready", status: ready }] },
  };
}

export function node(name: string, ready: string, spec: Json = {}, nodeInfo: Json = {}): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec,
    status: {
      nodeInfo,
      conditions: [
        { type: "MemoryPressure", status: "False" },
        { type: "Ready", status: ready },
      ],
    },
  };
}

/** The Machine's deletion was asked for; it is still there. */
export function deleteMachine(bench: RemediationBench, name: string): void {
  bench.edit(machines, name, ({ metadata }) => (metadata.deletionTimestamp = "2026-01-01T01:00:00Z"));
}

/** What was asked to be deleted. */
export const destroyed = ({ deps }: RemediationBench) =>
  deps.requests.filter(({ verb }) => verb === "delete" || verb === "deleteCollection");

/** A remediation of another kind or name, with a step that began or ended. */
export function another(
  name: string,
  machine: string,
  step: Record<string, unknown>,
  phase = "Running",
): object {
  const taken = {
    name: "Reboot",
    attempt: 1,
    state: "Running",
    reason: "x",
    startedAt: "2026-01-01T00:59:00Z",
  };
  return {
    ...request,
    metadata: { ...request.metadata, name },
    status: { ...targetOf(machine), phase, steps: [{ ...taken, ...step }] },
  };
}
