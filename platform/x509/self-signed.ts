import { webcrypto } from "node:crypto";
import { clientUse, loadX509, type IssuedCertificate } from "#platform/x509/client-certificate.ts";
import { newSigningKeys, privateKeyPem, randomSerial } from "#platform/x509/keys.ts";

/** A certificate for clients of TLS that vouches for itself: a new P-256 key, the subject of an old one, a validity of the caller's. */
export async function selfSignedSuccessor(
  old: string,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<IssuedCertificate> {
  const x509 = await loadX509();
  const subject = new x509.X509Certificate(old).subjectName;
  const keys = await newSigningKeys();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...validity,
      serialNumber: randomSerial(),
      subject,
      issuer: subject,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [...clientUse(x509), new x509.BasicConstraintsExtension(false, undefined, true)],
    },
    webcrypto,
  );
  return { certPem: certificate.toString("pem"), keyPem: privateKeyPem(keys.privateKey) };
}

/** A certificate for a server of TLS that vouches for itself: a new P-256 key for one name. Whoever asks such a server cannot tell it from another. */
export async function selfSignedServer(
  name: string,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<IssuedCertificate> {
  const x509 = await loadX509();
  const keys = await newSigningKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      serialNumber: randomSerial(),
      name: `CN=${name}`,
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
      ],
    },
    webcrypto,
  );
  return { certPem: certificate.toString("pem"), keyPem: privateKeyPem(keys.privateKey) };
}
