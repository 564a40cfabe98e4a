import {
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Call, GrpcCall, MessageConsumer } from "./grpc-call.ts";
import { GRPC_CODE, type GrpcStatus, GrpcStatusError } from "./grpc-status.ts";

/** A method of a server: where it is, and what a call of it does. */
export interface GrpcMethod<Peer> {
  /** `/package.Service/Method` */
  readonly path: string;
  open(call: GrpcCall<Peer>): MessageConsumer;
}

/** The answering side of a call that may have many answers. */
export interface AnswerStream<Peer, Response> extends Call<Peer> {
  /** @param onTaken called when the message has left for the caller, which may take as long as the caller likes */
  write(message: Response, onTaken?: () => void): void;
  /** Ends the call well, or with a status. */
  end(status?: GrpcStatus): void;
}

/** What a service does with the requests of a call that may have many. */
export interface RequestConsumer<Request> {
  onRequest(request: Request): void;
  onEnd(): void;
}

/** One request, one answer. @param statusOf how a call ends whose handler has failed */
export function unary<Peer, I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handler: (request: MessageShape<I>, call: Call<Peer>) => Promise<MessageShape<O>>,
  statusOf: (error: unknown) => GrpcStatus,
): GrpcMethod<Peer> {
  return {
    path: pathOf(method),
    open: (call) =>
      oneRequest(method.input, (request) => {
        handler(request, call)
          .then((response) => {
            call.write(toBinary(method.output, response));
            call.end();
          })
          // Also of an answer that is no message of the method: a bug must end the call, not the process.
          .catch((error: unknown) => call.end(statusOf(error)));
      }),
  };
}

/** One request, any number of answers. */
export function serverStreaming<Peer, I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  handler: (request: MessageShape<I>, stream: AnswerStream<Peer, MessageShape<O>>) => void,
): GrpcMethod<Peer> {
  return {
    path: pathOf(method),
    open: (call) => oneRequest(method.input, (request) => handler(request, new Answers(call, method.output))),
  };
}

/** Any number of requests and answers. */
export function bidiStreaming<Peer, I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O>,
  handler: (stream: AnswerStream<Peer, MessageShape<O>>) => RequestConsumer<MessageShape<I>>,
): GrpcMethod<Peer> {
  return {
    path: pathOf(method),
    open(call) {
      const consumer = handler(new Answers(call, method.output));
      return {
        onMessage: (message) => consumer.onRequest(decoded(method.input, message)),
        onEnd: () => consumer.onEnd(),
      };
    },
  };
}

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Calls back once the one request is here and the caller has ended its side. */
function oneRequest<I extends DescMessage>(schema: I, start: (request: MessageShape<I>) => void): MessageConsumer {
  let request: MessageShape<I> | undefined;
  const wrongNumber = () =>
    new GrpcStatusError({ code: GRPC_CODE.unimplemented, details: "the method takes exactly one request" });
  return {
    onMessage(message) {
      if (request !== undefined) throw wrongNumber();
      request = decoded(schema, message);
    },
    onEnd() {
      if (request === undefined) throw wrongNumber();
      start(request);
    },
  };
}

function decoded<I extends DescMessage>(schema: I, message: Buffer): MessageShape<I> {
  try {
    return fromBinary(schema, message);
  } catch {
    throw new GrpcStatusError({ code: GRPC_CODE.internal, details: "the request is no message of the method" });
  }
}

class Answers<Peer, O extends DescMessage> implements AnswerStream<Peer, MessageShape<O>> {
  readonly #call: GrpcCall<Peer>;
  readonly #schema: O;

  constructor(call: GrpcCall<Peer>, schema: O) {
    this.#call = call;
    this.#schema = schema;
  }

  get peer(): Peer {
    return this.#call.peer;
  }

  get metadataBytes(): number {
    return this.#call.metadataBytes;
  }

  get isOver(): boolean {
    return this.#call.isOver;
  }

  metadata(name: string): readonly string[] {
    return this.#call.metadata(name);
  }

  onOver(listener: () => void): void {
    this.#call.onOver(listener);
  }

  refused(reason: string): void {
    this.#call.refused(reason);
  }

  write(message: MessageShape<O>, onTaken?: () => void): void {
    this.#call.write(toBinary(this.#schema, message), onTaken);
  }

  end(status?: GrpcStatus): void {
    this.#call.end(status);
  }
}
