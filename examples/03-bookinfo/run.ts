import { runExample } from "../run-example.ts";

const PAGE = "http://productpage:9080/productpage";

runExample(import.meta.dir, ({ up, apply, call, shows }) => {
  up("-f", "mesh.yaml", "--fresh");
  apply("strict.yaml");
  // Three versions of reviews take turns.
  for (let visit = 1; visit <= 3; visit++) {
    call("default/curl", PAGE, "200", { body: "Book Details" });
    call("default/curl", PAGE, "200", { body: /Reviews served by: reviews-v[123]-/ });
  }
  call("default/curl", "http://ratings:9080/ratings/0", "200", { body: "Reviewer1" });
  for (const [from, service, account] of [
    ["productpage-v1", "details", "bookinfo-details"],
    ["productpage-v1", "reviews", "bookinfo-reviews"],
    ["details-v1", "inbound", "bookinfo-productpage"],
  ] as const)
    shows(
      "the hop is mutual TLS",
      ["proxy-config", "connections", `deploy/${from}`],
      new RegExp(`${service}.*mTLS TLSv1\\.3 +spiffe://cluster\\.local/ns/default/sa/${account}`),
    );
  shows(
    "ratings are asked by reviews alone",
    ["proxy-config", "connections", "deploy/ratings-v1"],
    "sa/bookinfo-reviews",
  );
});
