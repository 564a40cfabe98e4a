import { runExample } from "../run-example.ts";

const PAGE = "http://productpage:9080/productpage";

runExample(import.meta.dir, ({ up, apply, call, shows }) => {
  const page = (body: string, visits = 1) => call("default/curl", PAGE, "200", { body, visits });
  up("-f", "../03-bookinfo/mesh.yaml", "--fresh");
  page("Simple Bookstore App");

  apply("allow-nothing.yaml");
  call("default/curl", PAGE, "403", { body: "RBAC: access denied" });

  apply("productpage-viewer.yaml");
  page("Error fetching product details");
  page("Error fetching product reviews");
  call("default/curl", PAGE, "403", { method: "POST" });
  shows("who was refused at details", ["authz", "denials", "--workload", "details-v1"], "sa/bookinfo-productpage");

  apply("details-viewer.yaml");
  page("Book Details");
  page("Error fetching product reviews");

  apply("reviews-viewer.yaml");
  page("Book Reviews");
  // Of three versions of reviews two ask ratings.
  page("Ratings service is currently unavailable", 10);

  apply("ratings-viewer.yaml");
  page("★★★★★", 10);
  call("default/curl", "http://ratings:9080/ratings/0", "403");
});
