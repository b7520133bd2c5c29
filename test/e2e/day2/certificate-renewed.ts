import { X509Certificate } from "node:crypto";
import * as z from "zod";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { Clock } from "#platform/process/clock.ts";
import { clusterManifests } from "#test/e2e/day2/machines.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";
import { clientKubeconfig } from "#test/support/client-kubeconfig.ts";

const CLUSTER = "certs";
/** How long ago the old certificate was issued, and how long it lasts: two thirds of its life are over soon. */
const [AGE_MS, LEFT_MS] = [20_000, 12_000];
const secretSchema = z.looseObject({ data: z.looseObject({ value: z.string() }) });

export const certificateRenewed: Scenario<Day2> = {
  name: "certificate-renewed",
  summary:
    "a kubeconfig whose client certificate ends in seconds is renewed in time, and the API server takes the new one",
  play: async (stage) => {
    const { lab, host } = stage;
    const { workload, client } = lab;
    if (workload === undefined) throw new Error("the stage has no workload cluster");
    const end = host.clock.now() + LEFT_MS;
    const old = await clientKubeconfig(workload, {
      notBefore: new Date(host.clock.now() - AGE_MS),
      notAfter: new Date(end),
    });
    claim("the old certificate is taken at first", (await answerTo(old, host.clock)) === "served");
    const { certPem, keyPem } = workload.certificateAuthority;
    await createSecret(stage, "ca", { "tls.crt": certPem, "tls.key": keyPem });
    await createSecret(stage, "kubeconfig", { value: old });
    await installManifests(client.management, clusterManifests(CLUSTER), host.clock);
    const renewed = await until("the Secret holds another kubeconfig", async () => {
      const found = await client.management.get(secrets, {
        namespace: NAMESPACE,
        name: `${CLUSTER}-kubeconfig`,
      });
      const now = Buffer.from(secretSchema.parse(found).data.value, "base64").toString();
      return now === old ? undefined : now;
    });
    const inTimeMs = end - host.clock.now();
    claim("the new certificate is taken", (await answerTo(renewed, host.clock)) === "served");
    await until("the old one is refused", async () => (await answerTo(old, host.clock)) === "unauthorized");
    claim("the new one is taken still", (await answerTo(renewed, host.clock)) === "served");
    const days = daysLeft(renewed, host.clock);
    claim(`it is good for more than 20 days, not ${days}`, days > 20);
    return `renewed ${(inTimeMs / 1000).toFixed(1)} s before the old one ended, for ${days} days; the old one is unauthorized now`;
  },
};

async function createSecret(
  { lab }: Day2,
  purpose: string,
  stringData: Record<string, string>,
): Promise<void> {
  await lab.client.management.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      namespace: NAMESPACE,
      name: `${CLUSTER}-${purpose}`,
      labels: { "cluster.x-k8s.io/cluster-name": CLUSTER },
    },
    type: "cluster.x-k8s.io/secret",
    stringData,
  });
}

/** Days for which the client certificate of a kubeconfig is good. */
function daysLeft(kubeconfig: string, clock: Clock): number {
  const data = /client-certificate-data: (?<data>\S+)/.exec(kubeconfig)?.groups?.["data"] ?? "";
  const { validToDate } = new X509Certificate(Buffer.from(data, "base64"));
  return Math.round((validToDate.getTime() - clock.now()) / 86_400_000);
}

/** What the workload's API server answers to this kubeconfig: `served`, or the reason of its refusal. */
async function answerTo(kubeconfig: string, clock: Clock): Promise<string> {
  const client = createKubeClient(parseKubeconfig(kubeconfig, "workload"), { clock });
  try {
    return (await client.get(namespaces, { name: "kube-system" })) === undefined ? "nothing" : "served";
  } catch (error) {
    return error instanceof KubeError ? error.reason : String(error);
  } finally {
    client.close();
  }
}
