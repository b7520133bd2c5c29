import { randomBytes } from "node:crypto";
import { CloudEvent, HTTP } from "cloudevents";
import * as z from "zod";
import { injectionConditions } from "#api/condition-names.ts";
import { eventInjectionSchema } from "#api/event-injection.ts";
import { capfnGroup } from "#api/names.ts";
import { postToHub, type HubChoice } from "#cli/operator/ingress-client.ts";
import { managementConfig, type ManagementChoice } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { eventTypeNamed } from "#events/catalog/details.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { eventInjections } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { sleep } from "#platform/process/clock.ts";

/** An object as a person writes it. */
export interface EventObject {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface EmitFlags extends ManagementChoice, HubChoice {
  readonly for: EventObject;
  readonly namespace?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
}

const LOOK_EVERY_MS = 300;

/** Makes an event happen, through the API server or a running hub's ingress. Throws when it is not taken. */
export async function emit(name: string, flags: EmitFlags, terminal: Terminal): Promise<void> {
  const type = eventTypeNamed(name);
  if (type === undefined)
    throw new Error(`"${name}" is no event of the catalogue; see what is: capfn events list`);
  if (flags.hub !== undefined) {
    await postEvent(type, flags);
    terminal.print(`${type} was taken as a hint`);
    return;
  }
  const config = await managementConfig(flags, terminal.clock, terminal.environment);
  const client = createKubeClient(config, { clock: terminal.clock, userAgent: `capfn-emit/${version}` });
  try {
    terminal.print(await inject(type, flags, { client, terminal }));
  } finally {
    client.close();
  }
}

async function postEvent(type: string, flags: EmitFlags): Promise<void> {
  const { kind, name, namespace = flags.namespace } = flags.for;
  const object = `${kind.toLowerCase()}/${name}`;
  const { headers, body } = HTTP.binary(
    new CloudEvent({
      type,
      source: "/capfn/emit",
      subject: namespace === undefined ? object : `namespaces/${namespace}/${object}`,
      datacontenttype: "application/json",
      data: flags.data,
    }),
  );
  const plain = Object.entries(headers).map(([header, value]) => [header, String(value)]);
  await postToHub(flags, "/events", { headers: Object.fromEntries(plain), body: z.string().parse(body) });
}

/** Creates an EventInjection and waits until capfn says what became of it. */
async function inject(
  type: string,
  flags: EmitFlags,
  { client, terminal }: { readonly client: KubeClient; readonly terminal: Terminal },
): Promise<string> {
  const { kind, name, namespace = flags.namespace ?? "default" } = flags.for;
  const injection = { namespace, name: `emit-${randomBytes(4).toString("hex")}` };
  await client.create(eventInjections, {
    apiVersion: `${capfnGroup}/v1alpha1`,
    kind: eventInjections.kind,
    metadata: injection,
    spec: { type, target: { kind, name }, data: flags.data },
  });
  const until = terminal.clock.monotonic() + flags.timeoutSeconds * 1000;
  while (terminal.clock.monotonic() < until) {
    await sleep(terminal.clock, LOOK_EVERY_MS);
    const found = await client.get(eventInjections, injection);
    const status = found === undefined ? undefined : eventInjectionSchema.parse(found).status;
    const refusal = status?.conditions?.find((condition) => condition.status === "False");
    if (status?.takenAt !== undefined) {
      const more = status.conditions?.find(({ type: taken }) => taken === injectionConditions.Taken)?.message;
      const said = `${type} was taken at ${status.takenAt}: eventinjection ${namespace}/${injection.name}`;
      return [said, more].filter((part) => (part ?? "") !== "").join("; ");
    }
    if (refusal !== undefined) throw new Error(`the event is refused: ${refusal.message}`);
  }
  throw new Error(
    `nobody took eventinjection ${namespace}/${injection.name} within ${flags.timeoutSeconds} s; does capfn run and look at this namespace? It is taken when capfn comes`,
  );
}
