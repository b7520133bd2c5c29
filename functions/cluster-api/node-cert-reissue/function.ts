import { lookAtAnnotation } from "#api/names.ts";
import { reissueOnMachine } from "#functions/cluster-api/node-cert-reissue/handler.ts";
import {
  isControlPlane,
  machineWorld,
  needsLook,
} from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import { NODE_CERTIFICATES_CONDITION } from "#functions/cluster-api/node-cert-reissue/report.ts";
import { defineFunction } from "#functions/contract/define.ts";
import {
  machineView,
  NODE_CERTIFICATES_ANNOTATION,
  RENEW_ANNOTATION,
} from "#platform/cluster-api/cluster.ts";

export const nodeCertReissue = defineFunction({
  name: "node-cert-reissue",
  summary:
    "Looks at the certificates that a machine's servers show, renews them on the machine, and looks again",
  on: ["dev.capfn.machine.changed", "dev.capfn.cluster.changed", "dev.capfn.step.due"],
  for: machineView,
  related: machineWorld,
  // With the removal of etcd members and whatever else changes the control plane: one at a time in a cluster.
  key: ({ object, related: { cluster } }) =>
    cluster !== undefined && isControlPlane(object)
      ? `cluster/${cluster.meta.uid}`
      : `certificates-of/${object.meta.uid}`,
  needs: needsLook,
  inputs: ({ object, related: { cluster } }) => ({
    record: object.metadata.annotations[NODE_CERTIFICATES_ANNOTATION],
    renewal: cluster?.metadata.annotations[RENEW_ANNOTATION],
    addresses: object.status.addresses,
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: NODE_CERTIFICATES_CONDITION,
  rbac: [
    {
      api: "management",
      apiGroups: ["cluster.x-k8s.io"],
      resources: ["machines"],
      verbs: ["get", "list", "patch"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines/status"], verbs: ["patch"] },
    {
      api: "management",
      apiGroups: ["controlplane.cluster.x-k8s.io"],
      resources: ["kubeadmcontrolplanes"],
      verbs: ["get", "patch"],
    },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  ],
  uses: ["management", "ssh"],
  timeoutMs: 240_000,
  handle: reissueOnMachine,
});
