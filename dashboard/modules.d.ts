declare module "*/docs/clients.md" {
  const setUps: ReadonlyArray<import("./connect/SetUps.ts").SetUp>
  export default setUps
}
