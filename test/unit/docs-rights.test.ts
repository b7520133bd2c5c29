import { describe, expect, it } from "vitest";
import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { objectsIn, readPage, titledExample } from "#test/support/documentation.ts";

const running = readPage("docs/tasks/running.md");

describe("the rights in the pages", () => {
  type Right = `${string}/${string} ${string}`;
  const rulesSchema = z.object({
    rules: z.array(
      z.object({
        apiGroups: z.array(z.string()),
        resources: z.array(z.string()),
        verbs: z.array(z.string()),
      }),
    ),
  });
  const rightsOf = (rules: z.infer<typeof rulesSchema>["rules"]): Right[] =>
    rules.flatMap(({ apiGroups, resources: names, verbs }) =>
      apiGroups.flatMap((group) =>
        names.flatMap((name) => verbs.map((verb): Right => `${group}/${name} ${verb}`)),
      ),
    );
  const granted = (title: string): Right[] =>
    objectsIn(titledExample(title).text).flatMap((object) =>
      object.kind.endsWith("Role") ? rightsOf(rulesSchema.parse(object).rules) : [],
    );

  /** Which API servers a watched resource lies on. */
  const homes = (group: string, plural: string): readonly string[] => {
    // Of failure domains the hosts of Harvester are looked at.
    if (plural === "nodes") return ["workload", "harvester"];
    // Manifests with credentials, and the authority of Harvester's API server.
    if (plural === "configmaps") return ["management", "harvester"];
    if (plural === "certificatesigningrequests") return ["workload"];
    if (/(^|\.)cluster\.x-k8s\.io$|^capfn\.dev$/.test(group) || plural === "secrets") return ["management"];
    return group === "hub.capfn.dev" ? ["hub"] : ["harvester"];
  };
  /** What the functions declare, and what is watched for them. */
  const declared = (api: string): Right[] => [
    ...rightsOf(
      allFunctions
        .flatMap(({ rbac }) => rbac)
        .filter((rule) => rule.api === api)
        .map((rule) => ({
          apiGroups: [...rule.apiGroups],
          resources: [...rule.resources],
          verbs: [...rule.verbs],
        })),
    ),
    ...allFunctions
      .flatMap(({ views }) => views)
      .filter(({ type }) => homes(type.group, type.plural).includes(api))
      .flatMap(({ type: { group, plural } }) =>
        ["list", "watch"].map((verb): Right => `${group}/${plural} ${verb}`),
      ),
  ];
  const sorted = (rights: readonly Right[]) => [...new Set(rights)].toSorted();

  it("on Harvester are those the functions declare and watch, and no more", () => {
    const all = [...granted("rights: harvester"), ...granted("rights: cloud provider")];
    expect(sorted(all)).toEqual(sorted(declared("harvester")));
  });

  it("of the hub are those the functions declare and watch, and its own", () => {
    const infrastructure = "infrastructure.cluster.x-k8s.io";
    /** Notes, conditions of failed steps, Events, ledger, Lease, and the Secrets that connections are made from. */
    const own: Right[] = rightsOf([
      {
        apiGroups: [infrastructure],
        resources: ["harvesterclusters", "harvestermachines", "harvestermachinetemplates"],
        verbs: ["get", "patch"],
      },
      {
        apiGroups: [infrastructure],
        resources: [
          "harvesterclusters/status",
          "harvestermachines/status",
          "harvestermachinetemplates/status",
        ],
        verbs: ["patch"],
      },
      {
        apiGroups: ["capfn.dev"],
        resources: ["remediationrequests", "machineremediations", "eventinjections", "harvesterippools"],
        verbs: ["get", "patch"],
      },
      {
        apiGroups: ["capfn.dev"],
        resources: [
          "remediationrequests/status",
          "machineremediations/status",
          "eventinjections/status",
          "harvesterippools/status",
        ],
        verbs: ["patch"],
      },
      {
        apiGroups: ["ipam.cluster.x-k8s.io"],
        resources: ["ipaddressclaims"],
        verbs: ["get", "patch"],
      },
      {
        apiGroups: ["ipam.cluster.x-k8s.io"],
        resources: ["ipaddressclaims/status"],
        verbs: ["patch"],
      },
      { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
      // Whose uid tells this management cluster from others.
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "patch"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        verbs: ["get", "list", "watch", "create", "update"],
      },
    ]);
    expect(sorted(granted("rights: management"))).toEqual(sorted([...declared("management"), ...own]));
  });

  it("of parked work are on every kind that carries the state of a function", () => {
    const kinds = allFunctions.flatMap(({ for: { type } }) =>
      ["get", "list", "patch"].map((verb): Right => `${type.group}/${type.plural} ${verb}`),
    );
    expect(sorted(granted("rights: parked work"))).toEqual(sorted([...kinds, "/events list"]));
  });

  it("on a workload cluster are named", () => {
    const ofRequests = (right: Right): boolean => right.startsWith("certificates.k8s.io/");
    const verbsOf = (rights: readonly Right[]) => new Set(rights.map((right) => right.split(" ")[1] ?? ""));
    const said = (sentence: RegExp) =>
      new Set(
        sentence
          .exec(running.prose)?.[1]
          ?.match(/\w+/g)
          ?.filter((word) => word !== "and"),
      );
    const all = declared("workload");
    expect(said(/with it\s+(.*) on Nodes/)).toEqual(verbsOf(all.filter((right) => !ofRequests(right))));
    expect(said(/kubelets.* also (.*) on what belongs to them/)).toEqual(verbsOf(all.filter(ofRequests)));
  });
});
