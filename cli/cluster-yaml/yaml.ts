import { stringify } from "yaml";
import type { NewObject } from "#platform/kube/resource.ts";

/**
 * Objects as one stream of YAML documents, without aliases. For readers of YAML 1.1 as well: kubectl takes a bare `yes` for true.
 */
export function yamlOf(objects: readonly NewObject[]): string {
  return objects
    .map((object) => stringify(object, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}
