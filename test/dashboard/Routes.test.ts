import * as HttpApi from "@effect/platform/HttpApi"
import { assert, describe, it } from "@effect/vitest"
import { addressOf, routes } from "../../dashboard/api/Routes.ts"
import { Api } from "../../src/http/Api.ts"

describe("the routes that the dashboard calls", () => {
  it("are those of the gateway's API, by name, method and path", () => {
    const found = new Map<string, readonly [string, string]>()
    HttpApi.reflect(Api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint }) => void found.set(endpoint.name, [endpoint.method, endpoint.path])
    })
    assert.deepStrictEqual(
      Object.fromEntries(Object.keys(routes).map((name) => [name, found.get(name)])),
      Object.fromEntries(Object.entries(routes).map(([name, [method, path]]) => [name, [method, path] as const]))
    )
  })

  it("carry names and questions as what they are, whatever they hold", () => {
    assert.strictEqual(addressOf("revokeKey", { name: "a/b?c" }), "internal/keys/a%2Fb%3Fc")
    assert.strictEqual(addressOf("chats", {}, { id: "a&b", key: undefined }), "internal/chats?id=a%26b")
  })
})
