/**
 * Which methods a path takes, told by the API itself.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"

/** As written: no folding of case, slashes or trailing slashes, so that what is guarded is what is routed. */
export const routerConfig = {
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  caseSensitive: true,
  maxParamLength: 512
}

interface Endpoint {
  readonly method: string
  readonly path: HttpLayerRouter.PathInput
}

const endpointsOf = (api: HttpApi.HttpApi.AnyWithProps): ReadonlyArray<Endpoint> =>
  Object.values(api.groups).flatMap((group) =>
    Object.values(group.endpoints).map(({ method, path }) => ({ method, path }))
  )

/** The methods of the path, none when there is no such path. */
export const methods = (
  api: HttpApi.HttpApi.AnyWithProps,
  others: ReadonlyArray<HttpLayerRouter.PathInput>
): ((url: string) => ReadonlyArray<string>) => {
  const table = HttpLayerRouter.FindMyWay.make<true>(routerConfig)
  const all = [...endpointsOf(api), ...others.map((path) => ({ method: "GET", path }))]
  for (const { method, path } of all) table.on(method, path, true)
  const known = [...new Set(all.map(({ method }) => method))]
  return (url) => {
    const found = known.filter((method) => table.find(method, url) !== undefined)
    if (found.length === 0) return []
    return [...found, ...(found.includes("GET") ? ["HEAD"] : []), "OPTIONS"]
  }
}
