import type { VerifiedPeer } from "@symbolon/spiffe/svid";
import type { AccessGuard } from "./access-guard.ts";
import type { HttpService } from "./http-service.ts";
import {
  clientCertElement,
  FIELD,
  fieldSet,
  forwardedClientCert,
  forwardedProto,
  RecurringText,
  type RequestEdits,
  type RequestHead,
  requestId,
} from "./http1/index.ts";
import { createRequestAdmission } from "./request-admission.ts";
import type { OwnFields } from "./request-view.ts";
import type { PeerTarget } from "./route-destination.ts";

const DROPPED = fieldSet(FIELD.forwardedClientCert, FIELD.forwardedProto);
const DROPPED_WITH_ID = fieldSet(FIELD.forwardedClientCert, FIELD.forwardedProto, FIELD.requestId);

/** Requests of other pods, to the application: it is told who asks, in words that no client can say. */
export function inboundHttpService(options: {
  /** Undefined: the connection is plaintext. */
  readonly peer: VerifiedPeer | undefined;
  readonly localSpiffeId: string | undefined;
  readonly application: PeerTarget;
  readonly newRequestId: () => string;
  readonly guard: AccessGuard;
}): HttpService {
  const { peer, localSpiffeId, application, newRequestId, guard } = options;
  const admission = createRequestAdmission(guard);
  const element =
    peer &&
    clientCertElement({
      by: localSpiffeId ?? "",
      hash: new Bun.CryptoHasher("sha256").update(peer.leaf.der).digest("hex"),
      subject: "",
      uri: peer.spiffeId.toString(),
    });
  const route = { kind: "forward", targets: [application] } as const;
  const authority = `${application.address}:${application.port}`;
  const sender = { verified: peer !== undefined, scheme: peer ? "https" : "http" } as const;
  const security = peer ? "mtls" : "plaintext";
  /** Of the request that was admitted last. */
  let own: OwnFields | undefined;
  const linesOf = recurringLines();
  const protoText = new RecurringText();
  return {
    direction: "inbound",
    security,
    ...(localSpiffeId === undefined ? {} : { localSpiffeId }),
    ...(peer ? { peerSpiffeId: peer.spiffeId.toString(), peerNotAfter: peer.notAfter } : {}),
    admit(head, record) {
      own = ownFields(head);
      return admission.admit(head, record, own);
    },
    refused: admission.refused,
    readmit: admission.readmit,
    route: () => route,
    edits(head) {
      const lines = linesOf(own ?? ownFields(head));
      own = undefined;
      const edits = withRequestId(head, lines, newRequestId, authority);
      return admission.changes
        ? { ...edits, ...admission.changes, appended: edits.appended + admission.changes.appended }
        : edits;
    },
  };

  function ownFields(head: RequestHead): OwnFields {
    return {
      "x-forwarded-client-cert": forwardedClientCert(
        "APPEND_FORWARD",
        valuesOf(head, FIELD.forwardedClientCert),
        element,
      ),
      "x-forwarded-proto": forwardedProto(valuesOf(head, FIELD.forwardedProto, protoText), sender),
    };
  }
}

/** Lines of {@link OwnFields}; the same text as the last one's when they are: it is written many times without being made anew. */
function recurringLines(): (own: OwnFields) => string {
  let lastClientCert: string | undefined;
  let lastProto: string | undefined;
  let lines = "";
  return ({ "x-forwarded-client-cert": clientCert, "x-forwarded-proto": proto }) => {
    if (clientCert === lastClientCert && proto === lastProto) return lines;
    lastClientCert = clientCert;
    lastProto = proto;
    const cert = clientCert === undefined ? "" : `X-Forwarded-Client-Cert: ${clientCert}\r\n`;
    lines = `${cert}X-Forwarded-Proto: ${proto}\r\n`;
    return lines;
  };
}

const NONE: readonly string[] = [];

/** Fields of one kind, in order. @param text of the first, when it is mostly the same in one request as in the one before */
export function valuesOf(
  { fields }: RequestHead,
  id: Parameters<typeof fields.indexOf>[0],
  text?: RecurringText,
): readonly string[] {
  const first = fields.indexOf(id);
  if (first < 0) return NONE;
  const found = [
    text ? text.read(fields.bytes, fields.valueStart(first), fields.valueEnd(first)) : fields.value(first),
  ];
  for (let index = fields.indexOf(id, first + 1); index >= 0; index = fields.indexOf(id, index + 1))
    found.push(fields.value(index));
  return found;
}

/** @param lines that take the place of every x-forwarded-client-cert and x-forwarded-proto that came */
export function withRequestId(
  head: RequestHead,
  lines: string,
  newRequestId: () => string,
  authority: string,
): RequestEdits & { readonly requestId: string } {
  const received = valuesOf(head, FIELD.requestId);
  const id = requestId(received, newRequestId);
  if (received.length === 1 && received[0] === id)
    return { dropped: DROPPED, appended: lines, authority, requestId: id };
  return { dropped: DROPPED_WITH_ID, appended: lines, newRequestId: id, authority, requestId: id };
}
