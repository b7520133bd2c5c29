import { stringify } from "yaml";

/** Where RKE2 is told what Pods may do. */
export const ADMISSION_FILE = "/etc/rancher/rke2/rancher-pss.yaml";

/** Namespaces of the system, of Rancher and of storage, whose Pods need more than the standard `restricted` allows. */
const exemptNamespaces = [
  "calico-system",
  "cattle-fleet-local-system",
  "cattle-fleet-system",
  "cattle-impersonation-system",
  "cattle-monitoring-system",
  "cattle-provisioning-capi-system",
  "cattle-resources-system",
  "cattle-system",
  "cattle-ui-plugin-system",
  "cis-operator-system",
  "fleet-default",
  "ingress-nginx",
  "kube-system",
  "longhorn-system",
  "tigera-operator",
];

/** Every Pod must meet the standard `restricted`, but for those namespaces (Kubernetes documentation, "Pod Security Admission"). */
export const admissionFile = {
  path: ADMISSION_FILE,
  owner: "root:root",
  permissions: "0600",
  content: stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AdmissionConfiguration",
    plugins: [
      {
        name: "PodSecurity",
        configuration: {
          apiVersion: "pod-security.admission.config.k8s.io/v1",
          kind: "PodSecurityConfiguration",
          defaults: Object.fromEntries(
            ["enforce", "audit", "warn"].flatMap((mode) => [
              [mode, "restricted"],
              [`${mode}-version`, "latest"],
            ]),
          ),
          exemptions: { usernames: [], runtimeClasses: [], namespaces: exemptNamespaces },
        },
      },
    ],
  }),
};

/** What RKE2 asks of a node before it starts with a CIS profile: a user for etcd, and kernel settings (RKE2 documentation, "CIS Hardening Guide"). */
export const cisCommands = [
  "id etcd >/dev/null 2>&1 || useradd --system --no-create-home --shell /sbin/nologin --user-group etcd",
  String.raw`printf 'vm.panic_on_oom=0\nvm.overcommit_memory=1\nkernel.panic=10\nkernel.panic_on_oops=1\n' > /etc/sysctl.d/90-kubelet.conf`,
  "sysctl -p /etc/sysctl.d/90-kubelet.conf",
];

/** Stops a node that was to run with validated cryptography and whose kernel does not. */
export const fipsCommand =
  "grep -qx 1 /proc/sys/crypto/fips_enabled || { echo 'the kernel is not in FIPS mode: take an image that boots with fips=1' >&2; exit 1; }";
