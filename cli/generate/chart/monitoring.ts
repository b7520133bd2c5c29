import { basename } from "node:path";
import { NAMESPACE } from "#cli/generate/deploy/words.ts";

interface Part {
  /** Below `chart/templates/monitoring`. */
  readonly name: string;
  /** Key of `values.monitoring` that asks for it. */
  readonly key: string;
  readonly manifest: string;
}

/**
 * Templates of what `manifests/prometheus` and `manifests/grafana` hold, by path below `chart/templates`. Their braces are Prometheus's and Grafana's,
 * not Helm's, and stay as they are.
 */
export function monitoringTemplates(manifests: ReadonlyMap<string, string>): Map<string, string> {
  const of = (path: string): string => manifests.get(`manifests/${path}`) ?? "";
  const dashboards = [...manifests].filter(([path]) => path.startsWith("manifests/grafana/"));
  const parts: readonly Part[] = [
    { name: "monitors", key: "monitors", manifest: of("prometheus/monitors.yaml") },
    { name: "rules", key: "rules", manifest: of("prometheus/prometheus-rule.yaml") },
    ...dashboards.map(([path, json]): Part => {
      const name = basename(path, ".json");
      return { name, key: "dashboards", manifest: dashboardConfigMap(name, json) };
    }),
  ];
  return new Map(
    parts.map(({ name, key, manifest }) => [
      `monitoring/${name}.yaml`,
      `{{- if $.Values.monitoring.${key} }}\n---\n${asTemplate(manifest)}{{- end }}\n`,
    ]),
  );
}

function asTemplate(manifest: string): string {
  return manifest
    .replace(/^(#.*\n)+/, "")
    .replaceAll("{{", '{{ "{{" }}')
    .replaceAll("    - port: metrics\n", (line) => `${line}${SECURE}`)
    .replaceAll(`namespace: ${NAMESPACE}\n`, "namespace: {{ $.Release.Namespace }}\n")
    .replaceAll(/^ {2}labels:\n/gm, (line) => `${line}${LABELS}`);
}

const LABELS =
  "    {{- with $.Values.monitoring.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n";

/** How Prometheus reads what is served to allowed tokens only. The certificate vouches for itself, so there is nothing to verify it by. */
const SECURE = [
  "      {{- if $.Values.metrics.secure }}",
  "      scheme: https",
  "      tlsConfig:",
  "        insecureSkipVerify: true",
  "      bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token",
  "      {{- end }}",
  "",
].join("\n");

/** As the sidecar of Grafana's chart finds it: by the label `grafana_dashboard`. */
function dashboardConfigMap(name: string, json: string): string {
  const lines = json.trimEnd().split("\n");
  return [
    "apiVersion: v1",
    "kind: ConfigMap",
    "metadata:",
    `  name: ${name}-dashboard`,
    `  namespace: ${NAMESPACE}`,
    "  labels:",
    "    app.kubernetes.io/name: capfn",
    '    grafana_dashboard: "1"',
    "data:",
    `  ${name}.json: |`,
    ...lines.map((line) => `    ${line}`),
    "",
  ].join("\n");
}
