import type { AlertRule, RuleGroup } from "#cli/generate/monitoring/rules.ts";

type MakeRule = (
  alert: string,
  expr: string,
  about: { for?: string; labels?: AlertRule["labels"]; summary: string },
) => AlertRule;

/** The gauges with days left, the alert's name and whose certificate it is. */
const gauges = [
  ["capfn_certificate_days_left", "ClusterCertificate", "{{ $labels.certificate }} of {{ $labels.cluster }}"],
  [
    "capfn_machine_certificate_days_left",
    "MachineCertificate",
    "{{ $labels.server }} of {{ $labels.cluster }}",
  ],
  [
    "capfn_secret_certificate_days_left",
    "SecretCertificate",
    "Secret {{ $labels.namespace }}/{{ $labels.secret }}",
  ],
  [
    "capfn_incus_certificate_days_left",
    "IncusCertificate",
    "the {{ $labels.certificate }} in Secret {{ $labels.namespace }}/{{ $labels.secret }}",
  ],
] as const;

/** Each certificate is told of twice: when a month is left, and when a week is. */
export function certificateRules(rule: MakeRule): RuleGroup {
  const rules = gauges.flatMap(([metric, name, whose]) => [
    rule(`Capfn${name}Expires`, `${metric} < 30 and ${metric} >= 7`, {
      for: "1h",
      summary: `The certificate of ${whose} has {{ $value | humanize }} days left, and nobody has renewed it.`,
    }),
    rule(`Capfn${name}ExpiresSoon`, `${metric} < 7`, {
      for: "5m",
      labels: { severity: "critical" },
      summary: `The certificate of ${whose} has {{ $value | humanize }} days left.`,
    }),
  ]);
  const changed = rule("CapfnIncusServerChanged", "capfn_incus_server_certificate_pinned == 0", {
    for: "5m",
    labels: { severity: "critical" },
    summary:
      "The server of Secret {{ $labels.namespace }}/{{ $labels.secret }} shows another certificate than the pinned one.",
  });
  return {
    name: "capfn-certificates",
    comment: "About certificates that run out. Functions renew at two thirds of a life what they may.",
    rules: [...rules, changed],
  };
}
