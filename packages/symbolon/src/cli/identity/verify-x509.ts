import { BundleSet } from "@symbolon/spiffe/bundle";
import { isSymbolonError, type SymbolonError } from "@symbolon/spiffe/core";
import { type SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { spiffeIdOf, verifyX509Svid } from "@symbolon/spiffe/svid";
import type { Certificate } from "@symbolon/spiffe/x509";
import { type BundleFile, readBundle } from "./read-bundle.ts";
import { isoSeconds } from "./times.ts";
import { refusal, type Verdict } from "./verdict.ts";

export interface X509Question {
  /** The leaf first. */
  readonly certificates: readonly Certificate[];
  readonly bundleFile: string;
  /** Absent: the bundle is taken as that of the leaf's own trust domain. */
  readonly trustDomain: TrustDomain | undefined;
  readonly now: Date;
}

/** Only read when the leaf has no ID, and is refused whatever it holds. */
const NOBODY = TrustDomain.parse("unknown");

/** @throws what is wrong with the bundle; everything about the certificates is the verdict */
export async function judgeX509Svid(question: X509Question): Promise<Verdict> {
  const { certificates, bundleFile, trustDomain, now } = question;
  const [leaf] = certificates;
  const own = leaf && idOf(leaf);
  const owner = trustDomain ?? own?.trustDomain ?? NOBODY;
  const bundle = await readBundle(bundleFile, owner);
  const notes =
    trustDomain || !own ? [] : [`the bundle is taken as that of "${owner.name}"; --trust-domain says whose it is`];
  const spiffeId = own?.toString();
  try {
    const presented = certificates.map(({ der }) => der);
    const { chain, notBefore, notAfter } = verifyX509Svid(presented, BundleSet.of(bundle.x509), { now });
    return {
      verdict: "accepted",
      ...(spiffeId === undefined ? {} : { spiffeId }),
      path: chain.map(({ subject, serialNumberHex }) => `${subject.text || "(empty subject)"} ${serialNumberHex}`),
      now: isoSeconds(now),
      times: [
        { name: "valid from", time: isoSeconds(notBefore) },
        { name: "valid to", time: isoSeconds(notAfter) },
      ],
      notes,
    };
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    const { certificate, name } = culprit(error, certificates, bundle);
    const times = certificate
      ? [
          { name: "valid from", time: certificate.notBefore },
          { name: "valid to", time: certificate.notAfter },
        ]
      : [];
    return refusal(error, { now, times, notes, certificate: name, ...(spiffeId === undefined ? {} : { spiffeId }) });
  }
}

function idOf(leaf: Certificate): SpiffeId | undefined {
  try {
    return spiffeIdOf(leaf);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}

/** The path's fault names a certificate by its serial number; all other rules are about the leaf. */
function culprit(
  error: SymbolonError,
  presented: readonly Certificate[],
  bundle: BundleFile,
): { readonly certificate: Certificate | undefined; readonly name: string } {
  const { serialNumber } = error.details;
  const isIt = (certificate: Certificate): boolean => certificate.serialNumberHex === serialNumber;
  const at = serialNumber === undefined ? 0 : presented.findIndex(isIt);
  const found = presented[at];
  if (found) return { certificate: found, name: `${at === 0 ? "leaf" : `certificate ${at + 1}`}, ${nameOf(found)}` };
  const authority = bundle.x509.x509Authorities.find(isIt);
  return { certificate: authority, name: authority ? `of the bundle, ${nameOf(authority)}` : "not told" };
}

function nameOf({ subject, serialNumberHex }: Certificate): string {
  return `${subject.text === "" ? "" : `${subject.text}, `}serial number ${serialNumberHex}`;
}
