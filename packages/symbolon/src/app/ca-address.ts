/** Istio's port for CSR and xDS over TLS; in the mesh's own network namespace, so meshes do not collide. */
export const CA_PORT = 15012;
export const CA_SERVER_NAME = "istiod.istio-system.svc";
