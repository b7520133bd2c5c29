import * as z from "zod";
import type { Direction, Finding, Part, Step, TakeoverWorld } from "#cli/takeover/report.ts";
import { listIfServed } from "#cli/backup/list-if-served.ts";
import { actingPods } from "#cli/takeover/deployment-pods.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { deployments } from "#platform/kube/resources.ts";
import { sleep } from "#platform/process/clock.ts";

/** Replicas a Deployment had before it was scaled to zero for a takeover, so that the way back knows. */
const REPLICAS_ANNOTATION = "capfn.dev/replicas-before-migration";

/** Longest until the pods of a Deployment that was scaled to zero are gone, ms; the Go manager ends within 10 s. */
const LONGEST_END_MS = 120_000;
const LOOK_MS = 500;

const deploymentSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), generation: z.number().default(0) }),
  spec: z.looseObject({ replicas: z.number().default(1) }),
  // Without it nobody has made pods of the Deployment yet.
  status: z.looseObject({ observedGeneration: z.number().optional() }).prefault({}),
});

/** A Deployment that acts on the objects. */
interface Controller {
  readonly namespace: string;
  readonly name: string;
  readonly wanted: number;
  /** Names of its pods that may act, terminating ones included. */
  readonly running: readonly string[];
  /** The status, and with it the pods, may be those of an earlier spec. */
  readonly behind: boolean;
  readonly before: number | undefined;
}

/** Operators that install the Go provider, and would scale it up again. */
const installers: readonly ResourceType[] = [
  {
    group: "turtles-capi.cattle.io",
    version: "v1alpha1",
    kind: "CAPIProvider",
    plural: "capiproviders",
    namespaced: true,
  },
  {
    group: "operator.cluster.x-k8s.io",
    version: "v1alpha2",
    kind: "InfrastructureProvider",
    plural: "infrastructureproviders",
    namespaced: true,
  },
];

const installerSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    name: z.string().optional(),
    deployment: z.looseObject({ replicas: z.number().optional() }).optional(),
  }),
});

/** Steps that end whoever acts come first of all, the ones that let the other begin last. */
interface ControllersPart extends Part {
  readonly starting: readonly Step[];
}

/** Who acts now, and who must end before the other begins: two providers on the same machines are one too many. */
export async function surveyControllers(
  management: KubeReader,
  direction: Direction,
): Promise<ControllersPart> {
  const found: Controller[] = [];
  const own: Controller[] = [];
  for await (const object of management.list(deployments)) {
    if (isGoProvider(object)) found.push(await controllerOf(management, object));
    else if (isHub(object)) own.push(await controllerOf(management, object));
  }
  const [ending, starting] = direction === "capfn" ? [found, own] : [own, found];
  const [endingName, startingName] =
    direction === "capfn" ? ["the Go provider", "capfn"] : ["capfn", "the Go provider"];
  return {
    findings: [
      ...(ending.length === 0
        ? [note("controllers", `no Deployment of ${endingName} is installed here`)]
        : ending.map((each) => runs(each, endingName))),
      ...starting
        .filter((each) => direction === "capfn" && acts(each) && ending.some(acts))
        .map((each): Finding => ({
          about: `Deployment ${each.namespace}/${each.name}`,
          state: "blocks",
          message: `${startingName} runs beside ${endingName}, both act on the same machines; scale one to zero first: kubectl -n ${each.namespace} scale deployment ${each.name} --replicas=0`,
        })),
      ...(starting.length === 0 && direction === "caphv"
        ? [blocks("controllers", "the Go provider is not installed; install it first, scaled to zero")]
        : []),
      ...(direction === "capfn" ? await installersOf(management) : []),
    ],
    steps: ending.filter(acts).map((each) => end(each)),
    starting: direction === "caphv" ? starting.filter(({ wanted }) => wanted === 0).map(begin) : [],
  };
}

async function controllerOf(management: KubeReader, object: KubeObject): Promise<Controller> {
  const { metadata, spec, status } = deploymentSchema.parse(object);
  const before = Number(object.metadata.annotations?.[REPLICAS_ANNOTATION]);
  return {
    namespace: object.metadata.namespace ?? "",
    name: metadata.name,
    wanted: spec.replicas,
    running: await actingPods(management, object),
    behind: (status.observedGeneration ?? metadata.generation) < metadata.generation,
    before: Number.isInteger(before) && before > 0 ? before : undefined,
  };
}

/** It acts, or may until its pods are known to be gone. */
function acts({ wanted, running, behind }: Controller): boolean {
  return wanted + running.length > 0 || behind;
}

function isGoProvider({ metadata }: KubeObject): boolean {
  return metadata.name.endsWith("caphv-controller-manager");
}

function isHub({ metadata }: KubeObject): boolean {
  const { labels = {} } = metadata;
  return labels["app.kubernetes.io/name"] === "capfn" && labels["app.kubernetes.io/component"] === "hub";
}

function runs(controller: Controller, whose: string): Finding {
  const { namespace, name, wanted, running } = controller;
  const about = `Deployment ${namespace}/${name}`;
  return acts(controller)
    ? { about, state: "step", message: `${whose} runs with ${Math.max(wanted, running.length)} pods` }
    : { about, state: "fine", message: `${whose} is scaled to zero` };
}

async function installersOf(management: KubeReader): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const type of installers)
    for (const object of await listIfServed(management, type)) {
      const { metadata, spec } = installerSchema.parse(object);
      if ((spec.name ?? metadata.name) !== "harvester" || spec.deployment?.replicas === 0) continue;
      const place = `${metadata.namespace}/${metadata.name}`;
      found.push(
        blocks(
          `${type.kind} ${place}`,
          `keeps the Go provider installed and would scale it up again; set spec.deployment.replicas: 0 in it. Do not delete it: that may delete the CustomResourceDefinitions, and with them every machine`,
        ),
      );
    }
  return found;
}

function end({ namespace, name, wanted }: Controller): Step {
  return {
    title: `scale Deployment ${namespace}/${name} to zero and wait until its pods are gone`,
    perform: async (world) => {
      await scale(world, { namespace, name }, 0, wanted);
      await untilGone(world, { namespace, name });
    },
  };
}

function begin({ namespace, name, before = 1 }: Controller): Step {
  return {
    title: `scale Deployment ${namespace}/${name} to ${before}`,
    perform: (world) => scale(world, { namespace, name }, before, undefined),
  };
}

type Name = Pick<Controller, "namespace" | "name">;

async function scale(
  { management }: TakeoverWorld,
  at: Name,
  replicas: number,
  before: number | undefined,
): Promise<void> {
  await withFreshObject(management, deployments, at, async ({ metadata }) => {
    const annotations =
      before === undefined || before === 0 ? {} : { annotations: { [REPLICAS_ANNOTATION]: String(before) } };
    const patch = {
      metadata: { resourceVersion: metadata.resourceVersion, ...annotations },
      spec: { replicas },
    };
    await management.mergePatch(deployments, at, patch, { fieldManager: "capfn-cli" });
  });
}

async function untilGone({ management, clock }: TakeoverWorld, at: Name): Promise<void> {
  const deadline = clock.monotonic() + LONGEST_END_MS;
  while (true) {
    const object = await management.get(deployments, at);
    if (object === undefined) return;
    const { running, behind } = await controllerOf(management, object);
    if (running.length === 0 && !behind) return;
    if (clock.monotonic() > deadline) {
      const what = behind
        ? "has not been looked at by the Deployment controller, kube-controller-manager,"
        : `still has pods, terminating ones included: ${running.join(", ")},`;
      throw new Error(
        `Deployment ${at.namespace}/${at.name} ${what} ${LONGEST_END_MS / 1000} s after it was scaled to zero; find out why, then run this again`,
      );
    }
    await sleep(clock, LOOK_MS);
  }
}

function note(about: string, message: string): Finding {
  return { about, state: "note", message };
}

function blocks(about: string, message: string): Finding {
  return { about, state: "blocks", message };
}
