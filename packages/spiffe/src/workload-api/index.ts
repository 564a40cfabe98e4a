export type { HintedX509Svid, X509Context } from "./x509-context.ts";
