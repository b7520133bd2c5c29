import { InvalidArgumentError, Option } from "commander";
import { logLevels, type LogLevel } from "#platform/observability/log-level.ts";

/** Flags that say which management cluster is meant. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly logLevel: LogLevel;
  readonly requestRate: number;
}

export const clusterOptions: readonly Option[] = [
  new Option(
    "--kubeconfig <path>",
    "kubeconfig of the management cluster; left out in a pod, its own cluster is used",
  ),
  new Option("--context <name>", "context in the kubeconfig; its current context when left out"),
  new Option("-n, --namespace <name>", "only objects of this namespace; all when left out"),
  new Option("--log-level <level>", "what is logged, as JSON lines on standard error")
    .choices([...logLevels])
    .default("info"),
  new Option("--request-rate <n>", "most requests per second to one API server; twice as many in a burst")
    .argParser((text) => positiveInteger("--request-rate", text))
    .default(100),
];

/** The same for a hub, which may have a part of what there is. */
export const hubClusterOptions: readonly Option[] = clusterOptions.filter(
  ({ long }) => long !== "--namespace",
);

/** Default of `--lease-seconds`: a leader that was killed is followed in less than 5 s. */
export const LEASE_SECONDS = 4;

/** Flags that give a hub its part when several stand side by side. */
export const shardOptions: readonly Option[] = [
  new Option(
    "-n, --namespace <names>",
    "only objects of these namespaces, with commas between them; all when left out",
  ),
  new Option(
    "--watch-filter <value>",
    "only objects whose label cluster.x-k8s.io/watch-filter has this value; all when left out",
  ),
  new Option(
    "--shard-name <name>",
    "end of the names of the Lease and the ledger; made from --namespace and --watch-filter when left out",
  ),
];

/** Flags of the broadcast lane. */
export const broadcastOptions: readonly Option[] = [
  new Option(
    "--broadcast <url>",
    "send every event and outcome to nats://host:4222 (JetStream), tls://host:4222, or an http(s):// sink of CloudEvents",
  ),
  new Option(
    "--broadcast-credentials <path>",
    "file with NATS credentials, <user>:<password>, or a token; for an http(s):// sink a bearer token",
  ),
  new Option(
    "--broadcast-ca <path>",
    "PEM file with the authorities that the receiver's certificate may come from",
  ),
];

/** Flags that say which running hub is meant. */
export const hubOptions: readonly Option[] = [
  new Option("--hub <url>", "send it to the ingress of a running hub, e.g. http://localhost:9443"),
  new Option("--token-file <path>", "file with the bearer token of a sender of that ingress"),
];

/** The same for commands that answer a question: they log nothing unless asked to. */
export const quietClusterOptions: readonly Option[] = clusterOptions.map((option) =>
  option.long === "--log-level"
    ? new Option("--log-level <level>", "what is logged").choices([...logLevels]).default("silent")
    : option,
);

/** Parses a flag that counts something. The error names the flag, the value and the mend. */
export function positiveInteger(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) {
    throw new InvalidArgumentError(`${flag} takes a whole number above 0, not "${text}".`);
  }
  return value;
}
