import type { FindingCatalogue } from "./finding-catalogue.ts";
import { POLICY_FINDING_CODES } from "./policy-finding-codes.ts";

export type { FindingCatalogue, FindingInfo, Severity } from "./finding-catalogue.ts";

/** Every finding of this package: SYM00xx text, 01xx shape, 02xx object, 03xx selector and target, 04xx PeerAuthentication, 05xx on the other kinds. */
export const FINDING_CODES = {
  SYM0001: {
    title: "YAML syntax error",
    severity: "error",
    fix: "correct the text at the position; the message says what was wanted",
  },
  SYM0002: {
    title: "tab in the indentation",
    severity: "error",
    fix: "indent with spaces: YAML allows no tab there",
  },
  SYM0003: {
    title: "duplicate key",
    severity: "error",
    fix: "keep one of the two entries: readers disagree on which one counts",
  },
  SYM0004: { title: "alias without anchor", severity: "error", fix: "write the value out, or define the anchor first" },
  SYM0005: {
    title: "document too large",
    severity: "error",
    fix: "split the document, write nested values flatter, or use fewer aliases",
  },
  SYM0006: { title: "merge key", severity: "error", fix: "write the fields out instead of merging them with <<" },
  SYM0007: {
    title: "YAML tag or directive",
    severity: "error",
    fix: "remove the tag or directive; quote the value to make it a string",
  },
  SYM0008: {
    title: "ambiguous scalar",
    severity: "error",
    fix: "quote the value to make it a string, or write true, false or a plain decimal number",
  },
  SYM0009: { title: "key that is not a string", severity: "error", fix: "quote the key" },
  SYM0010: { title: "number without a JSON form", severity: "error", fix: "write a finite decimal number" },
  SYM0101: {
    title: "unknown field",
    severity: "error",
    fix: "correct the field's name or its indentation, or remove it",
  },
  SYM0102: { title: "wrong type", severity: "error", fix: "write a value of the type that the message names" },
  SYM0103: { title: "missing field", severity: "error", fix: "add the field" },
  SYM0104: { title: "invalid value", severity: "error", fix: "write a value that follows the rule in the message" },
  SYM0105: {
    title: "value not accepted",
    severity: "error",
    fix: "write one of the values that the message lists; case matters",
  },
  SYM0106: { title: "number out of range", severity: "error", fix: "write a number within the range in the message" },
  SYM0107: {
    title: "field without value",
    severity: "warning",
    fix: "remove the field, or check the indentation of the lines below it",
  },
  SYM0108: {
    title: "field without effect",
    severity: "info",
    fix: "nothing to do; remove the field if its effect is needed",
  },
  SYM0109: {
    title: "wrong number of elements",
    severity: "error",
    fix: "write as many elements as the message asks for",
  },
  SYM0110: {
    title: "field without value in a policy",
    severity: "error",
    fix: "remove the field, or check the indentation of the lines below it: read as absent it would change who is let in",
  },
  SYM0201: {
    title: "not a Kubernetes object",
    severity: "error",
    fix: "write an object with apiVersion, kind and metadata.name",
  },
  SYM0202: {
    title: "API version not served",
    severity: "error",
    fix: "use one of the versions that the message lists",
  },
  SYM0203: { title: "invalid name", severity: "error", fix: "rename the object to follow the rule in the message" },
  SYM0204: {
    title: "invalid namespace",
    severity: "error",
    fix: "correct metadata.namespace to follow the rule in the message",
  },
  SYM0205: { title: "invalid label", severity: "error", fix: "correct the label to follow the rule in the message" },
  SYM0206: { title: "invalid annotation", severity: "error", fix: "correct or remove the annotation" },
  SYM0207: {
    title: "invalid timestamp",
    severity: "error",
    fix: "write an RFC 3339 time, or remove the field: the system sets it",
  },
  SYM0208: {
    title: "reserved annotation",
    severity: "error",
    fix: "remove the annotation: only the mesh itself may set it",
  },
  SYM0209: { title: "annotation not supported on this kind", severity: "error", fix: "remove the annotation" },
  SYM0210: {
    title: "list of objects unreadable",
    severity: "error",
    fix: "give the List an items field with a list of objects",
  },
  SYM0211: { title: "object defined twice", severity: "error", fix: "rename or remove one of the two objects" },
  SYM0301: { title: "empty label key in a selector", severity: "error", fix: "name the label" },
  SYM0302: {
    title: "wildcard in a selector",
    severity: "error",
    fix: "name the labels exactly: selectors match whole values only",
  },
  SYM0303: {
    title: "selector without labels",
    severity: "warning",
    fix: "remove the selector if every workload is meant, else add matchLabels",
  },
  SYM0304: {
    title: "invalid label in a selector",
    severity: "error",
    fix: "correct the label to follow the rule in the message",
  },
  SYM0305: { title: "target reference without name", severity: "error", fix: "set the name of the target" },
  SYM0306: {
    title: "target reference into another namespace",
    severity: "error",
    fix: "remove namespace and put the policy into the namespace of its target",
  },
  SYM0307: {
    title: "target reference to an unsupported kind",
    severity: "error",
    fix: "refer to a Service, ServiceEntry, Gateway or GatewayClass, or use a selector",
  },
  SYM0308: { title: "selector beside target references", severity: "error", fix: "keep one of the two" },
  SYM0401: {
    title: "port-level mTLS without selector",
    severity: "error",
    fix: "add selector.matchLabels: port-level modes belong to workloads",
  },
  SYM0402: { title: "empty port-level mTLS", severity: "error", fix: "add a port, or remove portLevelMtls" },
  SYM0403: { title: "port out of range", severity: "error", fix: "use the pod's port (containerPort), 1 to 65535" },
  SYM0404: {
    title: "second namespace-wide PeerAuthentication",
    severity: "warning",
    fix: "remove one of the two: only the oldest counts",
  },
  SYM0405: {
    title: "conflicting mesh-wide PeerAuthentications",
    severity: "error",
    fix: "keep one PeerAuthentication without selector in the root namespace",
  },
  SYM0406: {
    title: "PeerAuthentication with selector in the root namespace",
    severity: "warning",
    fix: "move the policy to the workload's namespace, or remove the selector",
  },
  SYM0407: {
    title: "two PeerAuthentications select the same workloads",
    severity: "warning",
    fix: "merge the two into one: only the oldest counts, port maps are not merged",
  },
  ...POLICY_FINDING_CODES,
} as const satisfies FindingCatalogue;

export type FindingCode = keyof typeof FINDING_CODES;
