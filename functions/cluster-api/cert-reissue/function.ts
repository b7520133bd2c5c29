import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { Need } from "#functions/contract/function.ts";
import {
  certificateWorld,
  freshRecord,
  type CertificateView,
} from "#functions/cluster-api/cert-reissue/cluster-certificates.ts";
import { reissueCertificates } from "#functions/cluster-api/cert-reissue/handler.ts";
import { nextLook } from "#functions/cluster-api/certificate-look.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import { certificateCondition, isShown } from "#functions/cluster-api/cert-reissue/report.ts";
import { CERTIFICATES_ANNOTATION, factsIn } from "#platform/cluster-api/certificate-record.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

export const certReissue = defineFunction({
  name: "cert-reissue",
  summary:
    "Watches over the certificates of a workload cluster's API server and kubeconfig, and reissues what is ours to reissue",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.secret.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: certificateWorld,
  // Not the cluster's own key: an API server that hangs must hold up nothing else.
  key: ({ object }) => `certificates-of/${object.meta.uid}`,
  needs,
  inputs: (view) => ({
    secret: view.related.kubeconfig?.metadata.resourceVersion,
    record: view.object.metadata.annotations[CERTIFICATES_ANNOTATION],
    condition: certificateCondition(view),
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: clusterConditions.CertificatesValid,
  rbac: [
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get", "patch"] },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters", "harvesterclusters/status"],
      verbs: ["patch"],
    },
  ],
  uses: ["management"],
  handle: reissueCertificates,
});

function needs(view: CertificateView): Need {
  const { object, related } = view;
  if (isIdle(object, related.cluster) || related.kubeconfig === undefined) return false;
  const record = freshRecord(view);
  if (record === undefined || record.unanswered === true) return true;
  if (record.lookAt !== object.metadata.annotations[lookAtAnnotation]) return true;
  const wanted = certificateCondition(view, record);
  if (wanted !== undefined && !isShown(view, wanted)) return true;
  return nextLook(factsIn(record), record.checked) ?? false;
}
