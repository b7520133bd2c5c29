import { stringify } from "yaml";
import { beside } from "#cli/generate/clusterctl/cluster.ts";
import { rke2Cluster } from "#cli/generate/clusterctl/flavors/rke2.ts";
import { ADMISSION_FILE, admissionFile, cisCommands } from "#cli/generate/clusterctl/hardening.ts";
import { healthCheck } from "#cli/generate/clusterctl/machines.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

const AUDIT_POLICY = named("audit-policy");

const kubelet = {
  extraArgs: [
    "tls-min-version=VersionTLS12",
    "streaming-connection-idle-timeout=5m",
    "make-iptables-util-chains=true",
  ],
};

const server = {
  auditPolicySecret: { name: AUDIT_POLICY, namespace: variable("NAMESPACE") },
  kubeAPIServer: {
    extraArgs: [
      "tls-min-version=VersionTLS12",
      "audit-log-maxage=30",
      "audit-log-maxbackup=10",
      "audit-log-maxsize=100",
    ],
  },
};

/** Who did what, without contents, so that no Secret is in the log. */
function auditPolicy(): Manifest {
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata" }],
  };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      ...beside(AUDIT_POLICY),
      labels: { "clusterctl.cluster.x-k8s.io/move": "" },
    },
    stringData: { "audit-policy.yaml": stringify(policy) },
  };
}

/**
 * RKE2 as the Security Technical Implementation Guide for it asks: a CIS profile, an audit log, TLS 1.2, Pods that may do little. What the guide asks
 * of the operating system is a matter of the image.
 */
export function stigCluster(): Manifest[] {
  return [
    ...rke2Cluster({
      address: "pool",
      credentials: "made",
      hardened: true,
      server,
      controlPlane: {
        agentConfig: { cisProfile: "cis", podSecurityAdmissionConfigFile: ADMISSION_FILE, kubelet },
        files: [admissionFile],
        preRKE2Commands: cisCommands,
      },
      worker: { agentConfig: { cisProfile: "cis", kubelet }, preRKE2Commands: cisCommands },
    }),
    auditPolicy(),
    healthCheck(),
  ];
}
