/** Where a clause is looked for: in CustomResourceDefinitions, in objects that are there, or in objects made to try it. */
type Place = "definitions" | "objects" | "exercise";

/** One rule of the Cluster API contract for infrastructure providers. */
interface Clause {
  readonly says: string;
  /** Without it Cluster API core or clusterctl does not work with the provider. */
  readonly mandatory: boolean;
  readonly place: Place;
}

/**
 * The clauses that can be looked at from outside, in the order they are printed. Their words follow the pages "Contract rules for InfraCluster",
 * "InfraMachine" and "clusterctl provider contract" of the Cluster API book.
 */
export const clauses = {
  "crd-namespaced": define("definitions", true, "the scope of the definition is Namespaced"),
  "crd-name": define("definitions", true, "the definition is named <plural of the kind>.<group>"),
  "contract-label": define(
    "definitions",
    true,
    "a label cluster.x-k8s.io/<contract> names a version that is served",
  ),
  "list-kind": define("definitions", true, "there is a kind <Kind>List"),
  "provider-label": define(
    "definitions",
    true,
    "the label cluster.x-k8s.io/provider is infrastructure-<name>",
  ),
  "move-label": define(
    "definitions",
    false,
    "the label clusterctl.cluster.x-k8s.io makes clusterctl move find the kind",
  ),
  "status-subresource": define("definitions", true, "status is a subresource"),
  "core-rights": define("definitions", true, "Cluster API core may read and write the kind"),
  "cluster-endpoint": define("definitions", false, "spec.controlPlaneEndpoint has host and port"),
  "cluster-provisioned": define("definitions", true, "the cluster can say that it is provisioned"),
  "failure-domains": define("definitions", false, "status.failureDomains has the form of the contract"),
  "provider-id": define("definitions", true, "spec.providerID is a string"),
  "machine-provisioned": define("definitions", true, "the machine can say that it is provisioned"),
  addresses: define("definitions", false, "status.addresses is a list of type and address"),
  "machine-failure-domain": define("definitions", false, "status.failureDomain is a string"),
  conditions: define("definitions", false, "status.conditions is a list of conditions, one per type"),
  "machine-template": define("definitions", true, "machines have a template kind"),
  "cluster-template": define("definitions", false, "clusters have a template kind, for ClusterClasses"),
  "template-spec": define("definitions", true, "the template has spec.template.spec"),
  "template-metadata": define(
    "definitions",
    false,
    "spec.template.metadata of the template takes labels and annotations",
  ),
  "template-capacity": define(
    "definitions",
    false,
    "status.capacity and status.nodeInfo of the template tell an autoscaler the size of a machine",
  ),
  owned: define("objects", true, "every object is owned by the Cluster or Machine that names it"),
  "cluster-name": define("objects", true, "every owned object has the label cluster.x-k8s.io/cluster-name"),
  held: define("objects", true, "a finalizer holds what has something outside"),
  "conditions-valid": define("objects", false, "conditions are valid, one per type"),
  "paused-shown": define("objects", false, "Paused is True on what is paused and on nothing else"),
  "provisioned-stays": define("objects", true, "what was provisioned once stays provisioned"),
  "endpoint-set": define("objects", true, "a provisioned cluster has an endpoint"),
  "provider-id-set": define("objects", true, "a provisioned machine has the providerID of its Machine"),
  "provider-id-unique": define("objects", true, "no two machines have one providerID"),
  "pause-told": define("exercise", false, "an object of a paused Cluster gets the condition Paused=True"),
  "pause-kept": define("exercise", true, "nothing is done for an object of a paused Cluster"),
  "managed-by": define(
    "exercise",
    true,
    "an externally managed cluster is left alone, and what the other system fills in stays",
  ),
  "owner-first": define("exercise", true, "nothing is done for an object that has no owner yet"),
  "move-safe": define(
    "exercise",
    true,
    "an object that clusterctl move deletes is not let go by the provider",
  ),
  "template-apply": define("exercise", true, "a template can be applied in a dry run, again and again"),
  "template-immutable": define(
    "exercise",
    false,
    "spec.template.spec of a template that is there cannot change",
  ),
  "topology-dry-run": define(
    "exercise",
    true,
    "a dry run of the topology controller may change spec.template.spec",
  ),
} as const satisfies Record<string, Clause>;

export type ClauseId = keyof typeof clauses;

/** The clauses of one place, in order. */
export function clausesOf(place: Place): readonly ClauseId[] {
  return allClauses().filter((id) => clauses[id].place === place);
}

/** Every clause, in order. */
export function allClauses(): readonly ClauseId[] {
  return Object.keys(clauses).filter(isClauseId);
}

function isClauseId(text: string): text is ClauseId {
  return Object.hasOwn(clauses, text);
}

function define(place: Place, mandatory: boolean, says: string): Clause {
  return { says, mandatory, place };
}
