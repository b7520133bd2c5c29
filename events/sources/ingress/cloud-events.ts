import type { IncomingHttpHeaders } from "node:http";
import * as z from "zod";
import { fieldName } from "#events/sources/ingress/config.ts";

const LONGEST_ATTRIBUTE = 1_024;
const attribute = z
  .string()
  .min(1)
  .max(LONGEST_ATTRIBUTE)
  // Control characters are not allowed in attributes (CloudEvents, "Type System").
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "holds control characters");

const eventSchema = z.looseObject({
  specversion: z.literal("1.0"),
  id: attribute,
  source: attribute,
  type: attribute,
  subject: attribute.optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  data: z.unknown().optional(),
});

/** A CloudEvent as far as the ingress looks at it. */
export type ReceivedEvent = Pick<
  z.infer<typeof eventSchema>,
  "id" | "source" | "type" | "subject" | "time" | "data"
>;

/** A request that holds no CloudEvent. The message names the attribute. `status` is the HTTP status that says so. */
export class NoCloudEvent extends Error {
  override readonly name = "NoCloudEvent";
  readonly status: 400 | 415;

  constructor(message: string, status: 400 | 415 = 400) {
    super(message);
    this.status = status;
  }
}

/** One event of a request, or what is wrong with it. */
export type ReadEvent = { readonly event: ReceivedEvent } | { readonly problem: string };

const MOST_EVENTS = 1_000;

/**
 * The events of a request in binary, structured or batched mode (CloudEvents HTTP protocol binding 1.0.2, section 3). A batch is read event
 * by event, so that one bad one costs no other. Throws {@link NoCloudEvent}.
 */
export function readCloudEvents(headers: IncomingHttpHeaders, body: string): ReadEvent[] {
  const mediaType = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (mediaType === "application/cloudevents-batch+json") return readBatch(parseJson(body, "body"));
  if (mediaType === "application/cloudevents+json") return [readStructured(parseJson(body, "body"), [])];
  if (headers["ce-specversion"] !== undefined || headers["ce-id"] !== undefined)
    return [readEvent({ ...binaryAttributes(headers), data: binaryData(mediaType, body) }, [])];
  throw new NoCloudEvent(
    "no CloudEvent: send ce- headers, or content-type application/cloudevents+json or application/cloudevents-batch+json",
    415,
  );
}

function readBatch(events: unknown): ReadEvent[] {
  const list = z.array(z.unknown()).max(MOST_EVENTS).safeParse(events);
  if (!list.success) throw new NoCloudEvent(`body: must be a list of at most ${MOST_EVENTS} events`);
  return list.data.map((event, index) => readStructured(event, [index]));
}

function readStructured(event: unknown, path: readonly PropertyKey[]): ReadEvent {
  const binary = z.looseObject({ data_base64: z.unknown() }).safeParse(event);
  if (binary.success && binary.data.data_base64 !== undefined)
    return { problem: `${fieldName([...path, "data_base64"])}: data must be JSON, in \`data\`` };
  return readEvent(event, path);
}

function readEvent(event: unknown, path: readonly PropertyKey[]): ReadEvent {
  const parsed = eventSchema.safeParse(event);
  if (parsed.success) {
    const { id, source, type, subject, time, data } = parsed.data;
    return { event: { id, source, type, subject, time, data } };
  }
  const problems = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${fieldName([...path, ...issue.path])}: ${issue.message}`);
  return { problem: problems.join("; ") };
}

/** Header values are percent-encoded UTF-8, perhaps in quotes (section 3.1.3.2). */
function binaryAttributes(headers: IncomingHttpHeaders): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith("ce-") || typeof value !== "string") continue;
    const name = header.slice("ce-".length);
    try {
      attributes[name] = decodeURIComponent(unquoted(value));
    } catch {
      throw new NoCloudEvent(`${header}: is not percent-encoded UTF-8`);
    }
  }
  return attributes;
}

/** A quoted string without its quotes (RFC 9110, 5.6.4). */
function unquoted(value: string): string {
  return /^"(?:[^"\\]|\\.)*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

function binaryData(mediaType: string, body: string): unknown {
  if (body === "") return undefined;
  if (mediaType !== "application/json" && !mediaType.endsWith("+json"))
    throw new NoCloudEvent("content-type: data must be JSON, application/json", 415);
  return parseJson(body, "data");
}

/** What is wrong with the text is not repeated: it may hold anything. */
export function parseJson(text: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NoCloudEvent(`${field}: is no JSON`);
  }
}
