export { createX509Source, startX509Source, type X509SourceOptions } from "./create-x509-source.ts";
export { type Identity, identity } from "./identity.ts";
export {
  createJwtSource,
  type JwtSource,
  type JwtSourceOptions,
  startJwtSource,
  type VerifyJwtOptions,
} from "./jwt-source.ts";
export type { WaitOptions, X509Source } from "./x509-source.ts";
export { createX509SourceFeed, type X509SourceFeed, type X509SourceFeedOptions } from "./x509-source-feed.ts";
