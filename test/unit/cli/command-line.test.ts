import { describe, expect, it } from "vitest";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import { renderTable } from "#cli/table.ts";
import { capfn } from "#test/support/command-line.ts";

describe("capfn", { timeout: 60_000 }, () => {
  it("teaches where to start when asked for help", async () => {
    const { code, stdout } = await capfn("--help");
    expect(code).toBe(0);
    for (const command of ["demo", "run", "hub", "why", "trace", "parked", "replay", "skip", "generate"])
      expect(stdout).toContain(`\n  ${command} `);
    expect(stdout).toContain("Start here");
  });

  it("gives examples in the help of its commands", async () => {
    const helps = await Promise.all(
      ["run", "hub", "why", "trace", "parked", "replay", "skip", "demo"].map((command) =>
        capfn(command, "--help"),
      ),
    );
    for (const { code, stdout } of helps) {
      expect(code).toBe(0);
      expect(stdout).toMatch(/Examples?:/);
    }
  });

  it("names the flag, the value and the mend when a flag is wrong", async () => {
    const { code, stderr } = await capfn("run", "--max-in-flight", "many");
    expect(code).toBe(1);
    expect(stderr).toContain('--max-in-flight takes a whole number above 0, not "many"');
  });

  it("says how to write an object when `why` cannot read it", async () => {
    const { code, stderr } = await capfn("why", "pod/x");
    expect(code).toBe(1);
    expect(stderr).toContain("write <kind>/<name>, e.g. machine/worker-1");
  });

  it("fails in one sentence when the kubeconfig does not exist", async () => {
    const { code, stderr } = await capfn("run", "--kubeconfig", "/nowhere/kubeconfig");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\/nowhere\/kubeconfig/);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

describe("a bind address", () => {
  it("is read as controller-runtime managers read it", () => {
    expect(parseBindAddress("--f", ":8080")).toEqual({ host: "::", port: 8080 });
    expect(parseBindAddress("--f", "127.0.0.1:9440")).toEqual({ host: "127.0.0.1", port: 9440 });
    expect(parseBindAddress("--f", "[::1]:1")).toEqual({ host: "::1", port: 1 });
    expect(parseBindAddress("--f", "0")).toBeUndefined();
  });

  it("is refused with the flag's name and the mend when it is none", () => {
    expect(() => parseBindAddress("--metrics-bind-address", "8080")).toThrow(
      '--metrics-bind-address: "8080" is no bind address; use ":8080"',
    );
  });
});

describe("a table", () => {
  it("leaves out columns without any cell and aligns the others", () => {
    expect(renderTable(["A", "B", "C"], [["long cell", "", "x"]])).toBe("A          C\nlong cell  x");
  });
});
