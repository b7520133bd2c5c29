import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import * as z from "zod";
import type { RemediationStatus } from "#api/remediation.ts";
import { applyExample, NAMESPACE, prepare } from "#cli/demo/stage.ts";
import { labUsers, startLab, type Lab } from "#cli/lab/lab.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { apiVersionOf, type KubeObject, type NewObject, type ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterMachines,
  machines,
  remediationRequests,
  virtualMachineInstances,
} from "#platform/kube/resources.ts";
import { createLog } from "#platform/observability/log.ts";
import { systemClock } from "#platform/process/clock.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { testHost } from "#test/support/control-planes.ts";
import { objectsIn, repository, titledExample } from "#test/support/documentation.ts";

/** Remediation that does not keep a test waiting. */
const quick = { stepTimeoutSeconds: 30, cooldownSeconds: 0 };

const workerSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string() }),
  status: z
    .looseObject({
      nodeRef: z.looseObject({ name: z.string() }).optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});

/** A cluster of three workers and some control plane machines on a simulated Harvester, with Cluster API core and capfn at work. */
export type RemediationStage = Awaited<ReturnType<typeof remediationStage>>;

/** Resolves when capfn runs and the example's cluster is applied; its machines join later. */
export async function remediationStage(stack: AsyncDisposableStack) {
  const clock = systemClock();
  const lab: Lab = stack.use(await startLab(testHost(), { times: FAST_TIMES, core: true, workload: true }));
  await prepare(lab, clock);
  const operator = await startRunningOperator({
    management: lab.management.clientConfigFor(labUsers.capfn),
    clock,
    random: Math.random,
    log: createLog("silent", clock),
    ledger: () => memoryLedger(),
    dispatch: true,
    requestsPerSecond: 200,
  });
  stack.defer(() => operator.stop());
  for (const file of ["cluster.yaml", "workers.yaml"]) await applyExample(lab.client.management, clock, file);

  /** The Machines that have joined, by name. */
  async function joined() {
    const found = (await all(lab.client.management, machines)).map((each) => workerSchema.parse(each));
    return found
      .filter(({ status }) => status.nodeRef !== undefined)
      .map(({ metadata, status }) => ({
        ...metadata,
        node: status.nodeRef!.name,
        conditions: status.conditions,
      }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  }

  async function instanceOf(name: string): Promise<string | undefined> {
    const found = await lab.client.harvester.get(virtualMachineInstances, { namespace: NAMESPACE, name });
    return found?.metadata.uid;
  }

  async function ask(name: string, spec: Record<string, unknown>): Promise<void> {
    await lab.client.management.create(remediationRequests, {
      apiVersion: "capfn.dev/v1alpha1",
      kind: "RemediationRequest",
      metadata: { namespace: NAMESPACE, name },
      spec: { source: "Injection", ...quick, ...spec },
    });
  }

  async function statusOf(name: string): Promise<RemediationStatus> {
    const found = await lab.client.management.get(remediationRequests, { namespace: NAMESPACE, name });
    return (found?.["status"] ?? {}) as RemediationStatus;
  }

  async function phase(name: string, wanted: string): Promise<RemediationStatus> {
    await until(`${name} is ${wanted}`, async () => (await statusOf(name)).phase === wanted);
    return statusOf(name);
  }

  const install = (objects: readonly NewObject[]) => installManifests(lab.client.management, objects, clock);

  return { lab, install, joined, instanceOf, ask, statusOf, phase };
}

/** All objects of the demo's namespace. */
export async function all(client: KubeClient, type: ResourceType): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for await (const object of client.list(type, { namespace: NAMESPACE })) found.push(object);
  return found;
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await holds(), what).toBe(true), { timeout: 120_000, interval: 100 });
}

/** The reason of a condition. */
export const why = ({ conditions }: RemediationStatus, type: string) =>
  conditions?.find((each) => each.type === type)?.reason;

/** A Machine of the control plane with its HarvesterMachine; the cluster's API server runs elsewhere. Nobody owns it unless `more` says so. */
export function controlPlaneMachine(name: string, more: Record<string, unknown> = {}): NewObject[] {
  const labels = { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/control-plane": "" };
  const metadata = { name, namespace: NAMESPACE, labels };
  const workersFile = readFileSync(join(repository, "docs", "examples", "workers.yaml"), "utf8");
  const template = objectsIn(workersFile).find(({ kind }) => kind === "HarvesterMachineTemplate")!;
  const { spec } = z
    .looseObject({ template: z.looseObject({ spec: z.looseObject({}) }) })
    .parse(template["spec"]).template;
  const { group: apiGroup, kind } = harvesterMachines;
  return [
    { apiVersion: apiVersionOf(harvesterMachines), kind, metadata, spec },
    {
      apiVersion: apiVersionOf(machines),
      kind: machines.kind,
      metadata: { ...metadata, ...more },
      spec: {
        clusterName: "demo",
        version: "v1.35.4",
        bootstrap: { dataSecretName: "demo-workers-bootstrap" },
        infrastructureRef: { apiGroup, kind, name },
      },
    },
  ];
}

/** Template and MachineHealthCheck of the page on remediation, with these in place of theirs; acts while at most that share is unhealthy. */
export function healthCheck(
  name: string,
  { policy, check }: { policy: Record<string, unknown>; check: Record<string, unknown> },
  atMost?: string,
): NewObject[] {
  const [template, example] = objectsIn(titledExample("remediation: health check").text);
  const spec = example!["spec"] as Record<string, unknown>;
  const ref = { ...(spec["remediation"] as { templateRef: object }).templateRef, name };
  const triggerIf = atMost === undefined ? undefined : { unhealthyLessThanOrEqualTo: atMost };
  const remediation = {
    ...(spec["remediation"] as object),
    ...(triggerIf && { triggerIf }),
    templateRef: ref,
  };
  const metadata = { namespace: NAMESPACE, name };
  return [
    { ...template!, metadata, spec: { template: { spec: { ...quick, ...policy } } } },
    {
      ...example!,
      metadata,
      spec: { ...spec, ...check, remediation },
    },
  ];
}
