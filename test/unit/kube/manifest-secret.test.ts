import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  ManifestError,
  secretValues,
  withoutSecretValue,
  withSecretValue,
} from "#platform/kube/manifest-secret.ts";

const place = { namespace: "kube-system", name: "cloud-config", key: "cloud-config" };
const deployment = `# the provider itself
apiVersion: apps/v1
kind: Deployment
metadata: {name: provider,   namespace: kube-system}
`;
const secret = `apiVersion: v1
kind: Secret
metadata:
  name: cloud-config # filled in later
  namespace: kube-system
type: Opaque
`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("a value among manifests", () => {
  it("is put into its Secret, and every other document stays byte by byte [check 40]", () => {
    const tail = "--- # a note\r\nkind: ConfigMap\r\napiVersion: v1\r\nmetadata: {name: x}\r\n";
    const text = `${deployment}---\n${secret}${tail}`;
    const changed = withSecretValue(text, place, "kubeconfig");
    expect(changed.startsWith(`${deployment}---\n`)).toBe(true);
    expect(changed.endsWith(tail)).toBe(true);
    expect(changed).toContain("# filled in later");
    expect(secretValues(changed, place)).toEqual(["kubeconfig"]);
    expect(parseAllDocuments(changed)).toHaveLength(3);
  });

  it("is appended as a Secret of its own when there is none, also to nothing at all [check 41]", () => {
    for (const text of ["", deployment, deployment.trimEnd(), `${deployment}---\n`]) {
      const changed = withSecretValue(text, place, "kubeconfig");
      expect(changed.startsWith(text)).toBe(true);
      const last = parseAllDocuments(changed).at(-1);
      expect(last?.toJS()).toEqual({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "cloud-config", namespace: "kube-system" },
        type: "Opaque",
        data: { "cloud-config": base64("kubeconfig") },
      });
    }
  });

  it("is put into each of two manifests of the Secret, because the last one wins", () => {
    const changed = withSecretValue(`${secret}---\n${secret}`, place, "kubeconfig");
    expect(secretValues(changed, place)).toEqual(["kubeconfig", "kubeconfig"]);
  });

  it("takes the place of one in stringData, which would win, and leaves other keys", () => {
    const text = `${secret}stringData: {cloud-config: mine, other: kept}\ndata: {more: a2VwdA==}\n`;
    const [document] = parseAllDocuments(withSecretValue(text, place, "kubeconfig"));
    expect(document?.toJS()).toMatchObject({
      stringData: { other: "kept" },
      data: { more: "a2VwdA==", "cloud-config": base64("kubeconfig") },
    });
    expect(document?.hasIn(["stringData", "cloud-config"])).toBe(false);
  });

  it.each([
    ["another name", secret.replace("name: cloud-config", "name: other")],
    ["another namespace", secret.replace("kube-system", "default")],
    ["no namespace", secret.replace("  namespace: kube-system\n", "")],
    ["another kind", secret.replace("Secret", "ConfigMap")],
  ])("is not put into an object of %s", (_what, text) => {
    const changed = withSecretValue(text, place, "kubeconfig");
    expect(changed.startsWith(text)).toBe(true);
    expect(parseAllDocuments(changed)).toHaveLength(2);
  });

  it("is taken out again, and the manifest stays", () => {
    const filled = withSecretValue(`${deployment}---\n${secret}`, place, "kubeconfig");
    const emptied = withoutSecretValue(filled, place);
    expect(secretValues(emptied, place)).toEqual([undefined]);
    expect(emptied).not.toContain(base64("kubeconfig"));
    expect(emptied.startsWith(deployment)).toBe(true);
  });

  it("is refused with the number of the document that is no YAML, and nothing of its content", () => {
    const broken = `${deployment}---\ndata: [hush\n`;
    expect(() => withSecretValue(broken, place, "kubeconfig")).toThrow(ManifestError);
    expect(() => withSecretValue(broken, place, "kubeconfig")).toThrow(/^document 2 is not YAML \(\w+\)$/);
  });

  it("is found whatever stands in blocks of text", () => {
    const script = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata:\n  run: |\n    echo ---\n    ---\n`;
    const changed = withSecretValue(`${script}---\n${secret}`, place, "kubeconfig");
    expect(changed.startsWith(script)).toBe(true);
    expect(secretValues(changed, place)).toEqual(["kubeconfig"]);
  });
});
