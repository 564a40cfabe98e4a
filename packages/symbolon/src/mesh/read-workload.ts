import { type DocumentNode, fieldContext, type ObjectReader, type ReadContext, readObject } from "@symbolon/policy";
import { describeSelector, type LabelSelector, readLabelSelector, selectorMatches } from "./label-selector.ts";
import type { DeploymentObject, DeploymentStrategy, PodObject, PodTemplate } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import type { ObjectMeta } from "./object.ts";
import { type PodSpecRules, readPodSpec } from "./read-pod-spec.ts";
import { readTemplateMeta } from "./read-template-meta.ts";

export interface WorkloadRules extends Pick<PodSpecRules, "explainUnknownImage"> {
  /** All pods share the machine's ports: two of one workload would want the same, also for the time of a change. */
  readonly oneProcessPerWorkload?: boolean;
}

const ALWAYS = ["Always"];
const ANY_RESTART_POLICY = ["Always", "OnFailure", "Never"];

export function readDeployment(
  spec: DocumentNode,
  context: ReadContext,
  meta: ObjectMeta,
  rules: WorkloadRules,
): DeploymentObject | undefined {
  const reader = readObject(spec, context);
  const replicas = reader.integer("replicas", { min: 0, max: MAX_REPLICAS }) ?? 1;
  if (rules.oneProcessPerWorkload && replicas > 1)
    reportMesh(
      fieldContext(context, "replicas"),
      "SYM2106",
      reader.positionOf("replicas"),
      `explicit capture runs one replica of a Deployment, not ${replicas}: they would all listen on the same port of this machine`,
    );
  const selectorNode = reader.node("selector", { required: true });
  const selector = selectorNode && readLabelSelector(selectorNode, fieldContext(context, "selector"));
  const templateNode = reader.node("template", { required: true });
  const template = templateNode && readTemplate(templateNode, fieldContext(context, "template"), rules);
  const strategy = readStrategy(reader, context, replicas);
  if (reader.boolean("paused") === true)
    reportMesh(
      fieldContext(context, "paused"),
      "SYM2004",
      reader.positionOf("paused"),
      "a paused Deployment is not supported",
    );
  reader.ignore(["minReadySeconds"], "has no effect here: a pod counts as soon as it is ready");
  reader.ignore(["progressDeadlineSeconds", "revisionHistoryLimit"]);
  if (selector && template) checkSelector(selector, template, reader, context);
  return reader.finish(() =>
    template === undefined
      ? undefined
      : {
          kind: "Deployment" as const,
          meta,
          replicas,
          strategy: rules.oneProcessPerWorkload ? RECREATE : strategy,
          template,
        },
  );
}

export function readPod(
  spec: DocumentNode,
  context: ReadContext,
  meta: ObjectMeta,
  rules: WorkloadRules,
): PodObject | undefined {
  const podSpec = readPodSpec(spec, context, { ...rules, restartPolicies: ANY_RESTART_POLICY });
  return podSpec && { kind: "Pod", meta, template: { labels: meta.labels, annotations: meta.annotations, ...podSpec } };
}

function readTemplate(node: DocumentNode, context: ReadContext, rules: WorkloadRules): PodTemplate | undefined {
  const reader = readObject(node, context);
  const metadata = reader.node("metadata");
  const meta = metadata
    ? readTemplateMeta(metadata, fieldContext(context, "metadata"))
    : { labels: {}, annotations: {} };
  const specNode = reader.node("spec", { required: true });
  const spec = specNode && readPodSpec(specNode, fieldContext(context, "spec"), { ...rules, restartPolicies: ALWAYS });
  return (
    reader.finish(() => (meta === undefined || spec === undefined ? undefined : { ...meta, ...spec })) ?? undefined
  );
}

/** apps/v1 validation: a Deployment whose selector misses its own pods would make pods for ever. */
function checkSelector(
  selector: LabelSelector,
  template: PodTemplate,
  reader: ObjectReader,
  context: ReadContext,
): void {
  if (selector.requirements.length === 0) {
    reportMesh(
      fieldContext(context, "selector"),
      "SYM2101",
      reader.positionOf("selector"),
      "empty selector is invalid for deployment",
    );
    return;
  }
  if (selectorMatches(selector, template.labels)) return;
  reportMesh(
    fieldContext(fieldContext(fieldContext(context, "template"), "metadata"), "labels"),
    "SYM2101",
    reader.positionOf("template"),
    `\`selector\` does not match template \`labels\`: wanted ${describeSelector(selector)}, got ${describeLabels(template.labels)}`,
  );
}

const RECREATE: DeploymentStrategy = { kind: "recreate" };

function readStrategy(reader: ObjectReader, context: ReadContext, replicas: number): DeploymentStrategy {
  const rolling = (maxSurge: number, maxUnavailable: number): DeploymentStrategy => ({
    kind: "rolling",
    maxSurge,
    maxUnavailable,
  });
  const standard = rolling(Math.ceil(replicas * DEFAULT_SHARE), Math.floor(replicas * DEFAULT_SHARE));
  return (
    reader.object("strategy", (strategy) => {
      const at = fieldContext(context, "strategy");
      const type =
        strategy.enumeration("type", { RollingUpdate: "rolling", Recreate: "recreate" } as const) ?? "rolling";
      const numbers = strategy.object("rollingUpdate", (update) => {
        const surge = readShare(update, "maxSurge", replicas, Math.ceil);
        const unavailable = readShare(update, "maxUnavailable", replicas, Math.floor);
        if (surge?.isZero && unavailable?.isZero)
          update.report("SYM0104", "may not be 0 when maxSurge is 0", "maxUnavailable");
        return update.finish(() => {
          const up = surge?.count ?? Math.ceil(replicas * DEFAULT_SHARE);
          const down = unavailable?.count ?? Math.floor(replicas * DEFAULT_SHARE);
          // Shares can both round to 0; the controller then takes one down, so that a change ends at all.
          return rolling(up, up === 0 && down === 0 ? 1 : down);
        });
      });
      if (type === "recreate" && numbers !== undefined)
        reportMesh(
          fieldContext(at, "rollingUpdate"),
          "SYM2004",
          strategy.positionOf("rollingUpdate"),
          "may not be specified when strategy type is Recreate",
        );
      return strategy.finish(() => (type === "recreate" ? { kind: "recreate" as const } : (numbers ?? standard)));
    }) ?? standard
  );
}

/** A count, or a percentage of the replicas. */
function readShare(
  reader: ObjectReader,
  name: string,
  replicas: number,
  round: (value: number) => number,
): { readonly count: number; readonly isZero: boolean } | undefined {
  const value = reader.integerOrString(name, {
    integer: { min: 0, max: MAX_REPLICAS },
    string: {
      check: (text) => (/^(100|\d{1,2})%$/.test(text) ? undefined : "must be a number or a percentage such as 25%"),
    },
  });
  if (value === undefined) return undefined;
  const share = typeof value === "number" ? value : round((replicas * Number(value.slice(0, -1))) / 100);
  return { count: share, isZero: value === 0 || value === "0%" };
}

function describeLabels(labels: Readonly<Record<string, string>>): string {
  const text = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return text.length === 0 ? "no labels" : text.join(",");
}

/** Kubernetes' default for maxSurge and maxUnavailable. */
const DEFAULT_SHARE = 0.25;
/** One machine runs them all, each with a proxy. */
const MAX_REPLICAS = 500;
