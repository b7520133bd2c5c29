import type { JsonGeneralNames } from "@peculiar/x509";

/** What a certificate request asks for. */
export interface RequestedIdentity {
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  /** Attributes of the subject besides these. */
  readonly otherAttributes: readonly string[];
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  /** Alternative names that are neither DNS names nor IP addresses. */
  readonly otherNames: number;
}

/** Reads a request (PKCS #10, PEM; RFC 2986); undefined when it cannot be read, or is not signed with the key it is for. */
export async function readCertificateRequest(pem: string): Promise<RequestedIdentity | undefined> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    if (!(await request.verify())) return undefined;
    const subject = request.subjectName.toJSON().flatMap((each) => Object.entries(each));
    const valuesOf = (attribute: string) =>
      subject.filter(([name]) => name === attribute).flatMap(([, values]) => values);
    const names = request.extensions
      .filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
      .flatMap(({ names: { items } }) => items.map((item): JsonGeneralNames[number] => item.toJSON()));
    const dnsNames = names.filter(({ type }) => type === "dns").map(({ value }) => value);
    const addresses = names.filter(({ type }) => type === "ip").map(({ value }) => value);
    return {
      commonNames: valuesOf("CN"),
      organizations: valuesOf("O"),
      otherAttributes: subject.map(([name]) => name).filter((name) => name !== "CN" && name !== "O"),
      dnsNames,
      addresses,
      otherNames: names.length - dnsNames.length - addresses.length,
    };
  } catch {
    return undefined;
  }
}
