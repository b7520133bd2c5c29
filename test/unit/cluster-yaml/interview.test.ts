import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { readAnswers } from "#cli/cluster-yaml/answers.ts";
import { clusterFlags } from "#cli/cluster-yaml/flags.ts";
import { interview } from "#cli/cluster-yaml/interview.ts";
import { onTerminal } from "#cli/cluster-yaml/terminal-dialogue.ts";

/** What somebody says who is asked: by the beginning of the question, else nothing. */
function person(says: Readonly<Record<string, string | string[]>>) {
  const asked: string[] = [];
  const told: string[] = [];
  const left = new Map(Object.entries(says).map(([begin, text]) => [begin, [text].flat()]));
  return {
    asked,
    told,
    dialogue: {
      ask: (question: string) => {
        asked.push(question);
        const begin = [...left.keys()].find((each) => question.startsWith(each));
        return Promise.resolve((begin === undefined ? undefined : left.get(begin)?.shift()) ?? "");
      },
      tell: (line: string) => void told.push(line),
    },
  };
}

const needed = {
  "Cluster name": "demo",
  "VM image": "default/leap-15",
  "SSH key pair": "default/demo",
  "VM network": "default/vlan1",
  Gateway: "10.50.0.1",
  "Subnet mask": "255.255.255.0",
  IPPool: "demo-vms",
  "Path of": "identity.yaml",
};

describe("the questions", () => {
  it("decide what was typed, and nothing that was proposed: Enter leaves the numbers of a cluster that is there", async () => {
    const { dialogue } = person({ ...needed, Workers: "4" });
    const { typed, answers } = await interview(dialogue, {});
    expect(answers).toMatchObject({ workerReplicas: "4", cpReplicas: "3" });
    expect(typed.has("workerReplicas")).toBe(true);
    expect(["cpReplicas", "k8sVersion", "cpu", "memory"].filter((key) => typed.has(key))).toEqual([]);
  });

  it("are those of the Go provider's generator, with its defaults, and one for the namespace on Harvester [check 129]", async () => {
    const { dialogue, asked } = person(needed);
    const { answers, apply } = await interview(dialogue, {});
    expect(asked).toEqual([
      "Cluster name: ",
      "Namespace (empty: that of the name): ",
      "Namespace on Harvester [default]: ",
      "Control plane machines [3]: ",
      "Workers [1]: ",
      "Kubernetes version [v1.31.14]: ",
      "CPUs of a machine [2]: ",
      "Memory of a machine [4Gi]: ",
      "VM image (namespace/name): ",
      "Size of the boot disk [40Gi]: ",
      "One more disk (size:class, empty: none): ",
      "SSH key pair (namespace/name): ",
      "SSH user [sles]: ",
      "VM network (namespace/name): ",
      "Gateway: ",
      "Subnet mask: ",
      "IPPool: ",
      "DNS servers (with commas, empty: none): ",
      "CNI (calico, canal, cilium, none) [calico]: ",
      "Path of Harvester's kubeconfig: ",
      "ClusterClass [harvester-rke2]: ",
      "Apply it now? (y/N): ",
    ]);
    expect(apply).toBe(false);
    expect(readAnswers(answers).options).toMatchObject({
      namespace: "demo",
      workers: { replicas: 1 },
      podCidr: "10.42.0.0/16",
    });
  });

  it("are not asked about what is given", async () => {
    const { dialogue, asked } = person({ "Cluster name": "demo" });
    const given = Object.fromEntries(
      clusterFlags.filter(({ key }) => key !== "name").map(({ key }) => [key, "given"]),
    );
    const { answers } = await interview(dialogue, given);
    expect(asked).toEqual(["Cluster name: ", "Apply it now? (y/N): "]);
    expect(answers).toEqual({ ...given, name: "demo" });
  });

  it("leave out the addresses of the network with DHCP", async () => {
    const { dialogue, asked } = person(needed);
    const { answers } = await interview(dialogue, { dhcp: true });
    expect(asked.filter((question) => /Gateway|mask|IPPool|DNS/.test(question))).toEqual([]);
    expect(readAnswers(answers).problems).toEqual([]);
  });

  it("are asked again until what is needed is answered, and end with whether to apply", async () => {
    const { dialogue, asked, told } = person({
      ...needed,
      "Cluster name": ["", " ", "demo"],
      "Apply it": "Y",
    });
    const { answers, apply } = await interview(dialogue, {});
    expect(asked.filter((question) => question === "Cluster name: ")).toHaveLength(3);
    expect(told).toHaveLength(2);
    expect(answers["name"]).toBe("demo");
    expect(apply).toBe(true);
  });
});

describe("a terminal", () => {
  it("shows the questions on its own output and takes line by line [check 129]", async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const asked = onTerminal({ input, output }, async (dialogue) => [
      await dialogue.ask("first? "),
      await dialogue.ask("second? "),
    ]);
    input.write("one\n");
    await new Promise((resolve) => setImmediate(resolve));
    input.write("two\n");
    expect(await asked).toEqual(["one", "two"]);
    expect(String(output.read())).toBe("first? second? ");
  });

  it("that is closed in the middle generates nothing", async () => {
    const input = new PassThrough();
    const asked = onTerminal({ input, output: new PassThrough() }, (dialogue) => dialogue.ask("first? "));
    input.end();
    await expect(asked).rejects.toThrow("nothing is generated: the questions were not answered");
  });
});
