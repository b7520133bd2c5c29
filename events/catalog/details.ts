import type * as z from "zod";
import {
  alertDataSchema,
  emptyDataSchema,
  objectDataSchema,
  reportDataSchema,
  stepDataSchema,
} from "#events/catalog/data.ts";
import { isEventType, type EventType } from "#events/catalog/types.ts";

/** What the catalogue says of an event type beyond its meaning. */
export interface EventDetails {
  /** CloudEvents `source`; in braces what differs from event to event. */
  readonly source: string;
  /** CloudEvents `subject`: what the event is about. */
  readonly subject: string;
  /** When it fires, and who fires it. */
  readonly fires: string;
  /** What its data must look like. */
  readonly data: z.ZodType;
  /** `some`: functions that name it in `on`. `every`: it is about time or the hub, and any function may be woken by it. */
  readonly listeners: "some" | "every";
}

const OBJECT = "namespaces/{namespace}/{plural}/{name}";
const CLUSTER_OBJECT = "{plural}/{name}";
const HUB = "/clusters/{cluster}/hub";
const MANAGEMENT = "/clusters/{cluster}/apis/{group}/{version}/{plural}";
const HARVESTER = "/clusters/{cluster}/harvester/{namespace}/{secret}/apis/{group}/{version}/{plural}";
const WORKLOAD = "/clusters/{cluster}/workload/{namespace}/{name}/api/v1/nodes";
const INGRESS = "/clusters/{cluster}/ingress/alerts";

const APPEARED = "the watch shows it for the first time, or with another uid than before";
const CHANGED = "a watch shows a change of a field that some function looks at";
const AILING =
  "a watch shows that its condition Ready is no longer True; or an EventInjection says so of a Node or a Machine, which makes a RemediationRequest that finds out whether it is true";
const DELETING = "its deletionTimestamp has been set";
const DELETED = "the watch, or the difference of two lists, shows that it is gone";
const ANY_CHANGE =
  "a watch shows that it appeared, changed in a field that some function looks at, or is gone";

function ofObject(source: string, fires: string, subject = OBJECT): EventDetails {
  return { source, subject, fires, data: objectDataSchema, listeners: "some" };
}

function ofTime(fires: string, subject: string): EventDetails {
  return { source: HUB, subject, fires, data: emptyDataSchema, listeners: "every" };
}

function ofReport(fires: string): EventDetails {
  return {
    source: "/clusters/{cluster}/functions/{function}",
    subject: "namespaces/{namespace}/harvesterclusters/{name}",
    fires,
    data: reportDataSchema,
    listeners: "some",
  };
}

function ofAlert(fires: string): EventDetails {
  return {
    source: INGRESS,
    subject: "namespaces/{namespace}/remediationrequests/{name}",
    fires,
    data: alertDataSchema,
    listeners: "some",
  };
}

/** Source, subject, occasion and data of every type of the catalogue. */
export const eventDetails: Readonly<Record<EventType, EventDetails>> = {
  "dev.capfn.cluster.created": ofObject(MANAGEMENT, APPEARED),
  "dev.capfn.cluster.changed": ofObject(MANAGEMENT, CHANGED),
  "dev.capfn.cluster.deleting": ofObject(MANAGEMENT, DELETING),
  "dev.capfn.cluster.deleted": ofObject(MANAGEMENT, DELETED),
  "dev.capfn.machine.created": ofObject(MANAGEMENT, APPEARED),
  "dev.capfn.machine.changed": ofObject(MANAGEMENT, CHANGED),
  "dev.capfn.machine.deleting": ofObject(MANAGEMENT, DELETING),
  "dev.capfn.machine.deleted": ofObject(MANAGEMENT, DELETED),
  "dev.capfn.vm.created": ofObject(HARVESTER, APPEARED),
  "dev.capfn.vm.changed": ofObject(HARVESTER, CHANGED),
  "dev.capfn.vm.deleting": ofObject(HARVESTER, DELETING),
  "dev.capfn.vm.deleted": ofObject(HARVESTER, DELETED),
  "dev.capfn.ippool.changed": ofObject(HARVESTER, ANY_CHANGE, CLUSTER_OBJECT),
  "dev.capfn.ippool.exhausted": ofReport(
    "`pool-reclaim` finds that a pool of the cluster has no free address left, or hardly any",
  ),
  "dev.capfn.image.changed": ofObject(HARVESTER, ANY_CHANGE),
  "dev.capfn.keypair.changed": ofObject(HARVESTER, ANY_CHANGE),
  "dev.capfn.node.registered": ofObject(WORKLOAD, APPEARED, CLUSTER_OBJECT),
  "dev.capfn.node.changed": ofObject(WORKLOAD, CHANGED, CLUSTER_OBJECT),
  "dev.capfn.node.unhealthy": ofObject(WORKLOAD, AILING, CLUSTER_OBJECT),
  "dev.capfn.node.deleted": ofObject(WORKLOAD, DELETED, CLUSTER_OBJECT),
  "dev.capfn.secret.changed": ofObject("/clusters/{cluster}/api/v1/secrets", ANY_CHANGE),
  "dev.capfn.connection.changed": ofObject(
    "/clusters/{cluster}/hub/apis/hub.capfn.dev/v1/connectionstates",
    "a connection was made, failed, or was made anew from a changed Secret",
    CLUSTER_OBJECT,
  ),
  "dev.capfn.certificate.expiring": ofReport(
    "`cert-reissue` finds a certificate of the cluster that it cannot reissue by itself, or whose state has become worse",
  ),
  "dev.capfn.object.changed": ofObject(MANAGEMENT, ANY_CHANGE),
  "dev.capfn.remediation.changed": ofObject(MANAGEMENT, ANY_CHANGE),
  "dev.capfn.injection.changed": ofObject(MANAGEMENT, ANY_CHANGE),
  "dev.capfn.alert.firing": ofAlert(
    "Alertmanager sends a firing alert to `/alerts`, or lists one that was never sent, and its RemediationRequest is stored",
  ),
  "dev.capfn.alert.resolved": ofAlert(
    "Alertmanager sends a resolved alert to `/alerts`, or no longer lists it, and its RemediationRequest says so",
  ),
  "dev.capfn.step.due": ofTime(
    "the time has come that a step asked for, or a wait has lasted too long",
    "{item}",
  ),
  "dev.capfn.step.swept": ofTime("every object is looked at again now and then, without a request", "sweep"),
  "dev.capfn.step.ended": {
    source: "/clusters/{cluster}/functions/{function}",
    subject: OBJECT,
    fires: "a function has answered for an object, or failed to; only observers are told",
    data: stepDataSchema,
    listeners: "some",
  },
  "dev.capfn.hub.started": ofTime(
    "the first list that an object's functions need is complete",
    "{collection}",
  ),
};

/** Type of an event by the name a person gives it: the full type, or without `dev.capfn.`. Undefined when there is none. */
export function eventTypeNamed(name: string): EventType | undefined {
  const full = name.startsWith("dev.capfn.") ? name : `dev.capfn.${name}`;
  return isEventType(full) ? full : undefined;
}
