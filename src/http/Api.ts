/**
 * The whole HTTP surface: the dialects of the registry, and what the gateway tells of itself.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { version } from "../Version.ts"
import { CapabilitiesApi } from "./admin/capabilities/Api.ts"
import { DashboardApi } from "./admin/dashboard/Api.ts"
import { OpsApi } from "./admin/health/Api.ts"
import { HostsApi } from "./admin/hosts/Api.ts"
import { InspectApi } from "./admin/inspect/Api.ts"
import { InternalApi } from "./admin/internal/Api.ts"
import { KeysApi } from "./admin/keys/Api.ts"
import { OwnUsageApi, UsageApi } from "./admin/usage/Api.ts"
import * as Registry from "./dialects/Registry.ts"
import { EmbeddingsApi } from "./embeddings/Api.ts"
import { OllamaApi } from "./ollama/Api.ts"
import * as Description from "./openapi/Description.ts"

/** Every route with its shapes and failures, for clients, for `/openapi.json` and for the handlers. */
export class Api extends Registry.addTo(HttpApi.make("lingma-gateway"))
  .add(EmbeddingsApi)
  .add(OllamaApi)
  .add(CapabilitiesApi)
  .add(OpsApi)
  .add(InternalApi)
  .add(DashboardApi)
  .add(InspectApi)
  .add(HostsApi)
  .add(KeysApi)
  .add(UsageApi)
  .add(OwnUsageApi)
  .annotate(OpenApi.Title, "Lingma gateway")
  .annotate(OpenApi.Version, version)
  .annotate(
    OpenApi.Description,
    "Alibaba Lingma, or another provider that is wired in, behind the APIs that clients know. A path that is none is answered with 404, a method that it does not take with 405 and `allow`."
  )
  .annotate(OpenApi.License, { name: "MIT", url: "https://spdx.org/licenses/MIT.html" })
  .annotate(HttpApi.AdditionalSchemas, Registry.events)
  .annotate(OpenApi.Transform, Description.complete) {}
