import { describe, expect, it } from "vitest";
import { connectionsFrom, parseConnection } from "#events/sources/connection-names.ts";
import { Connections } from "#events/sources/connections.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { FakeApi, kubeError } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";

const NAME = "harvester/demo/identity";
const at = { namespace: "demo", name: "identity" };

function kubeconfig(server = "https://harvester.example:6443"): string {
  const text = JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server } }],
    users: [{ name: "a", user: { token: "t0ken" } }],
  });
  return Buffer.from(text).toString("base64");
}

function world() {
  const clock = new FakeClock();
  const requests: { verb: string; plural: string }[] = [];
  const management = new FakeApi("management", { requests: requests as never, faultAt: () => undefined });
  management.put({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kube-system", uid: "uid-of-management" },
  });
  const log: string[] = [];
  const states: KubeObject[] = [];
  const withdrawn: KubeObject[] = [];
  let closed = 0;
  let cluster: string | undefined;
  let refusal: Error | undefined;
  const connections = new Connections({
    management: management as unknown as KubeClient,
    clock,
    connect: ({ server }) =>
      ({
        connection: NAME,
        get: () => (
          log.push(`probe ${server}`),
          refusal === undefined
            ? Promise.resolve(cluster === undefined ? undefined : { metadata: { uid: cluster } })
            : Promise.reject(refusal)
        ),
        close: () => (closed += 1),
      }) as unknown as KubeClient,
    up: (_connection, _client, cluster) => log.push(cluster === undefined ? "up" : `up to ${cluster}`),
    down: () => log.push("down"),
    publish: (state) => states.push(state),
    withdraw: (state) => withdrawn.push(state),
    retryMs: 10_000,
  });
  const put = (version: string, value = kubeconfig()) =>
    management.put({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...at, resourceVersion: version },
      data: { kubeconfig: value },
    });
  return {
    clock,
    requests,
    management,
    log,
    states,
    withdrawn,
    connections,
    put,
    closed: () => closed,
    lead: (uid: string) => (cluster = uid),
    refuse: (error: Error | undefined) => (refusal = error),
    last: () => states.at(-1) ?? expect.fail(),
  };
}

describe("the connections made from a Secret", () => {
  it.each([
    ["harvester/demo/identity", ["harvester/demo/identity"]],
    ["workload/demo/a", ["harvester/demo/a-kubeconfig", "workload/demo/a"]],
    ["workload/demo/a-kubeconfig", ["harvester/demo/a-kubeconfig-kubeconfig", "workload/demo/a-kubeconfig"]],
  ])("are found by its name alone: that of %s", (connection, found) => {
    const { namespace, name } = parseConnection(connection) ?? expect.fail();
    expect(connectionsFrom(namespace, name)).toEqual(found);
    expect(found).toContain(connection);
  });
});

describe("a connection", () => {
  it("is made from its Secret when somebody wants it, and shown without anything secret", async () => {
    const made = world();
    made.put("5");
    made.connections.want(NAME);
    await settle();
    expect(made.log).toEqual(["probe https://harvester.example:6443", "up"]);
    expect(made.states.map(({ state }) => state)).toEqual(["connecting", "connected"]);
    expect(JSON.stringify(made.states)).not.toContain("t0ken");
  });

  it("says which management cluster it is made from, and asks for that once", async () => {
    const made = world();
    made.put("5");
    made.connections.want(NAME);
    await settle();
    expect(made.last()["managementUid"]).toBe("uid-of-management");
    made.put("6");
    made.connections.secretChanged(at.namespace, at.name, "6");
    await settle();
    made.connections.alive(NAME);
    expect(made.last()["managementUid"]).toBe("uid-of-management");
    expect(made.requests.filter(({ plural }) => plural === "namespaces")).toHaveLength(1);
  });

  it("is made all the same when it may not be asked which management cluster this is", async () => {
    const made = world();
    made.put("5");
    made.management.failOn({ verb: "get", plural: "namespaces" }, kubeError("forbidden"));
    made.connections.want(NAME);
    await settle();
    expect(made.log).toContain("up");
    expect(made.last()).toMatchObject({ state: "connected" });
    expect(made.last()).not.toHaveProperty("managementUid");
  });

  it("says to which cluster it leads, with the one request it makes anyhow", async () => {
    const made = world();
    made.put("5");
    made.lead("uid-1");
    made.connections.want(NAME);
    await settle();
    made.put("6");
    made.lead("uid-2");
    made.connections.secretChanged("demo", "identity", "6");
    await settle();
    const probe = "probe https://harvester.example:6443";
    expect(made.log).toEqual([probe, "up to uid-1", probe, "up to uid-2"]);
  });

  it("that may not read the kube-system Namespace is up all the same", async () => {
    const made = world();
    made.put("5");
    made.refuse(kubeError("forbidden", NAME));
    made.connections.want(NAME);
    await settle();
    expect(made.log.at(-1)).toBe("up");
  });

  it("takes its state back when nobody wants it any more", async () => {
    const made = world();
    made.put("5");
    made.connections.want(NAME);
    await settle();
    made.connections.unwant(NAME);
    made.connections.unwant(NAME);
    expect(made.withdrawn.map(({ metadata }) => metadata)).toEqual([
      { name: NAME, uid: NAME, resourceVersion: "3" },
    ]);
  });

  it("waits for its Secret without asking again and again", async () => {
    const made = world();
    made.connections.want(NAME);
    await settle();
    expect(made.last()).toMatchObject({ state: "failed", reason: "SecretNotFound" });
    await made.clock.advance(3_600_000);
    expect(made.requests).toHaveLength(1);
    made.put("5");
    made.connections.secretChanged("demo", "identity", "5");
    await settle();
    expect(made.last()).toMatchObject({ state: "connected" });
  });

  it("does not take a Secret that it cannot read for an API server that does not answer", async () => {
    const made = world();
    made.put("5");
    made.management.failOn({ verb: "get", plural: "secrets" }, kubeError("unavailable", "management"));
    made.connections.want(NAME);
    await settle();
    expect(made.last()).toMatchObject({ state: "failed", reason: "SecretUnreadable" });
    await made.clock.advance(10_000);
    expect(made.last()).toMatchObject({ state: "connected" });
  });

  it("is tried again while its API server does not answer, until nobody wants it any more", async () => {
    const made = world();
    made.put("5");
    made.refuse(kubeError("unavailable", NAME));
    made.connections.want(NAME);
    await made.clock.advance(35_000);
    expect(made.log.filter((line) => line.startsWith("probe"))).toHaveLength(4);
    expect(made.last()).toMatchObject({ state: "failed", reason: "Unreachable" });
    made.connections.unwant(NAME);
    await made.clock.advance(3_600_000);
    expect(made.log.filter((line) => line.startsWith("probe"))).toHaveLength(4);
    made.refuse(undefined);
    made.connections.want(NAME);
    await settle();
    expect(made.last()).toMatchObject({ state: "connected" });
  });

  it("is closed when nobody wants it any more", async () => {
    const made = world();
    made.put("5");
    made.connections.want(NAME);
    await settle();
    made.connections.unwant(NAME);
    expect(made.closed()).toBe(1);
    made.connections.secretChanged("demo", "identity", "9");
    await settle();
    expect(made.log.filter((line) => line.startsWith("probe"))).toHaveLength(1);
  });

  it("is replaced when its Secret changes, and the old one closed", async () => {
    const made = world();
    made.put("5");
    made.connections.want(NAME);
    await settle();
    made.put("6", kubeconfig("https://other.example:6443"));
    made.connections.secretChanged("demo", "identity", "6");
    await settle();
    expect(made.last()).toMatchObject({ state: "connected", server: "https://other.example:6443" });
    expect(made.closed()).toBe(1);
  });

  it("is not made anew by news of the Secret it was made from, or of an older one", async () => {
    const made = world();
    made.put("50");
    made.connections.want(NAME);
    await settle();
    for (const version of ["50", "9", "49"]) made.connections.secretChanged("demo", "identity", version);
    await settle();
    expect(made.requests.filter(({ plural }) => plural === "secrets")).toHaveLength(1);
  });

  it("fails for good, and says what to do, when the kubeconfig is none", async () => {
    const made = world();
    made.put("5", Buffer.from("no kubeconfig").toString("base64"));
    made.connections.want(NAME);
    await made.clock.advance(3_600_000);
    expect(made.last()).toMatchObject({ state: "failed", reason: "KubeconfigInvalid" });
    expect(made.requests.filter(({ plural }) => plural === secrets.plural)).toHaveLength(1);
  });
});
