import { stringify } from "yaml";

/**
 * Objects as one stream of YAML documents, without aliases. For readers of YAML 1.1 as well: kubectl takes a bare `yes` for true.
 */
export function yamlOf(objects: readonly Readonly<Record<string, unknown>>[]): string {
  return objects
    .map((object) => stringify(object, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}
