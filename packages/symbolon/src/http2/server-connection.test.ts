import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { type Frame, FrameReader } from "./frame-reader.ts";
import { frameHeader, pingFrame, rstStreamFrame, settingsFrame, windowUpdateFrame } from "./frame-writer.ts";
import { encodeHeaders } from "./header-encoder.ts";
import { FLAG, FRAME, H2_ERROR, PREFACE, SETTING } from "./protocol.ts";
import { ServerConnection } from "./server-connection.ts";
import type { ServerStream } from "./server-stream.ts";

const REQUEST = encodeHeaders([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
]);

test("SETTINGS come first from us, and the client's are acknowledged", async () => {
  const peer = connect();
  const [first, second] = await peer.frames();
  expect([first?.type, first?.flags]).toEqual([FRAME.settings, 0]);
  expect([second?.type, second?.flags]).toEqual([FRAME.settings, FLAG.ack]);
});

test("data waits for the client's window, also for one that its settings have made negative", async () => {
  const peer = connect();
  peer.send(open(1));
  peer.streams[0]?.sendData(Buffer.alloc(70_000));
  expect(dataBytes(await peer.frames())).toBe(65_535);
  peer.send(
    windowUpdateFrame(0, 100_000),
    settingsFrame([[SETTING.initialWindowSize, 0]]),
    windowUpdateFrame(1, 65_535),
  );
  expect(dataBytes(await peer.frames())).toBe(0);
  peer.send(windowUpdateFrame(1, 1));
  expect(dataBytes(await peer.frames())).toBe(1);
});

test("no DATA frame is longer than 16,384 bytes", async () => {
  const peer = connect();
  peer.send(open(1));
  peer.streams[0]?.sendData(Buffer.alloc(16_385));
  const lengths = (await peer.frames()).filter(({ type }) => type === FRAME.data).map(({ payload }) => payload.length);
  expect(lengths).toEqual([16_384, 1]);
});

describe("a small answer beside a big one", () => {
  const wide = [settingsFrame([[SETTING.initialWindowSize, 2 ** 30]]), windowUpdateFrame(0, 2 ** 30)];

  test("goes out after one turn of the big one, not after all of it", async () => {
    const peer = connect();
    peer.send(...wide, open(1), open(3));
    peer.streams[0]?.sendData(Buffer.alloc(1_000_000));
    peer.streams[1]?.sendData(Buffer.alloc(10));
    expect(bytesBefore(3, await peer.framesOf(20))).toBeLessThanOrEqual(2 * 65_536);
  });

  test("goes out as soon when the big one is written on with every part that is taken", async () => {
    const peer = connect();
    peer.send(...wide, open(1), open(3));
    let parts = 0;
    const write = (): void => {
      if (parts++ < 15) peer.streams[0]?.sendData(Buffer.alloc(65_536), write);
    };
    write();
    write();
    peer.streams[1]?.sendData(Buffer.alloc(10));
    expect(bytesBefore(3, await peer.framesOf(40))).toBeLessThanOrEqual(2 * 65_536);
  });

  test("is ended with the rest when the connection's window stays shut behind the big one", async () => {
    const peer = connect();
    peer.send(open(1), open(3));
    peer.streams[0]?.sendData(Buffer.alloc(65_535));
    peer.streams[1]?.sendData(Buffer.alloc(10));
    expect(dataBytes(await peer.framesOf(10))).toBe(65_535);
    await peer.clock.advance(499);
    expect(peer.isOver()).toBe(false);
    await peer.clock.advance(1);
    expect(peer.isOver()).toBe(true);
  });
});

test("of a big answer no more than 64 KiB and a frame are written to a transport that is full, and all of it once it drains", async () => {
  const peer = connect();
  peer.send(settingsFrame([[SETTING.initialWindowSize, 2 ** 30]]), windowUpdateFrame(0, 2 ** 30), open(1));
  await peer.frames();
  peer.takes(false);
  peer.streams[0]?.sendData(Buffer.alloc(1_000_000));
  expect(dataBytes(await peer.framesOf(20))).toBeLessThanOrEqual(65_536);
  expect(await peer.frames()).toEqual([]);
  peer.takes(true);
  expect(dataBytes(await peer.framesOf(40))).toBeGreaterThanOrEqual(1_000_000 - 65_536);
});

test("a window of 2^31-1 is allowed, one more ends the connection", async () => {
  const peer = connect();
  peer.send(windowUpdateFrame(0, 2 ** 31 - 1 - 65_535));
  expect(goaway(await peer.frames())).toBeUndefined();
  peer.send(windowUpdateFrame(0, 1));
  expect(goaway(await peer.frames())).toBe(H2_ERROR.flowControlError);
});

test("streams over the limit are refused, and the connection goes on", async () => {
  const peer = connect();
  peer.send(open(1), open(3), open(5));
  expect(peer.streams.map(({ id }) => id)).toEqual([1, 3]);
  expect((await peer.frames()).find(({ type }) => type === FRAME.rstStream)?.payload.readUInt32BE(0)).toBe(
    H2_ERROR.refusedStream,
  );
  expect(peer.isOver()).toBe(false);
});

test("streams that are opened and reset, settings, empty data: a thousand pass, and then the connection ends", async () => {
  const floods = {
    settings: () => [settingsFrame([])],
    resets: (at: number) => [open(2 * at + 3), rstStreamFrame(2 * at + 3, H2_ERROR.cancel)],
    emptyData: () => [frameHeader(0, FRAME.data, 0, 1)],
    unknown: () => [frameHeader(0, 99, 0, 0)],
  };
  for (const [name, flood] of Object.entries(floods)) {
    const peer = connect();
    peer.send(open(1));
    for (let at = 0; at < 1000; at++) peer.send(...flood(at));
    expect([name, peer.isOver()]).toEqual([name, false]);
    peer.send(...flood(1000));
    expect([name, goaway(await peer.frames())]).toEqual([name, H2_ERROR.enhanceYourCalm]);
  }
});

describe("pings, window updates and priorities", () => {
  const floods = {
    pings: pingFrame(Buffer.alloc(8), false),
    connectionUpdates: windowUpdateFrame(0, 1),
    streamUpdates: windowUpdateFrame(1, 1),
    lateUpdates: windowUpdateFrame(3, 1),
    priorities: Buffer.concat([frameHeader(5, FRAME.priority, 0, 1), Buffer.alloc(5)]),
  };

  test("a thousand pass and two for each request, and then the connection ends", async () => {
    for (const [name, frame] of Object.entries(floods)) {
      const peer = connect();
      peer.send(open(1), open(3));
      peer.streams[1]?.reset(H2_ERROR.cancel);
      for (let at = 0; at < 1004; at++) peer.send(frame);
      expect([name, peer.isOver()]).toEqual([name, false]);
      peer.send(frame);
      expect([name, goaway(await peer.frames())]).toEqual([name, H2_ERROR.enhanceYourCalm]);
    }
  });

  test("a client may send twenty for every DATA frame that it is sent, for ever", async () => {
    for (const [name, frame] of Object.entries(floods)) {
      const peer = connect();
      peer.send(open(1), open(3));
      peer.streams[1]?.reset(H2_ERROR.cancel);
      for (let round = 0; round < 200; round++) {
        peer.streams[0]?.sendData(Buffer.alloc(1));
        for (let at = 0; at < 20; at++) peer.send(frame);
      }
      expect([name, goaway(await peer.frames())]).toEqual([name, undefined]);
    }
  });
});

test("a header block in sixteen frames is read, one in more ends the connection", async () => {
  for (const [continuations, code] of [
    [15, undefined],
    [16, H2_ERROR.enhanceYourCalm],
  ] as const) {
    const peer = connect();
    peer.send(frameHeader(REQUEST.length, FRAME.headers, 0, 1), REQUEST);
    for (let at = 1; at <= continuations; at++)
      peer.send(frameHeader(0, FRAME.continuation, at === continuations ? FLAG.endHeaders : 0, 1));
    expect(goaway(await peer.frames())).toBe(code);
    expect(peer.streams).toHaveLength(code === undefined ? 1 : 0);
  }
});

test("frames of a stream that never was end the connection, late ones of a stream that we reset are nothing, those behind a client's own reset are refused", async () => {
  const idle = connect();
  idle.send(frameHeader(1, FRAME.data, 0, 1), Buffer.alloc(1));
  expect(goaway(await idle.frames())).toBe(H2_ERROR.protocolError);
  const late = connect();
  late.send(open(1));
  late.streams[0]?.reset(H2_ERROR.cancel);
  late.send(frameHeader(1, FRAME.data, 0, 1), Buffer.alloc(1));
  expect(goaway(await late.frames())).toBeUndefined();
  const own = connect();
  own.send(open(1), rstStreamFrame(1, H2_ERROR.cancel), frameHeader(1, FRAME.data, 0, 1), Buffer.alloc(1));
  const refusal = (await own.frames()).find(({ type }) => type === FRAME.rstStream);
  expect(refusal?.payload.readUInt32BE(0)).toBe(H2_ERROR.streamClosed);
});

test("without streams a connection ends after the idle time, and leaves no timer", async () => {
  const peer = connect();
  await peer.clock.advance(999);
  expect(peer.isOver()).toBe(false);
  await peer.clock.advance(1);
  expect(peer.isOver()).toBe(true);
  expect(peer.clock.pendingTimersMs).toEqual([]);
});

test("a client whose window stays shut is ended after the stall time, and its streams are told", async () => {
  const peer = connect();
  peer.send(settingsFrame([[SETTING.initialWindowSize, 0]]), open(1));
  await peer.frames();
  peer.streams[0]?.sendData(Buffer.alloc(1));
  await peer.clock.advance(499);
  expect(peer.aborted).toEqual([]);
  await peer.clock.advance(1);
  expect(peer.aborted).toEqual([1]);
  expect(peer.isOver()).toBe(true);
});

test("a client that does not read from its socket is ended after the stall time, one that reads on is not", async () => {
  for (const isReading of [false, true]) {
    const peer = connect();
    peer.send(open(1));
    await peer.frames();
    peer.takes(false);
    peer.streams[0]?.sendData(Buffer.alloc(1));
    await peer.frames();
    await peer.clock.advance(499);
    if (isReading) peer.takes(true);
    await peer.clock.advance(1);
    expect([isReading, peer.isOver()]).toEqual([isReading, !isReading]);
  }
});

test("pings do not put off the end of a client whose window stays shut", async () => {
  const peer = connect();
  peer.send(settingsFrame([[SETTING.initialWindowSize, 0]]), open(1));
  await peer.frames();
  peer.streams[0]?.sendData(Buffer.alloc(1));
  await peer.clock.advance(300);
  peer.send(pingFrame(Buffer.alloc(8), false));
  await peer.frames();
  await peer.clock.advance(200);
  expect(peer.isOver()).toBe(true);
});

test("a request that ends with its head is answered without a reset, one that does not is stopped by one", async () => {
  const whole = connect();
  whole.send(frameHeader(REQUEST.length, FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1), REQUEST);
  whole.streams[0]?.end(Buffer.alloc(0));
  expect((await whole.frames()).filter(({ type }) => type === FRAME.rstStream)).toEqual([]);
  const half = connect();
  half.send(open(1));
  half.streams[0]?.end(Buffer.alloc(0));
  expect((await half.frames()).filter(({ type }) => type === FRAME.rstStream)).toHaveLength(1);
});

test("of two ends that a drained connection is given the earlier counts", async () => {
  for (const graces of [
    [300, 100],
    [100, 300],
  ]) {
    const peer = connect();
    peer.send(open(1));
    for (const grace of graces) peer.connection.drain(grace);
    await peer.clock.advance(99);
    expect(peer.isOver()).toBe(false);
    await peer.clock.advance(1);
    expect(peer.isOver()).toBe(true);
  }
});

describe("data of a client", () => {
  test("up to the connection's window is taken, one octet more ends the connection, as does the same in padding or on a reset stream", async () => {
    const fills = {
      plain: (id: number, bytes: number) => data(id, bytes),
      padding: (id: number, bytes: number) => data(id, bytes, true),
    };
    for (const [name, fill] of Object.entries(fills)) {
      const peer = connect();
      peer.send(open(1), open(3), fill(1, 16_384), fill(1, 16_384), fill(3, 16_384), fill(3, 16_383));
      expect([name, peer.isOver()]).toEqual([name, false]);
      peer.send(fill(3, 1));
      expect([name, goaway(await peer.frames())]).toEqual([name, H2_ERROR.flowControlError]);
    }
    const reset = connect();
    reset.send(open(1));
    reset.streams[0]?.reset(H2_ERROR.cancel);
    for (const bytes of [16_384, 16_384, 16_384, 16_383]) reset.send(data(1, bytes));
    expect(reset.isOver()).toBe(false);
    reset.send(data(1, 1));
    expect(goaway(await reset.frames())).toBe(H2_ERROR.flowControlError);
  });

  test("up to the stream's window is taken, one octet more resets the stream, and the connection goes on", async () => {
    for (const [last, resets] of [
      [2767, []],
      [2768, [H2_ERROR.flowControlError]],
    ] as const) {
      const peer = connect();
      peer.send(open(1), open(3), data(1, 15_000), data(1, 15_000), data(3, 10_000));
      expect(windowUpdates(await peer.frames())).toEqual([[0, 40_000]]);
      peer.send(data(1, 16_384), data(1, 16_384), data(1, last));
      expect(resetCodes(await peer.frames())).toEqual([...resets]);
      expect(peer.isOver()).toBe(false);
    }
  });

  test("is allowed again once half of a window is used, padding included, and never more than was sent", async () => {
    const peer = connect();
    peer.send(open(1), data(1, 16_384), data(1, 16_383, true));
    expect(windowUpdates(await peer.frames())).toEqual([]);
    peer.send(data(1, 1));
    expect(windowUpdates(await peer.frames())).toEqual([
      [1, 32_768],
      [0, 32_768],
    ]);
    peer.send(data(1, 16_384), data(1, 16_384), data(1, 16_384), data(1, 16_383));
    expect(peer.isOver()).toBe(false);
  });

  test("is not allowed again while the client reads nothing, and is when it does", async () => {
    const peer = connect();
    peer.send(open(1));
    await peer.frames();
    peer.takes(false);
    peer.send(pingFrame(Buffer.alloc(8), false));
    await peer.frames();
    peer.send(data(1, 16_384), data(1, 16_384));
    expect(windowUpdates(await peer.frames())).toEqual([]);
    peer.takes(true);
    expect(windowUpdates(await peer.frames())).toHaveLength(2);
    peer.takes(false);
    peer.send(pingFrame(Buffer.alloc(8), false));
    await peer.frames();
    for (const bytes of [16_384, 16_384, 16_384, 16_384]) peer.send(data(1, bytes));
    expect(goaway(await peer.frames())).toBe(H2_ERROR.flowControlError);
  });
});

test("what a stream was told to say after its connection's end is not called back", async () => {
  const peer = connect();
  peer.send(open(1));
  let isCalled = false;
  peer.streams[0]?.sendData(Buffer.alloc(1), () => {
    isCalled = true;
  });
  peer.connection.ended();
  await peer.frames();
  expect(isCalled).toBe(false);
});

function open(id: number): Buffer {
  return Buffer.concat([frameHeader(REQUEST.length, FRAME.headers, FLAG.endHeaders, id), REQUEST]);
}

/** Octets of data on other streams before the first on this one. */
function bytesBefore(id: number, frames: readonly Frame[]): number {
  const first = frames.findIndex(({ type, streamId }) => type === FRAME.data && streamId === id);
  return first < 0 ? Number.POSITIVE_INFINITY : dataBytes(frames.slice(0, first));
}

/** @param isPadding all of its payload, up to the longest padding there is */
function data(id: number, bytes: number, isPadding = false): Buffer {
  const payload = Buffer.alloc(bytes);
  if (isPadding) payload[0] = Math.min(255, bytes - 1);
  return Buffer.concat([frameHeader(bytes, FRAME.data, isPadding ? FLAG.padded : 0, id), payload]);
}

function windowUpdates(frames: readonly Frame[]): readonly (readonly [id: number, increment: number])[] {
  return frames
    .filter(({ type }) => type === FRAME.windowUpdate)
    .map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)] as const);
}

function resetCodes(frames: readonly Frame[]): readonly number[] {
  return frames.filter(({ type }) => type === FRAME.rstStream).map(({ payload }) => payload.readUInt32BE(0));
}

function dataBytes(frames: readonly Frame[]): number {
  return frames.filter(({ type }) => type === FRAME.data).reduce((sum, { payload }) => sum + payload.length, 0);
}

function goaway(frames: readonly Frame[]): number | undefined {
  return frames.find(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4);
}

function connect() {
  const clock = createFakeClock();
  const streams: ServerStream[] = [];
  const aborted: number[] = [];
  let received: Frame[] = [];
  let isOver = false;
  let isTaking = true;
  const reader = new FrameReader((frame) => received.push(frame));
  const transport = {
    write(bytes: Buffer): boolean {
      reader.push(Buffer.from(bytes));
      return isTaking;
    },
    end: () => undefined,
    destroy: () => undefined,
  };
  const limits = {
    maxConcurrentStreams: 2,
    maxHeaderListBytes: 16_384,
    prefaceTimeoutMs: 100,
    idleTimeoutMs: 1000,
    stallTimeoutMs: 500,
  };
  const connection = new ServerConnection({
    transport,
    limits,
    clock,
    log: silentLog,
    onStream(stream) {
      streams.push(stream);
      stream.consumer = { onData() {}, onEnd() {}, onAbort: () => void aborted.push(stream.id) };
    },
    onOver() {
      isOver = true;
    },
  });
  // What does not fit into one turn's write follows in the next.
  const framesOf = async (turns: number): Promise<readonly Frame[]> => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    const all = received;
    received = [];
    return all;
  };
  const send = (...bytes: readonly Buffer[]): void => connection.receive(Buffer.concat(bytes));
  send(PREFACE, settingsFrame([]));
  return {
    clock,
    streams,
    connection,
    aborted,
    send,
    isOver: () => isOver,
    /** Whether its socket takes what is written. */
    takes(taking: boolean): void {
      isTaking = taking;
      if (taking) connection.drained();
    },
    framesOf,
    /** What has been sent since the last time. */
    frames: () => framesOf(3),
  };
}
