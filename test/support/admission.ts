import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { generateAdmission } from "#cli/generate/admission.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { dryRun } from "#test/support/dry-run.ts";

const LIMIT_MS = 120_000;

/** The policies of admission and their bindings, as they are rendered. */
export function admissionManifests(): NewObject[] {
  return [...generateAdmission().values()].flatMap((content) =>
    parseAllDocuments(content).map((document): NewObject => document.toJS() as NewObject),
  );
}

/** Installs the policies of admission and resolves when each of them refuses something: the API server takes a moment to see them. */
export async function installAdmission(plane: ControlPlane, namespace = "default"): Promise<void> {
  const clock = systemClock();
  const client = createKubeClient(plane.clientConfig, { clock });
  try {
    await installManifests(client, admissionManifests(), clock);
  } finally {
    client.close();
  }
  const deadline = clock.monotonic() + LIMIT_MS;
  for (const probe of probes(namespace)) {
    while (true) {
      const { status, body } = await dryRun(plane, probe);
      if (status === 422 && messageOf(body).includes("ValidatingAdmissionPolicy")) break;
      if (clock.monotonic() > deadline)
        throw new Error(`${probe.kind} was not judged within ${LIMIT_MS / 1000} s, but ${status}: ${body}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function messageOf(body: string): string {
  return z.looseObject({ message: z.string().default("") }).parse(JSON.parse(body)).message;
}

/** One object of each kind that its policy refuses and its schema does not. */
function probes(namespace: string): NewObject[] {
  const cluster = {
    identitySecret: { namespace: "a", name: "b" },
    loadBalancerConfig: { ipamType: "dhcp" },
    targetNamespace: "_",
  };
  const machine = {
    cpu: 1,
    memory: "none",
    sshUser: "",
    sshKeyPair: "",
    volumes: [],
    networks: [],
  };
  const probe = (kind: string, spec: object): NewObject => ({
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind,
    metadata: { name: "admission-probe", namespace },
    spec,
  });
  return [
    probe("HarvesterCluster", cluster),
    probe("HarvesterClusterTemplate", { template: { spec: cluster } }),
    probe("HarvesterMachine", machine),
    probe("HarvesterMachineTemplate", { template: { spec: machine } }),
  ];
}
