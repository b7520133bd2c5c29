import { afterAll, beforeAll, expect, it } from "vitest";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { labUsers, type Lab } from "#cli/lab/lab.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { lastLogLines } from "#platform/control-plane/supervised-process.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import { clusters, machineRemediations, machines, nodes, secrets } from "#platform/kube/resources.ts";
import { clientKubeconfig } from "#test/support/client-kubeconfig.ts";
import { installKubeadmKinds, startKubeadmControlPlane } from "#test/support/kubeadm-control-plane.ts";
import {
  all,
  controlPlaneMachine,
  healthCheck,
  remediationStage,
  until,
  why,
  type RemediationStage,
} from "#test/support/remediation-stage.ts";

const controlPlane = ["demo-cp-0", "demo-cp-1", "demo-cp-2"] as const;
const KCP_HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/kcp-cleanup";
const OUR_HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";
const kubeadmControlPlanes: ResourceType = {
  group: "controlplane.cluster.x-k8s.io",
  version: "v1beta2",
  kind: "KubeadmControlPlane",
  plural: "kubeadmcontrolplanes",
  namespaced: true,
};
const stack = new AsyncDisposableStack();
let stage: RemediationStage;
let lab: Lab;

/** What the provider looks for: authority and client certificate of the cluster, and those of an etcd that is elsewhere. */
async function giveCredentials(): Promise<void> {
  const { certificateAuthority } = lab.workload!;
  const { certPem, keyPem } = certificateAuthority;
  for (const name of ["demo-ca", "demo-etcd", "demo-apiserver-etcd-client"])
    await lab.client.management.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      type: "cluster.x-k8s.io/secret",
      metadata: { namespace: NAMESPACE, name, labels: { "cluster.x-k8s.io/cluster-name": "demo" } },
      stringData: { "tls.crt": certPem, "tls.key": keyPem },
    });
  const aYear = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 364 * 86_400_000),
  };
  const value = await clientKubeconfig(lab.workload!, aYear);
  const kubeconfig = { namespace: NAMESPACE, name: "demo-kubeconfig" };
  await lab.client.management.mergePatch(secrets, kubeconfig, { stringData: { value } });
}

/** A control plane of three whose etcd is elsewhere: nothing here could forward a port to a member in a Pod. */
async function createKubeadmControlPlane(): Promise<KubeObject> {
  await giveCredentials();
  const owner = (await lab.client.management.get(clusters, { namespace: NAMESPACE, name: "demo" }))!;
  const { apiVersion, kind, metadata } = owner;
  const file = (name: string) => `/etc/kubernetes/pki/${name}`;
  return lab.client.management.create(kubeadmControlPlanes, {
    apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
    kind: "KubeadmControlPlane",
    metadata: {
      namespace: NAMESPACE,
      name: "demo",
      labels: { "cluster.x-k8s.io/cluster-name": "demo" },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }],
    },
    spec: {
      replicas: 3,
      version: "v1.35.4",
      machineTemplate: {
        spec: {
          infrastructureRef: {
            apiGroup: "infrastructure.cluster.x-k8s.io",
            kind: "HarvesterMachineTemplate",
            name: "demo-workers",
          },
        },
      },
      kubeadmConfigSpec: {
        clusterConfiguration: {
          etcd: {
            external: {
              endpoints: ["https://10.50.0.2:2379"],
              caFile: file("etcd/ca.crt"),
              certFile: file("apiserver-etcd-client.crt"),
              keyFile: file("apiserver-etcd-client.key"),
            },
          },
        },
      },
    },
  });
}

/** Machines of the control plane with owner, label and hook as KubeadmControlPlane writes them. */
function ownedMachines({ apiVersion, kind, metadata: { name, uid } }: KubeObject): NewObject[] {
  const ownerReferences = [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }];
  return controlPlane.flatMap((machine) =>
    controlPlaneMachine(machine, {
      labels: {
        "cluster.x-k8s.io/cluster-name": "demo",
        "cluster.x-k8s.io/control-plane": "",
        "cluster.x-k8s.io/control-plane-name": name,
        "example.com/machine": machine,
      },
      annotations: { [KCP_HOOK]: "" },
      ownerReferences,
    }),
  );
}

/** What a node problem detector reports: the kubelet goes on saying that it is Ready. */
async function reportDeadlock(name: string): Promise<void> {
  const { workload } = lab.client;
  const node = (await workload!.get(nodes, { name }))!;
  const { conditions } = node["status"] as { conditions: { type: string }[] };
  const now = new Date().toISOString();
  const deadlock = { type: "KernelDeadlock", status: "True", reason: "DockerHung", message: "" };
  const reported = { ...deadlock, lastHeartbeatTime: now, lastTransitionTime: now };
  const status = { conditions: [...conditions, reported] };
  await workload!.mergePatch(nodes, { name }, { status }, { subresource: "status" });
}

/** A MachineHealthCheck for one machine alone: Cluster API asks for one machine of each at a time. */
function deadlockCheck(machine: string, steps: readonly string[]): NewObject[] {
  const unhealthyNodeConditions = [{ type: "KernelDeadlock", status: "True", timeoutSeconds: 1 }];
  const selector = { matchLabels: { "example.com/machine": machine } };
  const asked = {
    policy: { steps, stepTimeoutSeconds: 60 },
    check: { selector, checks: { unhealthyNodeConditions } },
  };
  return healthCheck(`deadlock-${machine}`, asked, "100%");
}

const instances = (names: readonly string[]) => Promise.all(names.map((name) => stage.instanceOf(name)));

beforeAll(async () => {
  stage = await remediationStage(stack);
  ({ lab } = stage);
  await installKubeadmKinds(lab.client.management);
  await stage.install(ownedMachines(await createKubeadmControlPlane()));
  await until(
    "three workers and three of the control plane have joined",
    async () => (await stage.joined()).length === 6,
  );
}, 900_000);

afterAll(() => stack.disposeAsync());

it("two control plane machines found unhealthy at once are rebooted one after the other", async () => {
  const { management } = lab.client;
  const [first, second, third] = controlPlane;
  const before = await instances(controlPlane);
  const running = new Set<string>();
  const together: string[][] = [];
  const heldFor = new Set<string | undefined>();
  const seen = new AbortController();
  const watching = (async () => {
    for await (const event of management.watch(machineRemediations, {
      namespace: NAMESPACE,
      signal: seen.signal,
    })) {
      if (!("object" in event)) continue;
      const { name } = event.object.metadata;
      const status = (event.object["status"] ?? {}) as Parameters<typeof why>[0];
      const isRunning = event.type !== "deleted" && status.phase === "Running";
      if (isRunning) running.add(name);
      else running.delete(name);
      if (running.size > 1) together.push([...running]);
      heldFor.add(why(status, "RemediationAllowed"));
    }
  })();
  await stage.install([first, second].flatMap((name) => deadlockCheck(name, ["Reboot"])));
  await Promise.all([first, second].map(reportDeadlock));
  await until("both run on another instance", async () => {
    const now = await instances([first, second]);
    return now.every((uid, index) => uid !== undefined && uid !== before[index]);
  });
  await until(
    "both remediations are taken back",
    async () => (await all(management, machineRemediations)).length === 0,
  );
  seen.abort();
  await watching;
  expect(together).toEqual([]);
  expect(heldFor).toContain("ControlPlaneBusy");
  expect(await stage.instanceOf(third)).toBe(before[2]);
}, 300_000);

it("of two control plane machines that are not Ready neither is rebooted, as the third alone is no quorum, until one is back", async () => {
  const ill = controlPlane.slice(0, 2);
  const present = await stage.joined();
  const nodeOf = (name: string) => present.find((each) => each.name === name)!.node;
  const before = await instances(ill);
  for (const name of ill) await lab.kubelets!.setReady(nodeOf(name), false);
  await Promise.all(
    ill.map((machine) => stage.ask(`quorum-${machine}`, { target: { machine }, steps: ["Reboot"] })),
  );
  for (const name of ill)
    await until(`${name} is held`, async () => {
      return why(await stage.statusOf(`quorum-${name}`), "RemediationAllowed") === "EtcdQuorumAtRisk";
    });
  expect(await instances(ill)).toEqual(before);
  const [back, stillIll] = ill;
  await lab.kubelets!.setReady(nodeOf(back!), true);
  expect(why(await stage.phase(`quorum-${back!}`, "Succeeded"), "Remediated")).toBe("NotNeeded");
  const { steps } = await stage.phase(`quorum-${stillIll!}`, "Succeeded");
  expect(steps).toMatchObject([{ name: "Reboot", state: "Succeeded", uid: before[1] }]);
  expect(await stage.instanceOf(back!)).toBe(before[0]);
}, 300_000);

it("nothing is remediated while the whole cluster cannot be reached, and afterwards only what is ill", async () => {
  const present = await stage.joined();
  const machinesOf = present.map(({ name }) => name);
  const ill = present.find(({ name }) => !(controlPlane as readonly string[]).includes(name))!;
  const before = await instances(machinesOf);
  await lab.kubelets!.setReady(ill.node, false);
  await lab.workload!.apiServer.kill();
  await Promise.all(
    machinesOf.map((machine) => stage.ask(`outage-${machine}`, { target: { machine }, steps: ["Reboot"] })),
  );
  for (const name of machinesOf)
    await until(`${name} is held`, async () => {
      return why(await stage.statusOf(`outage-${name}`), "RemediationAllowed") === "ClusterUnreachable";
    });
  expect(await instances(machinesOf)).toEqual(before);
  await lab.workload!.apiServer.start();
  for (const name of machinesOf) await stage.phase(`outage-${name}`, "Succeeded");
  const after = await instances(machinesOf);
  expect(machinesOf.filter((_, index) => after[index] !== before[index])).toEqual([ill.name]);
}, 300_000);

/**
 * KubeadmControlPlane takes its own hook off only when it sees Pods of the control plane and etcd on the other machines, which are not there: so
 * this ends where it has decided and waits, with the VM in place.
 */
it("a Machine of KubeadmControlPlane is recreated by the real KubeadmControlPlane, which is asked: capfn deletes nothing and puts no hook on", async () => {
  const { management } = lab.client;
  const manager = await startKubeadmControlPlane(lab.management, labUsers.core);
  stack.defer(() => manager.stop());
  const [, , ill] = controlPlane;
  const before = await stage.instanceOf(ill);
  const machine = async () => (await management.get(machines, { namespace: NAMESPACE, name: ill }))!;
  await stage.install(deadlockCheck(ill, ["Recreate"]));
  await reportDeadlock(ill);
  await until(
    `${ill} is being deleted`,
    async () => (await machine()).metadata.deletionTimestamp !== undefined,
  ).catch((error: unknown) => {
    throw new Error(lastLogLines(manager), { cause: error });
  });
  await until("its deletion waits for the hook", async () => {
    const { conditions } = (await machine())["status"] as { conditions: { type: string; reason: string }[] };
    return conditions.some(
      ({ type, reason }) => type === "Deleting" && reason === "WaitingForPreTerminateHook",
    );
  });
  expect(await stage.instanceOf(ill)).toBe(before);
  const asked: string[] = [];
  for await (const { user, verb, code, requestUri } of readAuditLog(lab.management.auditLogPath)) {
    const [path = ""] = requestUri.split("?");
    if (path.includes(`/machines/${ill}`) && code < 300)
      asked.push(`${verb} ${path.split("/").slice(6).join("/")} by ${user}`);
  }
  expect(asked).toContain(`patch machines/${ill}/status by ${labUsers.capfn}`);
  expect(asked).toContain(`delete machines/${ill} by ${labUsers.core}`);
  expect(asked).not.toContain(`delete machines/${ill} by ${labUsers.capfn}`);
  expect((await all(management, machineRemediations)).map((each) => each["status"])).toMatchObject([
    { phase: "Running", steps: [{ name: "Recreate", state: "Running" }] },
  ]);
  const annotations = (await all(management, machines)).flatMap(({ metadata }) =>
    Object.keys(metadata.annotations ?? {}),
  );
  expect(annotations).toContain(KCP_HOOK);
  expect(annotations).not.toContain(OUR_HOOK);
}, 300_000);
