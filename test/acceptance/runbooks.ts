/** A row of an operations guide that says what to do when something is wrong, or to be kept from going wrong. */
export interface RunbookRow {
  readonly guide: "CAPHV" | "LXD lab";
  readonly row: string;
  /** Page below `docs/`, with an anchor if need be. */
  readonly page: string;
  /** Functions that do it. */
  readonly functions: readonly string[];
  /** What is left to a person, or, where no function does it, why. */
  readonly left: string;
}

/** The rows of both guides: runbooks, troubleshooting, disaster recovery, recurring checks. */
export const runbookRows: readonly RunbookRow[] = [
  {
    guide: "CAPHV",
    row: "Controller not reconciling",
    page: "runbooks/nothing-reconciled.md",
    functions: ["machine-observe", "cluster-connect"],
    left: "rights, memory, an API server that is down; both functions answer `capfn.dev/look-at`, the hub mends watches and leadership itself",
  },
  {
    guide: "CAPHV",
    row: "Machine stuck in Provisioning",
    page: "runbooks/machine-stuck-provisioning.md",
    functions: ["machine-diagnose", "machine-observe"],
    left: "what the diagnosis names; SSH access, if the guest is to be asked",
  },
  {
    guide: "CAPHV",
    row: "IP pool exhausted",
    page: "runbooks/ip-pool-exhausted.md",
    functions: ["pool-reclaim", "ip-allocate", "ip-release"],
    left: "a wider pool; entries that cannot be proven to be left over",
  },
  {
    guide: "CAPHV",
    row: "etcd member removal failed during remediation",
    page: "runbooks/etcd-member.md",
    functions: ["etcd-remove"],
    left: "members that do not answer; a member whose machine is gone",
  },
  {
    guide: "CAPHV",
    row: "Webhook certificate expired; webhook down",
    page: "runbooks/object-refused.md",
    functions: [],
    left: "nothing can expire: admission is in the API server itself; leftovers of CAPHV are deleted by hand",
  },
  {
    guide: "CAPHV",
    row: "Resources rejected unexpectedly",
    page: "runbooks/object-refused.md",
    functions: [],
    left: "the API server's answer names field and mend",
  },
  {
    guide: "CAPHV",
    row: "Node unhealthy: MachineHealthCheck and remediation",
    page: "runbooks/node-not-ready.md",
    functions: ["machine-remediate", "node-remediate", "alert-resolve", "vm-delete", "ip-release"],
    left: "what is escalated",
  },
  {
    guide: "CAPHV",
    row: "Backup of etcd",
    page: "tasks/control-plane.md#snapshots",
    functions: ["etcd-snapshot"],
    left: "asking for it, a place for it, restoring",
  },
  {
    guide: "CAPHV",
    row: "Disaster recovery: rebuild the management cluster",
    page: "runbooks/management-cluster-lost.md",
    functions: ["vm-create", "ip-allocate", "machine-observe"],
    left: "copies of the objects, and applying them; the functions take over VMs and addresses as they are",
  },
  {
    guide: "CAPHV",
    row: "Harvester-side backup",
    page: "runbooks/management-cluster-lost.md",
    functions: [],
    left: "Harvester's own backups of volumes",
  },
  {
    guide: "CAPHV",
    row: "Recommended alerts: creation errors, machine or cluster not ready, allocation errors, etcd removal errors",
    page: "tasks/alerts.md",
    functions: ["alert-resolve"],
    left: "routes of Alertmanager; rules and metrics are shipped",
  },
  {
    guide: "LXD lab",
    row: "Health of the management cluster's controllers",
    page: "runbooks/nothing-reconciled.md",
    functions: ["cluster-connect"],
    left: "controllers other than capfn",
  },
  {
    guide: "LXD lab",
    row: "Health of a workload cluster",
    page: "runbooks/node-not-ready.md",
    functions: ["node-remediate", "node-init", "machine-diagnose"],
    left: "network plugin and workloads",
  },
  {
    guide: "LXD lab",
    row: "External address not reachable",
    page: "runbooks/load-balancer-unreachable.md",
    functions: ["machine-diagnose"],
    left: "the load balancer: the function only tells what guests hear from the endpoint",
  },
  {
    guide: "LXD lab",
    row: "Kubernetes state backups",
    page: "tasks/control-plane.md#snapshots",
    functions: ["etcd-snapshot"],
    left: "restoring; backups of volumes",
  },
  {
    guide: "LXD lab",
    row: "Field is immutable on upgrade",
    page: "runbooks/object-refused.md",
    functions: [],
    left: "a new template under a new name; forcing it is never right",
  },
  {
    guide: "LXD lab",
    row: "Rotating the identity Secret and the trust of LXD; its copies per namespace; instance inventory",
    page: "runbooks/certificate-expires.md",
    functions: ["identity-rotate"],
    left: "marking every copy of the Secret; copies per namespace, and the inventory of instances",
  },
];
