import { createPrivateKey, createPublicKey, webcrypto, X509Certificate, type KeyObject } from "node:crypto";
import type { Extension, Name } from "@peculiar/x509";
import { newSigningKeys, privateKeyPem, randomSerial } from "#platform/x509/keys.ts";

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

/** Clocks of machines differ by minutes; a certificate from the future is refused. */
const SKEW_MS = 600_000;

/** What is wrong with a key pair; never any of its content. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

/**
 * A client certificate (new P-256 key, extended key usage clientAuth) for a name, signed by the authority.
 *
 * @throws AuthorityError when the pair is no usable certificate authority.
 */
export function issueClientCertificate(
  authority: AuthorityPair,
  { commonName, nowMs, validMs }: Issue,
): Promise<IssuedCertificate> {
  const validity = { notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(nowMs + validMs) };
  return issue(authority, validity, (x509) => ({
    subject: new x509.Name([{ CN: [commonName] }]),
    extensions: clientUse(x509),
  }));
}

/**
 * The same with the subject of an old certificate, so the same user and groups, and a validity of the caller's.
 *
 * @throws AuthorityError when the pair is no usable certificate authority.
 */
export function reissueClientCertificate(
  authority: AuthorityPair,
  old: string,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<IssuedCertificate> {
  return issue(authority, validity, (x509) => ({
    subject: new x509.X509Certificate(old).subjectName,
    extensions: clientUse(x509),
  }));
}

/** What a successor says as the old one did: key usage, extended key usage, alternative names (RFC 5280, 4.2.1.3, 4.2.1.12, 4.2.1.6). */
const KEPT_EXTENSIONS = ["2.5.29.15", "2.5.29.37", "2.5.29.17"];

/**
 * A certificate for a new P-256 key with the subject, names and uses of an old one that is no authority, of the caller's validity.
 *
 * @throws AuthorityError when the pair is no usable certificate authority.
 */
export function reissueLeafCertificate(
  authority: AuthorityPair,
  old: string,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<IssuedCertificate> {
  return issue(authority, validity, (x509) => {
    const before = new x509.X509Certificate(old);
    return {
      subject: before.subjectName,
      extensions: before.extensions.filter(({ type }) => KEPT_EXTENSIONS.includes(type)),
    };
  });
}

/** Loaded when first needed: it is large, and most processes never issue anything. */
export async function loadX509() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** The library certificates are made with. */
export type X509 = Awaited<ReturnType<typeof loadX509>>;

/** What a certificate is about: whose it is, and what for. */
interface About {
  readonly subject: Name;
  readonly extensions: readonly Extension[];
}

/** What a certificate for clients of TLS says of its use. */
export function clientUse(x509: X509): readonly Extension[] {
  return [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ];
}

async function issue(
  authority: AuthorityPair,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
  about: (x509: X509) => About,
): Promise<IssuedCertificate> {
  const signer = await signingKey(authority);
  const x509 = await loadX509();
  const { subject, extensions } = about(x509);
  const issuer = new x509.X509Certificate(authority.certPem);
  const keyId = issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const keys = await newSigningKeys();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...validity,
      serialNumber: randomSerial(),
      subject,
      issuer: issuer.subjectName,
      publicKey: keys.publicKey,
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      extensions: [
        ...extensions,
        new x509.BasicConstraintsExtension(false, undefined, true),
        // The authority's own id of its key: how it is made of the key is the authority's affair (RFC 5280, 4.2.1.1).
        ...(keyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(keyId)]),
      ],
    },
    webcrypto,
  );
  return { certPem: certificate.toString("pem"), keyPem: privateKeyPem(keys.privateKey) };
}

interface Signer {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

async function signingKey({ certPem, keyPem }: AuthorityPair): Promise<Signer> {
  let key: KeyObject;
  let certificate: X509Certificate;
  try {
    key = createPrivateKey(keyPem);
    certificate = new X509Certificate(certPem);
  } catch {
    throw new AuthorityError("certificate or key of the authority is not PEM; store the pair again");
  }
  const spki = { type: "spki", format: "der" } as const;
  if (!createPublicKey(key).export(spki).equals(certificate.publicKey.export(spki))) {
    throw new AuthorityError("the authority's key is not that of its certificate; store the pair again");
  }
  const algorithm = algorithmOf(key);
  const der = key.export({ type: "pkcs8", format: "der" });
  return { algorithm, key: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]) };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Signer["algorithm"] {
  const curve = curves[asymmetricKeyDetails?.namedCurve ?? ""];
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (asymmetricKeyType === "ec" && curve !== undefined) {
    return { name: "ECDSA", namedCurve: curve, hash: "SHA-256" };
  }
  if (asymmetricKeyType === "ed25519") return { name: "Ed25519" };
  throw new AuthorityError(
    "the authority's key is neither RSA, nor EC on a NIST curve, nor Ed25519; use one of these",
  );
}
