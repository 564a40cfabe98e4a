import type { SourcePosition } from "./document/index.ts";

export type ClientTlsMode = "disable" | "simple" | "mutual" | "istio-mutual";

/** How clients connect: Istio's ClientTLSSettings (istio-security §4.1). Paths are files of the client's proxy. */
export interface ClientTls {
  readonly position: SourcePosition;
  readonly mode: ClientTlsMode;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  /** Absent with "simple" and "mutual": the trust store of the operating system. */
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly credentialName?: string;
  /** Empty: the default of the mode. */
  readonly subjectAltNames: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify: boolean;
}
