export type { WaitOptions, X509Source } from "./x509-source.ts";
