import { chmod, readFile, writeFile } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:tls";
import { describe, expect, test } from "vitest";
import type { CertificateAuthority } from "#platform/control-plane/certificates.ts";
import { sshPackages, sshUser, startSshServer, type SshServerOptions } from "#test/support/ssh-server.ts";
import {
  authority,
  clusterThat,
  inDays,
  machineAt,
  serving,
  watching,
} from "#test/unit/functions/node-cert-reissue/on-loopback.ts";

const packages = await sshPackages();
const renewing = { "capfn.dev/renew-node-certificates": "ssh" };
const API_SERVER = 6_443;

/** What kubeadm does: new files. They are not loaded before somebody ends the API server. */
const kubeadm = `#!/bin/sh
echo "kubeadm $*" >> "$HOME/log"
[ "$*" = "certs renew all" ] && cp "$HOME/next.crt" "$HOME/api.crt" && cp "$HOME/next.key" "$HOME/api.key"
`;
const pkill = `#!/bin/sh
echo "pkill $*" >> "$HOME/log"
[ "$2" = kube-apiserver ] && echo again >> "$HOME/restarts"
exit 0
`;

/** A machine with a real sshd, and a real TLS server that loads its files when it is started and when it is restarted. */
async function machine(programs: NonNullable<SshServerOptions["programs"]>, ca: CertificateAuthority) {
  const undo = new AsyncDisposableStack();
  const ssh = undo.use(await startSshServer({ programs }));
  await chmod(ssh.home, 0o777);
  const file = (name: string) => join(ssh.home, name);
  const put = async (name: string, from: number, to: number) => {
    const { certPem, keyPem } = await serving(ca, from, to);
    await writeFile(file(`${name}.crt`), certPem);
    await writeFile(file(`${name}.key`), keyPem);
    for (const ending of ["crt", "key"]) await chmod(file(`${name}.${ending}`), 0o666);
  };
  await put("api", -300, 65);
  await put("next", -1, 364);
  const server = createServer();
  let loaded = "none";
  server.prependListener("connection", () => {
    const restarts = existsSync(file("restarts")) ? readFileSync(file("restarts"), "utf8") : "";
    if (restarts === loaded) return;
    loaded = restarts;
    server.setSecureContext({ cert: readFileSync(file("api.crt")), key: readFileSync(file("api.key")) });
  });
  await new Promise<void>((resolve) => server.listen(API_SERVER, ssh.address, resolve));
  undo.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "demo", name: "demo-ssh" },
    data: {
      "ssh-privatekey": encode(ssh.privateKey),
      username: encode(sshUser),
      known_hosts: encode(ssh.knownHosts),
      port: encode(String(ssh.port)),
    },
  };
  return {
    ssh,
    secret,
    restart: () => writeFile(file("restarts"), `${Math.random()}`),
    log: async () => (await readFile(file("log"), "utf8").catch(() => "")).trim().split("\n"),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

describe.skipIf("missing" in packages)("certificates that are renewed on a machine", () => {
  test("are done when the server shows the new ones, with kubeadm and by ending what holds the old", async () => {
    const ca = await authority();
    await using made = await machine({ kubeadm, pkill }, ca);
    const world = watching([
      clusterThat(renewing),
      machineAt("cp-0", { address: made.ssh.address }),
      made.secret,
    ]);
    const old = (await world.run(), world.record()?.shown.apiServer?.fingerprint);
    expect(await made.log()).toEqual([
      "kubeadm certs renew all",
      "pkill -x kube-apiserver",
      "pkill -x kube-controller",
      "pkill -x kube-scheduler",
    ]);
    expect(world.record()?.renewal).toMatchObject({ runs: 1, old: { apiServer: old } });
    expect(world.events()).toEqual([]);
    expect(await world.run()).toEqual({ kind: "done" });
    expect(world.record()).not.toHaveProperty("renewal");
    expect(world.record()?.shown.apiServer?.notAfter).toBe(inDays(364).toISOString().replace(".000Z", "Z"));
    expect(world.events()).toEqual(["CertificateReissued"]);
    expect((await made.log()).filter((line) => line.startsWith("kubeadm"))).toHaveLength(1);
  });

  test("that the server does not show are looked for, renewed again and parked, and no other control plane machine gets its turn", async () => {
    const ca = await authority();
    const deaf = pkill.replace("echo again", ": echo again");
    await using made = await machine({ kubeadm, pkill: deaf }, ca);
    const address = made.ssh.address;
    const world = watching([
      clusterThat(renewing),
      machineAt("cp-0", { address }),
      machineAt("cp-1", { address }),
      made.secret,
    ]);
    const kinds: string[] = [];
    for (let step = 0; step < 20; step += 1) {
      const outcome = await world.run();
      kinds.push(outcome?.kind ?? "");
      if (outcome?.kind === "failed") break;
      expect(await world.run("cp-1")).toMatchObject({
        kind: "requeueAfter",
        reason: expect.stringContaining("cp-0") as string,
      });
    }
    expect((await made.log()).filter((line) => line.startsWith("kubeadm"))).toHaveLength(3);
    expect(kinds.at(-1)).toBe("failed");
    expect(kinds.slice(0, -1).every((kind) => kind === "requeueAfter")).toBe(true);
    expect(world.condition()).toMatchObject({ status: "False", reason: "CertificateNotServed" });
    expect(world.events()).not.toContain("CertificateReissued");
    // A person restarts it and asks for a look: then the next one has its turn.
    await made.restart();
    expect(await world.run()).toEqual({ kind: "done" });
    expect(world.condition()).toMatchObject({ status: "True" });
  }, 60_000);

  test.each([
    [
      "another host key than the pinned one",
      async (made: Awaited<ReturnType<typeof machine>>) => made.ssh.changeHostKey(),
      /does not show a key that is pinned/,
    ],
    [
      "nobody who answers",
      async (made: Awaited<ReturnType<typeof machine>>) => made.ssh.stop(),
      /no SSH connection/,
    ],
  ])("are not begun with %s: nothing is run, and the turn is not taken", async (_, spoil, why) => {
    await using made = await machine({ kubeadm, pkill }, await authority());
    await spoil(made);
    const world = watching([
      clusterThat(renewing),
      machineAt("cp-0", { address: made.ssh.address }),
      made.secret,
    ]);
    expect(await world.run()).toMatchObject({ kind: "requeueAfter", afterMs: 3_600_000 });
    expect(world.record()).not.toHaveProperty("renewal");
    expect(world.condition()?.["message"]).toMatch(why);
    expect(await made.log()).toEqual([""]);
  });

  test("are told of when the command fails, and it is not taken for a renewal", async () => {
    await using made = await machine(
      { kubeadm: "#!/bin/sh\necho secret >&2\nexit 7\n", pkill },
      await authority(),
    );
    const world = watching([
      clusterThat(renewing),
      machineAt("cp-0", { address: made.ssh.address }),
      made.secret,
    ]);
    await world.run();
    expect(world.condition()?.["message"]).toMatch(/kubeadm certs renew ended with code 7 on it/);
    expect(JSON.stringify(world.condition())).not.toContain("secret");
    expect(await made.log()).toEqual([""]);
  });

  test("need the Cluster's word and a Secret to reach the machine with", async () => {
    await using made = await machine({ kubeadm, pkill }, await authority());
    const at = machineAt("cp-0", { address: made.ssh.address });
    const silent = watching([clusterThat({}), at, made.secret]);
    await silent.run();
    expect(silent.condition()?.["message"]).toMatch(/roll out the control plane, or let it be renewed there/);
    const unreachable = watching([clusterThat(renewing), at]);
    await unreachable.run();
    expect(unreachable.condition()?.["message"]).toMatch(/there is no Secret demo-ssh/);
    expect(await made.log()).toEqual([""]);
  });

  test("are rotated on RKE2 in a unit of its own, with the service stopped and started again", async () => {
    const ca = await authority();
    const says = (name: string, more = "") => `#!/bin/sh\necho "${name} $*" >> "$HOME/log"\n${more}`;
    const programs = {
      "systemd-run": `#!/bin/sh\nwhile [ "$1" != sh ]; do shift; done\nexec "$@"\n`,
      systemctl: says("systemctl", '[ "$1" = start ] && echo again >> "$HOME/restarts"\nexit 0\n'),
      rke2: says("rke2", 'cp "$HOME/next.crt" "$HOME/api.crt"; cp "$HOME/next.key" "$HOME/api.key"\n'),
    };
    await using made = await machine(programs, ca);
    const address = made.ssh.address;
    const world = watching([
      clusterThat(renewing),
      machineAt("cp-0", { address, bootstrap: "RKE2Config" }),
      made.secret,
    ]);
    await world.run();
    expect(await made.log()).toEqual([
      "systemctl stop rke2-server",
      "rke2 certificate rotate",
      "systemctl start rke2-server",
    ]);
    expect(await world.run()).toEqual({ kind: "done" });
  });
});
