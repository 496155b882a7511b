export declare const INPUTS: ReadonlyArray<string>
export declare const NOT_BUILT: ReadonlyArray<string>
export declare const stampFile: (root: string) => string
export declare const inputsOf: (root: string) => string
export declare const outputsOf: (root: string) => string
export declare const isDamaged: (root: string) => boolean
export declare const isBuilt: (root: string) => boolean
