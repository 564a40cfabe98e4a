import type { Overview, WorkloadRow } from "symbolon/dashboard-api";

const REFRESH_MS = 2000;

void refresh();

/** Shows the overview, again and again; a control plane that does not answer is said, and the last picture stays. */
async function refresh(): Promise<void> {
  try {
    const response = await fetch("/api/overview");
    if (!response.ok) throw new Error(`the control plane answered ${response.status}`);
    show((await response.json()) as Overview);
  } catch (error) {
    element("summary").textContent = `No news from the mesh: ${error instanceof Error ? error.message : error}`;
  }
  setTimeout(() => void refresh(), REFRESH_MS);
}

function show(overview: Overview): void {
  const withSidecar = overview.workloads.filter((row) => row.sidecar).length;
  element("summary").textContent =
    `Mesh “${overview.mesh}”, trust domain ${overview.trustDomain}: ${overview.workloads.length} workloads, ${withSidecar} with an identity`;
  element("workloads").replaceChildren(...overview.workloads.map(tableRow));
  const findings = element("findings");
  findings.hidden = overview.findings.length === 0;
  findings.textContent = overview.findings.join("\n");
}

function tableRow(row: WorkloadRow): HTMLTableRowElement {
  const line = document.createElement("tr");
  const mode = row.sidecar ? (row.mtlsMode ?? "none") : "none";
  line.append(
    cell(row.namespace),
    cell(row.pod),
    cell(row.ready ? "yes" : `no: ${row.reason ?? "starting"}`, row.ready ? "" : "not-ready"),
    cell(row.address),
    cell(row.sidecar ? (row.mtlsMode?.toUpperCase() ?? "closed: no configuration yet") : "plaintext, no sidecar", mode),
    cell(row.spiffeId ?? "–", "identity"),
    cell(row.certificateNotAfter ? new Date(row.certificateNotAfter).toLocaleString() : "–"),
  );
  return line;
}

/** Text only: names of workloads come from manifests and must never become markup. */
function cell(text: string, className = ""): HTMLTableCellElement {
  const data = document.createElement("td");
  data.textContent = text;
  if (className) data.className = className;
  return data;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return found;
}
