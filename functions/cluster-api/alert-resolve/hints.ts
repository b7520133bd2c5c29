import { isIP } from "node:net";
import type { IndexQuery } from "#functions/contract/relations.ts";
import type { Remediation } from "#platform/cluster-api/remediation.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** One thing that is known of the machine that is meant, as a value of an index of Machines. */
export interface Rung {
  /** The field or label it comes from, as the status names it. */
  readonly by: string;
  readonly index: "name" | "providerID" | "node" | "address";
  readonly value: string;
}

/** What a request knows of its machine. */
export interface Hints {
  /** Namespace of the Machine; undefined when it is not said. */
  readonly namespace: string | undefined;
  readonly cluster: string | undefined;
  /** The ladder, surest first: name, providerID, Node, address. */
  readonly rungs: readonly Rung[];
  /** The last rung: a Pod of the workload cluster, whose Node is the machine's. */
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
}

type TargetField = "namespace" | "cluster" | "machine" | "providerID" | "node" | "address";

/** What the target says, and where it is silent, the alert's labels. */
export function hintsOf({ spec }: Pick<Remediation, "spec">): Hints {
  const { target = {}, alert } = spec;
  const labels = alert?.labels ?? {};
  const pick = (field: TargetField, label: string) => {
    const value = given(target[field]);
    return value === undefined
      ? { by: `label ${label}`, value: given(labels[label]) }
      : { by: `spec.target.${field}`, value };
  };
  const known: readonly [Rung["index"], { by: string; value: string | undefined }][] = [
    ["name", pick("machine", "machine")],
    ["providerID", pick("providerID", "provider_id")],
    ["node", pick("node", "node")],
    ["address", pick("address", "instance")],
  ];
  const pod = { namespace: given(labels["namespace"]), name: given(labels["pod"]) };
  return {
    namespace: pick("namespace", "cluster_namespace").value,
    cluster: pick("cluster", "cluster").value,
    rungs: known.flatMap(([index, { by, value }]) =>
      value === undefined ? [] : [index === "address" ? host(by, value) : { by, index, value }],
    ),
    pod:
      pod.namespace === undefined || pod.name === undefined
        ? undefined
        : { namespace: pod.namespace, name: pod.name },
  };
}

/** Machines that a hint may mean, of every namespace: which of them count is decided by {@link Hints.namespace}. */
export function machineQueries(hints: Hints): readonly IndexQuery[] {
  return hints.rungs.map(({ index, value }) => ({ connection: MANAGEMENT, index, value }));
}

/** The host of `host:port`. Not an address, it is the name of a Node: that is what many exporters say. */
function host(by: string, value: string): Rung {
  const bare = isIP(value) === 0 ? value.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1") : value;
  return { by, index: isIP(bare) === 0 ? "node" : "address", value: bare };
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value.trim();
}
