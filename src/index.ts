/**
 * What other Effect apps may import: the whole gateway as a layer, or its parts. How: docs/embedding.md.
 *
 * `LingmaLanguageModel` has a path of its own, since it needs `@effect/ai`.
 */
export { Backend, type BackendState, type BackendStatus, type StreamBackend } from "./Backend.ts"
export { Chat, type ChatOptions, type ChatRun } from "./Chat.ts"
export * as Client from "./Client.ts"
export { GatewayConfig, type Settings } from "./Config.ts"
export * as ChatModel from "./domain/Chat.ts"
export * as ChatError from "./domain/ChatError.ts"
export * as Model from "./domain/Model.ts"
export * as Routing from "./domain/Routing.ts"
export * as Turn from "./domain/Turn.ts"
export * as Gateway from "./Gateway.ts"
export { Guard, type GuardOptions, type GuardStats, type Slot } from "./Guard.ts"
export { Api } from "./http/Api.ts"
export * as NodeServer from "./http/NodeServer.ts"
export { AutoLogin, type AutoLoginOptions } from "./lingma/AutoLogin.ts"
export { Browser, type SignIn, SignInStopped } from "./lingma/Browser.ts"
export * as Fleet from "./lingma/Fleet.ts"
export { LingmaRpc, type LingmaRpcOptions, type RpcState } from "./lingma/LingmaRpc.ts"
export * as PlaywrightBrowser from "./lingma/PlaywrightBrowser.ts"
export * as Protocol from "./lingma/Protocol.ts"
export * as RpcError from "./lingma/RpcError.ts"
export { type Counters, Metrics } from "./Metrics.ts"
export { type Instance, type Lease, Pool, type PoolOptions } from "./Pool.ts"
export * as Telemetry from "./Telemetry.ts"
export { TokenCounter, type TokenCounterService } from "./TokenCounter.ts"
