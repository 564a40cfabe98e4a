import { checkDns1123Label } from "@symbolon/policy";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { InvalidArgumentError } from "commander";

/** A value of an option that names a namespace. @throws InvalidArgumentError, which ends with the usage status */
export function readNamespaceName(text: string): string {
  const problem = checkDns1123Label(text);
  if (problem === undefined) return text;
  throw new InvalidArgumentError(`It must be the name of a namespace: ${problem}.`);
}

/** A value of an option that names a trust domain. @throws InvalidArgumentError, which ends with the usage status */
export function readTrustDomainName(text: string): string {
  // A whole SPIFFE ID would be read as the trust domain in it, which nobody has asked for.
  if (text.includes("/")) throw new InvalidArgumentError('It must be a bare trust domain, like "cluster.local".');
  try {
    return TrustDomain.parse(text).name;
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    throw new InvalidArgumentError(`${error.message} (${error.code}).`);
  }
}
