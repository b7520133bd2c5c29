import type { Deps } from "#functions/contract/deps.ts";
import type { Findings } from "#functions/harvester/machine-diagnose/findings.ts";
import { askGuest } from "#functions/harvester/machine-diagnose/guest.ts";
import { lookAtHarvester } from "#functions/harvester/machine-diagnose/harvester-look.ts";
import { redactor } from "#functions/harvester/machine-diagnose/redaction.ts";
import { onHarvester, type HarvesterMachineInScope } from "#functions/harvester/machine-scope.ts";
import { readBootstrapValue } from "#platform/cluster-api/bootstrap-secret.ts";
import { secrets } from "#platform/kube/resources.ts";

/** Why a machine cannot be examined, for people. */
export type NotExaminable = string;

/**
 * Looks at everything around a machine that can hold it up, from outside to inside. Reads only.
 *
 * @throws KubeError when an API server does not answer.
 */
export async function examineMachine(
  { object, related }: Pick<HarvesterMachineInScope, "object" | "related">,
  deps: Pick<Deps, "management" | "harvester" | "signal">,
): Promise<Findings | NotExaminable> {
  const { machine, cluster, harvesterCluster } = related;
  const place = onHarvester(object, harvesterCluster);
  if (harvesterCluster === undefined || place === undefined || cluster === undefined) {
    return "no Cluster or HarvesterCluster leads to its VM; see its conditions";
  }
  const bootstrapName = machine?.spec.bootstrap.dataSecretName;
  const secret =
    bootstrapName === undefined
      ? undefined
      : await deps.management.get(secrets, { namespace: object.meta.namespace, name: bootstrapName });
  const bootstrap = secret === undefined ? undefined : readBootstrapValue(secret);
  const endpoint = harvesterCluster.spec.controlPlaneEndpoint?.host;
  const known = [object.meta.name, cluster.meta.name, ...(endpoint === undefined ? [] : [endpoint])];
  const redact = redactor(bootstrap === undefined ? [] : [bootstrap], known);
  const harvester = await deps.harvester(harvesterCluster.spec.identitySecret);
  const outside = await lookAtHarvester(harvester, place, redact);
  const listed = (object.status.addresses ?? [])
    .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
    .map(({ address }) => address);
  const addresses = [...new Set([...(outside.instance?.addresses ?? []), ...listed])];
  const guest =
    outside.instance?.phase === "Running"
      ? await askGuest(
          {
            cluster: cluster.meta,
            addresses: addresses.filter((address) => address !== endpoint),
            names: [...new Set([object.meta.name, machine?.meta.name ?? object.meta.name])],
            redact: bootstrap === undefined ? undefined : redact,
          },
          deps,
        )
      : { asked: false as const, why: "the VM does not run" };
  return { ...outside, guest };
}
