import { concatBytes } from "../core/index.ts";
import { bytesOf, mapEntryOf, type ProtobufField, readFields, stringOf } from "./protobuf-reader.ts";
import { encodeField, encodeRepeated } from "./protobuf-writer.ts";

/** The messages as they are on the wire (workload.proto; spiffe.md §4.2): what they must have is checked elsewhere. */
export interface X509SvidMessage {
  readonly spiffeId: string;
  readonly chainDer: Uint8Array;
  readonly keyDer: Uint8Array;
  readonly bundleDer: Uint8Array;
  readonly hint: string;
}

export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly crls: readonly Uint8Array[];
  readonly federatedBundles: ReadonlyMap<string, Uint8Array>;
}

export interface X509BundlesResponse {
  readonly crls: readonly Uint8Array[];
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

export interface JwtSvidMessage {
  readonly spiffeId: string;
  readonly token: string;
  readonly hint: string;
}

export interface ValidateJwtSvidResponse {
  readonly spiffeId: string;
  /** google.protobuf.Struct; undefined when it was left out. */
  readonly claims: Uint8Array | undefined;
}

/** Of the methods whose requests have no fields. */
export const EMPTY_REQUEST: Uint8Array = new Uint8Array();

export function encodeJwtSvidRequest(audiences: readonly string[], spiffeId = ""): Uint8Array {
  return concatBytes(encodeRepeated(1, audiences), encodeField(2, spiffeId));
}

export function encodeValidateJwtSvidRequest(audience: string, token: string): Uint8Array {
  return concatBytes(encodeField(1, audience), encodeField(2, token));
}

/** @throws ERR_WORKLOAD_API_RESPONSE_INVALID, as all of these */
export function decodeX509SvidResponse(message: Uint8Array): X509SvidResponse {
  const svids: X509SvidMessage[] = [];
  const crls: Uint8Array[] = [];
  const federatedBundles = new Map<string, Uint8Array>();
  for (const field of readFields(message)) {
    if (field.number === 1) svids.push(decodeX509Svid(bytesOf(field)));
    if (field.number === 2) crls.push(bytesOf(field));
    if (field.number === 3) federatedBundles.set(...mapEntryOf(field));
  }
  return { svids, crls, federatedBundles };
}

function decodeX509Svid(message: Uint8Array): X509SvidMessage {
  const fields = lastOfEach(message);
  return {
    spiffeId: optionalString(fields.get(1)),
    chainDer: optionalBytes(fields.get(2)),
    keyDer: optionalBytes(fields.get(3)),
    bundleDer: optionalBytes(fields.get(4)),
    hint: optionalString(fields.get(5)),
  };
}

export function decodeX509BundlesResponse(message: Uint8Array): X509BundlesResponse {
  const crls: Uint8Array[] = [];
  const bundles = new Map<string, Uint8Array>();
  for (const field of readFields(message)) {
    if (field.number === 1) crls.push(bytesOf(field));
    if (field.number === 2) bundles.set(...mapEntryOf(field));
  }
  return { crls, bundles };
}

export function decodeJwtSvidResponse(message: Uint8Array): readonly JwtSvidMessage[] {
  return [...readFields(message)]
    .filter(({ number }) => number === 1)
    .map((field) => {
      const fields = lastOfEach(bytesOf(field));
      return {
        spiffeId: optionalString(fields.get(1)),
        token: optionalString(fields.get(2)),
        hint: optionalString(fields.get(3)),
      };
    });
}

export function decodeJwtBundlesResponse(message: Uint8Array): ReadonlyMap<string, Uint8Array> {
  return new Map([...readFields(message)].filter(({ number }) => number === 1).map(mapEntryOf));
}

export function decodeValidateJwtSvidResponse(message: Uint8Array): ValidateJwtSvidResponse {
  const fields = lastOfEach(message);
  const claims = fields.get(2);
  return { spiffeId: optionalString(fields.get(1)), claims: claims && bytesOf(claims) };
}

/** Of a field that is given twice, the last counts (protobuf encoding, "Last One Wins"). */
function lastOfEach(message: Uint8Array): ReadonlyMap<number, ProtobufField> {
  return new Map([...readFields(message)].map((field) => [field.number, field]));
}

function optionalString(field: ProtobufField | undefined): string {
  return field ? stringOf(field) : "";
}

function optionalBytes(field: ProtobufField | undefined): Uint8Array {
  return field ? bytesOf(field) : new Uint8Array();
}
