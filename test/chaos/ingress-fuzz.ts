import { parseArgs } from "node:util";
import { mulberry } from "#test/chaos/seeded.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { ingressBench, sentAlert, tokens, webhook } from "#test/support/ingress-bench.ts";

type Random = () => number;

/** What came of a fuzzing run. */
export interface FuzzResult {
  /** Answers by path and status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Answers that must never be, with the input that led there. */
  readonly wrong: readonly string[];
  /** Largest growth of the heap after a collection, MB; undefined where it cannot be collected. */
  readonly heapGrowthMb: number | undefined;
}

/** What the API server in memory answers to a write that succeeds. */
const stored = { apiVersion: "v1", kind: "Any", metadata: { name: "any", uid: "u", resourceVersion: "1" } };

/**
 * Sends seeded inputs, half to `/alerts`, half to `/events`: from valid ones with a few changes to noise. The API server in memory fails
 * now and then in every way it can. Statuses must be 2xx, 4xx or 503, and what is of use must never be 4xx because of the API server.
 */
export async function fuzzIngress({ seed, inputs }: { seed: number; inputs: number }): Promise<FuzzResult> {
  const bench = await ingressBench({ requestsPerSecond: 10_000 });
  const random = mulberry(seed);
  const answers: Record<string, number> = {};
  const wrong: string[] = [];
  let created = 0;
  bench.api.create = () => {
    created += 1;
    if (chance(random, 0.05)) return Promise.reject(kubeError(pick(random, reasons), "management"));
    return Promise.resolve(stored);
  };
  bench.api.mergePatch = () =>
    chance(random, 0.5)
      ? Promise.reject(kubeError(pick(random, reasons), "management"))
      : Promise.resolve(stored);
  const heap: number[] = [];
  for (let n = 0; n < inputs; n += 1) {
    const url = n % 2 === 0 ? "/alerts" : "/events";
    const { headers, payload } = url === "/alerts" ? alertInput(random) : eventInput(random);
    const token = chance(random, 0.02) ? noise(random, 30) : tokens.admin;
    const authorization = `Bearer ${token.replaceAll(/[^\x21-\x7e]/g, "x")}`;
    bench.clock.advance(1).catch(() => undefined);
    const { statusCode } = await bench.server.inject({
      method: "POST",
      url,
      headers: { ...headers, authorization },
      payload,
    });
    const key = `${url} ${statusCode}`;
    answers[key] = (answers[key] ?? 0) + 1;
    if (statusCode >= 500 && statusCode !== 503) wrong.push(`${key}: ${payload.slice(0, 300)}`);
    bench.hints.length = 0;
    bench.events.length = 0;
    bench.requests.length = 0;
    if (n % Math.ceil(inputs / 10) === 0 && globalThis.gc !== undefined) {
      globalThis.gc();
      heap.push(process.memoryUsage().heapUsed / 1_048_576);
    }
  }
  await bench.stop();
  if (created === 0) wrong.push("no input was of use: the generator is broken");
  const settled = heap.slice(1);
  return {
    answers,
    wrong,
    heapGrowthMb: settled.length === 0 ? undefined : Math.max(...settled) - (settled[0] ?? 0),
  };
}

const reasons = [
  "conflict",
  "alreadyExists",
  "notFound",
  "invalid",
  "forbidden",
  "tooMany",
  "timeout",
  "unavailable",
] as const;

function alertInput(random: Random): { headers: Record<string, string>; payload: string } {
  const count = chance(random, 0.01) ? 1_200 : Math.floor(random() * 4);
  const alerts = Array.from({ length: count }, (_, index) => {
    const known = sentAlert({
      fingerprint: Math.floor(random() * 2 ** 32).toString(16),
      ...(chance(random, 0.4) ? { status: "resolved", endsAt: pick(random, times) } : {}),
      startsAt: chance(random, 0.8) ? `2026-11-21T10:00:0${index % 10}Z` : pick(random, times),
    });
    return chance(random, 0.5) ? known : changed(random, known);
  });
  const body = chance(random, 0.7) ? webhook(...alerts) : changed(random, webhook(...alerts));
  return { headers: { "content-type": "application/json" }, payload: written(random, body) };
}

function eventInput(random: Random): { headers: Record<string, string>; payload: string } {
  const event = {
    specversion: "1.0",
    id: noise(random, 8),
    source: pick(random, ["/s", "/clusters/m/harvester/a/b/apis/x/v1/y", "https://10.96.0.1"]),
    type: pick(random, types),
    subject: pick(random, subjects),
    data: pick(random, [
      {},
      { name: "x" },
      null,
      { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Machine", metadata: { name: "a", namespace: "b" } },
    ]),
  };
  const some = chance(random, 0.5) ? event : changed(random, event);
  const mode = random();
  if (mode < 0.3)
    return { headers: { "content-type": "application/cloudevents+json" }, payload: written(random, some) };
  if (mode < 0.6) {
    const batch = Array.from({ length: Math.floor(random() * 5) }, () => changed(random, some));
    return {
      headers: { "content-type": "application/cloudevents-batch+json" },
      payload: written(random, batch),
    };
  }
  const headers = Object.fromEntries(
    Object.entries(some as Record<string, unknown>)
      .filter(([name]) => name !== "data")
      .map(([name, value]) => [
        `ce-${name.replaceAll(/[^a-z]/g, "x")}`,
        (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).replaceAll(/[^\x20-\x7e]/g, "%"),
      ]),
  );
  const type = pick(random, ["application/json", "text/plain", "application/x+json; a=b", ""]);
  return {
    headers: { ...headers, ...(type === "" ? {} : { "content-type": type }) },
    payload: written(random, event.data),
  };
}

const times = [
  "0001-01-01T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59.999999999+14:00",
  "2026-11-21T10:36:58.123456789Z",
  "now",
  "",
];
const types = [
  "dev.capfn.machine.changed",
  "dev.capfn.alert.firing",
  "dev.knative.apiserver.resource.update",
  "dev.knative.apiserver.ref.add",
  "constructor",
  "__proto__",
  "x",
];
const subjects = [
  "namespaces/a/machines/b",
  "machines/b",
  "ippools/p",
  "namespaces/a/__proto__/b",
  "namespaces//machines/",
  "namespaces/a/machines/b|c",
  "/",
  "",
];
const odd: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  "",
  "\u0000",
  "\ud800",
  [],
  {},
  "a".repeat(5_000),
  [[[[]]]],
  { __proto__: null },
  Number.MAX_SAFE_INTEGER + 2,
];

/** A copy with one to three fields, anywhere in it, removed, exchanged or doubled under an odd name. */
function changed(random: Random, value: unknown): unknown {
  const copy = structuredClone(value);
  for (let n = 1 + Math.floor(random() * 3); n > 0; n -= 1) {
    let at: unknown = copy;
    for (let depth = Math.floor(random() * 4); depth > 0; depth -= 1) {
      const inner = isContainer(at) ? Object.values(at).filter(isContainer) : [];
      if (inner.length > 0) at = pick(random, inner);
    }
    if (!isContainer(at)) return structuredClone(pick(random, odd));
    const keys = Object.keys(at);
    const key = keys.length === 0 ? "new" : pick(random, keys);
    if (chance(random, 0.3)) Reflect.deleteProperty(at, key);
    else if (chance(random, 0.8)) Reflect.set(at, key, structuredClone(pick(random, odd)));
    else
      Object.defineProperty(at, pick(random, ["__proto__", "constructor", "toString", noise(random, 6)]), {
        value: structuredClone(pick(random, odd)),
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return copy;
}

/** JSON; now and then cut off, with a byte exchanged, deeply nested, or something else altogether. */
function written(random: Random, value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  const kind = random();
  if (kind < 0.85) return text;
  if (kind < 0.9) return text.slice(0, Math.floor(random() * text.length));
  if (kind < 0.95) {
    const at = Math.floor(random() * text.length);
    return text.slice(0, at) + noise(random, 1) + text.slice(at + 1);
  }
  if (kind < 0.96) return "[".repeat(50_000);
  if (kind < 0.97) return `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
  if (kind < 0.975) return " ".repeat(1_100_000);
  return noise(random, 200);
}

function noise(random: Random, length: number): string {
  return Array.from({ length: 1 + Math.floor(random() * length) }, () =>
    String.fromCodePoint(Math.floor(random() * (chance(random, 0.9) ? 0x7f : 0xd7ff))),
  ).join("");
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

function chance(random: Random, share: number): boolean {
  return random() < share;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seed: { type: "string", default: "1" }, inputs: { type: "string", default: "100000" } },
  });
  const result = await fuzzIngress({ seed: Number(values.seed), inputs: Number(values.inputs) });
  console.log(JSON.stringify(result, undefined, 2));
  if (result.wrong.length > 0 || (result.heapGrowthMb ?? 0) > 20) process.exitCode = 1;
}
