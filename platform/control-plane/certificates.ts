import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { newSigningKeys, privateKeyPem, randomSerial } from "#platform/x509/keys.ts";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificateFiles {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate authority that lives as long as one control plane. */
export interface CertificateAuthority {
  readonly certPem: string;
  /** PKCS #8, PEM: what a Secret `<cluster>-ca` holds. */
  readonly keyPem: string;
  /**
   * A certificate for servers and clients on the loopback interface. `names` are DNS names and IP addresses; `validity` is that of the authority
   * when left out.
   */
  issue(subject: string, names: readonly SubjectName[], validity?: ValidityPeriod): Promise<CertificateFiles>;
}

interface ValidityPeriod {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

type SubjectName = { readonly dns: string } | { readonly ip: string };

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
/** Clocks of containers and virtual machines differ by minutes; a certificate from the future is refused. */
const SKEW_MS = 3_600_000;

/** Makes a P-256 certificate authority, valid for 30 days from `nowMs`, the wall clock in milliseconds, unless told otherwise. */
export async function createCertificateAuthority(
  commonName: string,
  nowMs: number,
  days = 30,
): Promise<CertificateAuthority> {
  const keys = await newSigningKeys();
  const validity = { notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(nowMs + days * DAY_MS) };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      serialNumber: randomSerial(),
      name: `CN=${commonName}`,
      keys,
      signingAlgorithm: P256,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return {
    certPem: certificate.toString("pem"),
    keyPem: privateKeyPem(keys.privateKey),
    issue: async (subject, names, period = validity) => {
      const leafKeys = await newSigningKeys();
      const leaf = await x509.X509CertificateGenerator.create(
        {
          ...period,
          serialNumber: randomSerial(),
          subject,
          issuer: certificate.subject,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: P256,
          extensions: [
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
            new x509.ExtendedKeyUsageExtension([
              x509.ExtendedKeyUsage.serverAuth,
              x509.ExtendedKeyUsage.clientAuth,
            ]),
            new x509.SubjectAlternativeNameExtension(
              names.map((name) =>
                "dns" in name ? { type: "dns", value: name.dns } : { type: "ip", value: name.ip },
              ),
            ),
            await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          ],
        },
        webcrypto,
      );
      return { certPem: leaf.toString("pem"), keyPem: privateKeyPem(leafKeys.privateKey) };
    },
  };
}

/** A P-256 key pair, PKCS #8 and SPKI, PEM: what an API server signs and verifies service account tokens with. */
export async function createSigningKeys(): Promise<{
  readonly privatePem: string;
  readonly publicPem: string;
}> {
  const keys = await newSigningKeys();
  const spki = await webcrypto.subtle.exportKey("spki", keys.publicKey);
  return {
    privatePem: privateKeyPem(keys.privateKey),
    publicPem: x509.PemConverter.encode(spki, "PUBLIC KEY"),
  };
}
