/**
 * The view over all hosts, for administrators.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Layer } from "effect"
import { adminKeys } from "../internal/Handlers.ts"
import { HostsApi } from "./Api.ts"
import { Hosts } from "./Hosts.ts"

const handlers = HttpApiBuilder.group(HttpApi.make("lingma-gateway").add(HostsApi), "hosts", (handlers) =>
  Effect.map(Hosts, ({ list }) => handlers.handle("hosts", () => list))
)

export const HostsHandlers = handlers.pipe(Layer.provide(adminKeys), Layer.provide(Hosts.layer))
