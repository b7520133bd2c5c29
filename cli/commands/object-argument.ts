import { Argument, InvalidArgumentError } from "commander";

/** The object a command is about; without a namespace it is that of `--namespace`. */
export interface NamedObject {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** What a person types before the slash. */
const kinds: readonly string[] = [
  "machine",
  "harvestermachine",
  "cluster",
  "harvestercluster",
  "remediationrequest",
  "machineremediation",
  "eventinjection",
  "secret",
  "machine.cluster.x-k8s.io",
  "cluster.cluster.x-k8s.io",
];

/** `<object>` of commands that are about one object. */
export function objectArgument(): Argument {
  const meaning = `<kind>/<name> or <kind>/<namespace>/<name>; kind is one of ${kinds.join(", ")}`;
  return new Argument("<object>", meaning).argParser(parseObject);
}

function parseObject(text: string): NamedObject {
  const [kind = "", second = "", third, ...more] = text.split("/");
  if (!kinds.includes(kind.toLowerCase()) || second === "" || third === "" || more.length > 0) {
    throw new InvalidArgumentError(
      `"${text}" is no object; write <kind>/<name>, e.g. machine/worker-1. Kinds: ${kinds.join(", ")}.`,
    );
  }
  return third === undefined ? { kind, name: second } : { kind, namespace: second, name: third };
}
