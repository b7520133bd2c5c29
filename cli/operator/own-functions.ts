import { allFunctions } from "#cli/functions.ts";
import { kindWords, viewOf, type ObjectQuestion } from "#cli/operator/object-question.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** An object a person named, its kind, and the functions that carry its state. */
export interface Target {
  readonly type: ResourceType;
  readonly ref: { readonly namespace: string; readonly name: string };
  /** `machine/<namespace>/<name>`, as it is shown and as commands take it. */
  readonly shown: string;
  readonly functions: readonly StepFunction[];
}

/** The named object in full; a namespace that is not given is that of `--namespace`, else `default`. */
export function questionOf(object: NamedObject, namespace: string | undefined): ObjectQuestion {
  return { ...object, namespace: object.namespace ?? namespace ?? "default" };
}

/** Throws, with the mend, when the kind has no functions. */
export function targetOf(question: ObjectQuestion): Target {
  const { kind, namespace, name } = question;
  const view = viewOf(kind);
  const functions = allFunctions.filter((fn) => fn.for === view);
  if (view === undefined || functions.length === 0)
    throw new Error(`no function looks at a ${kind}; kinds with functions: ${kindWords}`);
  return { type: view.type, ref: { namespace, name }, shown: `${kind}/${namespace}/${name}`, functions };
}

/** The function of this name among those of the object. Throws, with all their names, when there is none. */
export function functionOf({ functions, type }: Target, name: string): StepFunction {
  const found = functions.find((fn) => fn.name === name);
  if (found !== undefined) return found;
  const names = functions.map((fn) => fn.name).join(", ");
  throw new Error(`--function: no function "${name}" looks at a ${type.kind}; there are: ${names}`);
}

/** What is thrown when the object does not exist. */
export function absent({ type, ref, shown }: Target): Error {
  return new Error(`no ${shown}; see: kubectl get ${type.plural} -n ${ref.namespace}`);
}
