/** What Helm prints after an install or upgrade: what to do next, and what a values file of CAPHV's chart says here. */
export const notesText = `capfn {{ .Chart.AppVersion }} is in the namespace {{ .Release.Namespace }}; the functions run {{ get (dict "in-process" "in the hub's process" "knative" "as Knative Services" "keda" "in Deployments that KEDA scales") .Values.runner }}.

  kubectl -n {{ .Release.Namespace }} rollout status deployment/capfn-hub
{{- if eq .Values.runner "knative" }}
  kubectl -n {{ .Release.Namespace }} get ksvc            # each is Ready, and then at zero
{{- end }}
{{- if eq .Values.runner "keda" }}
  kubectl -n {{ .Release.Namespace }} get scaledobjects   # each is Ready, and ACTIVE only while there is work
{{- end }}
{{- if not .Values.replicas }}
Nothing acts: replicas is 0.
{{- end }}
{{- if .Values.watchNamespaces }}
Only objects in {{ join ", " .Values.watchNamespaces }} are looked after.
{{- end }}
{{- if .Values.ingress.enabled }}
Alerts and events are taken at {{ if and .Values.ingress.config .Values.ingress.config.tls }}https{{ else }}http{{ end }}://capfn-ingress.{{ .Release.Namespace }}.svc:9443 (/alerts, /events).
{{- end }}

Next: a first cluster, docs/tasks/first-cluster.md. When a machine does not come up:
  kubectl -n {{ .Release.Namespace }} exec deploy/capfn-hub -- node /app/capfn.mjs why machine/<name> -n <namespace>
{{- if or .Values.webhooks.certManager.enabled .Values.webhooks.certSecretName }}

webhooks: there is no certificate. The API server itself judges objects (kubectl get validatingadmissionpolicies).
A ValidatingWebhookConfiguration that CAPHV left behind must be deleted, or every change is refused.
{{- end }}
`;
