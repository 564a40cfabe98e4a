export { IstioCertificateRequestSchema, IstioCertificateResponseSchema, IstioCertificateService, file_istio_ca, type IstioCertificateRequest, type IstioCertificateResponse } from "./istio-ca_pb.ts";
