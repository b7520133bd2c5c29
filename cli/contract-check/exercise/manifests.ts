import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { infrastructureGroup, machineFinalizer } from "#api/names.ts";
import type { Definition } from "#cli/contract-check/definitions.ts";

const manifestSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ finalizers: z.array(z.string()).default([]) }).prefault({}),
  spec: z.record(z.string(), z.unknown()),
});

type Manifest = z.infer<typeof manifestSchema>;

/** What the provider needs in the least, to make objects of its kinds from. */
export interface ExerciseManifests {
  readonly cluster: Manifest;
  readonly machine: Manifest;
}

/**
 * The manifests of a file: one of a cluster kind and one of a machine kind of the provider.
 *
 * @throws Error that names what is missing
 */
export function readManifests(text: string, definitions: readonly Definition[]): ExerciseManifests {
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS());
  const read = documents.flatMap((document) => manifestSchema.safeParse(document).data ?? []);
  const ofRole = (role: Definition["role"], example: string): Manifest => {
    const kinds = definitions.filter((each) => each.role === role).map(({ kind }) => kind);
    const found = read.find(({ kind }) => kinds.includes(kind));
    if (found !== undefined) return found;
    throw new Error(
      `--from: there is no ${kinds.join(" or ") || example} with a spec in the file; add one with the least it takes`,
    );
  };
  return { cluster: ofRole("cluster", "<Infra>Cluster"), machine: ofRole("machine", "<Infra>Machine") };
}

/** Built in for our own kinds. The identity Secret does not exist, so nothing on any Harvester could be reached. */
export const harvesterManifests: ExerciseManifests = {
  cluster: {
    apiVersion: `${infrastructureGroup}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: { finalizers: [] },
    spec: {
      identitySecret: { namespace: "default", name: "contract-check-has-none" },
      targetNamespace: "contract-check",
      loadBalancerConfig: { ipamType: "dhcp" },
    },
  },
  machine: {
    apiVersion: `${infrastructureGroup}/v1beta1`,
    kind: "HarvesterMachine",
    metadata: { finalizers: [machineFinalizer] },
    spec: {
      cpu: 2,
      memory: "4Gi",
      sshUser: "user",
      sshKeyPair: "default/none",
      volumes: [{ volumeType: "image", imageName: "default/none", volumeSize: "10Gi", bootOrder: 1 }],
      networks: ["default/none"],
    },
  },
};
