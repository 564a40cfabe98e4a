export { BundleSet } from "./bundle-set.ts";
export { JwtBundle } from "./jwt-bundle.ts";
export { JwtBundleSet } from "./jwt-bundle-set.ts";
export { X509Bundle } from "./x509-bundle.ts";
