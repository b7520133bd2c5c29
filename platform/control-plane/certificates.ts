import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificateFiles {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate authority that lives as long as one control plane. */
export interface CertificateAuthority {
  readonly certPem: string;
  /** A certificate for servers and clients on the loopback interface. `names` are DNS names and IP addresses. */
  issue(subject: string, names: readonly SubjectName[]): Promise<CertificateFiles>;
}

type SubjectName = { readonly dns: string } | { readonly ip: string };

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
/** Clocks of containers and virtual machines differ by minutes; a certificate from the future is refused. */
const SKEW_MS = 3_600_000;

/** Makes a P-256 certificate authority, valid for 30 days from `nowMs`, the wall clock in milliseconds. */
export async function createCertificateAuthority(
  commonName: string,
  nowMs: number,
): Promise<CertificateAuthority> {
  const keys = await newKeys();
  const validity = { notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(nowMs + 30 * DAY_MS) };
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
    issue: async (subject, names) => {
      const leafKeys = await newKeys();
      const leaf = await x509.X509CertificateGenerator.create(
        {
          ...validity,
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
      return { certPem: leaf.toString("pem"), keyPem: await privateKeyPem(leafKeys.privateKey) };
    },
  };
}

/** A P-256 key pair, PKCS #8 and SPKI, PEM: what an API server signs and verifies service account tokens with. */
export async function createSigningKeys(): Promise<{
  readonly privatePem: string;
  readonly publicPem: string;
}> {
  const keys = await newKeys();
  const spki = await webcrypto.subtle.exportKey("spki", keys.publicKey);
  return {
    privatePem: await privateKeyPem(keys.privateKey),
    publicPem: x509.PemConverter.encode(spki, "PUBLIC KEY"),
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

/** RFC 5280, 4.1.2.2: positive, at most 20 octets, unpredictable. */
function randomSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString("hex");
}
