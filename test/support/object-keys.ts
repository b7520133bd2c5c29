import {
  apiVersionOf,
  type KubeObject,
  type ObjectName,
  type ResourceType,
} from "#platform/kube/resource.ts";
import * as resources from "#platform/kube/resources.ts";

/** Where an object of this name is kept: by type, namespace and name. */
export function keyOf(type: ResourceType, name: ObjectName): string {
  const namespace = type.namespaced ? (name.namespace ?? "") : "";
  return `${apiVersionOf(type)} ${type.kind} ${namespace}/${name.name}`;
}

const namespaced = new Map(
  Object.values(resources).map((type) => [`${apiVersionOf(type)} ${type.kind}`, type.namespaced]),
);

/** The same of an object. */
export function keyOfObject({ apiVersion, kind, metadata }: KubeObject): string {
  const namespace = namespaced.get(`${apiVersion} ${kind}`) === false ? "" : (metadata.namespace ?? "");
  return `${apiVersion} ${kind} ${namespace}/${metadata.name}`;
}

/** Label selectors by equality, as name and value. */
export function parseSelector(selector: string | undefined): readonly (readonly [string, string])[] {
  return (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .map((term) => {
      const [name = "", value = ""] = term.split(/==?/);
      return [name, value];
    });
}
