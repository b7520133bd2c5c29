import { describe, expect, it } from "vitest";
import { matchMember, type MemberIdentity } from "#functions/cluster-api/etcd-remove/member-match.ts";
import type { EtcdMember } from "#platform/etcd/answers.ts";

function at(name: string, address: string, id = name): EtcdMember {
  const host = address.includes(":") ? `[${address}]` : address;
  return {
    id,
    name,
    peerURLs: [`https://${host}:2380`],
    clientURLs: name === "" ? [] : [`https://${host}:2379`],
    isLearner: false,
  };
}

const cp: MemberIdentity = { machine: "cp", nodeNames: ["cp"], addresses: ["10.0.0.1"] };

describe("the member of a machine", () => {
  it("has the name of its Node and an address of it", () => {
    const members = [at("cp", "10.0.0.1"), at("cp-2", "10.0.0.2")];
    expect(matchMember(cp, members, [])).toEqual({ kind: "one", member: members[0] });
  });

  it("may have the eight hexadecimal digits of RKE2 and k3s after that name", () => {
    const members = [at("cp-0f3a9c1d", "10.0.0.1"), at("cp-2-77aa00ff", "10.0.0.2")];
    expect(matchMember(cp, members, [])).toEqual({ kind: "one", member: members[0] });
  });

  it("[check 90] is never one whose name only begins like the machine's", () => {
    for (const name of ["cp-2-ab12", "cp-2", "cp-2-0f3a9c1d", "cpx", "cp-", "cp-0f3a9c1", "cp-0F3A9C1D"]) {
      expect(matchMember(cp, [at(name, "10.0.0.2")], []), name).toEqual({ kind: "none" });
    }
  });

  it("is not guessed when a member has the address under another name", () => {
    for (const name of ["cp-2-ab12", "other"]) {
      expect(matchMember(cp, [at(name, "10.0.0.1")], [])).toMatchObject({ kind: "unclear" });
    }
  });

  it("is not guessed when a member has the name at an address nobody has, or the machine's addresses are unknown", () => {
    expect(matchMember(cp, [at("cp", "10.0.0.9")], [])).toMatchObject({ kind: "unclear" });
    expect(matchMember({ ...cp, addresses: [] }, [at("cp", "10.0.0.1")], [])).toMatchObject({
      kind: "unclear",
    });
  });

  it("is not another machine's that has the name by RKE2's rule", () => {
    const neighbour = { machine: "x", nodeNames: ["cp-0f3a9c1d"], addresses: ["10.0.0.2"] };
    expect(matchMember(cp, [at("cp-0f3a9c1d", "10.0.0.2")], [neighbour])).toEqual({ kind: "none" });
    const both = [at("cp-0f3a9c1d", "10.0.0.2"), at("cp", "10.0.0.1")];
    expect(matchMember(cp, both, [neighbour])).toEqual({ kind: "one", member: both[1] });
  });

  it("is told by the address alone while it has never started, because then it has no name", () => {
    const unstarted = at("", "10.0.0.1", "7");
    expect(matchMember(cp, [at("cp-2", "10.0.0.2"), unstarted], [])).toEqual({
      kind: "one",
      member: unstarted,
    });
  });

  it("is not guessed among two at one address", () => {
    expect(matchMember(cp, [at("cp", "10.0.0.1"), at("", "10.0.0.1", "7")], [])).toMatchObject({
      kind: "unclear",
    });
  });

  it("is found by an IPv6 address however it is written", () => {
    const machine = { ...cp, addresses: ["fd42:0077:0001::0001"] };
    expect(matchMember(machine, [at("cp", "fd42:77:1::1")], [])).toMatchObject({ kind: "one" });
  });

  it("is not told by loopback, which every machine has", () => {
    const local = { ...at("x", "127.0.0.1"), clientURLs: ["https://localhost:2379"] };
    expect(matchMember({ ...cp, addresses: ["127.0.0.1"] }, [local], [])).toEqual({ kind: "none" });
  });
});
