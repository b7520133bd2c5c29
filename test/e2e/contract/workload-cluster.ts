import { randomInt } from "node:crypto";
import { labUsers } from "#cli/lab/lab.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { startControlPlane, type ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";

/** The API server of a cluster that Cluster API thinks its machines serve. */
export interface WorkloadCluster extends AsyncDisposable {
  readonly plane: ControlPlane;
  /** As the kubelets. */
  readonly client: KubeClient;
}

/** An address of the loopback interface that nobody else is likely to listen at. */
export function newEndpoint(): string {
  return `127.${randomInt(64, 250)}.${randomInt(0, 250)}.10`;
}

/**
 * Runs the API server behind a cluster's endpoint. Its authorities are handed to the kubeadm providers as their users' own ("Using Custom
 * Certificates" in the Cluster API book), so that the kubeconfig they make leads here; the key of etcd's is not, as with any external etcd.
 */
export async function startWorkloadCluster(
  host: ControlPlaneHost,
  management: KubeClient,
  cluster: { readonly name: string; readonly endpoint: string },
): Promise<WorkloadCluster> {
  const { name, endpoint: address } = cluster;
  await using started = new AsyncDisposableStack();
  const plane = started.use(
    await startControlPlane(host, {
      name,
      endpoint: { address, port: 6443 },
      users: [{ name: labUsers.simulator, groups: ["system:masters"], token: `${labUsers.simulator}-token` }],
    }),
  );
  const etcd = await createCertificateAuthority(`${name}-etcd`, host.clock.now());
  const etcdClient = await etcd.issue("CN=apiserver-etcd-client", []);
  const { certPem, keyPem } = plane.certificateAuthority;
  const made = [
    certificateSecret(name, "ca", { "tls.crt": certPem, "tls.key": keyPem }),
    certificateSecret(name, "etcd", { "tls.crt": etcd.certPem }),
    certificateSecret(name, "apiserver-etcd-client", {
      "tls.crt": etcdClient.certPem,
      "tls.key": etcdClient.keyPem,
    }),
  ];
  for (const secret of made) await management.create(secrets, secret);
  const client = started.adopt(createKubeClient(plane.clientConfigFor(labUsers.simulator), host), (opened) =>
    opened.close(),
  );
  const running = started.move();
  return { plane, client, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function certificateSecret(
  cluster: string,
  purpose: string,
  stringData: Readonly<Record<string, string>>,
): NewObject {
  const labels = { "cluster.x-k8s.io/cluster-name": cluster };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${cluster}-${purpose}`, namespace: NAMESPACE, labels },
    type: "cluster.x-k8s.io/secret",
    stringData,
  };
}
