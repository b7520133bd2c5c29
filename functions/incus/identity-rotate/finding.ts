import { clusterReasons } from "#api/condition-names.ts";
import { validityAt } from "#platform/x509/certificate.ts";
import type { IdentityRecord } from "#platform/incus/identity-record.ts";

/** What was found out besides the record. */
export interface Look {
  /** Of the Secret. */
  readonly name: string;
  readonly record: IdentityRecord;
  /** Why the Secret is no identity. */
  readonly unreadable: string | undefined;
  /** Why the client certificate is not rotated, or a former one not removed. */
  readonly kept: string | undefined;
}

/** What a person is to be told; undefined when all is in order, or about to be. The client comes first. Pure. */
export function finding({ name, record, unreadable, kept }: Look, now: Date): IdentityRecord["told"] {
  const { client, server, serverMatches } = record;
  if (unreadable !== undefined) return { reason: "IncusIdentityUnreadable", message: unreadable };
  const whose = `the client certificate in Secret ${name}`;
  const validity = client === undefined ? "valid" : validityAt(client, now);
  const end = client?.notAfter.slice(0, 10) ?? "";
  if (serverMatches === false) {
    const message = `the server shows another certificate than the one Secret ${name} pins; find out why, then store it under server-crt of every Secret that pins it`;
    return { reason: "IncusServerChanged", message };
  }
  if (validity === "notYetValid") {
    const message = `${whose} is valid from ${client?.notBefore.slice(0, 10) ?? ""} on only; compare the clocks`;
    return { reason: clusterReasons.CertificateNotYetValid, message };
  }
  if (validity === "expired") {
    const message = `${whose} expired on ${end}; ${kept ?? "the server takes nothing from it any more"}`;
    return { reason: clusterReasons.CertificateExpired, message };
  }
  if (validity === "due") {
    const message = `${whose} expires on ${end}, two thirds of its life are over; ${kept ?? "it is being replaced"}`;
    return { reason: clusterReasons.CertificateExpiring, message };
  }
  if (kept !== undefined) return { reason: "IncusTrustLeft", message: `${whose}: ${kept}` };
  return server === undefined ? undefined : ofServer(server, name, now);
}

function ofServer(server: NonNullable<IdentityRecord["server"]>, name: string, now: Date) {
  const mend = `renew it on the server, and store it under server-crt in Secret ${name} and every other that pins it`;
  switch (validityAt(server, now)) {
    case "expired":
    case "due":
      return {
        reason: clusterReasons.CertificateExpiring,
        message: `the server's certificate ends on ${server.notAfter.slice(0, 10)}; ${mend}`,
      };
    case "notYetValid":
    case "valid":
      return undefined;
  }
}
