import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { eventDetails } from "#events/catalog/details.ts";
import { eventTypes, isEventType, type EventType } from "#events/catalog/types.ts";

/** One row of the catalogue, with who listens. */
export interface CatalogueEntry {
  readonly type: EventType;
  readonly meaning: string;
  readonly source: string;
  readonly subject: string;
  readonly fires: string;
  readonly data: z.ZodType;
  /** Names of functions, sorted; `every` for what may wake any function. */
  readonly listeners: readonly string[] | "every";
}

/** The whole catalogue, in its order. */
export function catalogue(): CatalogueEntry[] {
  return Object.keys(eventTypes)
    .filter(isEventType)
    .map((type) => {
      const { listeners, ...details } = eventDetails[type];
      const names = allFunctions.filter(({ on }) => on.includes(type)).map(({ name }) => name);
      return {
        type,
        meaning: eventTypes[type],
        ...details,
        listeners: listeners === "every" ? "every" : names.toSorted(),
      };
    });
}

/** The page of the catalogue by path from the repository's root. */
export function generateEventPage(): Map<string, string> {
  const groups = Map.groupBy(catalogue(), ({ type }) => type.split(".")[2] ?? "");
  const page = [
    '<!-- Generated from events/catalog by "npm run generate". Do not edit. -->',
    "# Events",
    "An event is a hint that something may have to be done. It is a [CloudEvent](https://cloudevents.io) 1.0 whose type is one of these. What it says is never believed: whoever listens looks at the world itself, so that an event that is forged, late, doubled or lost does no harm.",
    "Types are `dev.capfn.<noun>.<what happened>`. The same in a form for programs: [asyncapi.yaml](asyncapi.yaml). On the command line: `capfn events list`. To send one: [injecting events](tasks/injecting-events.md).",
    ...[...groups].flatMap(([noun, entries]) => [`## ${noun}`, ...entries.map(section)]),
    "## Attributes",
    attributes,
  ];
  return new Map([["docs/events.md", `${page.join("\n\n")}\n`]]);
}

const attributes = `| attribute | what it is |
| --- | --- |
| \`id\` | the same for the same event, however often it is seen: \`<uid>/<resourceVersion>\` of a change, \`<fingerprint>/<start in ms>\` of an alert |
| \`source\` | where it happened; in braces what differs. With \`harvester\` or \`workload\` in it the object lies on that API server, else on the management cluster |
| \`subject\` | the object it is about. When a function is handed the event, the object the function is for |
| \`time\` | when it was seen |
| \`causationid\`, \`partitionkey\`, \`sequence\`, \`function\`, \`attempt\` | only when a function is handed the event: the id of what caused the run, the key under which nothing else runs, the newest resourceVersion handed out as 20 digits, the function, the attempt |`;

function section({ type, meaning, source, subject, fires, data, listeners }: CatalogueEntry): string {
  return [
    `### ${type}`,
    `${meaning}.`,
    [
      `- Fires when: ${fires}.`,
      `- Source: \`${source}\``,
      `- Subject: \`${subject}\``,
      `- Data: ${fieldsOf(data)}`,
      `- Who listens: ${listenersText(listeners)}`,
    ].join("\n"),
  ].join("\n\n");
}

/** `every function`, or their names. */
function listenersText(listeners: CatalogueEntry["listeners"]): string {
  if (listeners === "every") return "every function";
  return listeners.length === 0
    ? "no function; observers, by the [broadcast lane](tasks/broadcast.md)"
    : listeners.map((name) => `\`${name}\``).join(", ");
}

const objectSchema = z.looseObject({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
});

function fieldsOf(data: z.ZodType): string {
  const { properties, required } = objectSchema.parse(z.toJSONSchema(data));
  const fields = Object.keys(properties).map((name) =>
    required.includes(name) ? `\`${name}\`` : `\`${name}\` (optional)`,
  );
  return fields.length === 0 ? "none" : fields.join(", ");
}
