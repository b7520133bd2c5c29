import * as z from "zod";

import type { ApiRequests } from "#platform/kube/api-requests.ts";
import type { ListOptions } from "#platform/kube/client.ts";
import { KubeError, isKubeError } from "#platform/kube/errors.ts";
import { receiveObject } from "#platform/kube/received-object.ts";
import type { ReceivedObject } from "#platform/kube/received-object.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

const pageSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().optional(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

/** One page of a list. All pages of one pass are of the same moment, `resourceVersion`. */
export interface ListPage {
  readonly objects: ReceivedObject[];
  readonly resourceVersion: string;
  /** True for the first page of a second pass: the pages before are of an older moment, what they held may be gone. */
  readonly restarted: boolean;
}

export interface ListPagesOptions extends ListOptions {
  readonly metadataOnly?: boolean | undefined;
  /** `resourceVersionMatch=NotOlderThan`; a quorum read without it. */
  readonly notOlderThan?: string | undefined;
}

const PAGE_LIMIT = 500;
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * A list page by page. A continue token that expired meanwhile (410, Kubernetes API concepts, "Retrieving large results sets in
 * chunks") starts it once again from its beginning; a second 410 is thrown.
 */
export async function* listPages(
  requests: ApiRequests,
  type: ResourceType,
  options: ListPagesOptions,
): AsyncGenerator<ListPage> {
  let token: string | undefined;
  let restarted = false;
  let restarts = 0;
  do {
    const first = token === undefined;
    const fromVersion = first ? options.notOlderThan : undefined;
    let answer: unknown;
    try {
      answer = await requests.call({
        verb: "list",
        type,
        namespace: options.namespace,
        repeatable: true,
        signal: options.signal,
        accept: options.metadataOnly === true ? METADATA_LIST : undefined,
        query: {
          limit: options.limit ?? PAGE_LIMIT,
          continue: token,
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
          resourceVersion: fromVersion,
          resourceVersionMatch: fromVersion === undefined ? undefined : "NotOlderThan",
        },
      });
    } catch (error) {
      if (first || restarts > 0 || !isKubeError(error, "gone")) throw error;
      token = undefined;
      restarted = true;
      restarts += 1;
      continue;
    }
    const page = readPage(requests, type, answer, options.metadataOnly === true);
    token = page.next;
    yield { objects: page.objects, resourceVersion: page.resourceVersion, restarted };
    restarted = false;
  } while (token !== undefined || restarted);
}

function readPage(
  requests: ApiRequests,
  type: ResourceType,
  answer: unknown,
  metadataOnly: boolean,
): { objects: ReceivedObject[]; resourceVersion: string; next: string | undefined } {
  const page = pageSchema.safeParse(answer).data;
  const objects = page?.items?.map((item) => receiveObject(item, type, metadataOnly)) ?? [];
  const complete = objects.filter((object) => object !== undefined);
  if (page === undefined || complete.length !== objects.length) {
    throw new KubeError({
      reason: "unavailable",
      status: 200,
      dependency: requests.connection,
      message: `${requests.connection}: list ${type.plural}: the answer is not a Kubernetes list`,
    });
  }
  const { continue: token } = page.metadata;
  return {
    objects: complete,
    resourceVersion: page.metadata.resourceVersion ?? "",
    next: token === undefined || token === "" ? undefined : token,
  };
}
