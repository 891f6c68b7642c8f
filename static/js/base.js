// Where the pages begin: behind a proxy they may be below a sub-path.

/**
 * "ws/feed/" as an address of this server.
 * @param {string} path
 */
export const under = (path) => (globalThis.document?.documentElement?.dataset?.base ?? "/") + path;
