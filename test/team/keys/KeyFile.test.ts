import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import * as Digest from "../../../src/team/keys/Digest.ts"
import * as KeyFile from "../../../src/team/keys/KeyFile.ts"

const environment = new Map([["CI_KEY", "sk-of-the-environment"]])
const parse = (text: string) =>
  Effect.withConfigProvider(KeyFile.parse("keys.yaml", text), ConfigProvider.fromMap(environment, { pathDelim: "_" }))
const complaint = (text: string) => Effect.map(Effect.flip(parse(text)), ({ message }) => message)
const hex = Digest.of("sk-alice")

describe("KEYS_FILE", () => {
  it.effect("names keys by digests or by variables, with what they are granted", () =>
    Effect.gen(function* () {
      const [alice, ci] = yield* parse(
        `# the team
keys:
  - name: alice
    digest: sha256:${hex}
    tokens_per_day: 100000
    requests_per_minute: 60
    max_in_flight: 4
    weight: 2
    models: qwen*,auto
    expires: 2027-01-31
    admin: true
  - name: ci
    key: \${CI_KEY}
    models: [auto]
`
      )
      assert.strictEqual(alice?.digest, hex)
      assert.deepInclude(alice?.key, {
        name: "alice",
        tokensPerDay: 100_000,
        requestsPerMinute: 60,
        maxInFlight: 4,
        weight: 2,
        models: ["qwen*", "auto"],
        expiresAt: Date.UTC(2027, 0, 31, 23, 59, 59, 999),
        isAdmin: true,
        source: "file"
      })
      assert.strictEqual(ci?.digest, Digest.of("sk-of-the-environment"))
      assert.deepInclude(ci?.key, { name: "ci", models: ["auto"], weight: 1, lastFour: "ment" })
      assert.deepStrictEqual(yield* parse("keys:\n"), [])
    })
  )

  it.effect("is refused by the line and the reason", () =>
    Effect.gen(function* () {
      const one = (line: string, name = "alice") => `keys:\n  - name: ${name}\n    digest: sha256:${hex}\n    ${line}\n`
      assert.strictEqual(
        yield* complaint(one("weight: 0")),
        "KEYS_FILE: keys.yaml:4: weight must be a number from 0.01 to 1000"
      )
      assert.include(yield* complaint(one("models: {}")), "keys.yaml:4: models must be a list of patterns")
      assert.include(yield* complaint(one("colour: red")), "keys.yaml:4: unknown field; known are name, digest")
      assert.include(yield* complaint(one("expires: soon")), "keys.yaml:4: expires must be a date such as")
      assert.include(yield* complaint(one("admin: 1")), "keys.yaml:4: admin must be true or false")
      assert.include(yield* complaint(one("admin: true", "key-1")), "keys.yaml:2: name must be another")
      assert.include(yield* complaint("keys:\n  - name: a\n"), "keys.yaml:2: a must have either digest or key")
      assert.include(yield* complaint("keys:\n  - name: a\n    digest: md5:0\n"), "keys.yaml:3: digest must be sha256:")
      assert.include(yield* complaint("keys: yes\n"), "keys.yaml:1: keys must be a list")
      assert.include(yield* complaint(""), "keys.yaml: it must hold a mapping with keys")
      assert.include(yield* complaint("keys:\n  - name: [a\n"), "not valid YAML (")
      const twice = `${one("weight: 1")}  - name: alice\n    digest: sha256:${Digest.of("other")}\n`
      assert.include(yield* complaint(twice), "keys.yaml:5: alice is there twice")
      const same = `${one("weight: 1")}  - name: bob\n    digest: sha256:${hex}\n`
      assert.include(yield* complaint(same), "keys.yaml:5: the key of bob is there twice")
    })
  )

  it.effect("tells a key that is written in it, and a variable that is not set, without repeating the key", () =>
    Effect.gen(function* () {
      const plain = yield* complaint("keys:\n  - name: a\n    key: sk-secret-in-the-file\n")
      assert.include(plain, "keys.yaml:3: key must name an environment variable")
      assert.notInclude(plain, "secret")
      const unset = yield* complaint("keys:\n  - name: a\n    key: $" + "{NOT_SET}\n")
      assert.include(unset, "keys.yaml:3: the environment variable NOT_SET is not set")
      assert.notInclude(yield* complaint("keys:\n  - name: a\n    key: 'sk-secret\n  x"), "secret")
    })
  )
})
