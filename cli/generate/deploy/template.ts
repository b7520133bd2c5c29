import { stringify } from "yaml";

/**
 * A manifest that is written twice: as it stands in `manifests/`, and as a template of the chart, where some of its parts are taken
 * from the values. One description, so that the two cannot drift apart.
 */
export type Node = Scalar | readonly Node[] | NodeMap | Placed;
export interface NodeMap {
  readonly [key: string]: Node | undefined;
}
type Scalar = string | number | boolean | null;

const PLACED: unique symbol = Symbol("placed");

/** A part that differs between manifest and chart. */
export type Placed =
  | { readonly [PLACED]: "setting"; readonly plain: Node | undefined; readonly expression: string }
  | { readonly [PLACED]: "block"; readonly plain: Node; readonly expression: string }
  | {
      readonly [PLACED]: "when";
      readonly condition: string;
      readonly node: Node;
      readonly inManifest: boolean;
    };

/**
 * A scalar: `plain` in the manifest, where it is left out when that is undefined; in the chart what the Helm expression gives.
 * Expressions start from `$`.
 */
export function setting(plain: Node | undefined, expression: string): Placed {
  return { [PLACED]: "setting", plain, expression };
}

/** A map, a list, or items of a list: what the Helm expression gives is written as YAML. */
export function block(plain: Node, expression: string): Placed {
  return { [PLACED]: "block", plain, expression };
}

/** An entry or an item that the chart has when the condition holds, and the manifest when `inManifest`. */
export function when(condition: string, node: Node, { inManifest = false } = {}): Placed {
  return { [PLACED]: "when", condition, node, inManifest };
}

/** One object of a file. */
export interface Document {
  readonly node: NodeMap;
  /** Of the chart: whether the object is there. */
  readonly condition?: string;
  /** Of the chart: an expression for a list; the object is there for each, as `$each`. */
  readonly each?: string;
  /** Not in the manifests, where what it depends on is left out. */
  readonly chartOnly?: boolean;
}

/** The documents as a file of `manifests/`. */
export function manifestText(documents: readonly Document[]): string {
  return documents
    .filter(({ chartOnly }) => chartOnly !== true)
    .map(({ node }) => stringify(plainOf(node), { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}

/** The documents as a template of the chart. */
export function templateText(documents: readonly Document[]): string {
  return documents
    .map(({ node, condition, each }) => {
      const opened = [
        ...(condition === undefined ? [] : [`{{- if ${condition} }}`]),
        ...(each === undefined ? [] : [`{{- range $each := ${each} }}`]),
      ];
      return [...opened, "---", ...mapLines(node, ""), ...opened.map(() => "{{- end }}"), ""].join("\n");
    })
    .join("");
}

/** The object as it is in `manifests/`. */
function plainOf(node: Node): unknown {
  if (isPlaced(node)) return plainOf((node[PLACED] === "when" ? node.node : node.plain) ?? null);
  if (isList(node)) return node.filter(inManifest).flatMap(plainItems);
  if (node === null || typeof node !== "object") return node;
  const entries = Object.entries(node).filter(([, value]) => value !== undefined && inManifest(value));
  return Object.fromEntries(entries.map(([key, value]) => [key, plainOf(value ?? null)]));
}

/** Whether nothing of a list need be there, and so the list itself. */
function mayBeEmpty(list: readonly Node[]): list is readonly Placed[] {
  return list.length > 0 && list.every((item) => isPlaced(item) && item[PLACED] !== "setting");
}

/** A block among the items of a list is items itself. */
function plainItems(item: Node): unknown[] {
  const plain = plainOf(item);
  return isPlaced(item) && item[PLACED] === "block" && Array.isArray(plain) ? plain : [plain];
}

function inManifest(node: Node): boolean {
  if (isList(node) && mayBeEmpty(node)) return node.some(inManifest);
  if (!isPlaced(node)) return true;
  switch (node[PLACED]) {
    case "when":
      return node.inManifest;
    case "setting":
      return node.plain !== undefined;
    case "block":
      // An empty block says nothing: what it stands for has no default.
      return !isEmpty(node.plain);
  }
}

function isEmpty(node: Node): boolean {
  return typeof node === "object" && node !== null && Object.keys(node).length === 0;
}

function isPlaced(node: Node): node is Placed {
  return typeof node === "object" && node !== null && PLACED in node;
}

function isList(node: Node): node is readonly Node[] {
  return Array.isArray(node);
}

function mapLines(map: NodeMap, indent: string): string[] {
  return Object.entries(map).flatMap(([key, value]) =>
    value === undefined ? [] : entryLines(key, value, indent),
  );
}

function entryLines(key: string, value: Node, indent: string): string[] {
  const label = `${indent}${scalar(key)}:`;
  if (isPlaced(value)) {
    switch (value[PLACED]) {
      case "when":
        return inside(`if ${value.condition}`, entryLines(key, value.node, indent), indent);
      case "setting":
        return [`${label} {{ ${value.expression} }}`];
      case "block":
        return inside(
          `with ${value.expression}`,
          [label, `${indent}  {{- toYaml . | nindent ${indent.length + 2} }}`],
          indent,
        );
    }
  }
  if (isList(value)) {
    const items = value.length === 0 ? [`${label} []`] : [label, ...listLines(value, `${indent}  `)];
    return mayBeEmpty(value) ? inside(`if or ${value.map(conditionOf).join(" ")}`, items, indent) : items;
  }
  if (value === null || typeof value !== "object") return [`${label} ${scalar(value)}`];
  if (Object.keys(value).length === 0) return [`${label} {}`];
  return [label, ...mapLines(value, `${indent}  `)];
}

function conditionOf(item: Placed): string {
  return item[PLACED] === "when" ? `(${item.condition})` : `(${item.expression})`;
}

function listLines(list: readonly Node[], indent: string): string[] {
  return list.flatMap((item) => itemLines(item, indent));
}

function itemLines(item: Node, indent: string): string[] {
  if (isPlaced(item)) {
    switch (item[PLACED]) {
      case "when":
        return inside(`if ${item.condition}`, itemLines(item.node, indent), indent);
      case "setting":
        return [`${indent}- {{ ${item.expression} }}`];
      case "block":
        return inside(
          `with ${item.expression}`,
          [`${indent}{{- toYaml . | nindent ${indent.length} }}`],
          indent,
        );
    }
  }
  if (item === null || typeof item !== "object") return [`${indent}- ${scalar(item)}`];
  if (isList(item)) throw new Error("a list in a list is not written in manifests");
  const [first, ...others] = Object.entries(item).filter(([, value]) => value !== undefined);
  if (first === undefined) return [`${indent}- {}`];
  const [key, value] = first;
  const [line = "", ...below] = entryLines(key, value ?? null, `${indent}  `);
  if (line.includes("{{- if")) throw new Error(`${key}: what may be absent cannot be first in an item`);
  return [
    `${indent}- ${line.slice(indent.length + 2)}`,
    ...below,
    ...others.flatMap(([name, each]) => entryLines(name, each ?? null, `${indent}  `)),
  ];
}

function inside(opening: string, lines: readonly string[], indent: string): string[] {
  return [`${indent}{{- ${opening} }}`, ...lines, `${indent}{{- end }}`];
}

/** One line of YAML. Text in which Helm would see an expression must not be in a manifest. */
function scalar(value: Scalar): string {
  const text = stringify(value, { lineWidth: 0, defaultStringType: "PLAIN" }).trimEnd();
  const line = text.includes("\n") ? JSON.stringify(value) : text;
  return line.replaceAll("{{", '{{ "{{" }}');
}
