import type { Check } from "./document/index.ts";

/**
 * Kubernetes' rules for names, with Kubernetes' own texts (apimachinery `util/validation`): users search for them.
 * All patterns are linear: no nested repetition over overlapping character sets.
 */
export const checkDns1123Label: Check<string> = (value) =>
  tooLong(value, 63) ??
  unless(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(value),
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  );

export const checkDns1123Subdomain: Check<string> = (value) =>
  tooLong(value, 253) ??
  unless(
    value.split(".").every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part)),
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  );

/** Names of Services. */
export const checkDns1035Label: Check<string> = (value) =>
  tooLong(value, 63) ??
  unless(
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value),
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  );

/** Keys of labels and annotations: `name` or `prefix.dns/name`. */
export const checkQualifiedName: Check<string> = (value) => {
  const parts = value.split("/");
  if (parts.length > 2)
    return `a qualified name ${NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  const [prefix, name] = parts.length === 2 ? [parts[0] ?? "", parts[1] ?? ""] : [undefined, value];
  if (prefix === "") return "prefix part must be non-empty";
  const brokenPrefix = prefix === undefined ? undefined : checkDns1123Subdomain(prefix);
  if (brokenPrefix !== undefined) return `prefix part ${brokenPrefix}`;
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return `name part ${tooLong(name, 63)}`;
  return unless(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name), `name part ${NAME_RULE}`);
};

export const checkLabelValue: Check<string> = (value) =>
  tooLong(value, 63) ??
  unless(
    /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/.test(value),
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  );

/** Names of container ports and Service ports (IANA service name, RFC 6335). */
export const checkPortName: Check<string> = (value) => {
  if (value.length > 15) return "must be no more than 15 characters";
  if (!/^[-a-z0-9]+$/.test(value)) return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
  if (!/[a-z]/.test(value)) return "must contain at least one letter (a-z)";
  if (value.includes("--")) return "must not contain consecutive hyphens";
  return unless(!value.startsWith("-") && !value.endsWith("-"), "must not begin or end with a hyphen");
};

function tooLong(value: string, limit: number): string | undefined {
  return value.length > limit ? `must be no more than ${limit} characters` : undefined;
}

function unless(good: boolean, rule: string): string | undefined {
  return good ? undefined : rule;
}

const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
