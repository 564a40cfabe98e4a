/** Istio's own bookinfo.yaml, unchanged: its images are built-in programs, the page is browsed, every hop is mutual TLS. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type ConnectionRow,
  CURL_IMAGE,
  deployment,
  eventually,
  fileExists,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  SAMPLES,
  startMesh,
} from "./mesh-under-test.ts";

const FILE = join(SAMPLES, "bookinfo/platform/kube/bookinfo.yaml");
const why = fileExists(FILE) || process.env.CI ? missing("curl") : `no Istio samples at ${SAMPLES}`;
if (why !== undefined) console.error(`skipped: ${why}`);

const PAGE = "http://productpage:9080/productpage";
/** An endpoint is drawn for each request: that one of three is missed so often has a chance below 1 in 10^10. */
const MOST_VISITS = 60;
const REVIEWS = ["reviews-v1", "reviews-v2", "reviews-v3"];
/** Who calls whom; v1 of reviews asks for no ratings. */
const CALLERS: Readonly<Record<string, string>> = {
  "productpage-v1": "curl",
  "details-v1": "bookinfo-productpage",
  "reviews-v1": "bookinfo-productpage",
  "reviews-v2": "bookinfo-productpage",
  "reviews-v3": "bookinfo-productpage",
  "ratings-v1": "bookinfo-reviews",
};

describe.skipIf(why !== undefined)("Istio's bookinfo", () => {
  let mesh: MeshUnderTest;
  const inbound = (name: string): readonly ConnectionRow[] =>
    mesh.connections(name, "default").filter(({ direction }) => direction === "inbound");
  const get = (url: string) => mesh.exec("curl", "default", "curl", "-sS", "-m", "10", url).stdout;

  beforeAll(async () => {
    mesh = startMesh(
      namespace("default", true) +
        peerAuthentication("default", "istio-system", { mtls: { mode: "STRICT" } }) +
        deployment({ name: "curl", namespace: "default", image: CURL_IMAGE }),
      "-f",
      FILE,
    );
    // Istio's file has no readiness probes: a pod is ready before its program listens.
    for (const name of Object.keys(CALLERS))
      await eventually(
        `${name} listens`,
        () => mesh.symbolon("logs", `deploy/${name}`, "-n", "default").stdout,
        (log) => log.includes("0.0.0.0:9080"),
      );
  });
  afterAll(() => mesh?.down());

  test("the page shows details, and reviews of each version with its stars", () => {
    const stars = new Map<string, string | undefined>();
    for (let visit = 0; visit < MOST_VISITS && stars.size < REVIEWS.length; visit++) {
      const page = get(PAGE);
      expect(page).toContain("<title>Simple Bookstore App</title>");
      expect(page).toContain("William Shakespeare");
      expect(page).not.toMatch(/Error fetching|unavailable/);
      stars.set(
        /Reviews served by: (reviews-v\d)-/.exec(page)?.[1] ?? page,
        /color:(black|red)">★★★★★/.exec(page)?.[1],
      );
    }
    expect(Object.fromEntries(stars)).toEqual({ "reviews-v1": undefined, "reviews-v2": "black", "reviews-v3": "red" });
  });

  test.each(Object.entries(CALLERS))("%s is called by %s alone, over mutual TLS 1.3", async (name, caller) => {
    const rows = await eventually(
      `${name} has connections on record`,
      () => inbound(name),
      (seen) => seen.length > 0,
    );
    for (const { security, tlsVersion, peerSpiffeId } of rows)
      expect({ security, tlsVersion, peerSpiffeId }).toEqual({
        security: "mtls",
        tlsVersion: "TLSv1.3",
        peerSpiffeId: `spiffe://cluster.local/ns/default/sa/${caller}`,
      });
  });

  test("what leaves a pod is mutual TLS too", () => {
    const outbound = [...REVIEWS, "curl", "productpage-v1"]
      .flatMap((name) => mesh.connections(name, "default"))
      .filter(({ direction }) => direction === "outbound");
    expect(outbound.length).toBeGreaterThanOrEqual(5);
    expect(outbound.filter(({ security }) => security !== "mtls")).toEqual([]);
  });
});
