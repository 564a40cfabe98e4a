import type { SourcePosition } from "./document/index.ts";
import type { Labels } from "./object-metadata.ts";
import type { WorkloadSelector } from "./selector.ts";

/**
 * How clients connect to a service: the TLS part of Istio's `networking.istio.io` DestinationRule (istio-security §4.1).
 * Load balancing, connection pools and the like are accepted and not kept.
 */
export interface DestinationRule {
  readonly kind: "DestinationRule";
  readonly namespace: string;
  readonly name: string;
  /** Absent counts as older than any time, as Go's zero time does. */
  readonly creationTimestamp?: Date;
  readonly position: SourcePosition;
  /** As written: a short name belongs to the rule's namespace; may begin with a wildcard. */
  readonly host: string;
  /** ".", "*" or names of namespaces; empty: every namespace. */
  readonly exportTo: readonly string[];
  /** Which clients of the rule's namespace it is for; absent: all that see the rule. */
  readonly workloadSelector?: WorkloadSelector;
  /** Absent: none was written, so that a younger rule for the same host may bring one. */
  readonly trafficPolicy?: DestinationTraffic;
  readonly subsets: readonly DestinationSubset[];
}

export interface DestinationTraffic {
  readonly tls?: ClientTlsSettings;
  /**
   * By port of the Service. "Port-level settings replace, they do not merge": an entry without `tls` is a port for which
   * the rule says nothing about TLS, whatever it says for the others.
   */
  readonly ports: ReadonlyMap<number, { readonly tls?: ClientTlsSettings }>;
}

export interface DestinationSubset {
  readonly name: string;
  readonly position: SourcePosition;
  readonly labels: Labels;
  readonly trafficPolicy?: DestinationTraffic;
}

export type ClientTlsMode = "disable" | "simple" | "mutual" | "istio-mutual";

/** Istio's ClientTLSSettings; names of files and secrets, never their contents. */
export interface ClientTlsSettings {
  readonly position: SourcePosition;
  readonly mode: ClientTlsMode;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly credentialName?: string;
  /** Empty: whom the server may be is found out otherwise (secure naming, or the server name). */
  readonly subjectAltNames: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify: boolean;
}
