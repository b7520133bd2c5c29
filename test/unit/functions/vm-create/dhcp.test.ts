import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dhcpBootCommands } from "#functions/harvester/vm-create/cloud-init/dhcp.ts";

describe("dhcpBootCommands", () => {
  it("writes the script and then runs dhclient once per interface, never with -d [check 65]", () => {
    const [script, ...lines] = dhcpBootCommands(2);
    expect(script).toContain("cat >/usr/local/bin/dhclient-script-capfn.sh");
    expect(lines).toHaveLength(2);
    for (const [index, line] of lines.entries()) {
      const name = `eth${index}`;
      expect(line).toContain(
        `dhclient -1 -sf /usr/local/bin/dhclient-script-capfn.sh -lf /tmp/dhclient-${name}.lease -pf /tmp/dhclient-${name}.pid ${name}`,
      );
      expect(line).not.toMatch(/ -d\b/);
    }
  });

  it("the script puts address, default route and DNS of a lease on the interface [check 65]", () => {
    const directory = mkdtempSync(join(tmpdir(), "dhcp-"));
    try {
      const [command = ""] = dhcpBootCommands(1);
      const script = command
        .slice(command.indexOf("#!"), command.indexOf("END_OF_SCRIPT\nchmod"))
        .replaceAll("/etc/resolv.conf", join(directory, "resolv.conf"))
        .replaceAll("/sys/class/net/$interface/ifindex", join(directory, "ifindex"));
      writeFileSync(join(directory, "script.sh"), script);
      writeFileSync(join(directory, "ifindex"), "2\n");
      writeFileSync(join(directory, "ip"), `#!/bin/sh\necho "$@" >>${join(directory, "calls")}\n`);
      chmodSync(join(directory, "ip"), 0o755);
      const run = (env: Record<string, string>) =>
        execFileSync("/bin/sh", ["-eu", join(directory, "script.sh")], {
          env: {
            PATH: `${directory}:/usr/bin:/bin`,
            interface: "eth0",
            old_ip_address: "",
            new_domain_search: "",
            new_domain_name: "",
            ...env,
          },
        });
      run({ reason: "PREINIT" });
      run({
        reason: "BOUND",
        new_ip_address: "10.50.0.40",
        new_subnet_mask: "255.255.240.0",
        new_routers: "10.50.0.1 10.50.0.2",
        new_domain_name_servers: "10.50.0.2 10.50.0.3",
        new_domain_name: "example.com",
      });
      expect(readFileSync(join(directory, "calls"), "utf8").trim().split("\n")).toEqual([
        "link set dev eth0 up",
        "-4 addr flush dev eth0 scope global",
        "-4 addr replace 10.50.0.40/20 dev eth0",
        "-4 route replace default via 10.50.0.1 dev eth0 metric 102",
      ]);
      expect(readFileSync(join(directory, "resolv.conf"), "utf8")).toBe(
        "search example.com\nnameserver 10.50.0.2\nnameserver 10.50.0.3\n",
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
