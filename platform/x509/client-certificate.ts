import { createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";

/** A certificate authority: certificate and private key (PKCS #1, SEC 1 or PKCS #8), both PEM, as Cluster API keeps them in Secrets. */
export interface AuthorityPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate and its private key (PKCS #8), both PEM. */
export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

interface Issue {
  readonly commonName: string;
  /** Wall clock, ms. */
  readonly nowMs: number;
  readonly validMs: number;
}

/** What is wrong with a key pair; never any of its content. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

/** Clocks of machines differ by minutes; a certificate from the future is refused. */
const SKEW_MS = 600_000;

const signingAlgorithms: Readonly<Record<string, { name: string; hash: string; namedCurve?: string }>> = {
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  prime256v1: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  secp384r1: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
};

/**
 * Issues a client certificate (P-256, extended key usage clientAuth) signed by the authority.
 *
 * @throws AuthorityError when the pair is no usable certificate authority.
 */
export async function issueClientCertificate(
  authority: AuthorityPair,
  { commonName, nowMs, validMs }: Issue,
): Promise<IssuedCertificate> {
  // Loaded when first needed: it is large, and most processes never issue anything.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const { algorithm, pkcs8 } = signingKey(authority);
  const signingKeyOfAuthority = await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  const keys = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial.toString("hex"),
      subject: [{ CN: [commonName] }],
      issuer: new x509.X509Certificate(authority.certPem).subject,
      notBefore: new Date(nowMs - SKEW_MS),
      notAfter: new Date(nowMs + validMs),
      publicKey: keys.publicKey,
      signingKey: signingKeyOfAuthority,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ],
    },
    webcrypto,
  );
  const keyPem = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey("pkcs8", keys.privateKey),
    "PRIVATE KEY",
  );
  return { certPem: certificate.toString("pem"), keyPem };
}

function signingKey({ certPem, keyPem }: AuthorityPair) {
  let privateKey: ReturnType<typeof createPrivateKey>;
  let certificate: X509Certificate;
  try {
    privateKey = createPrivateKey(keyPem);
    certificate = new X509Certificate(certPem);
  } catch {
    throw new AuthorityError("certificate or key of the authority is not PEM; store the pair again");
  }
  const spki = { type: "spki", format: "der" } as const;
  if (!createPublicKey(privateKey).export(spki).equals(certificate.publicKey.export(spki))) {
    throw new AuthorityError("the authority's key is not that of its certificate; store the pair again");
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  const algorithm = signingAlgorithms[type === "ec" ? (details?.namedCurve ?? "") : (type ?? "")];
  if (algorithm === undefined) {
    throw new AuthorityError("the authority's key is neither RSA nor EC P-256 or P-384; use one of these");
  }
  return { algorithm, pkcs8: privateKey.export({ type: "pkcs8", format: "der" }) };
}
