import { lookAtAnnotation } from "#api/names.ts";
import { decideRequests } from "#functions/cluster-api/csr-approve/handler.ts";
import {
  hasRequests,
  machineWithRequests,
  ownAddresses,
} from "#functions/cluster-api/csr-approve/machine-requests.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const csrApprove = defineFunction({
  name: "csr-approve",
  summary:
    "Approves a kubelet's request for a serving certificate when all names in it are its machine's own",
  on: [
    "dev.capfn.object.changed",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: machineWithRequests,
  // Not the machine's own key: a workload API that hangs must hold up neither its VM nor its deletion.
  key: ({ object }) => `requests-of/${object.meta.uid}`,
  needs: hasRequests,
  inputs: ({ object, related }) => ({
    requests: related.requests.map(({ meta }) => meta.uid),
    node: related.machine?.status.nodeRef?.name,
    addresses: ownAddresses(object, related),
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: "CertificateRequestsDecided",
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get"],
    },
    {
      api: "workload",
      apiGroups: ["certificates.k8s.io"],
      resources: ["certificatesigningrequests/approval"],
      verbs: ["patch"],
    },
    { api: "workload", apiGroups: ["certificates.k8s.io"], resources: ["signers"], verbs: ["approve"] },
  ],
  uses: ["workload"],
  timeoutMs: 10_000,
  handle: decideRequests,
});
