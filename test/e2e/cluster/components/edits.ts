import { versions } from "#test/e2e/cluster/versions.ts";

/** A container, as far as it is edited. */
interface Container {
  image: string;
  imagePullPolicy?: string;
  args?: string[];
  resources?: { requests?: unknown; limits?: { cpu?: unknown } };
  lifecycle?: unknown;
  readinessProbe?: object;
}

/** A manifest as it is published, as far as it is edited; what else it has is kept. */
export interface PublishedManifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  readonly spec?: {
    type?: string;
    readonly template?: { readonly spec: { readonly containers: Container[] } };
  };
}

const images: readonly (readonly [RegExp, string])[] = [
  [/^[^/]*\/kedacore\/([^:]*):.*/, `kind.local/$1:${versions.keda}`],
  [/^ko:\/\/knative\.dev\/serving\/cmd\/(.*)/, `kind.local/$1:${versions.knativeServing}`],
  [/^ko:\/\/knative\.dev\/net-kourier\/cmd\/(.*)/, `kind.local/$1:${versions.netKourier}`],
  [/^[^/]*\/envoyproxy\/envoy:.*/, `kind.local/envoy:${versions.envoy}`],
];

/** Our image for a published one. */
export function ownImage(published: string): string {
  for (const [pattern, own] of images) if (pattern.test(published)) return published.replace(pattern, own);
  return published;
}

/** Keys of Knative's ConfigMaps, set beside the `_example` whose checksum Knative verifies. */
const settings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "config-deployment": {
    "registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,index.docker.io",
    "queue-sidecar-image": ownImage("ko://knative.dev/serving/cmd/queue"),
    "queue-sidecar-cpu-request": "10m",
  },
  "config-autoscaler": { "scale-to-zero-grace-period": "6s", "stable-window": "6s" },
  "config-network": { "ingress-class": "kourier.ingress.networking.knative.dev" },
  // Every route stays in the cluster.
  "config-domain": { "svc.cluster.local": "" },
};

/** Kinds that need what one kind node does not have, or that are not needed there. */
const LEFT_OUT: ReadonlySet<string> = new Set(["HorizontalPodAutoscaler", "PodDisruptionBudget"]);

/** Published manifests as one kind node without a registry takes them; each change says why. */
export function editedForKind(manifests: readonly PublishedManifest[]): PublishedManifest[] {
  const kept = structuredClone(manifests.filter(({ kind }) => !LEFT_OUT.has(kind)));
  for (const manifest of kept) edit(manifest);
  return kept;
}

function edit(manifest: PublishedManifest): void {
  const { kind, metadata, spec } = manifest;
  const keys = kind === "ConfigMap" ? settings[metadata.name] : undefined;
  if (keys !== undefined) manifest.data = { ...manifest.data, ...keys };
  // A proof, not a need: all of them pass.
  if (kind === "Namespace")
    metadata.labels = { ...metadata.labels, "pod-security.kubernetes.io/enforce": "restricted" };
  // There is no load balancer.
  if (kind === "Service" && spec?.type === "LoadBalancer") spec.type = "ClusterIP";
  if (kind === "Deployment")
    for (const container of spec?.template?.spec.containers ?? []) editContainer(container);
}

function editContainer(container: Container): void {
  const { args, resources, readinessProbe } = container;
  container.image = ownImage(container.image);
  container.imagePullPolicy = "IfNotPresent";
  // KEDA's operator restarts once, after it has made its certificates, and would wait 15 s for its own lease.
  if (args !== undefined) container.args = args.filter((argument) => argument !== "--leader-elect");
  // The requests add up to more than a node of two CPUs has; and a limit would slow the burst of a cold start.
  delete resources?.requests;
  delete resources?.limits?.cpu;
  // The gateway's preStop asks for a shell, which the image does not have.
  delete container.lifecycle;
  if (readinessProbe !== undefined)
    Object.assign(readinessProbe, { initialDelaySeconds: 0, periodSeconds: 1, failureThreshold: 120 });
}
