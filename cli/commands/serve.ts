import { Option, type Command } from "commander";
import type { ServeFlags } from "#cli/actions/serve.ts";
import { clusterOptions, positiveInteger } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** Flags of `capfn serve`, and of every function's own bundle. */
export const serveOptions: readonly Option[] = [
  ...clusterOptions.filter(({ long }) => long !== "--namespace"),
  new Option("--bind-address <address>", "where functions are served").default("127.0.0.1:8080"),
  new Option(
    "--token-file <path>",
    "file with the bearer token a hub must show; for places without ServiceAccounts",
  ),
  new Option(
    "--token-audience <name>",
    "take the tokens of ServiceAccounts that are meant for this audience; the API server is asked whose they are",
  ),
  new Option(
    "--token-user <name>",
    "who may run steps by such a token, e.g. system:serviceaccount:capfn-system:capfn-hub, or system:serviceaccount:<namespace>:* for all accounts of a namespace; may be given several times",
  ).argParser((name, before: readonly string[] | undefined) => [...(before ?? []), name]),
  new Option(
    "--accept-triggers",
    "take events of a broker, e.g. by Knative Triggers, instead of a hub's; for places where no hub runs",
  ),
  new Option(
    "--ledger-namespace <name>",
    "with --accept-triggers: namespace of a hub's Lease; while one leads, events are left to it",
  ).default("capfn-system"),
  new Option(
    "--pull-from <url>",
    "take work from the hub at this address (its --pull-bind-address) instead of being called; --bind-address then has /healthz, /readyz and /metrics only",
  ),
  new Option(
    "--pull-token-file <path>",
    "file with the token by which that hub knows whose work to give; read for each request",
  ),
  new Option(
    "--concurrency <n>",
    "steps that run at once when work is taken from a hub; 1 when left out",
  ).argParser((text) => positiveInteger("--concurrency", text)),
  new Option(
    "--etcd-snapshots <place>",
    "where snapshots of etcd are kept: a directory, or s3://<bucket>/<prefix>?endpoint=<url>; none are taken without",
  ),
];

/** `capfn serve [functions...]`: functions behind HTTP, for a hub that runs elsewhere. */
export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("serve")
    .argument("[functions...]", "names of functions, e.g. vm-create ip-allocate; all when left out")
    .summary("serve functions behind HTTP, for a hub with --functions-url")
    .description(
      "Takes one reconcile step per request, as a CloudEvent, and answers with its outcome. It watches nothing and keeps nothing, so it may be\n" +
        "started for an event and ended after it. Each function is served at /<name>. The hub that asks is `capfn run --functions-url`.",
    );
  for (const option of serveOptions) command.addOption(option);
  command
    .addHelpText(
      "after",
      "\nExamples:\n  capfn serve --kubeconfig ~/.kube/config\n  capfn serve vm-create --bind-address :8080 --token-audience capfn-functions --token-user system:serviceaccount:capfn-system:capfn-hub\n" +
        "  capfn run --functions-url 'http://localhost:8080/{function}'\n" +
        "  capfn serve vm-create --pull-from http://capfn-hub.capfn-system.svc:8082 --pull-token-file /var/run/secrets/capfn-hub/token",
    )
    .action(async (names: string[], flags: ServeFlags) =>
      (await import("#cli/actions/serve-named.ts")).serveNamed(names, flags, terminal),
    );
}
