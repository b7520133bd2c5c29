import { parse } from "yaml";
import * as z from "zod";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import type { Operator } from "#events/start.ts";
import { cloudConfig } from "#functions/harvester/cloud-config/function.ts";
import { clusterConnect } from "#functions/harvester/cluster-connect/function.ts";
import { clusterDelete } from "#functions/harvester/cluster-delete/function.ts";
import type { Interceptor } from "#platform/kube/api-request.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { secretValues } from "#platform/kube/manifest-secret.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import {
  clusterRoleBindings,
  configMaps,
  harvesterClusters,
  serviceAccounts,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { systemClock, type Clock } from "#platform/process/clock.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";
import { connectionTo, sharedHarvester, sharedManagement } from "#test/support/control-planes.ts";
import { objectsIn, titledExample } from "#test/support/documentation.ts";
import { operatorWith } from "#test/support/operator-with.ts";

export const KEY = "harvester-cloud-provider-deploy.yaml";

/** Manifests of a cloud provider, as far as it matters what is around the Secret. */
export const manifests = `# The provider.
apiVersion: apps/v1
kind: Deployment
metadata: {name: harvester-cloud-provider,  namespace: kube-system}
---
apiVersion: v1
kind: Secret
metadata:
  name: cloud-config
  namespace: kube-system
type: Opaque
--- # what follows stays as it is
apiVersion: v1
kind: ServiceAccount
metadata:
    name:      harvester-cloud-controller-manager
`;

/** Where one cluster is, on both sides. */
export interface Where {
  readonly namespace: string;
  readonly cluster: string;
  readonly target: string;
}

/** Fields of a HarvesterCluster that asks for credentials in a ConfigMap `addon` of its namespace. */
export function asking({ namespace }: Pick<Where, "namespace">) {
  return {
    updateCloudProviderConfig: {
      manifestsConfigMapNamespace: namespace,
      manifestsConfigMapName: "addon",
      manifestsConfigMapKey: KEY,
      cloudConfigCredentialsSecretName: "cloud-config",
      cloudConfigCredentialsSecretKey: "cloud-config",
    },
  };
}

export function addon(namespace: string, text = manifests): NewObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace, name: "addon" },
    data: { [KEY]: text },
  };
}

/** Harvester has this role itself; a shortened one will do. */
export async function installRole(H: KubeClient): Promise<void> {
  const type: ResourceType = {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "ClusterRole",
    plural: "clusterroles",
    namespaced: false,
  };
  const rules = [{ apiGroups: [""], resources: ["services"], verbs: ["get", "list"] }];
  const metadata = { name: "harvesterhci.io:cloudprovider" };
  try {
    await H.create(type, { apiVersion: "rbac.authorization.k8s.io/v1", kind: type.kind, metadata, rules });
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
  }
}

const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([z.looseObject({ cluster: z.looseObject({ server: z.string() }) })]),
  users: z.tuple([z.looseObject({ user: z.looseObject({ token: z.string() }) })]),
  contexts: z.tuple([z.looseObject({ context: z.looseObject({ namespace: z.string() }) })]),
});

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

const statusSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z
        .array(
          z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }),
        )
        .default([]),
    })
    .prefault({}),
});

/** What is there of one cluster's credentials, by reads of the API servers. */
export function credentialsOf({ clients: { M, H } }: Theatre, where: Where) {
  const { namespace, cluster, target } = where;
  const own = () => M.get(harvesterClusters, { namespace, name: cluster });
  const identity = async (): Promise<string> => {
    const { annotations = {}, uid } = (await own())?.metadata ?? {};
    return annotations["capfn.dev/identity"] ?? uid ?? "";
  };
  const all = async (type: ResourceType): Promise<KubeObject[]> => {
    const found: KubeObject[] = [];
    const options = { namespace: type.namespaced ? target : undefined };
    for await (const object of H.list(type, options)) found.push(object);
    return found.filter(
      ({ metadata: { labels = {} } }) =>
        labels["capfn.dev/owner-namespace"] === namespace && labels["capfn.dev/owner-name"] === cluster,
    );
  };
  const text = async (): Promise<string> => {
    const found = await M.get(configMaps, { namespace, name: "addon" });
    return found === undefined ? "" : (dataSchema.parse(found).data[KEY] ?? "");
  };
  const kubeconfig = async () => {
    const place = { namespace: "kube-system", name: "cloud-config", key: "cloud-config" };
    const [value] = secretValues(await text(), place);
    return value === undefined ? undefined : kubeconfigSchema.parse(parse(value));
  };
  return {
    own,
    identity,
    text,
    kubeconfig,
    token: async () => (await kubeconfig())?.users[0].user.token,
    accounts: () => all(serviceAccounts),
    bindings: () => all(clusterRoleBindings),
    condition: async (type: string) => {
      const found = await own();
      return found && statusSchema.parse(found).status.conditions.find((each) => each.type === type);
    },
  };
}

/** A kubeconfig of an identity on Harvester that has the rights the pages name, and no others. */
export async function documentedIdentity(H: KubeClient, { id, target }: TrialNames): Promise<string> {
  const objects = ["rights: harvester", "rights: cloud provider"].flatMap((title) =>
    objectsIn(
      titledExample(title)
        .text.replaceAll("namespace: demo", `namespace: ${target}`)
        // Roles of other tests of the same API server are not these.
        .replaceAll(/name: (capfn-[a-z-]+)/g, `name: $1-${id}`),
    ),
  );
  const kept = objects.filter(({ kind }) => kind !== "Namespace" && kind !== "Secret");
  await installManifests(H, kept, systemClock());
  const { token } = await H.requestToken({ namespace: target, name: "capfn" }, { expirationSeconds: 3_600 });
  const { name, server, caPem } = sharedHarvester();
  return renderKubeconfig({ name, server, caPem, user: "capfn", token });
}

/** What Harvester says to a token: `allowed`, or why not. */
export async function triesToken(token: string, target: string, type: ResourceType): Promise<string> {
  const { server, caPem } = sharedHarvester();
  const client = createKubeClient(
    { connection: "cloud-provider", server, caPem, token },
    { clock: systemClock() },
  );
  try {
    for await (const _ of client.list(type, { namespace: target })) break;
    return "allowed";
  } catch (error) {
    return isKubeError(error) ? error.reason : String(error);
  } finally {
    client.close();
  }
}

export interface OperatorOptions {
  readonly namespaces: readonly string[];
  readonly clock?: Clock;
  readonly intercept?: Interceptor;
  readonly ledger?: ReturnType<typeof memoryLedger>;
}

/** An operator of the functions that credentials take, by itself. */
export async function startCloudOperator(
  options: OperatorOptions,
): Promise<AsyncDisposable & { operator: Operator }> {
  const clock = options.clock ?? systemClock();
  const clients: KubeClient[] = [];
  const connect = (config: Parameters<typeof createKubeClient>[0]): KubeClient => {
    const client = createKubeClient(config, { clock, intercept: options.intercept });
    clients.push(client);
    return client;
  };
  const operator = await operatorWith({
    management: connect(connectionTo(sharedManagement(), "capfn", MANAGEMENT)),
    functions: [clusterConnect, cloudConfig, clusterDelete],
    clock,
    connect,
    shard: { namespaces: options.namespaces },
    ledger: options.ledger ?? memoryLedger(),
    reconnectMs: 100,
  });
  return {
    operator,
    [Symbol.asyncDispose]: async () => {
      await operator.stop(0);
      for (const client of clients) client.close();
    },
  };
}
