import * as z from "zod";
import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import {
  CLOUD_CONFIG_ANNOTATION,
  type HarvesterClusterBody,
} from "#platform/cluster-api/harvester-cluster.ts";

/** Annotations of a ConfigMap in which it is told what of which cluster is in it: this, and the cluster's identity. */
export const CLOUD_RECORD_PREFIX = "cloud-config.capfn.dev/";

const recordSchema = z.object({
  /** Key of the ConfigMap, name of the Secret among its manifests, and key of that Secret. */
  key: z.string(),
  secret: z.string(),
  secretKey: z.string(),
  /** Digest of the key's whole text as it was left. */
  text: z.string(),
  /** Digest of the kubeconfig in it. */
  kubeconfig: z.string(),
  /** Uid of the ServiceAccount whose token it holds. */
  account: z.string(),
  /** URL of the API server in it. */
  server: z.string(),
  /** Digest of the authority in it. */
  authority: z.string(),
  /** When the token was asked for, and when it ends; RFC 3339. */
  issued: z.iso.datetime(),
  expires: z.iso.datetime(),
});

/** What was put into a ConfigMap for one cluster: names, digests and times, nothing that lets anybody in. */
export type CloudConfigRecord = z.infer<typeof recordSchema>;

/** Undefined when there is none, or it was edited to something else: then credentials are put in anew. */
export function readCloudRecord(
  annotations: Readonly<Record<string, string>>,
  identity: string,
): CloudConfigRecord | undefined {
  return parsed(recordSchema, annotations[`${CLOUD_RECORD_PREFIX}${identity}`]);
}

/** The records of all clusters but this one. */
export function otherCloudRecords(
  annotations: Readonly<Record<string, string>>,
  identity: string,
): readonly CloudConfigRecord[] {
  const others = Object.entries(annotations).filter(
    ([name]) => name.startsWith(CLOUD_RECORD_PREFIX) && name !== `${CLOUD_RECORD_PREFIX}${identity}`,
  );
  return others.map(([, text]) => parsed(recordSchema, text)).filter((record) => record !== undefined);
}

const markSchema = z.object({
  /** The ConfigMap that holds the credentials, or is about to. */
  namespace: z.string(),
  name: z.string(),
  /** Those that the Go provider made for the cluster exist, too. */
  former: z.boolean().default(false),
});

/** What of a cluster's credentials may exist. */
export type CloudMark = z.infer<typeof markSchema>;

/**
 * The annotation of the HarvesterCluster. Without one the Go provider may have been at work: its status says so, and the spec where it put them.
 * Its condition must name the reason: ours is True as well where nothing is asked for. Undefined: nothing was ever made, or all of it was taken
 * back.
 */
export function readCloudMark({ metadata, spec, status }: HarvesterClusterBody): CloudMark | undefined {
  const text = metadata.annotations[CLOUD_CONFIG_ANNOTATION];
  if (text !== undefined) return parsed(markSchema, text);
  const wanted = spec.updateCloudProviderConfig;
  const shown = findCondition(status.conditions, clusterConditions.CloudProviderConfigReady);
  const made =
    shown?.status === "True" && shown.reason === clusterReasons.CloudProviderConfigGeneratedSuccessfully;
  return wanted === undefined || !made
    ? undefined
    : {
        namespace: wanted.manifestsConfigMapNamespace,
        name: wanted.manifestsConfigMapName,
        former: true,
      };
}

function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
