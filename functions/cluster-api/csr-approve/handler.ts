import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import {
  hasRequests,
  ownAddresses,
  type MachineWithRequests,
} from "#functions/cluster-api/csr-approve/machine-requests.ts";
import { refusal } from "#functions/cluster-api/csr-approve/plan.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { SigningRequest } from "#platform/cluster-api/signing-request.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { certificateSigningRequests, harvesterMachines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";
import { readCertificateRequest } from "#platform/x509/certificate-request.ts";

type RequestEvent = StepEvent<HarvesterMachineBody, MachineWithRequests>;

/**
 * Approves what fits the machine as it is now. What does not fit stays as it is, for a person: it may fit once the machine's addresses are
 * complete, and a denied request is one the kubelet makes again.
 */
export async function decideRequests(event: RequestEvent, deps: Deps): Promise<Outcome> {
  const { object, related } = event;
  const node = related.machine?.status.nodeRef?.name;
  if (!hasRequests(event) || node === undefined || related.cluster === undefined) return done();
  const fresh = await freshLook(deps.management, harvesterMachineView, object.meta);
  if (fresh?.meta.uid !== object.meta.uid || fresh.meta.deletionTimestamp !== undefined) return done();
  const identity = { node, addresses: ownAddresses(fresh, related) };
  const { namespace = "", name } = related.cluster.meta;
  const workload = await deps.workload({ namespace, name });
  for (const request of related.requests) {
    const pem = Buffer.from(request.spec.request ?? "", "base64").toString("utf8");
    const why = refusal(request.spec, await readCertificateRequest(pem), identity);
    if (why !== undefined) {
      const message = `certificate request ${request.meta.name} of the machine's kubelet is not approved: ${why}`;
      tell(object, { type: "Warning", reason: "CertificateRequestRefused", message }, deps);
    } else if (await approve(request, workload, deps)) {
      deps.count("capfn_certificate_requests_approved_total");
      const message = `certificate request ${request.meta.name} of the machine's kubelet is approved`;
      tell(object, { type: "Normal", reason: "CertificateRequestApproved", message }, deps);
    }
  }
  return done();
}

/** False when it is gone. Somebody else's decision meanwhile is a conflict, so a fresh look. */
async function approve(
  { meta }: Seen<SigningRequest>,
  workload: Deps["management"],
  deps: Deps,
): Promise<boolean> {
  const approved = {
    type: "Approved",
    status: "True",
    reason: "MachineMatches",
    message: "capfn: requestor, names and addresses are those of the Machine",
    lastUpdateTime: deps
      .now()
      .toISOString()
      .replace(/\.\d{3}Z$/, "Z"),
  };
  const metadata = { uid: meta.uid, resourceVersion: meta.resourceVersion };
  try {
    await workload.mergePatch(
      certificateSigningRequests,
      { name: meta.name },
      { metadata, status: { conditions: [approved] } },
      { subresource: "approval" },
    );
    return true;
  } catch (error) {
    if (isKubeError(error, "notFound")) return false;
    throw error;
  }
}

function tell(object: RequestEvent["object"], event: Parameters<Deps["announce"]>[1], deps: Deps): void {
  deps.announce({ type: harvesterMachines, meta: object.meta }, event);
}
