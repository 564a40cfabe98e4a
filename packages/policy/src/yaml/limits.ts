/** A Kubernetes object may have 1.5 MiB in etcd; manifests by hand are a thousandth of this. In UTF-16 units. */
export const MAX_DOCUMENT_LENGTH = 1024 * 1024;
export const MAX_TEXT_LENGTH = 16 * 1024 * 1024;
/** Values of one document after its aliases are expanded: what stops an alias bomb. */
export const MAX_VALUES = 100_000;
/** Nesting after expansion; a Deployment has about 12 levels. */
export const MAX_DEPTH = 64;
/** One broken line can make every later line an error. */
export const MAX_SYNTAX_ERRORS = 10;
