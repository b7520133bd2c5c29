import { ownerLabels } from "#functions/harvester/ownership.ts";
import { affinityOf, groupLabel, groupOf, placementOf } from "#functions/harvester/vm-create/affinity.ts";
import { cloudInitSecret } from "#functions/harvester/vm-create/cloud-init-secret.ts";
import { cloudInitSecretName, macAddress } from "#functions/harvester/vm-create/derived-names.ts";
import { networkData, readStatic, type StaticAddress } from "#functions/harvester/vm-create/network-data.ts";
import type { Plan } from "#functions/harvester/vm-create/plan.ts";
import { virtualMachine } from "#functions/harvester/vm-create/virtual-machine.ts";
import { disksOf } from "#functions/harvester/vm-create/volumes.ts";
import { parseReference } from "#functions/harvester/vm-image.ts";
import { identityOf } from "#platform/cluster-api/harvester-machine.ts";
import type { Image } from "#platform/harvester/image.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What is written on Harvester for a machine. */
export interface Manifests {
  readonly secret: ReturnType<typeof cloudInitSecret>;
  readonly vm: NewObject;
}

/** Both manifests of a machine whose spec was found sound and whose images are usable. The same machine gives the same manifests. */
export function manifestsOf(plan: Plan, images: readonly Seen<Image>[], userData: Uint8Array): Manifests {
  const { own, machine, cluster, harvesterCluster } = plan;
  const { name } = own.meta;
  const identity = identityOf(own);
  const namespace = harvesterCluster.spec.targetNamespace;
  const labels = ownerLabels(own, cluster);
  const vmLabels = { ...labels, [groupLabel]: groupOf(machine) };
  const addresses = staticAddresses(plan);
  const isStatic = addresses.length > 0;
  const macAddresses = isStatic ? own.spec.networks.map((_, index) => macAddress(identity, index)) : [];
  return {
    secret: cloudInitSecret({
      name: cloudInitSecretName(name),
      namespace,
      labels,
      userData,
      networkData: isStatic ? networkData(addresses, macAddresses) : undefined,
    }),
    vm: virtualMachine({
      name,
      namespace,
      clusterName: cluster.meta.name,
      isControlPlane: plan.isControlPlane,
      spec: own.spec,
      labels: vmLabels,
      disks: disksOf(own.spec, { vmName: name, identity, namespace, labels, images }),
      keyPairName: parseReference(own.spec.sshKeyPair, namespace)?.name ?? "",
      macAddresses,
      affinity: affinityOf(own.spec, placementOf(own, machine, harvesterCluster), vmLabels),
    }),
  };
}

function staticAddresses({ statics }: Plan): readonly StaticAddress[] {
  return statics.flatMap((source) => {
    const read = readStatic(source);
    return "static" in read ? [read.static] : [];
  });
}
