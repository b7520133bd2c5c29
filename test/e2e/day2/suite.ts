import { byAlert } from "#test/e2e/day2/by-alert.ts";
import { byHealthCheck } from "#test/e2e/day2/by-health-check.ts";
import { byInjection } from "#test/e2e/day2/by-injection.ts";
import { certificateRenewed } from "#test/e2e/day2/certificate-renewed.ts";
import { parkedReplayed } from "#test/e2e/day2/parked-replayed.ts";
import { poolReclaimed } from "#test/e2e/day2/pool-reclaimed.ts";
import { etcdRefused } from "#test/e2e/day2/etcd-refused.ts";
import { etcdRemoved } from "#test/e2e/day2/etcd-removed.ts";
import { openDay2, type Day2 } from "#test/e2e/day2/stage.ts";
import { suiteOf, type Scenario } from "#test/e2e/scenario.ts";

/** Each works with what the others leave, in any order. */
export const day2Scenarios: readonly Scenario<Day2>[] = [
  byHealthCheck,
  byAlert,
  byInjection,
  etcdRefused,
  etcdRemoved,
  poolReclaimed,
  certificateRenewed,
  parkedReplayed,
];

/** What a person does with a runbook, done by functions. */
export const day2 = suiteOf({
  name: "day2",
  summary: "what a person does with a runbook, done by functions that events wake",
  open: openDay2,
  scenarios: day2Scenarios,
});
