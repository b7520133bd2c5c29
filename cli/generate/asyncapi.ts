import { stringify } from "yaml";
import * as z from "zod";
import { catalogue, type CatalogueEntry } from "#cli/generate/events.ts";
import { version } from "#cli/version.ts";
import { MOST_ALERTS, webhookAlertSchema, webhookSchema } from "#events/sources/ingress/alert-webhook.ts";
import { stepDataSchema } from "#functions/contract/step-data.ts";

/** The catalogue as an AsyncAPI 3.0 document, by path from the repository's root. */
export function generateAsyncApi(): Map<string, string> {
  const body = stringify(asyncApiDocument(), { lineWidth: 0, aliasDuplicateObjects: false });
  return new Map([
    ["docs/asyncapi.yaml", `# Generated from events/catalog by "npm run generate". Do not edit.\n${body}`],
  ]);
}

/** What comes in through the ingress, and what functions are handed (AsyncAPI 3.0.0). */
function asyncApiDocument() {
  const entries = catalogue();
  const handed = entries.filter(({ listeners }) => listeners === "every" || listeners.length > 0);
  return {
    asyncapi: "3.0.0",
    info: {
      title: "capfn",
      version,
      description:
        "Events that wake the functions of capfn. Each is a hint: whoever is woken looks at the world itself.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    channels: {
      events: {
        address: "/events",
        title: "CloudEvents from outside",
        description: "CloudEvents 1.0 over HTTP: binary, structured or batched. Accepted with 202.",
        messages: messageRefs(entries, hintName),
      },
      alerts: {
        address: "/alerts",
        title: "Alerts",
        description:
          "The webhook of Alertmanager, version 4. Each alert is stored as a RemediationRequest before the answer is 200.",
        messages: { alertmanagerWebhook: { $ref: "#/components/messages/alertmanagerWebhook" } },
      },
      steps: {
        address: null,
        title: "Work for functions",
        description:
          "What a function is handed. Functions run in the hub's process, so nothing is sent over a network.",
        messages: messageRefs(handed, stepName),
      },
    },
    operations: {
      receiveEvent: receive("events", "Take a hint: the hub asks the predicates that look at its subject."),
      receiveAlerts: receive("alerts", "Store alerts that ask for remediation, or say that they have ended."),
      handOutStep: {
        action: "send",
        channel: { $ref: "#/channels/steps" },
        summary: "Run one step of one function.",
      },
    },
    components: {
      messages: Object.fromEntries([
        ...entries.map((entry) => [hintName(entry), hintMessage(entry)]),
        ...handed.map((entry) => [stepName(entry), stepMessage(entry)]),
        [
          "alertmanagerWebhook",
          {
            name: "alertmanagerWebhook",
            title: "Alertmanager webhook, version 4",
            contentType: "application/json",
            payload: { $ref: "#/components/schemas/alertmanagerWebhook" },
          },
        ],
      ]),
      schemas: {
        alertmanagerWebhook: {
          ...jsonSchema(webhookSchema),
          properties: {
            ...propertiesOf(webhookSchema),
            alerts: { type: "array", maxItems: MOST_ALERTS, items: { $ref: "#/components/schemas/alert" } },
          },
        },
        alert: jsonSchema(webhookAlertSchema),
        step: jsonSchema(stepDataSchema),
      },
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "The token of a sender of the ingress." },
        clientCertificate: {
          type: "X509",
          description: "The client certificate of a sender of the ingress.",
        },
      },
    },
  };
}

function receive(channel: string, summary: string) {
  const security = [
    { $ref: "#/components/securitySchemes/bearer" },
    { $ref: "#/components/securitySchemes/clientCertificate" },
  ];
  return {
    action: "receive",
    channel: { $ref: `#/channels/${channel}` },
    summary,
    security,
    bindings: { http: { method: "POST", bindingVersion: "0.3.0" } },
  };
}

function hintName({ type }: Pick<CatalogueEntry, "type">): string {
  return type;
}

function stepName({ type }: Pick<CatalogueEntry, "type">): string {
  return `${type}.step`;
}

function messageRefs(entries: readonly CatalogueEntry[], nameOf: (entry: CatalogueEntry) => string) {
  const refs = entries.map((entry) => [nameOf(entry), { $ref: `#/components/messages/${nameOf(entry)}` }]);
  return Object.fromEntries(refs);
}

function hintMessage(entry: CatalogueEntry) {
  const { type, meaning, source, subject, fires, data } = entry;
  return {
    name: type,
    title: meaning,
    description: `Fires when: ${fires}. Source: ${source}. Subject: ${subject}.`,
    contentType: "application/json",
    headers: attributes(type, ["ce-subject"]),
    payload: jsonSchema(data),
  };
}

function stepMessage({ type, meaning, listeners }: CatalogueEntry) {
  const own = ["causationid", "function", "attempt", "partitionkey", "sequence"];
  const who = listeners === "every" ? "every function" : listeners.join(", ");
  return {
    name: stepName({ type }),
    title: `${meaning}: work for ${who}`,
    contentType: "application/json",
    headers: attributes(type, ["ce-subject", ...own.map((name) => `ce-${name}`)]),
    payload: { $ref: "#/components/schemas/step" },
  };
}

/** CloudEvents attributes as the binary mode has them. */
function attributes(type: string, further: readonly string[]) {
  const names = ["ce-id", "ce-source", ...further];
  return {
    type: "object",
    required: ["ce-specversion", "ce-type", ...names],
    properties: {
      "ce-specversion": { type: "string", const: "1.0" },
      "ce-type": { type: "string", const: type },
      "ce-time": { type: "string", format: "date-time" },
      ...Object.fromEntries(names.map((name) => [name, { type: "string", minLength: 1 }])),
    },
  };
}

function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: "draft-7",
    unrepresentable: "any",
    io: "input",
    override: ({ jsonSchema: made }) => {
      // A format says what the pattern says, for people too.
      if (made.format === "date-time") delete made.pattern;
    },
  });
  return rest;
}

function propertiesOf(schema: z.ZodType): Record<string, unknown> {
  return z.looseObject({ properties: z.record(z.string(), z.unknown()) }).parse(jsonSchema(schema))
    .properties;
}
