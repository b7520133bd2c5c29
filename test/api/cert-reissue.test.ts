import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { certReissue } from "#functions/cluster-api/cert-reissue/function.ts";
import { readCertificateRecord } from "#platform/cluster-api/certificate-record.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { clusters, harvesterClusters, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { clientKubeconfig } from "#test/support/client-kubeconfig.ts";
import {
  clientOf,
  connectionTo,
  newNamespace,
  privateControlPlane,
  sharedManagement,
} from "#test/support/control-planes.ts";
import { operatorWith } from "#test/support/operator-with.ts";

const clock = systemClock();
let workload: ControlPlane;
let management: KubeClient;
const undo = new AsyncDisposableStack();
beforeAll(async () => {
  workload = undo.use(await privateControlPlane({ name: "certificates", auditLog: false }));
  management = clientOf(sharedManagement());
  undo.defer(() => management.close());
});
afterAll(() => undo.disposeAsync());

const encode = (text: string): string => Buffer.from(text).toString("base64");
const secondsFromNow = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);
const names = [{ ip: "127.0.0.1" }, { dns: "localhost" }];

/** A client certificate of the workload cluster's administrator, in a kubeconfig. */
const kubeconfigFor = (validity: { notBefore: Date; notAfter: Date }) => clientKubeconfig(workload, validity);

/** A cluster with this kubeconfig on the management cluster, and the function at work on it. */
async function running(kubeconfig: string) {
  const namespace = await newNamespace(management, "certs");
  const at = { namespace, name: "demo" };
  const secret = (name: string, data: Record<string, string>) =>
    management.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { namespace, name }, data });
  const { certPem, keyPem } = workload.certificateAuthority;
  await secret("demo-ca", { "tls.crt": encode(certPem), "tls.key": encode(keyPem) });
  await secret("demo-kubeconfig", { value: encode(kubeconfig) });
  const infrastructure = "infrastructure.cluster.x-k8s.io";
  const owner = await management.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: at,
    spec: { infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterCluster", name: "demo" } },
  });
  const { apiVersion, kind } = owner;
  await management.create(harvesterClusters, {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: { ...at, ownerReferences: [{ apiVersion, kind, name: "demo", uid: owner.metadata.uid }] },
    spec: {
      identitySecret: { namespace, name: "identity" },
      targetNamespace: namespace,
      loadBalancerConfig: { ipamType: "dhcp" },
    },
  });
  const client = createKubeClient(connectionTo(sharedManagement(), "capfn", "management"), { clock });
  const operator = await operatorWith({ management: client, functions: [certReissue], namespace });
  const own = async () => management.get(harvesterClusters, at);
  return {
    record: async () =>
      readCertificateRecord((await own())?.metadata.annotations?.["capfn.dev/certificates"]),
    condition: async () => {
      const { status } = conditionsSchema.parse((await own()) ?? {});
      return status.conditions.find(({ type }) => type === "CertificatesValid");
    },
    look: (token: string) =>
      management.mergePatch(harvesterClusters, at, {
        metadata: { annotations: { "capfn.dev/look-at": token } },
      }),
    [Symbol.asyncDispose]: async () => {
      await operator.stop(0);
      client.close();
    },
  };
}

const conditionsSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z
        .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string() }))
        .default([]),
    })
    .prefault({}),
});

test("a serving certificate that runs out is told of, and no more once the API server shows another", async () => {
  const { certificateAuthority: ca, directory } = workload;
  const store = async (validity: { notBefore: Date; notAfter: Date }) => {
    const { certPem, keyPem } = await ca.issue("CN=kube-apiserver", names, validity);
    await writeFile(join(directory, "tls.key"), keyPem);
    await writeFile(join(directory, "tls.crt"), certPem);
  };
  const hour = 3_600;
  await store({ notBefore: secondsFromNow(-20 * hour), notAfter: secondsFromNow(5 * hour) });
  await workload.apiServer.start();
  await using made = await running(
    await kubeconfigFor({
      notBefore: secondsFromNow(-60),
      notAfter: secondsFromNow(20 * 24 * hour),
    }),
  );
  await until(async () => (await made.condition())?.reason === "CertificateExpiring");
  const old = (await made.record())?.apiServer?.fingerprint;
  await store({ notBefore: secondsFromNow(-60), notAfter: secondsFromNow(20 * 24 * hour) });
  await workload.apiServer.start();
  await made.look("now");
  await until(async () => (await made.condition())?.status === "True");
  expect((await made.record())?.apiServer?.fingerprint).not.toBe(old);
}, 360_000);

async function until(holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 120_000, interval: 200 }).toBe(true);
}
