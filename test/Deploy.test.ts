import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { settings } from "../src/config/Config.ts"

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

const metric = /\b(?:gateway|process|nodejs)_[a-z0-9_]+/g
/** The names that `/metrics` may show. */
const exposed = new Set(
  [...read("src/observe/MetricKeys.ts").matchAll(/"((?:gateway|process|nodejs)_\w+)"/g)].map(([, name]) => name)
)

const unknown = (text: string) => [
  ...new Set(
    [...text.matchAll(metric)]
      .map(([name]) => name)
      .filter((name) => !exposed.has(name) && !exposed.has(name.replace(/_(bucket|sum|count)$/, "")))
  )
]

interface Panel {
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
}
const { panels } = JSON.parse(read("deploy/grafana.json")) as { readonly panels: ReadonlyArray<Panel> }

describe("deploy/", () => {
  it("has alert rules on existing metrics only, each with a severity and a summary", () => {
    const alerts = read("deploy/alerts.yml")
    assert.deepStrictEqual(unknown(alerts), [])
    const count = (pattern: RegExp) => alerts.match(pattern)?.length ?? 0
    assert.isAbove(count(/- alert: /g), 8)
    for (const each of [
      /^ +expr: /gm,
      /^ +labels: \{ severity: (critical|warning|info) \}$/gm,
      /^ +annotations: \{ summary: ".+" \}$/gm
    ]) {
      assert.strictEqual(count(each), count(/- alert: /g), each.source)
    }
  })

  it("has a dashboard of all metrics, existing ones only, whose panels do not overlap", () => {
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    assert.deepStrictEqual(unknown(expressions.join("\n")), [])
    for (const expr of expressions) assert.include(expr, '{job="lingma-gateway",instance=~"$instance"')
    const inCell = new Map<string, string>()
    for (const { gridPos, title } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.isUndefined(inCell.get(`${x},${y}`), `${title} lies on another panel`)
          inCell.set(`${x},${y}`, title)
        }
      }
    }
    const drawn = expressions.join("\n")
    const undrawn = [...exposed].filter((name) => name !== undefined && !drawn.includes(name))
    assert.deepStrictEqual(undrawn, [
      "gateway_accepted_total",
      "gateway_models_requests_total",
      "process_start_time_seconds"
    ])
  })

  it("has a unit and an image that use existing settings only and do not run as root", () => {
    const known = new Set<string>(settings.map(({ name }) => name))
    const unit = read("deploy/lingma-gateway.service")
    const image = read("deploy/Dockerfile")
    const used = [...`${unit}\n${image}`.matchAll(/\b((?:GATEWAY|LINGMA|LOG)_[A-Z_]+)=/g)].map(([, name]) => name ?? "")
    assert.isAbove(used.length, 3)
    assert.deepStrictEqual(
      used.filter((name) => !known.has(name)),
      []
    )
    assert.match(unit, /^User=(?!root$)/m)
    // What is installed as the documentation says is what it runs.
    const command = /^ExecStart=\/usr\/bin\/env (\S+) start$/m.exec(unit)?.[1] ?? ""
    assert.property((JSON.parse(read("package.json")) as { readonly bin: object }).bin, command)
    assert.include(read("docs/operations.md"), "npm install -g ./lingma-gateway-*.tgz")
    const stages = image.split(/^FROM /m).slice(3)
    assert.strictEqual(stages.length, 2)
    for (const stage of stages) assert.strictEqual([...stage.matchAll(/^USER (\w+)$/gm)].at(-1)?.[1], "node")
    assert.include(image, "HEALTHCHECK")
    for (const [, path] of image.matchAll(/^COPY (?!--from)(\S+) /gm))
      assert.include(read("deploy/Dockerfile.dockerignore"), `!${path}\n`)
  })
})
