import {
  APPLICATION_ADDRESS,
  createCapturedPorts,
  createListenerDirectory,
  credentialsVerifier,
  loadPodCapture,
  makeTransparent,
  podNamespaces,
  publishListeners,
  SIDECAR_ADDRESS,
} from "../../adapters/os/data-plane.ts";
import type { MeshPaths } from "../../core/index.ts";
import { type Capture, explicitCapture, type ProxyOptions, transparentCapture } from "../../proxy/index.ts";
import type { CaptureMode } from "../mesh-config.ts";

export interface ProxyCapture {
  readonly capture: Capture;
  readonly options: Pick<ProxyOptions, "applicationAddress" | "forbiddenDestinations" | "dns">;
}

const DNS_PORT = 53;

/**
 * The side of a capture strategy that is in the proxy of one pod. Apart from `CaptureStrategy`, which starts pods: a
 * proxy has no use for that, and would load it with its memory.
 */
export function proxyCapture({ mode }: { readonly mode: CaptureMode }, paths: MeshPaths, podUid: string): ProxyCapture {
  return { transparent, explicit }[mode](paths, podUid);
}

function transparent(paths: MeshPaths, podUid: string): ProxyCapture {
  const captured = createCapturedPorts(podNamespaces(paths.namespacesDirectory, podUid).application);
  return {
    capture: transparentCapture({
      sockets: { prepareListener: makeTransparent, setCapturedPorts: (ports) => captured.set(ports) },
    }),
    options: {
      applicationAddress: APPLICATION_ADDRESS,
      forbiddenDestinations: [SIDECAR_ADDRESS, APPLICATION_ADDRESS],
      dns: { address: SIDECAR_ADDRESS, port: DNS_PORT },
    },
  };
}

function explicit(paths: MeshPaths, podUid: string): ProxyCapture {
  const { directory } = paths.podRuntime(podUid);
  const { outboundPort, credentialsDigest, applicationPorts } = loadPodCapture(directory);
  return {
    capture: explicitCapture({
      outboundPort,
      authorize: credentialsVerifier(credentialsDigest),
      applicationAddress: APPLICATION_ADDRESS,
      applicationPort: (podPort) => applicationPorts[podPort] ?? podPort,
      publish: (listeners) => publishListeners(directory, listeners),
      findListener: createListenerDirectory((uid) => paths.podRuntime(uid).directory),
    }),
    options: { applicationAddress: APPLICATION_ADDRESS, forbiddenDestinations: [APPLICATION_ADDRESS] },
  };
}
