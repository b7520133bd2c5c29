import "reflect-metadata";
import { createPrivateKey, webcrypto, type KeyObject } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { newSigningKeys, privateKeyPem, randomSerial } from "#platform/x509/keys.ts";

/** A certificate authority as Cluster API keeps it in the Secret `<cluster>-ca`, PEM. */
export interface SigningAuthority {
  readonly certPem: string;
  /** PKCS #1, SEC 1 or PKCS #8, unencrypted. */
  readonly keyPem: string;
}

/** A certificate and its private key (PKCS #8), PEM. */
export interface ClientIdentityFiles {
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * A new client certificate with the subject of an old one (so the same user and groups) and a new P-256 key.
 *
 * @throws Error when the authority's key is of a kind that cannot sign: neither RSA, nor EC on a NIST curve, nor Ed25519.
 */
export async function reissueClientCertificate(
  authority: SigningAuthority,
  old: string,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<ClientIdentityFiles> {
  const issuer = new x509.X509Certificate(authority.certPem);
  const signer = await signingKey(createPrivateKey(authority.keyPem));
  const keys = await newSigningKeys();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...validity,
      serialNumber: randomSerial(),
      subject: new x509.X509Certificate(old).subjectName,
      issuer: issuer.subjectName,
      publicKey: keys.publicKey,
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        new x509.BasicConstraintsExtension(false, undefined, true),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: certificate.toString("pem"), keyPem: await privateKeyPem(keys.privateKey) };
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

async function signingKey(key: KeyObject): Promise<Signer> {
  const algorithm = algorithmOf(key);
  const der = key.export({ type: "pkcs8", format: "der" });
  return { algorithm, key: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]) };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Signer["algorithm"] {
  const hash = "SHA-256";
  const curve = curves[asymmetricKeyDetails?.namedCurve ?? ""];
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash };
  if (asymmetricKeyType === "ec" && curve !== undefined) return { name: "ECDSA", namedCurve: curve, hash };
  if (asymmetricKeyType === "ed25519") return { name: "Ed25519" };
  throw new Error("the authority's key is neither RSA, nor EC on a NIST curve, nor Ed25519");
}
