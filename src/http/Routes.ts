/**
 * Which methods a path takes, told by the API itself.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"

/** As written: no folding of case, slashes or trailing slashes, so that what is guarded is what is routed. */
export const routerConfig = {
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  caseSensitive: true,
  maxParamLength: 512
}

/** The methods of a path, none when there is no such path. */
export const methods = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  others: ReadonlyArray<HttpLayerRouter.PathInput>
): ((url: string) => ReadonlyArray<string>) => {
  const table = HttpLayerRouter.FindMyWay.make<true>(routerConfig)
  const known = new Set<string>()
  const add = (method: string, path: HttpLayerRouter.PathInput) => {
    known.add(method)
    table.on(method, path, true)
  }
  HttpApi.reflect(api, { onGroup: () => {}, onEndpoint: ({ endpoint }) => add(endpoint.method, endpoint.path) })
  for (const path of others) add("GET", path)
  return (url) => {
    const found = [...known].filter((method) => table.find(method, url) !== undefined)
    if (found.length === 0) return []
    return [...found, ...(found.includes("GET") ? ["HEAD"] : []), "OPTIONS"]
  }
}
