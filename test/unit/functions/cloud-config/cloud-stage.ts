import * as z from "zod";
import { parse } from "yaml";
import { cloudConfig } from "#functions/harvester/cloud-config/function.ts";
import { clusterDelete } from "#functions/harvester/cluster-delete/function.ts";
import { secretValues } from "#platform/kube/manifest-secret.ts";
import { clusterRoleBindings, configMaps, serviceAccounts } from "#platform/kube/resources.ts";
import { clusterStage, type ClusterStage, type Loose, type StageOptions } from "../cluster-stage.ts";

export const finalizer = "harvester.infrastructure.cluster.x-k8s.io/finalizer";
export const KEY = "manifests.yaml";
export const at = { namespace: "demo", name: "addon" };
export const manifests = `apiVersion: v1
kind: Namespace
metadata: {name: provider}
---
apiVersion: v1
kind: Secret
metadata:
  name: cloud-config
  namespace: kube-system
`;
export const asked = {
  updateCloudProviderConfig: {
    manifestsConfigMapNamespace: at.namespace,
    manifestsConfigMapName: at.name,
    manifestsConfigMapKey: KEY,
    cloudConfigCredentialsSecretName: "cloud-config",
    cloudConfigCredentialsSecretKey: "kubeconfig",
  },
};

export function configMap(over: Loose = {}): object {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    data: { [KEY]: manifests },
    ...over,
    metadata: { ...at, ...over.metadata },
  };
}

export const authority = (caPem = "the authority") => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "vms", name: "kube-root-ca.crt" },
  data: { "ca.crt": caPem },
});

export const ingress = (ip = "10.50.255.10") => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    namespace: "kube-system",
    name: "ingress-expose",
    annotations: { "kube-vip.io/loadbalancerIPs": ip },
  },
});

/** A cluster that asks for credentials, with all that they need. */
export function cloudStage(options: StageOptions = {}): ClusterStage {
  return clusterStage([cloudConfig, clusterDelete], {
    spec: { ...asked, server: "https://harvester.example.com" },
    metadata: { finalizers: [finalizer] },
    management: [configMap()],
    harvester: [authority(), ingress()],
    ...options,
  });
}

const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([z.looseObject({ cluster: z.record(z.string(), z.string()) })]),
  users: z.tuple([z.looseObject({ user: z.looseObject({ token: z.string() }) })]),
  contexts: z.tuple([z.looseObject({ context: z.looseObject({ namespace: z.string() }) })]),
});

/** The ConfigMap, and what is in it. */
export function eyesOn({ deps }: ClusterStage) {
  const text = (): string => (deps.management.peek(configMaps, at) as Loose).data[KEY];
  const kubeconfig = () => {
    const place = { namespace: "kube-system", name: "cloud-config", key: "kubeconfig" };
    const [value] = secretValues(text(), place);
    return value === undefined ? undefined : kubeconfigSchema.parse(parse(value));
  };
  const all = (type: typeof serviceAccounts): Loose[] =>
    deps.harvesterApi.all().filter(({ kind }) => kind === type.kind);
  return {
    text,
    kubeconfig,
    token: () => kubeconfig()?.users[0].user.token,
    server: () => kubeconfig()?.clusters[0].cluster["server"],
    records: (): Record<string, string> =>
      (deps.management.peek(configMaps, at) as Loose).metadata.annotations ?? {},
    accounts: () => all(serviceAccounts),
    bindings: () => all(clusterRoleBindings),
    /** Somebody writes the ConfigMap. */
    edit: (change: (object: Loose) => void): void => {
      const object = deps.management.peek(configMaps, at) as Loose;
      change(object);
      const { resourceVersion: _old, ...metadata } = object.metadata;
      deps.management.put({ ...object, metadata });
    },
  };
}
