/** What a proxy needs of this folder: three clients, and its own admin surface. */
export { createConfigClient } from "./config-client.ts";
export { createIdentityClient } from "./identity-client.ts";
export { serveProxyAdmin } from "./proxy-admin.ts";
export { createReportClient } from "./report-client.ts";
