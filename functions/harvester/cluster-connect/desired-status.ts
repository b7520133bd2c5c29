import { clusterConditions, clusterReasons, pausedReasons, readyReasons } from "#api/condition-names.ts";
import type { FailureDomain } from "#api/harvester-cluster.ts";
import { lookAtAnnotation } from "#api/names.ts";
import type { ClusterConnectView } from "#functions/harvester/cluster-connect/cluster-world.ts";
import { failureDomains, sameDomains } from "#functions/harvester/cluster-connect/failure-domains.ts";
import { endpointOf, pauseReason } from "#functions/harvester/owner-cluster.ts";
import { findCondition, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { isAvailable } from "#platform/harvester/deployment.ts";

/** What the status should say; conditions not named stay as they are. */
export interface DesiredStatus {
  readonly conditions: readonly WantedCondition[];
  /** Undefined: as it is. */
  readonly ready: boolean | undefined;
  /** Latched: once true it is never taken back (Cluster API contract). */
  readonly provisioned: boolean;
  /** Undefined: as they are. */
  readonly failureDomains: readonly FailureDomain[] | undefined;
}

/** What happened to the target namespace in this very step. */
export type NamespaceNews =
  | { readonly created: true }
  /** `permanent`: the name itself is refused; otherwise a right is missing, which may be granted any time. */
  | { readonly refused: string; readonly permanent: boolean };

type Verdict = Pick<WantedCondition, "status" | "reason" | "message">;

/** Pure. A condition that could not be evaluated yet keeps what it said before: a restart of the hub changes no status. */
export function desiredStatus(view: ClusterConnectView, news?: NamespaceNews): DesiredStatus {
  const { object, related } = view;
  const { status } = object;
  const provisionedBefore = status.initialization?.provisioned === true;
  const paused = pauseReason(object, related.cluster);
  if (paused !== undefined) {
    const condition = { status: "True", reason: pausedReasons.Paused, message: paused } as const;
    return {
      conditions: [named(view, clusterConditions.Paused, condition)],
      ready: undefined,
      provisioned: provisionedBefore,
      failureDomains: undefined,
    };
  }
  const connection = connectionVerdict(view);
  const namespace = connection && namespaceVerdict(view, connection, news);
  const infrastructure = connection && namespace && infrastructureVerdict(view, connection, namespace);
  const ready = infrastructure === undefined ? undefined : infrastructure.status === "True";
  const wanted: readonly (readonly [string, Verdict | undefined])[] = [
    [
      clusterConditions.HarvesterConnectionReady,
      connection ?? first(view, "HarvesterConnectionReady", connecting),
    ],
    [clusterConditions.TargetNamespaceReady, namespace ?? first(view, "TargetNamespaceReady", unchecked)],
    [
      clusterConditions.InfrastructureReady,
      infrastructure ?? first(view, "InfrastructureReady", provisioning),
    ],
    [
      clusterConditions.Ready,
      summary(view, infrastructure) ?? summary(view, first(view, "Ready", provisioning)),
    ],
    [clusterConditions.Paused, { status: "False", reason: pausedReasons.NotPaused, message: "" }],
    [clusterConditions.LookedAt, lookedAt(view)],
  ];
  return {
    conditions: wanted.flatMap(([type, verdict]) =>
      verdict === undefined ? [] : [named(view, type, verdict)],
    ),
    ready,
    provisioned: provisionedBefore || ready === true,
    failureDomains: connection?.status === "True" ? failureDomains(view) : undefined,
  };
}

/** Whether the status says all this already, timestamps aside. */
export function isShown({ object: { status } }: ClusterConnectView, desired: DesiredStatus): boolean {
  return (
    sameConditions(status.conditions, desired.conditions) &&
    (desired.ready === undefined || status.ready === desired.ready) &&
    (desired.failureDomains === undefined || sameDomains(status.failureDomains, desired.failureDomains)) &&
    (status.initialization?.provisioned === true) === desired.provisioned
  );
}

/** Whether the target namespace has to be created: it is absent from a complete list of a working Harvester. */
export function lacksNamespace(view: ClusterConnectView): boolean {
  return (
    connectionVerdict(view)?.status === "True" &&
    view.related.targetNamespace === undefined &&
    !view.unknown.includes("targetNamespace")
  );
}

const connecting: Verdict = {
  status: "False",
  reason: clusterReasons.HarvesterConnectionInProgress,
  message: "the connection to Harvester is being made",
};
const unchecked: Verdict = {
  status: "Unknown",
  reason: clusterReasons.TargetNamespaceChecking,
  message: "not evaluated: there is no connection to Harvester",
};
const provisioning: Verdict = {
  status: "False",
  reason: clusterReasons.InfrastructureProvisioningInProgress,
  message: "the connection to Harvester is being made",
};

/** Undefined while it cannot be told. */
function connectionVerdict({ related, unknown }: ClusterConnectView): Verdict | undefined {
  const state = related.connection;
  if (state === undefined || state.state === "connecting") return undefined;
  if (state.state === "failed") {
    const unreachable = state.reason === "Unreachable" || state.reason === "CertificateNotTrusted";
    return {
      status: "False",
      reason: unreachable
        ? clusterReasons.HarvesterConnectionFailed
        : clusterReasons.HarvesterAuthenticationFailed,
      message: state.message ?? "there is no connection to Harvester",
    };
  }
  if (unknown.includes("harvester")) return undefined;
  if (related.harvester === undefined) {
    return {
      status: "False",
      reason: clusterReasons.HarvesterConnectionFailed,
      message:
        "Deployment harvester-system/harvester does not exist; the identity Secret must hold the kubeconfig of a Harvester cluster",
    };
  }
  if (!isAvailable(related.harvester)) {
    return {
      status: "False",
      reason: clusterReasons.HarvesterConnectionFailed,
      message: "Deployment harvester-system/harvester is not Available",
    };
  }
  return { status: "True", reason: clusterReasons.HarvesterConnectionReady, message: "" };
}

function namespaceVerdict(
  view: ClusterConnectView,
  connection: Verdict,
  news: NamespaceNews | undefined,
): Verdict | undefined {
  if (connection.status !== "True") return unchecked;
  if (view.unknown.includes("targetNamespace")) return undefined;
  const { targetNamespace } = view.object.spec;
  const found = view.related.targetNamespace;
  const problem =
    found?.status.phase === "Terminating" || found?.meta.deletionTimestamp !== undefined
      ? `namespace ${targetNamespace} is being deleted`
      : found !== undefined || (news !== undefined && "created" in news)
        ? undefined
        : (news?.refused ?? `namespace ${targetNamespace} does not exist`);
  return problem === undefined
    ? { status: "True", reason: clusterReasons.TargetNamespaceReady, message: "" }
    : { status: "False", reason: clusterReasons.TargetNamespaceNotReady, message: problem };
}

function infrastructureVerdict(
  { object }: ClusterConnectView,
  connection: Verdict,
  namespace: Verdict,
): Verdict {
  const failed = [connection, namespace].find(({ status }) => status === "False");
  if (failed !== undefined) {
    return {
      status: "False",
      reason: clusterReasons.InfrastructureProvisioningFailed,
      message: failed.message,
    };
  }
  if (endpointOf(object) === undefined) {
    const balancer = findCondition(object.status.conditions, clusterConditions.LoadBalancerReady);
    const cause = balancer?.status === "False" && balancer.message !== "" ? `: ${balancer.message}` : "";
    return {
      status: "False",
      reason: clusterReasons.InfrastructureProvisioningInProgress,
      message: `spec.controlPlaneEndpoint is not set yet${cause}`,
    };
  }
  return { status: "True", reason: clusterReasons.InfrastructureReady, message: "" };
}

/** Ready is what no finding speaks against, neither ours nor one of the functions that make something for the cluster. */
function summary({ object }: ClusterConnectView, infrastructure: Verdict | undefined): Verdict | undefined {
  if (infrastructure === undefined) return undefined;
  const found =
    infrastructure.status === "True"
      ? counted.map((type) => findCondition(object.status.conditions, type))
      : [];
  const problem = found.find(
    (each) => each?.status === "False" && each.reason !== clusterReasons.LoadBalancerNoBackendMachine,
  );
  const { status, message } = problem ?? infrastructure;
  return {
    status: status === "True" ? "True" : "False",
    message,
    reason: status === "True" ? readyReasons.Ready : readyReasons.NotReady,
  };
}

const counted = [
  clusterConditions.VMIPPoolReady,
  clusterConditions.CustomIPPoolCreated,
  clusterConditions.LoadBalancerReady,
  clusterConditions.CloudProviderConfigReady,
];

/** The answer to whoever asked for a look. */
function lookedAt({ object }: ClusterConnectView): Verdict | undefined {
  const token = object.metadata.annotations[lookAtAnnotation];
  return token === undefined
    ? undefined
    : { status: "True", reason: clusterReasons.LookedAt, message: token };
}

/** The verdict for a condition that has never been there; one that is there keeps what it says. */
function first(view: ClusterConnectView, type: string, verdict: Verdict): Verdict | undefined {
  return findCondition(view.object.status.conditions, type) === undefined ? verdict : undefined;
}

function named(view: ClusterConnectView, type: string, verdict: Verdict): WantedCondition {
  const { generation } = view.object.meta;
  return { type, ...verdict, ...(generation !== undefined && { observedGeneration: generation }) };
}
