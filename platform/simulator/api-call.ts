import * as z from "zod";
import type { ApiCall } from "#platform/simulator/faults.ts";

const VERBS: Readonly<Record<string, { readonly one: string; readonly many: string }>> = {
  GET: { one: "get", many: "list" },
  HEAD: { one: "get", many: "list" },
  POST: { one: "create", many: "create" },
  PUT: { one: "update", many: "update" },
  PATCH: { one: "patch", many: "patch" },
  DELETE: { one: "delete", many: "deletecollection" },
};

/**
 * What an HTTP request to an API server is about (Kubernetes, "Resource URIs" and "Determine the Request Verb"). `url` is path and
 * query. The name of a created object is in its body, not here.
 */
export function apiCall(method: string, url: string): ApiCall {
  const { pathname, searchParams } = new URL(url, "https://api");
  const [root, ...segments] = pathname.split("/").filter((segment) => segment !== "");
  const path = root === "api" ? ["", ...segments] : root === "apis" ? segments : [];
  const [group = "", version, ...rest] = path;
  if (version === undefined || rest.length === 0) return nothing;
  const inNamespace = rest[0] === "namespaces" && rest.length > 2;
  const [resource = "", name = "", subresource = ""] = inNamespace ? rest.slice(2) : rest;
  const namespace = inNamespace ? (rest[1] ?? "") : "";
  const verb = VERBS[method]?.[name === "" ? "many" : "one"] ?? "other";
  const watches = verb === "list" && ["1", "true"].includes(searchParams.get("watch") ?? "");
  return {
    verb: watches ? "watch" : verb,
    group,
    resource,
    subresource: decodeURIComponent(subresource),
    namespace: decodeURIComponent(namespace),
    name: decodeURIComponent(name),
  };
}

const nothing: ApiCall = { verb: "other", group: "", resource: "", subresource: "", namespace: "", name: "" };

const namedSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });

/** The name of the object a create carries; empty when the body is none. */
export function nameInBody(body: Uint8Array): string {
  try {
    return namedSchema.parse(JSON.parse(Buffer.from(body).toString("utf8"))).metadata.name;
  } catch {
    return "";
  }
}
