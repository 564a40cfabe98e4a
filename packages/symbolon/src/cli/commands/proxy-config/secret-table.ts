import { systemClock } from "@symbolon/spiffe/core";

interface Certificate {
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface ProxySecrets {
  readonly certificate: Certificate | null;
  readonly roots: readonly (Certificate & { readonly trustDomain: string })[];
}

const HEAD = ["RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE"];
const PADDING = 5;
const SERIAL_DIGITS = 32;

/** istioctl's table (istio-security §9.1). */
export function secretTable({ certificate, roots }: ProxySecrets): string {
  const rows = [
    ...(certificate ? [["default", "Cert Chain", ...facts(certificate)]] : []),
    ...roots.map((root) => ["ROOTCA", "CA", ...facts(root)]),
  ];
  if (rows.length === 0) return "No secret items to show.\n";
  const lines = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)) + PADDING);
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("")
          .trimEnd()}\n`,
    )
    .join("");
}

function facts({ serialNumber, notBefore, notAfter }: Certificate): readonly string[] {
  const now = systemClock.now().getTime();
  const valid = Date.parse(notBefore) <= now && now <= Date.parse(notAfter);
  const withoutFraction = (time: string) => time.replace(/\.\d+Z$/, "Z");
  return [
    "ACTIVE",
    String(valid),
    serialNumber.padStart(SERIAL_DIGITS, "0"),
    withoutFraction(notAfter),
    withoutFraction(notBefore),
  ];
}
