import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { remediationPolicyFields } from "#api/remediation.ts";
import { parseIngressConfig, readIngressConfig } from "#events/sources/ingress/config.ts";
import { titledExample } from "#test/support/documentation.ts";

const sender = { name: "am", tokenFile: "/t", paths: ["/alerts"] };
const parse = (config: unknown) => parseIngressConfig("ingress.yaml", JSON.stringify(config));

describe("the configuration of the ingress", () => {
  it("that the page on alerts shows is one", () => {
    const [configMap] = parseAllDocuments(titledExample("alerts: who may send what").text).map((each) =>
      z.object({ data: z.object({ "ingress.yaml": z.string() }) }).parse(each.toJS()),
    );
    const { senders } = parseIngressConfig("page", configMap?.data["ingress.yaml"] ?? "");
    expect(senders.map(({ name }) => name)).toEqual(["alertmanager", "knative"]);
  });

  it("is YAML with senders", () => {
    const text = "senders:\n  - name: am\n    tokenFile: /t\n    paths: [/alerts]\n";
    expect(parseIngressConfig("f", text)).toEqual({
      senders: [{ ...sender, origins: [], requestsPerSecond: 20 }],
      alertmanagers: [],
    });
  });

  it("says what may be done about the machine of an alert, in the words of a RemediationRequest", () => {
    const remediation = {
      steps: ["Reboot"],
      stepTimeoutSeconds: 60,
      maxAttempts: 2,
      cooldownSeconds: 0,
      minHealthy: "34%",
      dryRun: true,
      recreateUnowned: false,
    };
    expect(parse({ senders: [sender], remediation }).remediation).toEqual(remediation);
    expect(Object.keys(remediation).toSorted()).toEqual(Object.keys(remediationPolicyFields).toSorted());
  });

  it.each([
    [{ senders: [sender], remediation: { steps: ["Explode"] } }, "remediation.steps[0]: "],
    [{ senders: [sender], remediation: { steps: [] } }, "remediation.steps: "],
    [{ senders: [sender], remediation: { minHealthy: "much" } }, "remediation.minHealthy: "],
    [{ senders: [] }, "senders: "],
    [{ senders: [{ ...sender, paths: ["/metrics"] }] }, "senders[0].paths[0]: "],
    [{ senders: [{ ...sender, token: "s3cr3t" }] }, 'senders[0]: Unrecognized key: "token"'],
    [{ senders: [{ ...sender, tokenFile: undefined }] }, "must have one of tokenFile and certificateSubject"],
    [{ senders: [{ ...sender, certificateSubject: "CN=x" }] }, "must have one of"],
    [
      { senders: [{ name: "x", certificateSubject: "CN=x", paths: ["/events"] }] },
      "senders[0].certificateSubject: needs tls.clientCaFile",
    ],
    [{ senders: [sender, sender] }, "senders[1].name: must be unique"],
    [{ senders: [{ ...sender, types: ["a b"] }] }, "senders[0].types[0]: must be an event type"],
    [{ senders: [sender], alertmanagers: [{ url: "ftp://x", receiver: "r" }] }, "alertmanagers[0].url: "],
  ])("that is wrong is refused with file and field", (config, problem) => {
    expect(() => parse(config)).toThrow("--ingress-config ingress.yaml");
    expect(() => parse(config)).toThrow(problem);
  });

  it("says in one sentence that it cannot be read", async () => {
    await expect(readIngressConfig("/nowhere/ingress.yaml")).rejects.toThrow(
      "--ingress-config /nowhere/ingress.yaml cannot be read; name a readable YAML file",
    );
  });

  it("does not repeat a value that may be secret", () => {
    expect(() => parse({ senders: [{ ...sender, tokenFile: ["s3cr3t"] }] })).toThrow(/^(?!.*s3cr3t)/);
  });
});
