import { machineReasons } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { appearance, done, failed, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { ensureFinalizer } from "#functions/harvester/finalizer.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { isOurs, ownedBy } from "#functions/harvester/ownership.ts";
import { readBootstrapData } from "#functions/harvester/vm-create/bootstrap-data.ts";
import { ensureCloudInitSecret } from "#functions/harvester/vm-create/cloud-init-secret.ts";
import { userDataOf } from "#functions/harvester/vm-create/cloud-init/user-data.ts";
import { manifestsOf, type Manifests } from "#functions/harvester/vm-create/manifests.ts";
import { planOf, type CreateView, type Plan } from "#functions/harvester/vm-create/plan.ts";
import { problemsOf } from "#functions/harvester/vm-create/problems.ts";
import {
  missingBootstrapData,
  missingOnHarvester,
  type MissingIngredient,
} from "#functions/harvester/vm-ingredients.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, secrets, virtualMachines } from "#platform/kube/resources.ts";

/** Longest wait for something to appear before the step looks again by itself, ms. */
const INGREDIENT_WAIT_MS = 10 * 60_000;
/** The same for the news of a VM that is there already. */
const OWN_VM_WAIT_MS = 60_000;

/** For what is mended on Harvester where no watch looks. */
const LOOK_AGAIN = `and set the annotation ${lookAtAnnotation} to a new value`;

/**
 * Makes the machine's cloud-init Secret and its VM. Both have names that follow from the machine and labels that name it, so an attempt that
 * was cut short is simply repeated; what another owner has under these names is left alone.
 */
export async function createVm(view: CreateView, deps: Deps): Promise<Outcome> {
  const plan = planOf(view);
  if (plan === undefined) return done();
  const { own, harvesterCluster } = plan;
  const problems = problemsOf({ ...plan, clusterName: plan.cluster.meta.name });
  if (problems.length > 0) return refused(deps, problems.join("; "));
  if (view.related.vm !== undefined) {
    return isOurs(view.related.vm, own) ? done() : nameTaken(deps, "VirtualMachine", view.related.vm.meta);
  }
  const missing = missingOnHarvester(view);
  if (missing.length > 0) return waiting(plan, deps, missing);

  // Read also when the index does not show it yet: its watch may be slower than that of the Machine which names it.
  const bootstrapSecret = await deps.management.get(secrets, plan.bootstrap);
  if (bootstrapSecret === undefined) {
    return waiting(plan, deps, [missingBootstrapData(plan.bootstrap, view.related.bootstrap)]);
  }
  const where = `bootstrap data Secret ${plan.bootstrap.namespace ?? ""}/${plan.bootstrap.name}`;
  const bootstrap = readBootstrapData(bootstrapSecret);
  if (bootstrap === undefined)
    return refused(deps, `the ${where} has no key value; its bootstrap provider must write it`);
  const userData = userDataOf(bootstrap, {
    publicKey: view.related.keyPair?.spec.publicKey ?? "",
    dhcpInterfaces: plan.network.kind === "dhcp" ? own.spec.networks.length : 0,
  });
  if ("problem" in userData) {
    return refused(
      deps,
      `the ${where}, key value, cannot be used: ${userData.problem}; correct what the bootstrap provider writes`,
    );
  }

  await ensureFinalizer(deps, own);
  const harvester = await deps.harvester(harvesterCluster.spec.identitySecret);
  try {
    return await write(harvester, deps, plan, manifestsOf(plan, view.related.images, userData.userData));
  } catch (error) {
    deps.count("caphv_machine_create_errors_total");
    if (isKubeError(error, "invalid")) {
      const status = error.status === undefined ? "" : ` (HTTP ${error.status})`;
      return failed(
        machineReasons.VMProvisioningFailed,
        `Harvester refused the VM or its cloud-init Secret as invalid${status}; compare spec with what Harvester admits, ${LOOK_AGAIN}`,
      );
    }
    throw error;
  }
}

async function write(
  harvester: StepClient,
  deps: Deps,
  plan: Plan,
  { secret, vm }: Manifests,
): Promise<Outcome> {
  const { own } = plan;
  if ((await ensureCloudInitSecret(harvester, own, secret)) === "foreign") {
    return nameTaken(deps, "Secret", secret.metadata);
  }
  try {
    await harvester.create(virtualMachines, vm);
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
    const found = await harvester.get(virtualMachines, vm.metadata);
    if (found === undefined) throw error;
    if (!isOurs(ownedBy(found), own)) return nameTaken(deps, "VirtualMachine", vm.metadata);
    const at = onHarvester(own, plan.harvesterCluster);
    const reason = "an earlier attempt created the VM";
    return at === undefined
      ? done()
      : waitFor([appearance(virtualMachines, at)], { timeoutMs: OWN_VM_WAIT_MS, reason });
  }
  deps.count("caphv_machine_create_total");
  deps.announce(
    { type: harvesterMachines, meta: own.meta },
    {
      type: "Normal",
      reason: "VMCreated",
      message: `created VirtualMachine ${vm.metadata.namespace ?? ""}/${vm.metadata.name} on Harvester`,
    },
  );
  return done();
}

function refused(deps: Deps, message: string): Outcome {
  deps.count("caphv_machine_create_errors_total");
  return failed(machineReasons.VMProvisioningFailed, message);
}

function nameTaken(
  deps: Deps,
  kind: "VirtualMachine" | "Secret",
  { namespace, name }: { readonly namespace?: string | undefined; readonly name: string },
) {
  deps.count("caphv_machine_create_errors_total");
  const again = kind === "Secret" ? ` ${LOOK_AGAIN}` : "";
  return failed(
    machineReasons.VMNameTaken,
    `${kind} ${namespace ?? ""}/${name} exists on Harvester and belongs to somebody else; rename the machine, or delete the ${kind}${again}`,
  );
}

function waiting({ own }: Plan, deps: Deps, missing: readonly MissingIngredient[]): Outcome {
  const reason = machineReasons.VMProvisioningFailed;
  const message = missing.map((ingredient) => ingredient.message).join("; ");
  deps.announce({ type: harvesterMachines, meta: own.meta }, { type: "Warning", reason, message });
  const targets = missing.map(({ target }) => target);
  return waitFor(targets, { timeoutMs: INGREDIENT_WAIT_MS, reason: `${reason}: ${message}` });
}
