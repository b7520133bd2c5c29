import type { ResourceType } from "#platform/kube/resource.ts";
import type { Connection, ObjectRef } from "#platform/kube/view.ts";

/** `<plural>.<group>`: one word per resource. */
export function resourceName(type: ResourceType): string {
  return type.group === "" ? type.plural : `${type.plural}.${type.group}`;
}

/** `<namespace>/<name>`, or `/<name>` for cluster-scoped objects: the key of an object inside its collection. */
export function localName(ref: { readonly namespace?: string | undefined; readonly name: string }): string {
  return `${ref.namespace ?? ""}/${ref.name}`;
}

/** Key of a collection: all objects of one resource at one API server. */
export function collectionName(type: ResourceType, connection: Connection): string {
  return `${connection}|${resourceName(type)}`;
}

/** What every key of a collection, stream or object at this API server begins with. */
export function connectionPrefix(connection: Connection): string {
  return `${connection}|`;
}

/** The API server a key of a collection, stream or object belongs to. */
export function connectionIn(name: string): Connection {
  return name.slice(0, Math.max(0, name.indexOf("|")));
}

/** Key of one object across all collections. */
export function objectName(type: ResourceType, ref: ObjectRef): string {
  return `${collectionName(type, ref.connection)}|${localName(ref)}`;
}

/** An {@link objectName} taken apart again. Neither connections nor names of Kubernetes objects contain `|`. */
export function parseObjectName(name: string): {
  readonly collection: string;
  readonly local: string;
  readonly resource: string;
  readonly ref: ObjectRef;
} {
  const [connection = "", resource = "", local = ""] = name.split("|");
  const slash = local.indexOf("/");
  const namespace = slash > 0 ? local.slice(0, slash) : undefined;
  return {
    collection: `${connection}|${resource}`,
    local,
    resource,
    ref: { connection, namespace, name: local.slice(slash + 1) },
  };
}

/** What is watched as one stream: a resource at one API server, in one namespace or in all. */
export interface Scope {
  readonly connection: Connection;
  /** Undefined for cluster-scoped resources, and for a watch over all namespaces. */
  readonly namespace?: string | undefined;
}

export function scopeName(type: ResourceType, scope: Scope): string {
  return `${collectionName(type, scope.connection)}|${scope.namespace ?? "*"}`;
}
