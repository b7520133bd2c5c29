import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { rotateIdentity } from "#functions/incus/identity-rotate/handler.ts";
import { identityMarks, isMarkedIdentity, secretView, UNSEEN } from "#platform/cluster-api/secret.ts";
import { readIdentityRecord } from "#platform/incus/identity-record.ts";

export const identityRotate = defineFunction({
  name: "identity-rotate",
  summary:
    "Watches over the certificates in marked identity Secrets of LXD and Incus, and replaces the client's without an outage",
  on: ["dev.capfn.secret.changed", "dev.capfn.step.due"],
  for: secretView,
  // A certificate that was replaced here may still be used by a copy of the Secret.
  related: relations(secretView).matching("others", secretView, ({ meta: { connection }, metadata }) => {
    const { former = [] } = readIdentityRecord(metadata.annotations?.[identityMarks.seen]) ?? {};
    const values = former.length === 0 ? [] : [UNSEEN, ...former.map(({ fingerprint }) => fingerprint)];
    return values.map((value) => ({ connection, index: "identity", value }));
  }),
  // Always when it is marked: the step waits for the next version of the Secret, or for a time.
  needs: ({ object: { meta, metadata } }) =>
    isMarkedIdentity(metadata.annotations ?? {}) && meta.deletionTimestamp === undefined,
  // Not the version: the hub's own notes on the Secret would be news.
  inputs: ({ object: { metadata }, related: { others } }) => {
    const names = [identityMarks.mode, identityMarks.admin, lookAtAnnotation] as const;
    return { marks: names.map((name) => metadata.annotations?.[name]), others: others.length };
  },
  condition: "CertificateValid",
  rbac: [{ api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get", "patch"] }],
  uses: ["management"],
  timeoutMs: 90_000,
  handle: rotateIdentity,
});
