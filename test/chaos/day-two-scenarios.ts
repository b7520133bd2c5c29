import { X509Certificate } from "node:crypto";
import { withClientCertificate } from "#platform/kube/kubeconfig-edit.ts";
import { machines, remediationRequests, secrets } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { issueClientCertificate } from "#platform/x509/client-certificate.ts";
import type { Actor } from "#test/chaos/actor.ts";
import { pairOf } from "#test/chaos/certificate-invariants.ts";
import * as manifests from "#test/chaos/manifests.ts";
import { isReady } from "#test/chaos/readings.ts";
import { readRequest } from "#test/chaos/remediation-invariants.ts";
import type { Scenario } from "#test/chaos/scenario.ts";
import { createAuthority } from "#test/support/etcd-cluster.ts";

/** Makes machines whose Machines know their Nodes, as Cluster API core sees to. */
export async function createJoined(actor: Actor, ...wanted: string[]): Promise<void> {
  const { names, theatre } = actor;
  await Promise.all(wanted.map((name) => actor.createMachine(name)));
  await actor.provisioned(...wanted);
  await Promise.all(
    wanted.map((name) => {
      const at = { namespace: names.namespace, name: names.machine(name) };
      const status = { nodeRef: { name: at.name } };
      return theatre.clients.M.mergePatch(machines, at, { status }, { subresource: "status" });
    }),
  );
}

/** The kubelet says that it is not well, and somebody asks for the machine's remediation by these steps. */
export async function askForRemediation(
  actor: Actor,
  name: string,
  spec: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { names, history, theatre, until } = actor;
  const node = names.machine(name);
  await theatre.workload.setReady(node, false);
  await until(`Node of ${name} is not Ready`, () => !isReady(history.get("W", "nodes", `/${node}`)));
  await theatre.clients.M.create(remediationRequests, manifests.remediationRequest(names, name, spec));
}

/** Where the remediation of the machine is. */
export function remediationOf({ names, history }: Actor, name: string) {
  const found = history.get("M", "remediationrequests", `${names.namespace}/${names.machine(name)}`);
  return readRequest(found ?? {});
}

/** An unhealthy machine is rebooted, and is well. */
const reboot: Scenario = {
  name: "remediate-reboot",
  pools: [["pool", 10, 12]],
  play: async (actor) => {
    await createJoined(actor, "m1", "m2");
    await askForRemediation(actor, "m1", { steps: ["Reboot"] });
    await actor.until("m1 is remediated", () => remediationOf(actor, "m1").phase === "Succeeded");
  },
};

/** An unhealthy machine is deleted, and its owner makes another. */
const recreate: Scenario = {
  name: "remediate-recreate",
  pools: [["pool", 10, 12]],
  play: async (actor) => {
    const { names, history } = actor;
    await createJoined(actor, "m1", "m2");
    await askForRemediation(actor, "m1", { steps: ["Recreate"], recreateUnowned: true });
    const key = `${names.namespace}/${names.machine("m1")}`;
    await actor.until("Machine m1 is gone", () => history.get("M", "machines", key) === undefined);
    await actor.deleteMachine("m1");
    await actor.gone("m1");
    await actor.buryMachine("m1");
    await actor.createMachine("m3");
    await actor.provisioned("m3");
    await actor.until("the request has ended", () => remediationOf(actor, "m1").phase === "Succeeded");
  },
};

const DAY_MS = 86_400_000;

/** The client certificate in the kubeconfig is due; another takes its place, and a machine joins. */
const certificate: Scenario = {
  name: "cert-reissue",
  pools: [],
  cluster: "dhcp",
  play: async (actor) => {
    await makeCertificateDue(actor);
    await actor.until("another certificate is there", () => daysLeft(actor) > 100);
    await actor.createMachine("m1");
    await actor.provisioned("m1");
  },
};

/** Puts a client certificate that is due into the kubeconfig, beside its token, and its authority where Cluster API keeps it. */
export async function makeCertificateDue({ names, theatre }: Actor): Promise<void> {
  const { M } = theatre.clients;
  const authority = await createAuthority("ec", 3_650 * DAY_MS);
  const issued = await issueClientCertificate(authority, {
    commonName: "kubernetes-admin",
    nowMs: systemClock().now() - 9 * DAY_MS,
    validMs: 10 * DAY_MS,
  });
  const { certPem, keyPem } = authority;
  await M.create(
    secrets,
    manifests.secret(names, `${names.cluster}-ca`, { "tls.crt": certPem, "tls.key": keyPem }),
  );
  const kubeconfig = withClientCertificate(theatre.stage.W.kubeconfig, issued);
  const at = { namespace: names.namespace, name: `${names.cluster}-kubeconfig` };
  await M.mergePatch(secrets, at, { data: { value: Buffer.from(kubeconfig).toString("base64") } });
}

/** How long the kubeconfig's certificate is valid; 0 when there is none. */
export function daysLeft({ names, history }: Actor): number {
  const secret = history.get("M", "secrets", `${names.namespace}/${names.cluster}-kubeconfig`);
  const pair = secret === undefined ? undefined : pairOf(secret);
  if (pair === undefined) return 0;
  const { validToDate } = new X509Certificate(pair.certPem);
  return (validToDate.getTime() - systemClock().now()) / DAY_MS;
}

/** Machines that fall ill, and certificates that grow old. */
export const dayTwoScenarios: readonly Scenario[] = [reboot, recreate, certificate];
