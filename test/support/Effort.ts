/**
 * How much the tests that go on for long do. `npm test` does enough to notice a fault; `EFFORT=whole npm test` as much as
 * the figures in the docs were taken with.
 */
export const effort = (usual: number, whole: number): number => (process.env["EFFORT"] === "whole" ? whole : usual)
