import type { StepFunction } from "#functions/contract/function.ts";
import { alertResolve } from "#functions/cluster-api/alert-resolve/function.ts";
import { eventInject } from "#functions/cluster-api/event-inject/function.ts";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import { etcdRelieve } from "#functions/cluster-api/etcd-relieve/function.ts";
import { etcdSnapshot } from "#functions/cluster-api/etcd-snapshot/function.ts";
import { certReissue } from "#functions/cluster-api/cert-reissue/function.ts";
import { csrApprove } from "#functions/cluster-api/csr-approve/function.ts";
import { nodeCertReissue } from "#functions/cluster-api/node-cert-reissue/function.ts";
import { tlsReissue } from "#functions/cluster-api/tls-reissue/function.ts";
import { nodeInit } from "#functions/cluster-api/node-init/function.ts";
import { machineRemediate, nodeRemediate } from "#functions/cluster-api/node-remediate/function.ts";
import { remediationExpire } from "#functions/cluster-api/remediation-expire/function.ts";
import { addressClaim } from "#functions/harvester/address-claim/function.ts";
import { addressWithdraw } from "#functions/harvester/address-withdraw/function.ts";
import { claimPoolObserve } from "#functions/harvester/claim-pool-observe/function.ts";
import { claimRelease } from "#functions/harvester/claim-release/function.ts";
import { claimServe } from "#functions/harvester/claim-serve/function.ts";
import { cloudConfig } from "#functions/harvester/cloud-config/function.ts";
import { clusterDelete } from "#functions/harvester/cluster-delete/function.ts";
import { clusterConnect } from "#functions/harvester/cluster-connect/function.ts";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { lbProvision } from "#functions/harvester/lb-provision/function.ts";
import { machineDiagnose } from "#functions/harvester/machine-diagnose/function.ts";
import { machineObserve } from "#functions/harvester/machine-observe/function.ts";
import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { poolProvision } from "#functions/harvester/pool-provision/function.ts";
import { rancherImport } from "#functions/harvester/rancher-import/function.ts";
import { templateCapacity } from "#functions/harvester/template-capacity/function.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { identityRotate } from "#functions/incus/identity-rotate/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";

/** Every function there is. The hub is handed this list; it knows none by name. */
export const allFunctions: readonly StepFunction[] = [
  clusterConnect,
  poolProvision,
  lbProvision,
  cloudConfig,
  rancherImport,
  ipAllocate,
  addressClaim,
  claimPoolObserve,
  claimServe,
  vmCreate,
  machineObserve,
  templateCapacity,
  nodeInit,
  machineDiagnose,
  etcdRemove,
  etcdSnapshot,
  etcdRelieve,
  vmDelete,
  clusterDelete,
  ipRelease,
  addressWithdraw,
  claimRelease,
  poolReclaim,
  certReissue,
  tlsReissue,
  identityRotate,
  nodeCertReissue,
  csrApprove,
  alertResolve,
  nodeRemediate,
  machineRemediate,
  eventInject,
  remediationExpire,
];
