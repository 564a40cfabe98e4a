import { lazy } from "./lazy.ts";

const smallPrimes = lazy(() => primesUpTo(167));

/** ROCA's primes, 3 to 167, with the residues that powers of 65537 take modulo each (CVE-2017-15361). */
const rocaResidues = lazy(() =>
  smallPrimes()
    .slice(1)
    .map((prime) => ({ prime: BigInt(prime), residues: powersOf65537(prime) })),
);

/** A prime up to 167 that divides `modulus`, or undefined; an even modulus is among them (CV-65). */
export function smallFactorOf(modulus: bigint): number | undefined {
  return smallPrimes().find((prime) => modulus % BigInt(prime) === 0n);
}

/**
 * True when `modulus` is congruent to a power of 65537 modulo every small prime. Keys of the broken generator all are;
 * of others, one in about 2^28.
 */
export function looksLikeRocaModulus(modulus: bigint): boolean {
  return rocaResidues().every(({ prime, residues }) => residues.has(Number(modulus % prime)));
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power);
  return powers;
}

function primesUpTo(limit: number): readonly number[] {
  const primes: number[] = [];
  for (let n = 2; n <= limit; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}
