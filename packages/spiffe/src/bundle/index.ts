export { BundleSet } from "./bundle-set.ts";
export { JwtBundle } from "./jwt-bundle.ts";
export { JwtBundleSet } from "./jwt-bundle-set.ts";
export { SpiffeBundle } from "./spiffe-bundle.ts";
export type { SpiffeBundleContent } from "./spiffe-bundle-content.ts";
export { X509Bundle } from "./x509-bundle.ts";
