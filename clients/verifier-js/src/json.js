// Reads JSON as strictly as other languages do: one text must not mean two things to two verifiers.

/** Neither replaces what is not UTF-8 nor skips a byte order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** JSON.parse reads it as an integer, and other languages as a fraction; or it is one. */
const INEXACT = /[.eE]|^-0$/;
/** A text, with the colon if it is a name; a bracket; or a number. */
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]|-?\d[^\s,}\]]*/g;
/** Half of a pair is not a character. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The members of an object, and the names of those that hold a number with a fraction or an exponent, or `-0`: `1.0` is the integer
 * 1 to JSON.parse, and not an integer elsewhere. Throws where a member occurs twice (RFC 7519, 4), a text is not Unicode, or a number is
 * larger than all that there are.
 * @param {Uint8Array} bytes @returns {{ members: any, inexact: Set<string> }}
 */
export function parse(bytes) {
  const text = utf8.decode(bytes), members = JSON.parse(text), inexact = new Set(), names = new Set();
  // Written as JSON.stringify writes it, nothing occurs twice and every integer looks like one; what is escaped is looked at below.
  if (!text.includes('\\u') && JSON.stringify(members) === text) return { members, inexact };
  let depth = 0, name = '';
  for (const [part, colon] of text.matchAll(PARTS)) {
    const first = part[0];
    if (first === '{' || first === '[') depth += 1;
    else if (first === '}' || first === ']') depth -= 1;
    else if (first !== '"') {
      if (INEXACT.test(part)) inexact.add(name);
      if (!Number.isFinite(Number(part))) throw new SyntaxError('a number that is too large');
    } else if (part.includes('\\u') && LONE_SURROGATE.test(JSON.parse(colon ? part.slice(0, -colon.length) : part))) {
      throw new SyntaxError('a text that is not Unicode');
    } else if (colon && depth === 1) {
      name = JSON.parse(part.slice(0, -colon.length));
      if (names.size === names.add(name).size) throw new SyntaxError('a member that occurs twice');
    }
  }
  return { members, inexact };
}
