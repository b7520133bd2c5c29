import { apiVersionOf } from "#platform/kube/resource.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** What a request is about: a collection (no name), an object, or a subresource of it. */
export interface ResourceTarget {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Path and query below the server URL (Kubernetes API concepts, "Resource URIs").
 *
 * @throws TypeError for a name or namespace that would make the path mean something else: an empty name turns "delete this
 * object" into "delete the collection".
 */
export function resourcePath(type: ResourceType, target: ResourceTarget, query: Query = {}): string {
  const root = type.group === "" ? "/api" : "/apis";
  const segments = [root, apiVersionOf(type)];
  if (type.namespaced && target.namespace !== undefined) {
    segments.push("namespaces", segment(type, "namespace", target.namespace));
  }
  segments.push(type.plural);
  if (target.name !== undefined) {
    if (type.namespaced && target.namespace === undefined) {
      throw new TypeError(
        `${type.kind} is namespaced: metadata.namespace is missing; set it beside metadata.name`,
      );
    }
    segments.push(segment(type, "name", target.name));
    if (target.subresource !== undefined) segments.push(target.subresource);
  }
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(key, String(value));
  }
  const search = parameters.toString();
  return segments.join("/") + (search === "" ? "" : `?${search}`);
}

/** Path segment validation of the API server itself (`IsValidPathSegmentName`): not `.`, `..`, nothing with `/` or `%`. */
function segment(type: ResourceType, field: "name" | "namespace", value: string): string {
  if (value === "" || value === "." || value === ".." || /[/%]/.test(value)) {
    throw new TypeError(
      `${type.kind}: metadata.${field} ${JSON.stringify(value)} cannot be part of a URL; give a DNS-1123 name`,
    );
  }
  return encodeURIComponent(value);
}
