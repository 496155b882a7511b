/**
 * The methods called on Lingma, with the schemas of their parameters and results.
 *
 * Results are decoded leniently, because versions differ: unknown fields are ignored, a missing `result` is null. The
 * wire is not documented by its vendor; each method names its evidence and how sure it is: H = seen live by several
 * clients or official, M = seen by one, or by static analysis, L = inferred. Times on the wire are epoch milliseconds.
 */
import { createHash } from "node:crypto"
import { Schema } from "effect"

/** A method: its name, and the schemas of its parameters and its result. */
export interface Method<P, R, I = R> {
  readonly name: string
  readonly params: Schema.Schema<P>
  readonly result: Schema.Schema<R, I>
}

const method = <P, R, I>(name: string, params: Schema.Schema<P>, result: Schema.Schema<R, I>): Method<P, R, I> => ({
  name,
  params,
  result
})

const Nothing = Schema.Struct({})
const Text = Schema.optional(Schema.NullOr(Schema.String))
const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))
const Count = Schema.optional(Schema.NullOr(Schema.Number))

/** Key in `_meta` that ties pushes to their turn; without it a prompt fails with "requestId is empty" (H). */
export const requestIdKey = "ai-coding/request-id"
/** Key in `_meta`; false marks a replayed chunk of an earlier turn (M). */
export const streamedKey = "ai-coding/streamed"

/** `_meta` of the `session/*` methods: request id, mode, model and other `ai-coding/` keys (H). */
export const Meta = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Meta = typeof Meta.Type

/** Handshake; required before any other call. H: live clients of Lingma 2.11.1 and of the IDE. */
export const initialize = method(
  "initialize",
  Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  Schema.Unknown
)

/** Merges the two known shapes (H): the LSP one of the plugins and the ACP one of the IDE. */
export const initializeParams = (workDir: string, version: string) => ({
  processId: null,
  clientInfo: { name: "lingma-gateway", version },
  rootUri: `file://${workDir}`,
  capabilities: {},
  workspaceFolders: [{ uri: `file://${workDir}`, name: "lingma-gateway" }],
  protocolVersion: 1,
  clientCapabilities: {},
  timestamp: Date.now()
})

/** Untyped fields, because their types differ between versions and a decoding error must not hide the login state. */
export const AuthStatus = Schema.Struct({
  status: Schema.optional(Schema.Unknown),
  id: Schema.optional(Schema.Unknown),
  accountId: Schema.optional(Schema.Unknown),
  token: Schema.optional(Schema.Unknown),
  userType: Schema.optional(Schema.Unknown)
})
export type AuthStatus = typeof AuthStatus.Type
/** Reads the login state; `status` is 1 when logged out and 2 when logged in. H: seen live on 2.11.1. */
export const authStatus = method("auth/status", Nothing, Schema.NullOr(AuthStatus))

/** Strings and numbers as text; anything else is empty. */
const word = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? `${value}` : ""
const noId = new Set(["", "0"])

/** Id and type of the account; empty when logged out. */
export const accountOf = (auth: AuthStatus | null) => ({
  id: [word(auth?.id), word(auth?.accountId)].find((id) => !noId.has(id)) ?? "",
  userType: word(auth?.userType)
})

/** A hash of the login's token, to distinguish logins without storing it; undefined if Lingma returns no token. */
export const loginOf = (auth: AuthStatus | null): string | undefined => {
  const token = word(auth?.token)
  return token === "" ? undefined : createHash("sha256").update(token).digest("base64")
}

/** Logged in means an account id, or `status` 2 (H for both); other values of `status` are unknown. */
export const isLoggedIn = (auth: AuthStatus | null): boolean => accountOf(auth).id !== "" || word(auth?.status) === "2"

/** Reads the enterprise endpoint; empty means the built-in cloud. H for the key, M for the rest: plugin classes. */
export const getEndpoint = method("config/getEndpoint", Nothing, Schema.NullOr(Schema.Struct({ endpoint: Text })))
/** Sets the enterprise endpoint. M: plugin classes; whether it ends the login or persists is unknown. */
export const updateEndpoint = method(
  "config/updateEndpoint",
  Schema.Struct({ endpoint: Schema.String }),
  Schema.NullOr(Schema.Struct({ success: Flag }))
)

const LoginUrl = Schema.NullOr(Schema.Struct({ loginUrl: Text, url: Text, success: Flag }))
/** Creates a login URL with a one-time nonce. H: live clients; the URL is in `loginUrl`, else in `url`. */
export const generateUrl = method("login/generateUrl", Schema.Struct({ loginDedicatedType: Schema.String }), LoginUrl)
/** Fallback for `generateUrl`: starts a browser login and returns its URL. M: one live client, disassembly. */
export const authLogin = method("auth/login", Nothing, LoginUrl)
/** Hands over the parameters of the login page's redirect. M: one live client, disassembly. */
export const authCallback = method(
  "login/auth_callback",
  Schema.Struct({ nonce: Schema.String, auth: Schema.String, tokenString: Schema.String }),
  Schema.NullOr(Schema.Struct({ success: Flag, errorCode: Text, errorMsg: Text }))
)

/** One model in a scene. H for `key`, `displayName` and the flags; M for `enable` and the token limits. */
export const LingmaModel = Schema.Struct({
  key: Text,
  id: Text,
  modelId: Text,
  displayName: Text,
  name: Text,
  label: Text,
  title: Text,
  isReasoning: Flag,
  isVl: Flag,
  isDefault: Flag,
  enable: Flag,
  max_input_tokens: Count,
  maxInputTokens: Count,
  max_output_tokens: Count,
  maxOutputTokens: Count
})
export type LingmaModel = typeof LingmaModel.Type
/**
 * Lists the models by scene; empty when logged out (H: live clients). Items are decoded one by one, so that an invalid
 * one does not hide the others.
 */
export const queryModels = method(
  "config/queryModels",
  Nothing,
  Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

/** Opens a session; unknown to the runtime of the VS Code plugin. H: live clients of the IDE and QoderCN. */
export const sessionNew = method(
  "session/new",
  Schema.Struct({
    cwd: Schema.String,
    mcpServers: Schema.Array(Schema.Unknown),
    _meta: Meta,
    timestamp: Schema.Number
  }),
  Schema.Struct({ sessionId: Text, id: Text })
)

/** Selects the model of a session by its key. H: live clients; the shape of its result is unknown. */
export const sessionSetModel = method(
  "session/set_model",
  Schema.Struct({ sessionId: Schema.String, modelId: Schema.String, timestamp: Schema.Number, _meta: Meta }),
  Schema.Unknown
)

/** Text, or an image as base64 with a `lingma:///` or `qodercn:///` URI (H: as sent by live clients). */
export const PromptItem = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("image"),
    mimeType: Schema.String,
    uri: Schema.String,
    data: Schema.String
  })
)
export type PromptItem = typeof PromptItem.Type
/** Starts a turn; the answer arrives as pushes, the reply may come at any time. H: live clients. */
export const sessionPrompt = method(
  "session/prompt",
  Schema.Struct({
    sessionId: Schema.String,
    prompt: Schema.Array(PromptItem),
    timestamp: Schema.Number,
    _meta: Meta
  }),
  Schema.Unknown
)

/** Cancels a session's turn. M: whether Lingma accepts the request, the notification or both is unknown. */
export const sessionCancel = method(
  "session/cancel",
  Schema.Struct({ sessionId: Schema.String, _meta: Meta }),
  Schema.Unknown
)

/** Deletes a session. H: live clients; some versions expect `sessionId`, others `id`. */
export const deleteSession = method(
  "chat/deleteSessionById",
  Schema.Union(Schema.Struct({ sessionId: Schema.String }), Schema.Struct({ id: Schema.String })),
  Schema.Unknown
)

/** Starts a turn in the older dialect; the reply comes at once, the answer as pushes. H: live clients. */
export const chatAsk = method(
  "chat/ask",
  Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  Schema.NullOr(
    Schema.Struct({
      success: Flag,
      isSuccess: Flag,
      errorMessage: Text,
      errorMsg: Text,
      message: Text,
      sessionId: Text
    })
  )
)

/** Uploads an image given as a data URI; the push `imageUploaded` returns its URL under the same request id. M: plugin. */
export const imageUpload = method(
  "image/upload",
  Schema.Struct({ imageUri: Schema.String, requestId: Schema.String }),
  Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)
/** Push with the result of an `imageUpload` (M). */
export const imageUploaded = "image/uploadResultNotification"

/** Stops a turn of `chat/ask`. M: plugin classes. */
export const chatStop = method("chat/stop", Schema.Struct({ requestId: Schema.String }), Schema.Unknown)

/** The 17 fields that the plugins send with `chat/ask` (H); most may stay empty. */
export const chatAskParams = (ask: {
  readonly requestId: string
  readonly text: string
  readonly mode: string
  readonly model: string
  /** URLs of uploaded images. */
  readonly imageUrls: ReadonlyArray<string>
}) => ({
  requestId: ask.requestId,
  chatTask: "FREE_INPUT",
  chatContext: ask.imageUrls.length === 0 ? null : { imageUrls: ask.imageUrls },
  sessionId: "",
  codeLanguage: "",
  isReply: false,
  source: 1,
  questionText: ask.text,
  stream: true,
  taskDefinitionType: "",
  extra: { modelConfig: { key: ask.model } },
  sessionType: "chat",
  targetAgent: "",
  pluginPayloadConfig: { isEnableProjectRule: false, isEnableAskAgent: false, isEnableAutoMemory: false },
  mode: ask.mode,
  shellType: "",
  customModel: null
})
