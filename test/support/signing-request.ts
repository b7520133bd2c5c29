import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** A certificate request (PKCS #10, PEM) as a kubelet makes it, or as somebody would who wants more. */
export async function signingRequest(subject: string, names: x509.JsonGeneralNames): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return request.toString("pem");
}
