import { beforeEach, describe, expect, test } from "bun:test";
import {
  type CaFixture,
  createAndParse,
  createCaFixture,
  csrPem,
  failureOf,
  WEB_ID,
  WEB_POD,
} from "../../../../test/fakes/ca-fixture.ts";
import { productError } from "../core/index.ts";
import type { CreateCertificateRequest } from "./index.ts";

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
});

const create = (changes: Partial<CreateCertificateRequest> = {}) => createAndParse(fixture, changes);

describe("what happens in which order", () => {
  test("the record is there and the audit says started before anything is signed; success comes after", async () => {
    const { serialNumber, leaf } = await create();
    expect(fixture.issuances.records).toHaveLength(1);
    expect(fixture.issuances.records[0]).toMatchObject({
      serialNumber,
      kind: "workload",
      spiffeId: WEB_ID.toString(),
      caller: "system:serviceaccount:foo:web",
      authenticator: "service account token",
      notAfter: leaf.notAfter,
      recordedAt: fixture.clock.now(),
    });
    expect(Buffer.from(fixture.issuances.records[0]?.tbs ?? []).equals(Buffer.from(leaf.tbsDer))).toBe(true);
    expect([...fixture.issuances.signed].at(-1)).toBe(serialNumber);
    expect(fixture.audit.map(({ outcome }) => outcome)).toEqual(["started", "success"]);
    expect(fixture.audit[1]).toEqual({
      kind: "certificate.issue",
      outcome: "success",
      actor: "system:serviceaccount:foo:web",
      subject: WEB_ID.toString(),
      authority: "service account token",
      details: {
        pod: "foo/web-1",
        podUid: WEB_POD.uid,
        peer: "10.244.0.5:40000",
        serialNumber,
        notAfter: "2026-01-02T00:00:00.000Z",
      },
    });
  });

  test("a record that cannot be stored ends the issuance", async () => {
    fixture.issuances.failure = productError("ERR_ISSUANCE_LOG_FULL", "the issuance log cannot grow: no space left");
    const before = fixture.issuances.signed.size;
    expect((await failureOf(create())).code).toBe("ERR_ISSUANCE_LOG_FULL");
    expect(fixture.issuances.signed.size).toBe(before);
    expect(fixture.audit.map(({ outcome }) => outcome)).toEqual(["refused"]);
  });

  test("an audit line that cannot be written ends the issuance", async () => {
    let broken = false;
    fixture = await createCaFixture({
      audit: {
        write: async () => {
          if (broken) throw productError("ERR_AUDIT_UNWRITABLE", "no space");
        },
      },
    });
    broken = true;
    const before = fixture.issuances.signed.size;
    expect((await failureOf(create())).code).toBe("ERR_AUDIT_UNWRITABLE");
    expect(fixture.issuances.signed.size).toBe(before);
  });

  test("a stranger is refused before the request is looked at", async () => {
    const error = await failureOf(
      create({ csrPem: "garbage", credentials: { certificateChain: [], peerAddress: "10.244.0.9:1" } }),
    );
    expect(error).toMatchObject({ code: "ERR_CA_AUTHENTICATION_FAILED", message: "request authenticate failure" });
    expect(fixture.audit).toEqual([
      {
        kind: "certificate.issue",
        outcome: "refused",
        actor: "unauthenticated",
        code: "ERR_CA_AUTHENTICATION_FAILED",
        details: {
          message: "request authenticate failure",
          peer: "10.244.0.9:1",
          reasons: "client certificate: absent; service account token: absent",
        },
      },
    ]);
  });

  test("a clock that goes back more than 5 minutes stops the CA, 5 minutes do not", async () => {
    await create();
    fixture.clock.stepWallClock(-300_000);
    await create({ credentials: { certificateChain: [], peerAddress: "p", token: fixture.token() } });
    fixture.clock.stepWallClock(-1000);
    expect(
      await failureOf(create({ credentials: { certificateChain: [], peerAddress: "p", token: fixture.token() } })),
    ).toMatchObject({
      code: "ERR_CA_CLOCK_BACKWARDS",
      message:
        "clock says 2025-12-31T23:54:59.000Z, but the newest certificate was recorded at 2026-01-01T00:00:00.000Z",
    });
  });

  test("counts under Istio's names", async () => {
    await create();
    await failureOf(create({ csrPem: "x" }));
    await failureOf(create({ csrPem: csrPem({ dnsNames: ["a"] }) }));
    await failureOf(create({ credentials: { certificateChain: [], peerAddress: "p" } }));
    await failureOf(create({ requestedLifetimeSeconds: 2n ** 40n }));
    expect(fixture.ca.counters()).toEqual({
      citadel_server_csr_count: 5,
      citadel_server_authentication_failure_count: 1,
      citadel_server_csr_parsing_err_count: 1,
      citadel_server_id_extraction_err_count: 1,
      citadel_server_csr_sign_err_count: 1,
      citadel_server_success_cert_issuance_count: 1,
      citadel_server_root_cert_expiry_timestamp: Date.parse("2035-12-30T00:00:00Z") / 1000,
      citadel_server_root_cert_expiry_seconds: 3650 * 86400,
      citadel_server_cert_chain_expiry_timestamp: Date.parse("2035-12-30T00:00:00Z") / 1000,
      citadel_server_cert_chain_expiry_seconds: 3650 * 86400,
    });
  });
});
