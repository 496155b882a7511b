/**
 * Public API for other Effect apps: the whole gateway as a layer, or its parts; see docs/embedding.md.
 *
 * `LingmaLanguageModel` is exported from `lingma-gateway/LanguageModel`, because it needs `@effect/ai`.
 */

/** Layer that exports traces and metrics by OTLP, configured by the `OTEL_*` variables. */
export * as Telemetry from "./app/Telemetry.ts"
/** Typed client for a running gateway, with streaming. */
export * as Client from "./Client.ts"
/** Interface of a model provider: what it is asked, and what it answers. */
export type { BackendState, BackendStatus, Draft, DraftSettings, Questions, TurnRequest } from "./chat/Backend.ts"
/** Service that runs chats: model resolution, queue, choice of an instance, retries, deadlines. */
export { Chat, type ChatOptions, type ChatRun } from "./chat/Chat.ts"
/** Service that limits concurrent chats (`GATEWAY_MAX_IN_FLIGHT`, default 64) and queues the rest. */
export { Guard, type GuardOptions, type GuardStats, type Slot } from "./chat/Guard.ts"
/** Service that assigns chats to backends and tracks their load and health. */
export { type Instance, type Lease, Pool, type PoolOptions } from "./chat/Pool.ts"
/** Service with all settings: read from the environment (`layerFromEnv`), or defaults with overrides (`layer`). */
export { GatewayConfig, type Settings } from "./config/Config.ts"
/** Provider-independent types of a chat: messages, tools, events; constructors of events. */
export * as ChatModel from "./domain/Chat.ts"
/** Tagged errors of a chat, independent of HTTP. */
export * as ChatError from "./domain/ChatError.ts"
/** Who asks for a chat: chats that wait are taken in turns by caller. */
export type { Caller } from "./domain/keys/Caller.ts"
/** Whether an account is signed in, and how its login is going. */
export type { AccountState } from "./domain/Login.ts"
/** Type of a model, and functions that resolve names and aliases. */
export * as Model from "./domain/Model.ts"
/** Pure functions that choose an instance: rendezvous hashing with a load bound, else least loaded. */
export * as Routing from "./domain/Routing.ts"
/** Event queue of one running answer, from a backend to its reader. */
export * as Turn from "./domain/Turn.ts"
/** Layers of the whole gateway: to be served alone, mounted on a router, or used in tests. */
export * as Gateway from "./Gateway.ts"
/** `HttpApi` with every route, its schemas and its errors. */
export { Api } from "./http/Api.ts"
/** Node HTTP server with connection limits and timeouts from the settings. */
export * as NodeServer from "./http/NodeServer.ts"
/** Starts the configured Lingma instances as backends. */
export * as Fleet from "./lingma/Fleet.ts"
/** Service that signs accounts in automatically. */
export { AutoLogin, type AutoLoginOptions } from "./lingma/login/AutoLogin.ts"
/** Browser interface that `AutoLogin` uses. */
export { Browser, type SignIn, SignInStopped } from "./lingma/login/Browser.ts"
/** `Browser` implementation with Playwright, loaded at the first login. */
export * as PlaywrightBrowser from "./lingma/login/PlaywrightBrowser.ts"
/** Error: another gateway uses the work directory. */
export { WorkDirInUse } from "./lingma/process/WorkDirLock.ts"
/** JSON-RPC connection to one Lingma, reopened after a loss. */
export { LingmaRpc, type LingmaRpcOptions, type RpcState } from "./lingma/rpc/LingmaRpc.ts"
/** Methods of Lingma with their schemas and the evidence for each. */
export * as Protocol from "./lingma/rpc/Protocol.ts"
/** Tagged errors of calls to Lingma. */
export * as RpcError from "./lingma/rpc/RpcError.ts"
/** Told of each chat at its end, where a layer provides one. */
export { ChatRecorder, type Recorder } from "./observe/ChatRecorder.ts"
/** Service that counts chats and their outcomes since its layer was built. */
export { type ChatRecord, type Counters, Metrics } from "./observe/Metrics.ts"
export { DatabaseUnavailable } from "./team/database/Database.ts"
export { KeyFileWrong } from "./team/keys/KeyFile.ts"
export { KeysMissing } from "./team/keys/KeyRing.ts"
/** The interface of a provider as a type, and `Backend.fromStream` to build one from a stream of text. */
export { Backend, type StreamBackend } from "./textonly/StreamBackend.ts"
/** Interface of a provider whose models take one text and answer with text. */
export type { Ask, TextBackend } from "./textonly/TextBackend.ts"
/** Makes a `Backend` of a `TextBackend`: prompts, tool calls, formats, limits. */
export * as TextOnly from "./textonly/TextOnly.ts"
/** Token counter: an estimate by default, exact by `TOKEN_COUNTER`. */
export { TokenCounter, type TokenCounterService } from "./tokens/TokenCounter.ts"
