/**
 * The methods called on Lingma, with the shapes of their parameters and results.
 *
 * Results are read leniently: versions differ, unknown fields are ignored, and a missing `result` counts as null.
 */
import { createHash } from "node:crypto"
import { Schema } from "effect"

/** A method with the shapes of its parameters and its result. */
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

export const requestIdKey = "ai-coding/request-id"
/** False on what is told again of an earlier turn. */
export const streamedKey = "ai-coding/streamed"

/** What accompanies a turn of the `session/*` dialect. */
export const Meta = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Meta = typeof Meta.Type

export const initialize = method(
  "initialize",
  Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  Schema.Unknown
)

/** Both known shapes in one: the LSP one of the plugins and the ACP one of the IDE. */
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

/** Versions differ in the types of these, and no answer about an account may be lost over one of them. */
export const AuthStatus = Schema.Struct({
  status: Schema.optional(Schema.Unknown),
  id: Schema.optional(Schema.Unknown),
  accountId: Schema.optional(Schema.Unknown),
  token: Schema.optional(Schema.Unknown),
  userType: Schema.optional(Schema.Unknown)
})
export type AuthStatus = typeof AuthStatus.Type
export const authStatus = method("auth/status", Nothing, Schema.NullOr(AuthStatus))

/** A number is written out; anything else but a text is none. */
const word = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? `${value}` : ""
const noId = new Set(["", "0"])

/** Whose account it is; empty for nobody's. */
export const accountOf = (auth: AuthStatus | null) => ({
  id: [word(auth?.id), word(auth?.accountId)].find((id) => !noId.has(id)) ?? "",
  userType: word(auth?.userType)
})

/** Tells one login from another without keeping its token; undefined where Lingma shows none. */
export const loginOf = (auth: AuthStatus | null): string | undefined => {
  const token = word(auth?.token)
  return token === "" ? undefined : createHash("sha256").update(token).digest("base64")
}

/** Signed in: an `id`, or status 2. */
export const isLoggedIn = (auth: AuthStatus | null): boolean => accountOf(auth).id !== "" || word(auth?.status) === "2"

export const getEndpoint = method("config/getEndpoint", Nothing, Schema.NullOr(Schema.Struct({ endpoint: Text })))
export const updateEndpoint = method(
  "config/updateEndpoint",
  Schema.Struct({ endpoint: Schema.String }),
  Schema.NullOr(Schema.Struct({ success: Flag }))
)

const LoginUrl = Schema.NullOr(Schema.Struct({ loginUrl: Text, url: Text, success: Flag }))
export const generateUrl = method("login/generateUrl", Schema.Struct({ loginDedicatedType: Schema.String }), LoginUrl)
export const authLogin = method("auth/login", Nothing, LoginUrl)
export const authCallback = method(
  "login/auth_callback",
  Schema.Struct({ nonce: Schema.String, auth: Schema.String, tokenString: Schema.String }),
  Schema.NullOr(Schema.Struct({ success: Flag, errorCode: Text, errorMsg: Text }))
)

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
/** Scene name → list; one odd scene or item must not hide the others, so items are read one by one. */
export const queryModels = method(
  "config/queryModels",
  Nothing,
  Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

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

export const sessionSetModel = method(
  "session/set_model",
  Schema.Struct({ sessionId: Schema.String, modelId: Schema.String, timestamp: Schema.Number, _meta: Meta }),
  Schema.Unknown
)

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

export const sessionCancel = method(
  "session/cancel",
  Schema.Struct({ sessionId: Schema.String, _meta: Meta }),
  Schema.Unknown
)

/** Versions want the session under one name or the other. */
export const deleteSession = method(
  "chat/deleteSessionById",
  Schema.Union(Schema.Struct({ sessionId: Schema.String }), Schema.Struct({ id: Schema.String })),
  Schema.Unknown
)

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

/** Answered at once; the address comes by the push `imageUploaded`, under the same request id. */
export const imageUpload = method(
  "image/upload",
  Schema.Struct({ imageUri: Schema.String, requestId: Schema.String }),
  Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)
export const imageUploaded = "image/uploadResultNotification"

export const chatStop = method("chat/stop", Schema.Struct({ requestId: Schema.String }), Schema.Unknown)

/** The 17 fields of the plugins' ask, with those a turn fills in. */
export const chatAskParams = (ask: {
  readonly requestId: string
  readonly text: string
  readonly mode: string
  readonly model: string
  /** Where uploaded pictures are. */
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
