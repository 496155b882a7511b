/**
 * Errors of calls to Lingma.
 */
import { Schema } from "effect"
import { redact } from "../../domain/Redact.ts"

/** The socket was not open, or closed before the reply. `reason` is for the log. */
export class RpcDisconnected extends Schema.TaggedError<RpcDisconnected>()("RpcDisconnected", {
  reason: Schema.String
}) {}

/** Lingma replied with a JSON-RPC error: its `code`, and its message as `detail`. */
export class RpcRejected extends Schema.TaggedError<RpcRejected>()("RpcRejected", {
  method: Schema.String,
  code: Schema.Number,
  detail: Schema.String
}) {
  /** The instance does not support this method. */
  get unknownMethod(): boolean {
    return this.code === -32601 || /unknown method|method not found/i.test(this.detail)
  }
}

/** No reply in time. */
export class RpcTimeout extends Schema.TaggedError<RpcTimeout>()("RpcTimeout", { method: Schema.String }) {}

/** The reply does not match the method's schema; `detail` has the path of the mismatch. */
export class RpcMalformed extends Schema.TaggedError<RpcMalformed>()("RpcMalformed", {
  method: Schema.String,
  detail: Schema.String
}) {}

/** Any error of a call to Lingma. */
export type RpcError = RpcDisconnected | RpcRejected | RpcTimeout | RpcMalformed

/** One line for the log and for administrators. */
export const describe = (error: RpcError): string => {
  switch (error._tag) {
    case "RpcDisconnected":
      return `connection to Lingma lost: ${redact(error.reason)}`
    case "RpcRejected":
      return `${error.method} rejected (${error.code}): ${redact(error.detail)}`
    case "RpcTimeout":
      return `${error.method} not answered in time`
    case "RpcMalformed":
      return `${error.method} returned an invalid result: ${error.detail}`
  }
}
