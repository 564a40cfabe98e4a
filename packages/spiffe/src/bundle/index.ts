export { BundleSet } from "./bundle-set.ts";
export { X509Bundle } from "./x509-bundle.ts";
