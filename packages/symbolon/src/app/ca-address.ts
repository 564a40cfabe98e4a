export const CA_SERVER_NAME = "istiod.istio-system.svc";
