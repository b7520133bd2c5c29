import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certReissue } from "#functions/cluster-api/cert-reissue/function.ts";
import { harvesterClusters, secrets } from "#platform/kube/resources.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { kubeError } from "#test/support/fake-api.ts";
import {
  apiServer,
  authority,
  authoritySecret,
  inDays,
  kubeconfig,
  kubeconfigSecret,
  setUp,
} from "./cluster-setup.ts";

const YEAR = { from: -1, to: 364 };

describe("the certificates of a cluster", () => {
  test("that are all young are looked at once, and again at two thirds of the life that ends first", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, { from: -10, to: 80 });
    const made = await setUp({ ca, server: server.url });
    expect(await made.need()).toBe(true);
    expect(await made.run()).toEqual({ kind: "done", emit: [] });
    expect(made.deps.summary()).toEqual([
      "management get secrets demo/demo-kubeconfig",
      "management get secrets demo/identity",
      "management mergePatch harvesterclusters demo/demo",
    ]);
    expect(made.record()).toMatchObject({ apiServer: { notAfter: "2026-03-22T00:00:00Z" } });
    expect(await made.need()).toEqual(inDays(50));
    expect(made.condition()).toBeUndefined();
    expect(made.deps.announced).toEqual([]);
  });

  test("leave dates and fingerprints behind, nothing else of the Secret", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({
      ca,
      server: server.url,
      objects: [authoritySecret(ca)],
      client: { from: -300, to: 65 },
    });
    await made.run();
    const told = JSON.stringify([made.deps.announced, made.condition(), made.annotation()]);
    for (const secret of [ca.keyPem, made.text, made.stored(), "t0ken"]) {
      expect(told).not.toContain(secret.slice(0, 60));
      expect(told).not.toContain(Buffer.from(secret).toString("base64").slice(0, 60));
    }
    expect(Object.keys(JSON.parse(made.annotation()) as object).toSorted()).toEqual([
      "apiServer",
      "authority",
      "checked",
      "kubeconfig",
      "secret",
    ]);
  });

  test("are looked at anew when the Secret changes, when somebody edits what is known, and when asked", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({ ca, server: server.url });
    await made.run();
    expect(await made.need()).toBeInstanceOf(Date);
    await made.deps.management.mergePatch(
      secrets,
      { namespace: "demo", name: "demo-kubeconfig" },
      { metadata: { labels: { a: "b" } } },
    );
    expect(await made.need()).toBe(true);
    await made.run();
    for (const annotations of [{ "capfn.dev/certificates": "{}" }, { "capfn.dev/look-at": "now" }]) {
      expect(await made.need()).toBeInstanceOf(Date);
      const at = { namespace: "demo", name: "demo" };
      await made.deps.management.mergePatch(harvesterClusters, at, { metadata: { annotations } });
      expect(await made.need()).toBe(true);
      await made.run();
    }
  });

  test.each([
    ["paused", { spec: { paused: true } }],
    ["moved", { metadata: { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } } }],
  ])("of a cluster that is %s are left alone", async (_what, over) => {
    const ca = await authority();
    const made = await setUp({ ca, server: "https://127.0.0.1:1", cluster: over });
    expect(await made.need()).toBe(false);
  });

  test("of a cluster without kubeconfig are not looked for", async () => {
    const ca = await authority();
    const made = await setUp({ ca, server: "https://127.0.0.1:1" });
    made.deps.management.drop(secrets, { namespace: "demo", name: "demo-kubeconfig" });
    expect(await made.need()).toBe(false);
  });

  test("in a kubeconfig that is none rest until it changes", async () => {
    const ca = await authority();
    const made = await setUp({ ca, server: "https://127.0.0.1:1" });
    made.deps.management.put(kubeconfigSecret("no: [kubeconfig"));
    expect(await made.run()).toMatchObject({ kind: "done" });
    expect(await made.need()).toBe(false);
  });
});

describe("a client certificate of which two thirds are over", () => {
  const due = { from: -300, to: 65 };

  test.each([
    ["about to expire", due],
    ["expired already", { from: -400, to: -35 }],
  ])("and is %s is reissued for the same user by the cluster's authority", async (_what, client) => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({ ca, server: server.url, client, objects: [authoritySecret(ca)] });
    expect(await made.run()).toEqual({ kind: "done", emit: [] });
    const before = parseKubeconfig(made.text, "x");
    const after = parseKubeconfig(made.stored(), "x");
    const issued = new X509Certificate(after.clientCertPem ?? "");
    expect(issued.subject).toBe(new X509Certificate(before.clientCertPem ?? "").subject);
    expect(issued.verify(new X509Certificate(ca.certPem).publicKey)).toBe(true);
    expect(issued.validToDate).toEqual(inDays(365));
    // Not from now on: our clock may be ahead of the API server's.
    expect(issued.validFromDate).toEqual(inDays(client.from));
    expect(issued.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(after.clientKeyPem).not.toBe(before.clientKeyPem);
    expect({ ...after, clientCertPem: "", clientKeyPem: "" }).toEqual({
      ...before,
      clientCertPem: "",
      clientKeyPem: "",
    });
    expect(made.stored()).toContain("# made by hand");
    expect(made.stored()).toContain("t0ken");
    expect(made.record()?.kubeconfig?.notAfter).toBe("2027-01-01T00:00:00Z");
    expect(made.deps.announced.map(({ event }) => event.reason)).toEqual(["CertificateReissued"]);
    expect(made.deps.counted).toEqual(["capfn_certificates_reissued_total"]);
    expect(await made.need()).toBeInstanceOf(Date);
    expect(made.condition()).toBeUndefined();
  });

  test("is reissued once, wherever the step is cut short", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    for (const moment of ["before", "after"] as const) {
      for (let n = 0; n < 4; n += 1) {
        const made = await setUp({ ca, server: server.url, client: due, objects: [authoritySecret(ca)] });
        made.deps.failAt(n, kubeError("timeout"), moment);
        await expect(made.run()).rejects.toMatchObject({ reason: "timeout" });
        await made.world.settle([certReissue], ["demo"]);
        const writes = made.deps.requests.filter(
          ({ plural, verb }) => plural === "secrets" && verb === "mergePatch",
        );
        const answered = moment === "before" && n === 2 ? 2 : 1;
        expect(writes).toHaveLength(answered);
        expect(made.record()?.kubeconfig?.notAfter).toBe("2027-01-01T00:00:00Z");
      }
    }
  });

  test("is not written over what somebody else stored meanwhile", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({ ca, server: server.url, client: due, objects: [authoritySecret(ca)] });
    const theirs = kubeconfigSecret(kubeconfig(ca, server.url, { token: "theirs" }));
    made.deps.management.beforeNextWrite(() => made.deps.management.put(theirs));
    await expect(made.run()).rejects.toMatchObject({ reason: "conflict" });
    expect(made.stored()).toContain("theirs");
    await made.world.settle([certReissue], ["demo"]);
    expect(made.stored()).toContain("theirs");
    expect(made.record()?.kubeconfig).toBeUndefined();
  });

  const owner = (kind: string, controller?: boolean) => ({
    ownerReferences: [
      {
        apiVersion: "x/v1",
        kind,
        name: "demo-cp",
        uid: "u",
        ...(controller === undefined ? {} : { controller }),
      },
    ],
  });

  test.each([
    [
      "a KubeadmControlPlane controls the Secret",
      owner("KubeadmControlPlane", true),
      "KubeadmControlPlane demo-cp controls the Secret and renews it",
    ],
    [
      "an RKE2ControlPlane owns the Secret",
      owner("RKE2ControlPlane"),
      "RKE2ControlPlane demo-cp controls the Secret and renews it",
    ],
  ])("is left and told when %s", async (_what, metadata, why) => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({
      ca,
      server: server.url,
      client: due,
      metadata,
      objects: [authoritySecret(ca)],
    });
    expect(await made.run()).toMatchObject({
      kind: "done",
      emit: [{ type: "dev.capfn.certificate.expiring" }],
    });
    expect(made.stored()).toBe(made.text);
    expect(made.condition()).toMatchObject({ status: "False", reason: "CertificateExpiring" });
    expect(made.condition()?.["message"]).toContain(why);
    expect(made.condition()?.["message"]).toContain("expires on 2026-03-07");
    // It is looked at every day until somebody has done something.
    expect(await made.need()).toEqual(inDays(1));
  });

  test("is reissued when the Cluster owns the Secret: a Cluster renews nothing", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const metadata = owner("Cluster", true);
    const made = await setUp({
      ca,
      server: server.url,
      client: due,
      metadata,
      objects: [authoritySecret(ca)],
    });
    await made.run();
    expect(made.stored()).not.toBe(made.text);
  });

  test("is left and told when nothing can sign a new one", async () => {
    const ca = await authority();
    const another = await authority();
    const old = await authority(65);
    await using server = await apiServer(ca, YEAR);
    const cases = [
      [[], "Secret demo-ca has no authority with a key"],
      [[authoritySecret(ca, "")], "Secret demo-ca has no authority with a key"],
      [[authoritySecret(another)], "the authority in Secret demo-ca did not issue it"],
      [[authoritySecret(ca, another.keyPem)], "the authority in Secret demo-ca did not issue it"],
      [[authoritySecret(ca, "no key")], "the authority in Secret demo-ca did not issue it"],
    ] as const;
    for (const [objects, why] of cases) {
      const made = await setUp({ ca, server: server.url, client: due, objects });
      await made.run();
      expect(made.stored()).toBe(made.text);
      expect(made.condition()?.["message"]).toContain(why);
    }
    const made = await setUp({ ca: old, server: server.url, client: due, objects: [authoritySecret(old)] });
    await made.run();
    expect(made.stored()).toBe(made.text);
    expect(made.condition()?.["message"]).toContain("the authority in Secret demo-ca ends with it");
  });
});
