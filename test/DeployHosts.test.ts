/**
 * What `deploy/` has for many hosts: manifests held to Kubernetes' own types by the compiler, and figures that belong together.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import ts from "typescript"
import { parse, parseAllDocuments } from "yaml"
import { settings } from "../src/config/Config.ts"
import * as Rule from "../src/config/SettingRules.ts"
import { version } from "../src/Version.ts"

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")
const known = new Set<string>(settings.map(({ name }) => name))
const defaultOf = (name: string) => Number(settings.find((one) => one.name === name)?.default)
/** What closing Lingma and the database takes after a drain. */
const CLOSING = 10

interface Manifest {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: { readonly name: string }
}
const manifests = parseAllDocuments(read("deploy/kubernetes/gateway.yaml")).map((one) => one.toJS() as Manifest)

const modules: Readonly<Record<string, string>> = {
  v1: "kubernetes-types/core/v1",
  "apps/v1": "kubernetes-types/apps/v1",
  "policy/v1": "kubernetes-types/policy/v1"
}

/** What the compiler says to these objects as Kubernetes' types; fields that there are not are faults, too. */
const faultsOf = (objects: ReadonlyArray<Manifest>): ReadonlyArray<string> => {
  const file = fileURLToPath(new URL("manifests.ts", import.meta.url))
  const source = objects
    .map(
      (one, i) =>
        `import type { ${one.kind} as K${i} } from "${modules[one.apiVersion]}"\nexport const m${i}: K${i} = ${JSON.stringify(one)}\n`
    )
    .join("")
  const options: ts.CompilerOptions = {
    lib: ["lib.es5.d.ts"],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    strict: true,
    types: []
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => path === file || fileExists(path)
  host.getSourceFile = (path, language, ...rest) =>
    path === file ? ts.createSourceFile(path, source, language) : getSourceFile(path, language, ...rest)
  const program = ts.createProgram([file], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))
}

interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly volumes: ReadonlyArray<{ readonly name: string }>
  readonly containers: ReadonlyArray<{
    readonly image: string
    readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: ReadonlyArray<string> } } }
    readonly volumeMounts: ReadonlyArray<{ readonly name: string }>
    readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string } }
  }>
}
interface StatefulSet extends Manifest {
  readonly spec: {
    readonly serviceName: string
    readonly replicas: number
    readonly template: { readonly metadata: { readonly labels: object }; readonly spec: Pod }
    readonly volumeClaimTemplates: ReadonlyArray<Manifest>
  }
}

describe("deploy/kubernetes", () => {
  it("has manifests that are what Kubernetes takes, with no field that it does not know", () => {
    assert.sameMembers(
      manifests.map(({ kind }) => kind),
      ["ConfigMap", "Service", "Service", "PodDisruptionBudget", "StatefulSet"]
    )
    assert.deepStrictEqual(faultsOf(manifests), [])
    const [first] = manifests
    assert.match(faultsOf([{ ...first!, ...{ dat: {} } }]).join(), /\bdat\b.* does not exist/)
    assert.match(faultsOf([{ ...first!, ...{ data: { a: 1 } } }]).join(), /'number' is not assignable to type 'string'/)
  })

  it("has what belongs together: labels, names of hosts, times of a drain, volumes, probes, the version", () => {
    const set = manifests.find(({ kind }) => kind === "StatefulSet") as StatefulSet
    const settingsMap = manifests.find(({ kind }) => kind === "ConfigMap") as Manifest & {
      readonly data: Readonly<Record<string, string>>
    }
    const { spec } = set.spec.template
    const container = spec.containers[0]!
    assert.isTrue(Either.isRight(Rule.hostId(`${set.metadata.name}-${set.spec.replicas - 1}`)))
    assert.isTrue(manifests.some(({ kind, metadata }) => kind === "Service" && metadata.name === set.spec.serviceName))
    for (const { kind, ...rest } of manifests) {
      const { selector } = (rest as { readonly spec?: { readonly selector?: object } }).spec ?? {}
      if (selector === undefined) continue
      const labels = "matchLabels" in selector ? selector.matchLabels : selector
      assert.deepStrictEqual(labels, set.spec.template.metadata.labels, kind)
    }
    assert.deepStrictEqual(
      Object.keys(settingsMap.data).filter((name) => !known.has(name)),
      []
    )
    const [, waits] = container.lifecycle.preStop.exec.command
    const drain =
      Number(settingsMap.data["GATEWAY_DRAIN_DELAY_SEC"]) + Number(settingsMap.data["GATEWAY_DRAIN_TIMEOUT_SEC"])
    assert.strictEqual(spec.terminationGracePeriodSeconds, Number(waits) + drain + CLOSING)
    const volumes = [...spec.volumes, ...set.spec.volumeClaimTemplates.map(({ metadata }) => metadata)]
    assert.sameMembers(
      container.volumeMounts.map(({ name }) => name),
      volumes.map(({ name }) => name)
    )
    assert.deepStrictEqual(
      (["startupProbe", "livenessProbe", "readinessProbe"] as const).map((name) => container[name]?.httpGet.path),
      ["/healthz", "/healthz", "/readyz"]
    )
    assert.strictEqual(container.image, `lingma-gateway:${version}`)
  })
})

interface Service {
  readonly image: string
  readonly environment: Readonly<Record<string, string | number>>
  readonly volumes: ReadonlyArray<string>
  readonly stop_grace_period: string
  readonly networks: { readonly hosts: { readonly ipv4_address: string } }
  readonly depends_on?: object
}

describe("deploy/compose.yml", () => {
  const compose = parse(read("deploy/compose.yml"), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>
    readonly volumes: object
  }
  const { haproxy, postgres, ...gateways } = compose.services

  it("has a gateway for each server of haproxy.cfg, by its name and at the address that HAProxy is told", () => {
    const servers = [...read("deploy/haproxy.cfg").matchAll(/^ {2}server (\S+) "\$\{(\w+)-/gm)]
    assert.deepStrictEqual(
      Object.keys(gateways),
      servers.map(([, name]) => name)
    )
    for (const [, name = "", variable = ""] of servers) {
      assert.strictEqual(gateways[name]?.environment["GATEWAY_HOST_ID"], name)
      assert.strictEqual(haproxy?.environment[variable], `${gateways[name]?.networks.hosts.ipv4_address}:8370`)
    }
  })

  it("has settings that there are, times of a drain that fit, volumes of its own and one database", () => {
    for (const { environment, image, stop_grace_period, volumes } of Object.values(gateways)) {
      assert.deepStrictEqual(
        Object.keys(environment).filter((name) => !known.has(name)),
        []
      )
      const drain = Number(environment["GATEWAY_DRAIN_DELAY_SEC"]) + Number(environment["GATEWAY_DRAIN_TIMEOUT_SEC"])
      assert.isAtLeast(Number.parseInt(stop_grace_period, 10), drain + CLOSING)
      assert.include(String(environment["DATABASE_URL"]), `@${postgres?.networks.hosts.ipv4_address}:5432/`)
      assert.strictEqual(image, `lingma-gateway:${version}`)
      for (const volume of volumes) assert.property(compose.volumes, volume.split(":")[0] ?? "")
    }
    assert.strictEqual(new Set(Object.values(gateways).flatMap(({ volumes }) => volumes)).size, 3)
    for (const { depends_on = {} } of Object.values(compose.services))
      for (const name of Array.isArray(depends_on) ? depends_on : Object.keys(depends_on))
        assert.property(compose.services, String(name))
  })
})

describe("deploy/lingma-gateway.service", () => {
  it("gives a restart the time for a drain behind a balancer", () => {
    const unit = read("deploy/lingma-gateway.service")
    const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])
    // The delay that haproxy.cfg and docs/scale.md name.
    for (const text of [read("deploy/haproxy.cfg"), read("docs/scale.md")])
      assert.include(text, "GATEWAY_DRAIN_DELAY_SEC=5")
    assert.isAtLeast(stop, 5 + defaultOf("GATEWAY_DRAIN_TIMEOUT_SEC") + CLOSING)
    assert.match(unit, /^KillMode=mixed$/m)
  })
})
