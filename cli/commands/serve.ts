import { Option, type Command } from "commander";
import type { ServeFlags } from "#cli/actions/serve.ts";
import { clusterOptions } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** Flags of `capfn serve`, and of every function's own bundle. */
export const serveOptions: readonly Option[] = [
  ...clusterOptions.filter(({ long }) => long !== "--namespace"),
  new Option("--bind-address <address>", "where functions are served").default("127.0.0.1:8080"),
  new Option(
    "--token-file <path>",
    "file with the bearer token a hub must show; needed unless only this machine can reach the address",
  ),
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
      "\nExamples:\n  capfn serve --kubeconfig ~/.kube/config\n  capfn serve vm-create vm-delete --bind-address :8080 --token-file /var/run/capfn/token\n" +
        "  capfn run --functions-url 'http://localhost:8080/{function}'",
    )
    .action(async (names: string[], flags: ServeFlags) =>
      (await import("#cli/actions/serve-named.ts")).serveNamed(names, flags, terminal),
    );
}
