import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BinaryCheck from "../../../src/lingma/process/BinaryCheck.ts"
import * as MachineCode from "../../../src/lingma/process/MachineCode.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-binary-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const bytes = (write: (head: Buffer) => void): Buffer => {
  const head = Buffer.alloc(512)
  write(head)
  return head
}
const elf = (machine: number) =>
  bytes((head) => {
    head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    head.writeUInt16LE(machine, 18)
  })
const mach = (...cpus: ReadonlyArray<number>) =>
  bytes((head) => {
    if (cpus.length === 1) {
      head.writeUInt32BE(0xcffaedfe)
      head.writeUInt32LE(cpus[0]!, 4)
      return
    }
    head.writeUInt32BE(0xcafebabe)
    head.writeUInt32BE(cpus.length, 4)
    for (const [i, cpu] of cpus.entries()) head.writeUInt32BE(cpu, 8 + i * 20)
  })
const pe = (machine: number) =>
  bytes((head) => {
    head.write("MZ")
    head.writeUInt32LE(128, 60)
    head.write("PE", 128)
    head.writeUInt16LE(machine, 132)
  })

const [x64Elf, armElf, armMac, x64Mac] = [elf(62), elf(183), mach(0x0100000c), mach(0x01000007)]

const put = (path: string, content: string | Buffer, mode = 0o755) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { mode })
  return path
}

const place = (home: string, more: Partial<BinaryCheck.Where> = {}): BinaryCheck.Where => ({
  home,
  env: { PATH: "" },
  platform: "linux",
  arch: "x64",
  ...more
})

describe("MachineCode", () => {
  it("tells the system and the processors of a program", () => {
    const told = [x64Elf, armElf, x64Mac, mach(0x01000007, 0x0100000c), pe(0x8664), pe(0xaa64), elf(22)].map((head) => {
      const machine = MachineCode.of(head)
      return machine === undefined ? undefined : MachineCode.named(machine.platform, machine.arches)
    })
    assert.deepStrictEqual(told, [
      "x64 Linux",
      "arm64 Linux",
      "x64 macOS",
      "x64/arm64 macOS",
      "x64 Windows",
      "arm64 Windows",
      "another processor's Linux"
    ])
  })

  it("says nothing of scripts, Java classes and what is too short", () => {
    const java = bytes((head) => head.set([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65]))
    for (const head of [Buffer.from("#!/bin/sh\n".padEnd(100)), java, Buffer.from("MZ"), Buffer.from([0x7f, 0x45])])
      assert.isUndefined(MachineCode.of(head))
  })

  it("knows what runs on another processor as well", () => {
    const runs = (head: Buffer, platform: string, arch: string) =>
      MachineCode.runsOn(MachineCode.of(head)!, { platform, arch })
    assert.isTrue(runs(x64Mac, "darwin", "arm64"))
    assert.isFalse(runs(armMac, "darwin", "x64"))
    assert.isTrue(runs(pe(0x8664), "win32", "arm64"))
    assert.isFalse(runs(armElf, "linux", "x64"))
    assert.isFalse(runs(armMac, "linux", "arm64"))
  })

  it("takes this very Node for a program of this machine", () => {
    const machine = MachineCode.of(MachineCode.headOf(process.execPath)!)
    assert.isTrue(machine !== undefined && MachineCode.runsOn(machine, process))
  })
})

describe("BinaryCheck", () => {
  it.scoped("finds no fault in a binary of this machine, a script, or a command in PATH", () =>
    Effect.gen(function* () {
      const home = yield* temporary
      const binary = put(join(home, "Lingma"), x64Elf)
      const script = put(join(home, "lingma.sh"), "#!/bin/sh\n")
      const where = place(home, { env: { PATH: `/nowhere:${home}` } })
      for (const command of [binary, script, "lingma.sh"]) assert.isUndefined(BinaryCheck.check(command, where))
    })
  )

  it.scoped(
    "names what it found in the usual places when the path leads nowhere: the current version, else the newest",
    () =>
      Effect.gen(function* () {
        const home = yield* temporary
        const path = join(home, "lost")
        const roots = (version: string, arch = "x86_64_linux") => join(home, ".lingma/bin", version, arch, "Lingma")
        const before = BinaryCheck.check(path, place(home))
        assert.include(before?.message, `LINGMA_BIN: ${path} does not exist. No Lingma was found in the usual places`)
        put(roots("2.9.0"), x64Elf)
        put(roots("2.11.1"), x64Elf)
        put(roots("2.11.2", "aarch64_darwin"), armMac)
        put(roots("2.12.0"), x64Elf, 0o644)
        assert.deepStrictEqual(BinaryCheck.check(path, place(home)), {
          kind: "missing",
          path,
          message: `LINGMA_BIN: ${path} does not exist. Found ~/.lingma/bin/2.11.1/x86_64_linux/Lingma`,
          found: ["~/.lingma/bin/2.11.1/x86_64_linux/Lingma", "~/.lingma/bin/2.9.0/x86_64_linux/Lingma"]
        })
        put(join(home, ".lingma/bin/config.json"), '{"cosy.core.version": "2.9.0"}')
        assert.include(BinaryCheck.check(path, place(home))?.message, "Found ~/.lingma/bin/2.9.0/")
      })
  )

  it.scoped("names the binary in a directory, or what its name would be like", () =>
    Effect.gen(function* () {
      const home = yield* temporary
      const dir = join(home, "lingma-server")
      mkdirSync(dir)
      assert.include(BinaryCheck.check(dir, place(home))?.message, `${dir} is a directory. Name the file:`)
      put(join(dir, "bin/2.11.1/x86_64_linux/Lingma"), x64Elf)
      const fault = BinaryCheck.check(dir, place(home))
      assert.strictEqual(fault?.kind, "directory")
      assert.include(fault?.message, "The binary in it is ~/lingma-server/bin/2.11.1/x86_64_linux/Lingma")
    })
  )

  it.scoped("tells a file that is empty, may not be run, or was built for another machine", () =>
    Effect.gen(function* () {
      const home = yield* temporary
      const path = put(join(home, "Lingma"), "")
      assert.include(BinaryCheck.check(path, place(home))?.message, `${path} is empty. No Lingma was found`)
      writeFileSync(path, x64Elf)
      chmodSync(path, 0o644)
      assert.include(BinaryCheck.check(path, place(home))?.message, `is not executable. Run chmod +x ${path}`)
      chmodSync(path, 0o755)
      const onArm = BinaryCheck.check(path, place(home, { arch: "arm64" }))
      assert.include(onArm?.message, "is built for x64 Linux, this machine is arm64 Linux. ")
      writeFileSync(path, armMac)
      assert.include(
        BinaryCheck.check(path, place(home))?.message,
        "is built for arm64 macOS, this machine is x64 Linux. "
      )
    })
  )

  it.scoped("tells a path that this user may not look at from one that is not there", () =>
    Effect.gen(function* () {
      // Root may look everywhere: a file in the place of a directory is refused to everybody, and is "not there".
      const home = yield* temporary
      const path = put(join(home, "closed/Lingma"), x64Elf)
      chmodSync(dirname(path), 0o000)
      const fault = BinaryCheck.check(path, place(home))
      chmodSync(dirname(path), 0o700)
      const isRoot = process.getuid?.() === 0
      assert.strictEqual(fault?.kind, isRoot ? undefined : "unreachable")
      assert.strictEqual(BinaryCheck.check(join(path, "Lingma"), place(home))?.kind, "missing")
    })
  )

  it.scoped("looks no further than a few directories on the way to a binary", () =>
    Effect.gen(function* () {
      const home = yield* temporary
      put(join(home, ".lingma/cache/x/Lingma"), x64Elf)
      put(join(home, ".lingma/bin/1.0/bin/1.0/bin/1.0/bin/1.0/Lingma"), x64Elf)
      assert.deepStrictEqual(BinaryCheck.search(BinaryCheck.usualPlaces(place(home)), place(home)), [])
    })
  )
})
