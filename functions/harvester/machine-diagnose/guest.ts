import type { Deps } from "#functions/contract/deps.ts";
import { nodeAccess, sshSecretName } from "#functions/cluster-api/node-access.ts";
import type { Guest } from "#functions/harvester/machine-diagnose/findings.ts";
import type { Redact } from "#functions/harvester/machine-diagnose/redaction.ts";
import type { ObjectRef } from "#platform/kube/view.ts";
import { SshError } from "#platform/ssh/errors.ts";
import type { SshResult, SshSession } from "#platform/ssh/session.ts";

const LOG = "/var/log/cloud-init-output.log";
const LOG_BYTES = 16 << 10;
const LOG_LINES = 20;
const MOST_ERRORS = 5;
const LINE_LENGTH = 300;

export interface GuestOptions {
  readonly cluster: Pick<ObjectRef, "namespace" | "name">;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** Undefined when it cannot be told what is secret: then nothing is read that could hold it. */
  readonly redact: Redact | undefined;
}

/** Asks the guest over SSH how its first boot went, if somebody gave access. A guest that cannot be reached is a finding, no fault. */
export async function askGuest(
  { cluster, addresses, names, redact }: GuestOptions,
  deps: Pick<Deps, "management" | "signal">,
): Promise<Guest> {
  const access = await nodeAccess(deps, cluster);
  if (access === undefined)
    return { asked: false, why: `there is no Secret ${sshSecretName(cluster.name)} with access to it` };
  if (typeof access === "string") return { asked: false, why: access };
  if (addresses.length === 0) return { asked: false, why: "it has no address" };
  try {
    using session = await access.open({ addresses, names });
    const said = await cloudInitStatus(session);
    const tail =
      redact === undefined
        ? undefined
        : await session.readTail(LOG, LOG_BYTES, { sudo: await maySudo(session) });
    const hidden =
      "the machine's bootstrap data cannot be read, so nothing that may hold parts of it is shown";
    return {
      asked: true,
      cloudInit: /^status:\s*([a-z ]{1,20}?)\s*$/m.exec(said)?.[1],
      errors: redact === undefined ? [hidden] : errorsIn(redact(said)),
      log: redact === undefined ? [] : linesOf(redact(wholeLines(tail ?? ""))).slice(-LOG_LINES),
    };
  } catch (error) {
    if (error instanceof SshError) return { asked: false, why: error.message };
    throw error;
  }
}

/** With root rights where that is allowed: cloud-init keeps part of its state from others. Its exit code tells of errors; so does its text. */
async function cloudInitStatus(session: SshSession): Promise<string> {
  const ask = (sudo: boolean): Promise<SshResult> =>
    session.run(["cloud-init", "status", "--long"], { sudo });
  const { stdout } = await ask(await maySudo(session));
  return stdout;
}

async function maySudo(session: SshSession): Promise<boolean> {
  try {
    return (await session.run(["true"], { sudo: true })).code === 0;
  } catch (error) {
    if (error instanceof SshError && error.reason === "sudoRefused") return false;
    throw error;
  }
}

/** The first line is most likely cut: half a word of something secret is not known for it. */
function wholeLines(tail: string): string {
  return tail.slice(tail.indexOf("\n") + 1);
}

/** Items of the lists `errors` and `recoverable_errors`. */
function errorsIn(status: string): readonly string[] {
  const from = status.search(/^(?:recoverable_)?errors:/m);
  if (from < 0) return [];
  return linesOf(status.slice(from))
    .filter((line) => /^\s*- /.test(line))
    .map((line) => line.replace(/^\s*- /, ""))
    .slice(0, MOST_ERRORS);
}

function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) =>
      line
        .replaceAll(/[^\P{Cc}\t]/gu, "")
        .trimEnd()
        .slice(0, LINE_LENGTH),
    )
    .filter((line) => line.trim() !== "");
}
