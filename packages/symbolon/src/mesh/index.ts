export type { Container, ContainerPort, ContainerStatus, Pod, PodStatus, ReadinessProbe } from "./pod.ts";
export type {
  EffectiveMtlsMode,
  EndpointView,
  InboundPort,
  LocalConfig,
  MeshView,
  PortProtocol,
  ProxyConfig,
  ServicePortView,
  ServiceView,
  WorkloadView,
} from "./proxy-config.ts";
