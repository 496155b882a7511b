/**
 * Route table derived from the API: the methods and the pattern of a path.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"

/** Exact matching (case, slashes, trailing slash), so that checks by path and routing agree. */
export const routerConfig = {
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  caseSensitive: true,
  maxParamLength: 512
}

export interface Table {
  /** All route patterns. */
  readonly patterns: ReadonlyArray<HttpLayerRouter.PathInput>
  /** The methods of a path; empty if there is no such route. */
  readonly methodsOf: (url: string) => ReadonlyArray<string>
  /** The pattern that matches a path, or `(none)`: a closed set. */
  readonly patternOf: (url: string) => string
}

export const table = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  others: ReadonlyArray<HttpLayerRouter.PathInput>
): Table => {
  const table = HttpLayerRouter.FindMyWay.make<string>(routerConfig)
  const known = new Set<string>()
  const patterns = new Set<HttpLayerRouter.PathInput>()
  const add = (method: string, path: HttpLayerRouter.PathInput) => {
    known.add(method)
    patterns.add(path)
    table.on(method, path, path)
  }
  HttpApi.reflect(api, { onGroup: () => {}, onEndpoint: ({ endpoint }) => add(endpoint.method, endpoint.path) })
  for (const path of others) add("GET", path)
  return {
    patterns: [...patterns],
    methodsOf: (url) => {
      const found = [...known].filter((method) => table.find(method, url) !== undefined)
      if (found.length === 0) return []
      return [...found, ...(found.includes("GET") ? ["HEAD"] : []), "OPTIONS"]
    },
    patternOf: (url) => {
      for (const method of known) {
        const found = table.find(method, url)
        if (found !== undefined) return found.handler
      }
      return "(none)"
    }
  }
}
