import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AuditedRequest,
  countRequests,
  readAuditLog,
  tallyRequests,
} from "#platform/control-plane/audit-log.ts";

let directory: string;
let path: string;

function line(fields: {
  user: string;
  verb: string;
  at: string;
  subresource?: string;
  uri?: string;
}): string {
  return JSON.stringify({
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    stage: "ResponseComplete",
    requestURI: fields.uri ?? "/api/v1/namespaces/default/secrets/a",
    verb: fields.verb,
    user: { username: fields.user, groups: ["system:authenticated"] },
    sourceIPs: ["127.0.0.1"],
    userAgent: "capfn",
    ...(fields.uri === undefined
      ? {
          objectRef: {
            resource: "secrets",
            namespace: "default",
            name: "a",
            apiVersion: "v1",
            ...(fields.subresource === undefined ? {} : { subresource: fields.subresource }),
          },
        }
      : {}),
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: fields.at,
    stageTimestamp: fields.at,
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-audit-test-"));
  path = join(directory, "audit.log");
  const lines = [
    line({ user: "capfn", verb: "get", at: "2026-01-01T00:00:01.500000Z" }),
    line({ user: "capfn", verb: "patch", at: "2026-01-01T00:00:02.000000Z", subresource: "status" }),
    line({ user: "capfn", verb: "patch", at: "2026-01-01T00:00:03.000000Z", subresource: "status" }),
    line({ user: "capfn", verb: "watch", at: "2026-01-01T00:00:03.000000Z" }),
    line({ user: "other", verb: "get", at: "2026-01-01T00:00:04.000000Z", uri: "/readyz" }),
  ];
  await writeFile(path, `${lines.join("\n")}\n{"kind":"Event","stage":"Resp`);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test("a line becomes a request, and an unfinished last line is left out", async () => {
  const requests: AuditedRequest[] = [];
  for await (const request of readAuditLog(path)) requests.push(request);
  expect(requests).toHaveLength(5);
  expect(requests[1]).toEqual({
    user: "capfn",
    verb: "patch",
    resource: "secrets",
    subresource: "status",
    apiGroup: "",
    namespace: "default",
    name: "a",
    requestUri: "/api/v1/namespaces/default/secrets/a",
    code: 200,
    stage: "ResponseComplete",
    receivedAt: Date.parse("2026-01-01T00:00:02Z"),
    completedAt: Date.parse("2026-01-01T00:00:02Z"),
    userAgent: "capfn",
  });
});

test("requests are counted by user, time and verb", async () => {
  expect(await countRequests(path)).toBe(5);
  expect(await countRequests(path, { user: "capfn" })).toBe(4);
  expect(await countRequests(path, { user: "capfn", excludeWatches: true })).toBe(3);
  const second = (n: number): number => Date.parse(`2026-01-01T00:00:0${n}Z`);
  expect(await countRequests(path, { since: second(2), until: second(3) })).toBe(1);
  expect(await countRequests(path, { where: (request) => request.resource === undefined })).toBe(1);
});

test("requests are tallied by what they did, most frequent first", async () => {
  expect([...(await tallyRequests(path, { excludeWatches: true }))]).toEqual([
    ["patch secrets/status", 2],
    ["get secrets", 1],
    ["get /readyz", 1],
  ]);
});
