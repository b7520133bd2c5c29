/**
 * Counters that steps move. Names and meaning of the `caphv_` ones are those of the Go provider, so that dashboards and alerts carry
 * over; they count outcomes, never passes.
 */
export const counters = {
  caphv_machine_create_total: "VMs created on Harvester",
  caphv_machine_create_errors_total: "Attempts to create a VM that failed",
  caphv_machine_delete_total: "VMs deleted on Harvester, each machine once",
  caphv_machine_delete_errors_total: "Attempts to delete a VM that failed",
  caphv_ippool_allocations_total: "Addresses allocated from an IPPool",
  caphv_ippool_allocation_errors_total: "Machines that found every configured IPPool exhausted or unusable",
  caphv_ippool_releases_total: "Addresses given back to an IPPool, each address once",
  caphv_etcd_member_remove_total: "etcd members removed, each once",
  caphv_etcd_member_remove_errors_total:
    "Attempts to remove an etcd member, or to see that it is gone, that failed",
  capfn_etcd_snapshots_total: "Snapshots of etcd taken and verified",
  capfn_etcd_snapshot_errors_total: "Attempts to take a snapshot of etcd that failed",
  capfn_ippool_reclaims_total: "Addresses taken back from machines that no longer exist",
  capfn_certificates_reissued_total: "Certificates in Secrets reissued by us or, when asked, by cert-manager",
  capfn_certificate_requests_approved_total: "Certificate requests of kubelets approved",
  capfn_machine_diagnoses_total: "Stuck machines that were looked into",
  caphv_node_init_total: "Nodes initialised: providerID set, uninitialized taint removed",
  caphv_node_init_errors_total: "Attempts to initialise a Node that failed",
  capfn_remediation_unresolved_total: "Requests whose machine cannot be told",
  capfn_remediation_held_total: "Times a guard held back a remediation",
  capfn_remediation_steps_total: "Reboots, power cycles and deletions of Machines begun",
  capfn_remediation_succeeded_total: "Remediations after which the machine was well",
  capfn_remediation_escalated_total: "Remediations that were left to a person",
} as const;

export type CounterName = keyof typeof counters;
