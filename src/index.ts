/**
 * What other Effect apps may import: the whole gateway as a layer, or its parts. How: docs/embedding.md.
 *
 * `LingmaLanguageModel` has a path of its own, since it needs `@effect/ai`.
 */

export * as Telemetry from "./app/Telemetry.ts"
export * as Client from "./Client.ts"
export { Backend, type BackendState, type BackendStatus, type StreamBackend } from "./chat/Backend.ts"
export { Chat, type ChatOptions, type ChatRun } from "./chat/Chat.ts"
export { Guard, type GuardOptions, type GuardStats, type Slot } from "./chat/Guard.ts"
export { type Instance, type Lease, Pool, type PoolOptions } from "./chat/Pool.ts"
export { GatewayConfig, type Settings } from "./config/Config.ts"
export * as ChatModel from "./domain/Chat.ts"
export * as ChatError from "./domain/ChatError.ts"
export type { AccountState } from "./domain/Login.ts"
export * as Model from "./domain/Model.ts"
export * as Routing from "./domain/Routing.ts"
export * as Turn from "./domain/Turn.ts"
export * as Gateway from "./Gateway.ts"
export { Api } from "./http/Api.ts"
export * as NodeServer from "./http/NodeServer.ts"
export * as Fleet from "./lingma/Fleet.ts"
export { AutoLogin, type AutoLoginOptions } from "./lingma/login/AutoLogin.ts"
export { Browser, type SignIn, SignInStopped } from "./lingma/login/Browser.ts"
export * as PlaywrightBrowser from "./lingma/login/PlaywrightBrowser.ts"
export { WorkDirInUse } from "./lingma/process/WorkDirLock.ts"
export { LingmaRpc, type LingmaRpcOptions, type RpcState } from "./lingma/rpc/LingmaRpc.ts"
export * as Protocol from "./lingma/rpc/Protocol.ts"
export * as RpcError from "./lingma/rpc/RpcError.ts"
export { type Counters, Metrics } from "./observe/Metrics.ts"
export { TokenCounter, type TokenCounterService } from "./tokens/TokenCounter.ts"
