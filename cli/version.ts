import manifest from "../package.json" with { type: "json" };

/** The product's version, which is also the version of its functions' code. */
export const version: string = manifest.version;
