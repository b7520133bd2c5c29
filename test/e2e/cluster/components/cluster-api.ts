import * as z from "zod";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { withContractLabels } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { clusterApiManifests, type Manifest } from "#platform/control-plane/third-party-manifests.ts";
import { componentImages, provideImages } from "#test/e2e/cluster/components/images.ts";
import { available, yamlOf } from "#test/e2e/cluster/components/install.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";

const NAMESPACE = "capi-system";
const SERVICE = "capi-webhook-service";
const NAME = "capi-controller-manager";

const crdSchema = z.looseObject({ spec: z.looseObject({}) });
const webhooksSchema = z.looseObject({
  webhooks: z.array(
    z.looseObject({ clientConfig: z.looseObject({ service: z.looseObject({ path: z.string() }) }) }),
  ),
});

/** Installs the real Cluster API core manager with its resource types and webhooks, whose serving certificate is made here. */
export async function installClusterApi(host: ControlPlaneHost, cluster: Cluster): Promise<void> {
  await provideImages(host, cluster, "clusterApi");
  host.progress("installing Cluster API core, 5 to 30 seconds");
  const authority = await createCertificateAuthority("capi-webhook-ca", host.clock.now());
  const names = [`${SERVICE}.${NAMESPACE}.svc`, `${SERVICE}.${NAMESPACE}.svc.cluster.local`];
  const serving = await authority.issue(
    `CN=${SERVICE}`,
    names.map((dns) => ({ dns })),
  );
  const caBundle = Buffer.from(authority.certPem).toString("base64");
  const published = await clusterApiManifests(host);
  await cluster.apply(yamlOf(published.filter(isCrd).map((crd) => servedBy(crd, caBundle))));
  await cluster.apply(yamlOf(deployment({ "tls.crt": serving.certPem, "tls.key": serving.keyPem })));
  await available(cluster, NAMESPACE);
  // The webhooks last: until somebody answers they would refuse everything.
  await cluster.apply(
    yamlOf(published.filter((each) => !isCrd(each)).map((each) => servedBy(each, caBundle))),
  );
}

function isCrd({ kind }: Manifest): boolean {
  return kind === "CustomResourceDefinition";
}

/** The manifest with our Service and authority for its webhooks; conversion is always at `/convert`. */
export function servedBy(manifest: Manifest, caBundle: string): Manifest {
  const service = (path: string) => ({
    service: { namespace: NAMESPACE, name: SERVICE, path, port: 443 },
    caBundle,
  });
  if (isCrd(manifest)) {
    const { spec } = crdSchema.parse(manifest);
    const webhook = { conversionReviewVersions: ["v1"], clientConfig: service("/convert") };
    return {
      ...withContractLabels(manifest),
      spec: { ...spec, conversion: { strategy: "Webhook", webhook } },
    };
  }
  const { webhooks } = webhooksSchema.parse(manifest);
  return {
    ...manifest,
    // The names in the module are generic; every provider's are the same.
    metadata: { ...manifest.metadata, name: `capi-${manifest.metadata.name}` },
    webhooks: webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: service(webhook.clientConfig.service.path),
    })),
  };
}

/** Everything but the types: for a test cluster the manager may do anything. */
function deployment(certificate: Record<string, string>): unknown[] {
  const metadata = { name: NAME, namespace: NAMESPACE };
  const [image] = componentImages.clusterApi;
  const probe = { httpGet: { path: "/readyz", port: 9440 }, periodSeconds: 1, failureThreshold: 120 };
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: NAME },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    },
    { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", stringData: certificate },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: SERVICE, namespace: NAMESPACE },
      spec: { selector: { app: NAME }, ports: [{ port: 443, targetPort: 9443 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: NAME } },
        template: {
          metadata: { labels: { app: NAME } },
          spec: {
            serviceAccountName: NAME,
            terminationGracePeriodSeconds: 2,
            securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
            containers: [
              {
                name: "manager",
                image: image.name,
                imagePullPolicy: "IfNotPresent",
                args: [
                  "--leader-elect=false",
                  "--webhook-port=9443",
                  "--webhook-cert-dir=/certificate",
                  "--health-addr=:9440",
                  "--diagnostics-address=:8080",
                  "--insecure-diagnostics",
                ],
                env: [{ name: "POD_NAMESPACE", value: NAMESPACE }],
                readinessProbe: probe,
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
                volumeMounts: [{ name: "certificate", mountPath: "/certificate", readOnly: true }],
              },
            ],
            volumes: [{ name: "certificate", secret: { secretName: NAME } }],
          },
        },
      },
    },
  ];
}
