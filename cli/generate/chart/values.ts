import * as z from "zod";
import { FUNCTION_RESOURCES, HUB_RESOURCES } from "#cli/generate/deploy/resources.ts";
import { ports } from "#cli/generate/deploy/words.ts";
import {
  address,
  choice,
  count,
  flag,
  group,
  name,
  names,
  passed,
  passedList,
  resources,
  schedule,
  shaped,
  text,
  words,
} from "#cli/generate/chart/value-kinds.ts";
import { ingressConfigSchema } from "#events/sources/ingress/config.ts";
import { logLevels } from "#platform/observability/log-level.ts";

const everyNamespace = [{ namespaceSelector: {} }];

const runner = {
  runner: choice(
    "Where the functions run: in the hub's own process (in-process), as Knative Services (knative), or in Deployments that KEDA scales (keda). Knative Serving or KEDA must be installed.",
    ["in-process", "knative", "keda"],
    "in-process",
  ),
  image: group("The image; it has the hub and all functions.", {
    repository: text("Name with its registry.", "capfn"),
    tag: text("The chart's appVersion when empty."),
    digest: shaped("sha256:... instead of a tag.", /^(sha256:[0-9a-f]{64})?$/, ""),
    pullPolicy: choice("", ["Always", "IfNotPresent", "Never"], "IfNotPresent"),
  }),
  imagePullSecrets: passedList("Secrets to fetch the image with, as [{name: ...}]."),
  replicas: count("Hubs. One acts; a second one stands by, with its watches warm.", 1, { least: 0, most: 5 }),
  leaderElect: flag("Act only while holding the Lease capfn-hub. Needed with more than one replica.", true),
};

const scope = {
  watchNamespaces: names(
    "Namespaces to look after; all when empty. With names, rights are Roles in these namespaces instead of ClusterRoles. They must exist, and identity Secrets must be in them.",
  ),
  watchFilter: shaped(
    "Look after objects only whose label cluster.x-k8s.io/watch-filter has this value.",
    /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/,
    "",
  ),
};

const hub = {
  logLevel: choice("What is logged, as JSON lines.", logLevels, "info"),
  maxInFlight: count("Steps that run at once.", 64, { most: 10_000 }),
  requestRate: count("Most requests per second to one API server; twice as many in a burst.", 100, {
    most: 100_000,
  }),
  metrics: group("Figures for Prometheus.", {
    bindAddress: address("Where /metrics is served; 0 for nowhere.", `:${ports.metrics}`, { offable: true }),
    secure: flag(
      "Serve them over TLS, to whoever shows a token of an account that may get the path /metrics: bind its account to the ClusterRole capfn-metrics-reader.",
      false,
    ),
  }),
  healthProbe: group("Probes, and /why and /trace for people.", {
    bindAddress: address("Where they are served. Kubernetes must reach it.", `:${ports.health}`),
  }),
  etcdSnapshots: shaped(
    "Where snapshots of etcd are kept: s3://<bucket>/<prefix>?endpoint=<url>, or a directory that extraVolumeMounts provide. None are taken when empty.",
    /^(s3:\/\/.+|\/.+)?$/,
    "",
  ),
  ingress: group("Takes alerts of Alertmanager and CloudEvents at the Service capfn-ingress.", {
    enabled: flag("", false),
    config: ingressConfigSchema
      .optional()
      .describe(
        "Who may send what: the fields of the ingress configuration, in docs/tasks/alerts.md. Files of Secrets named below are /etc/capfn/secrets/<secret>/<key>.",
      ),
    secrets: names("Secrets of this namespace with tokens and certificates."),
  }),
  broadcast: group("Every event and outcome, also to observers. Losing it never changes what is done.", {
    url: shaped(
      "nats://host:4222 or tls://host:4222 (JetStream), or an http(s):// sink of CloudEvents; nowhere when empty.",
      /^((nats|tls|https?):\/\/.+)?$/,
      "",
    ),
    secret: text("Secret with the credentials, if it takes some."),
    key: text("Key in that Secret.", "credentials"),
  }),
};

const runners = {
  knative: group("Of the runner knative.", {
    window: shaped(
      "How long a function without work stays, from 6s to 1h; the grace period of Knative comes on top.",
      /^([6-9]|[1-9]\d+)s$|^([1-9]|[1-5]\d|60)m$|^1h$/,
      "6s",
    ),
    maxScale: count("Most pods of one function.", 10, { most: 1000 }),
    namespaces: names("Namespaces of Knative and its gateway: only they may reach functions.", [
      "knative-serving",
      "kourier-system",
    ]),
  }),
  keda: group("Of the runner keda.", {
    namespace: name("Namespace of KEDA: only it may ask the hub how much work there is.", "keda"),
    pollingInterval: count(
      "Seconds between two looks of KEDA. Work wakes at once; this is how soon functions go to sleep.",
      5,
    ),
    cooldownPeriod: count("Seconds without work before a function goes.", 30, { least: 0 }),
    maxReplicas: count("Most pods of one function.", 10, { most: 1000 }),
  }),
  functions: group("Pods of functions, of both runners.", {
    resources: resources("Of a function that calls API servers only.", FUNCTION_RESOURCES.light),
    heavyResources: resources(
      "Of a function that also opens tunnels or moves data.",
      FUNCTION_RESOURCES.heavy,
    ),
    extraArgs: words("Further flags."),
  }),
};

const safety = {
  safetyNet: group("A CronJob that does what is due should the hub not run.", {
    enabled: flag("", false),
    schedule: schedule("When.", "*/10 * * * *"),
    timeoutSeconds: count("A pass ends after this time at the latest.", 120),
  }),
  podDisruptionBudget: group("While nodes are drained, one hub at a time.", { enabled: flag("", true) }),
  networkPolicy: group("Nobody may open connections to capfn but who needs to.", {
    enabled: flag("", true),
    metricsFrom: passedList("Peers that may read the hub's figures.", everyNamespace),
    ingressFrom: passedList("Peers that may send alerts and events.", everyNamespace),
  }),
  monitoring: group("For the Prometheus operator and for Grafana; Kubernetes must know their kinds.", {
    monitors: flag("What is to be scraped: ServiceMonitor and PodMonitor.", false),
    rules: flag("When to sound an alarm: PrometheusRule.", false),
    dashboards: flag("ConfigMaps with the label grafana_dashboard, as Grafana's sidecar looks for.", false),
    labels: passed("Further labels of these, such as the release that an operator looks after."),
  }),
  crds: group("The CustomResourceDefinitions.", {
    install: flag("They are upgraded with the chart, and kept when it is uninstalled.", true),
  }),
};

const pods = {
  serviceAccount: group("Of the hub.", {
    create: flag("", true),
    name: shaped("capfn-hub when empty.", /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$/, ""),
  }),
  resources: resources("Of the hub.", HUB_RESOURCES),
  nodeSelector: passed("Of all pods, as tolerations, affinity and priorityClassName."),
  tolerations: passedList(""),
  affinity: passed(""),
  priorityClassName: text(""),
  extraArgs: words("Further flags of the hub, e.g. --context."),
  extraEnv: passedList("Further environment of all containers, as [{name: ..., value: ...}]."),
  extraVolumes: passedList("Of the hub."),
  extraVolumeMounts: passedList("Of the hub."),
  clusterDomain: shaped(
    "Domain of the cluster's Services.",
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
    "cluster.local",
  ),
};

/** Keys of CAPHV's chart that have no meaning here: its values files can be used, and NOTES.txt says what is left out. */
const former = {
  namespace: text("Of CAPHV's chart: must be the release's namespace, or empty."),
  webhooks: group(
    "By the name of CAPHV's chart: rules that refuse what cannot work. There is no webhook server: the API server judges them itself (ValidatingAdmissionPolicy).",
    {
      enabled: flag("They hold in the whole cluster, and come with crds.install only.", true),
      certSecretName: text("Of CAPHV's chart; there is no certificate."),
      certManager: group("Of CAPHV's chart; there is no certificate.", { enabled: flag("", false) }),
    },
  ),
  clusterClass: group(
    "The ClusterClass harvester-rke2 with its templates, for clusters in the release's namespace.",
    {
      enabled: flag("RKE2's providers must be installed.", false),
    },
  ),
};

/**
 * The values of the chart: the single source of `values.schema.json` and `values.yaml`. A key that is not here is refused by name.
 */
export const chartValues = z.strictObject({
  ...runner,
  ...scope,
  ...hub,
  ...runners,
  ...safety,
  ...pods,
  ...former,
  global: z.record(z.string(), z.unknown()).optional(),
});
