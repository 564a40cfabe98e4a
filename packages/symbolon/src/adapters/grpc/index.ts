export {
  type CertificateClient,
  type CertificateClientOptions,
  type CertificateClientRequest,
  createCertificateClient,
  type ReceivedCertificate,
} from "./certificate-client.ts";
export {
  type CertificateServer,
  type CertificateServerOptions,
  createCertificateServer,
} from "./certificate-server.ts";
