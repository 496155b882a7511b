/**
 * What can go wrong on the wire to Lingma.
 */
import { Schema } from "effect"
import { redact } from "../../domain/Redact.ts"

/** The socket is not open, or closed before the reply. */
export class RpcDisconnected extends Schema.TaggedError<RpcDisconnected>()("RpcDisconnected", {
  reason: Schema.String
}) {}

/** Lingma answered the call with an error. */
export class RpcRejected extends Schema.TaggedError<RpcRejected>()("RpcRejected", {
  method: Schema.String,
  code: Schema.Number,
  detail: Schema.String
}) {
  /** The instance speaks a dialect without this method. */
  get unknownMethod(): boolean {
    return this.code === -32601 || /unknown method|method not found/i.test(this.detail)
  }
}

/** No reply in time. */
export class RpcTimeout extends Schema.TaggedError<RpcTimeout>()("RpcTimeout", { method: Schema.String }) {}

/** A reply that is not of the shape the protocol gives it. */
export class RpcMalformed extends Schema.TaggedError<RpcMalformed>()("RpcMalformed", {
  method: Schema.String,
  detail: Schema.String
}) {}

/** What a call to Lingma may fail with. */
export type RpcError = RpcDisconnected | RpcRejected | RpcTimeout | RpcMalformed

/** For the log, and for administrators. */
export const describe = (error: RpcError): string => {
  switch (error._tag) {
    case "RpcDisconnected":
      return `connection to Lingma lost: ${redact(error.reason)}`
    case "RpcRejected":
      return `${error.method} rejected (${error.code}): ${redact(error.detail)}`
    case "RpcTimeout":
      return `${error.method} not answered in time`
    case "RpcMalformed":
      return `${error.method} answered out of shape: ${error.detail}`
  }
}
