/**
 * How much the tests that go on for long do, and how long they may take.
 */

/**
 * `npm test` does enough to notice a fault; `EFFORT=whole npm test` as much as the figures in the docs were taken with.
 */
export const effort = (usual: number, whole: number): number => (process.env["EFFORT"] === "whole" ? whole : usual)

/** Milliseconds for a property: `npm run fuzz -- --properties` multiplies its cases. */
export const patience = (millis: number): number => millis * Number(process.env["PROPERTY_TIMES"] ?? 1)
