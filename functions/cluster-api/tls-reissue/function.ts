import { lookAtAnnotation } from "#api/names.ts";
import { reissueMarked } from "#functions/cluster-api/tls-reissue/handler.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import {
  CERTIFICATE_NAME_ANNOTATION,
  certificateMarks,
  isMarkedCertificate,
  secretView,
} from "#platform/cluster-api/secret.ts";

export const tlsReissue = defineFunction({
  name: "tls-reissue",
  summary:
    "Watches over the certificates in Secrets that are marked for it, has them renewed, and looks at what is served",
  on: ["dev.capfn.secret.changed", "dev.capfn.step.due"],
  for: secretView,
  related: relations(secretView),
  // Always when it is marked: the step waits for the next version of the Secret, or for two thirds of the certificate's life.
  needs: ({ object: { meta, metadata } }) =>
    isMarkedCertificate(metadata.annotations ?? {}) && meta.deletionTimestamp === undefined,
  // Not the version: the hub's own notes on the Secret would be news.
  inputs: ({ object: { metadata } }) => {
    const { watch, authority, servedAt } = certificateMarks;
    const names = [watch, authority, servedAt, CERTIFICATE_NAME_ANNOTATION, lookAtAnnotation] as const;
    return names.map((name) => metadata.annotations?.[name]);
  },
  condition: "CertificateValid",
  rbac: [
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get", "patch"] },
    { api: "management", apiGroups: ["cert-manager.io"], resources: ["certificates"], verbs: ["get"] },
    {
      api: "management",
      apiGroups: ["cert-manager.io"],
      resources: ["certificates/status"],
      verbs: ["patch"],
    },
  ],
  uses: ["management"],
  handle: reissueMarked,
});
