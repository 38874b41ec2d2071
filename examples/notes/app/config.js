// Where the services are. `script/example` serves a file of its own in place of this one.

/** Heirloom's public URL. */
export const auth = 'http://127.0.0.1:8180';
/** The API for notes, as HEIRLOOM_AUDIENCES lists it. */
export const api = 'http://127.0.0.1:8181';
