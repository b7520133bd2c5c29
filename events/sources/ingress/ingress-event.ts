import type { Intake } from "#events/sources/ingress/alert-intake.ts";

/** What happens at the ingress, for logs and metrics. Never carries content of a request. */
export type IngressEvent =
  | {
      readonly kind: "answered";
      readonly path: string;
      /** Name of the sender; empty when nobody known. */
      readonly sender: string;
      readonly status: number;
    }
  | { readonly kind: "alert"; readonly result: Intake }
  | { readonly kind: "hinted"; readonly type: string; readonly object: string }
  /** Something of a request was not taken; `problem` names the field. */
  | { readonly kind: "refused"; readonly path: string; readonly sender: string; readonly problem: string }
  /** Alerts came in a body that is too large to be read; what happens to them is in `problem`. */
  | { readonly kind: "oversized"; readonly sender: string; readonly problem: string }
  /** A sender's token file can no longer be used, so that it is nobody, or can again; `problem` names the file. */
  | { readonly kind: "sender"; readonly sender: string; readonly problem: unknown }
  /** Something went wrong that is not the sender's. */
  | { readonly kind: "fault"; readonly where: string; readonly error: unknown };

export type IngressObserver = (event: IngressEvent) => void;
