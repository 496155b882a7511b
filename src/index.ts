/**
 * What other Effect apps may import: the whole gateway as a layer, or its parts.
 */
export type { Backend, BackendState, BackendStatus } from "./Backend.ts"
export { Chat, type ChatOptions, type ChatRun } from "./Chat.ts"
export { GatewayConfig, type Settings } from "./Config.ts"
export * as ChatModel from "./domain/Chat.ts"
export * as ChatError from "./domain/ChatError.ts"
export * as Model from "./domain/Model.ts"
export * as Routing from "./domain/Routing.ts"
export * as Turn from "./domain/Turn.ts"
export * as Gateway from "./Gateway.ts"
export { Guard, type GuardOptions, type GuardStats } from "./Guard.ts"
export { Api } from "./http/Api.ts"
export * as NodeServer from "./http/NodeServer.ts"
export * as Fleet from "./lingma/Fleet.ts"
export { LingmaRpc, type LingmaRpcOptions } from "./lingma/LingmaRpc.ts"
export { Pool, type PoolOptions } from "./Pool.ts"
