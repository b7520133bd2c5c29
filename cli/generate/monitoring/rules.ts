import { certificateRules } from "#cli/generate/monitoring/certificate-rules.ts";

/** An alert of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string };
}

/** Rules that are evaluated together, and why they are there. */
export interface RuleGroup {
  readonly name: string;
  readonly comment: string;
  readonly rules: readonly AlertRule[];
}

const warning = { severity: "warning" } as const;
const critical = { severity: "critical" } as const;

function rule(
  alert: string,
  expr: string,
  { for: time, labels = warning, summary }: { for?: string; labels?: AlertRule["labels"]; summary: string },
): AlertRule {
  return { alert, expr, ...(time !== undefined && { for: time }), labels, annotations: { summary } };
}

const remediation: RuleGroup = {
  name: "capfn-remediation",
  comment:
    "For the Prometheus of a workload cluster, with kube-state-metrics. Its external labels cluster and cluster_namespace name the Cluster.",
  rules: [
    rule(
      "NodeNotReady",
      // Only labels of the Node: those of the exporter would make another alert whenever it is restarted.
      'max by (cluster, cluster_namespace, node) (kube_node_status_condition{condition="Ready", status="true"}) == 0',
      {
        for: "5m",
        labels: { ...critical, remediation: "capfn" },
        summary: "Node {{ $labels.node }} has not been Ready for 5 minutes.",
      },
    ),
  ],
};

const hub: RuleGroup = {
  name: "capfn-hub",
  comment: "For the Prometheus that scrapes capfn.",
  rules: [
    rule("CapfnAbsent", "absent(capfn_leading)", {
      for: "10m",
      labels: critical,
      summary: "capfn does not run, or is not scraped.",
    }),
    rule("CapfnNobodyLeads", "sum(capfn_leading) == 0", {
      for: "5m",
      labels: critical,
      summary: "No process of capfn leads; see the Lease capfn-hub and why it is not taken.",
    }),
    rule("CapfnNotReady", "capfn_ready == 0", {
      for: "10m",
      summary:
        "A process of capfn has not seen everything it looks at for 10 minutes; /readyz says what is missing.",
    }),
    rule("CapfnParkedWork", "sum(capfn_parked) > 0", {
      for: "5m",
      summary: "{{ $value }} steps wait for a person; capfn parked says which.",
    }),
    rule("CapfnServerDown", "sum(capfn_open_breakers) > 0", {
      for: "5m",
      summary: "{{ $value }} API servers do not answer capfn.",
    }),
    rule("CapfnBehind", "max(capfn_queue_oldest_age_seconds) > 60", {
      for: "5m",
      summary: "Work has been waiting for capfn for {{ $value | humanizeDuration }}.",
    }),
    rule("CapfnMissedChanges", "sum(increase(capfn_missed_deltas_total[1h])) > 0", {
      summary: "A watch did not deliver what the API server has.",
    }),
    rule(
      "CapfnPlatformFaults",
      'sum by (function) (increase(capfn_faults_total{cause="platform"}[15m])) > 10',
      {
        for: "15m",
        summary:
          "Steps of {{ $labels.function }} keep ending for want of an answer, a right or a pod; the log names what.",
      },
    ),
    rule("CapfnFunctionBroken", "sum by (function) (increase(capfn_predicate_failures_total[15m])) > 0", {
      summary: "{{ $labels.function }} cannot judge an object: an error in capfn, please report it.",
    }),
  ],
};

const ingress: RuleGroup = {
  name: "capfn-ingress",
  comment: "About what is sent to capfn.",
  rules: [
    rule(
      "CapfnIngressRefuses",
      'sum by (path, sender) (increase(capfn_ingress_requests_total{status=~"4.."}[15m])) > 0',
      {
        summary:
          "The ingress of capfn refuses requests of {{ $labels.sender }} at {{ $labels.path }}; its log names the field.",
      },
    ),
    rule("CapfnIngressFails", 'sum by (path) (rate(capfn_ingress_requests_total{status="503"}[10m])) > 0', {
      for: "10m",
      labels: critical,
      summary: "capfn has been unable to take what is sent to {{ $labels.path }} for 10 minutes.",
    }),
    rule("CapfnIngressOversized", "sum by (sender) (increase(capfn_ingress_oversized_total[15m])) > 0", {
      labels: critical,
      summary:
        "{{ $labels.sender }} sends alerts in bodies that are too large to be taken; lower max_alerts or group_by more labels.",
    }),
    rule("CapfnSenderWithoutToken", "capfn_ingress_sender_has_token == 0", {
      for: "5m",
      summary: "The ingress refuses {{ $labels.sender }}, because its token file is empty or gone.",
    }),
  ],
};

const pools: RuleGroup = {
  name: "capfn-pools",
  comment: "About the IPPools on Harvester.",
  rules: [
    rule("CapfnPoolExhausted", "capfn_ippool_addresses_free == 0", {
      for: "5m",
      labels: critical,
      summary: "IPPool {{ $labels.pool }} has no free address; new machines wait.",
    }),
    rule(
      "CapfnPoolNearlyExhausted",
      "capfn_ippool_addresses_free > 0 and capfn_ippool_addresses_free < 0.1 * capfn_ippool_addresses",
      {
        for: "15m",
        summary: "IPPool {{ $labels.pool }} has {{ $value }} free addresses, less than a tenth.",
      },
    ),
  ],
};

const etcd: RuleGroup = {
  name: "capfn-etcd",
  comment: "About the snapshots of etcd that Clusters ask for.",
  rules: [
    rule(
      "CapfnSnapshotOverdue",
      "capfn_etcd_snapshot_age_seconds > 2 * capfn_etcd_snapshot_interval_seconds",
      {
        for: "10m",
        labels: critical,
        summary:
          "The last snapshot of the etcd of {{ $labels.cluster }} is {{ $value | humanizeDuration }} old.",
      },
    ),
    rule("CapfnSnapshotFails", "sum(increase(capfn_etcd_snapshot_errors_total[1h])) > 2", {
      summary: "Snapshots of etcd keep failing; Events on the Clusters say why.",
    }),
  ],
};

/** All rules that are shipped. */
export const ruleGroups: readonly RuleGroup[] = [
  remediation,
  hub,
  ingress,
  certificateRules(rule),
  pools,
  etcd,
];
