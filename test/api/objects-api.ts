import { request } from "node:https";

import { expect } from "vitest";
import * as z from "zod";

import type { CustomResource } from "#api/custom-resource.ts";
import { customResources } from "#api/custom-resources.ts";
import type { SharedControlPlane } from "#test/support/control-planes.ts";

const refusalSchema = z.object({
  details: z.object({ causes: z.array(z.object({ field: z.string(), message: z.string() })) }),
});
const tableSchema = z.object({
  columnDefinitions: z.array(z.object({ name: z.string() })),
  rows: z.array(z.object({ cells: z.array(z.unknown()) })),
});
const definitionSchema = z.object({
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })) }).optional(),
});
const metaSchema = z.looseObject({ labels: z.unknown().optional(), annotations: z.unknown().optional() });

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";

type Json = Record<string, unknown>;

/** What the API server answered, whatever the status. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export type ObjectsApi = ReturnType<typeof objectsApi>;

/**
 * Plain requests to our kinds in one namespace, in any version: what a client without any knowledge of the
 * types would send. Deliberately not the product's client.
 */
export function objectsApi(plane: SharedControlPlane, namespace: string) {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sent = request(new URL(path, plane.server), {
      method,
      ca: plane.caPem,
      headers: {
        authorization: `Bearer ${plane.tokens.admin}`,
        "content-type": "application/json",
        ...headers,
      },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers["content-type"]?.includes("json") ?? false;
        resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
      });
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  function resourceOf(kind: string) {
    return customResources.find((resource) => resource.kind === kind)!;
  }

  function apiVersionOf(kind: string, version: string): string {
    return `${resourceOf(kind).group.name}/${version}`;
  }

  function pathOf(kind: string, version: string, name = ""): string {
    const { plural } = resourceOf(kind);
    return `/apis/${apiVersionOf(kind, version)}/namespaces/${namespace}/${plural}${name === "" ? "" : `/${name}`}`;
  }

  async function read(kind: string, version: string, name: string): Promise<Json> {
    const { status, body } = await call("GET", pathOf(kind, version, name));
    expect(status).toBe(200);
    return z.looseObject({}).parse(body);
  }

  /** Creates an object, and its status where that is a subresource, through `version`; answers what reads back there. */
  async function write(object: Json & { kind: string }, version: string, name: string): Promise<Json> {
    const { kind } = object;
    const { labels, annotations } = metaSchema.parse(object["metadata"] ?? {});
    const apiVersion = apiVersionOf(kind, version);
    const manifest = { ...object, apiVersion, metadata: { name, namespace, labels, annotations } };
    const created = await call("POST", `${pathOf(kind, version)}?fieldValidation=Strict`, manifest);
    expect(created.status, JSON.stringify(created.body)).toBe(201);
    if (object["status"] !== undefined) {
      const updated = await writeStatus(kind, version, name, object["status"]);
      expect(updated.status, JSON.stringify(updated.body)).toBe(200);
    }
    return read(kind, version, name);
  }

  async function writeStatus(kind: string, version: string, name: string, status: unknown): Promise<Answer> {
    const current = await read(kind, version, name);
    return call("PUT", `${pathOf(kind, version, name)}/status`, { ...current, status });
  }

  /** The fields the API server refuses in an object, and why, by path. Nothing is created. */
  async function refusals(object: Json & { kind: string }, version: string): Promise<Map<string, string>> {
    const answer = await call("POST", `${pathOf(object.kind, version)}?dryRun=All`, {
      ...object,
      apiVersion: apiVersionOf(object.kind, version),
      metadata: { name: "refused", namespace },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(422);
    const { causes } = refusalSchema.parse(answer.body).details;
    return new Map(causes.map(({ field, message }) => [field, message]));
  }

  /** The columns `kubectl get -o wide` shows of an object. */
  async function columnsOf(kind: string, name: string): Promise<Json> {
    const { body } = await call("GET", pathOf(kind, "v1beta1", name), undefined, { accept: table });
    const { columnDefinitions, rows } = tableSchema.parse(body);
    return Object.fromEntries(columnDefinitions.map((column, index) => [column.name, rows[0]?.cells[index]]));
  }

  /** The conditions of a CustomResourceDefinition as `type=status`. */
  async function conditionsOf({ plural, group }: CustomResource): Promise<string[]> {
    const name = `${plural}.${group.name}`;
    const { body } = await call("GET", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
    const { status } = definitionSchema.parse(body);
    return status?.conditions.map((condition) => `${condition.type}=${condition.status}`) ?? [];
  }

  return { call, pathOf, read, write, writeStatus, refusals, columnsOf, conditionsOf };
}
