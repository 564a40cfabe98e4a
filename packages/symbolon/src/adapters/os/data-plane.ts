/** What a proxy needs of this folder: its place in a pod and its listeners, without whatever starts pods or attests them. */
export { createCapturedPorts } from "./captured-ports.ts";
export { APPLICATION_ADDRESS, podNamespaces, SIDECAR_ADDRESS } from "./pod-addresses.ts";
export { createListenerDirectory, loadPodCapture, publishListeners } from "./pod-capture-file.ts";
export { credentialsVerifier } from "./proxy-credentials.ts";
export { makeTransparent } from "./transparent-socket.ts";
export { listenOnUnixSocket } from "./unix-socket-path.ts";
