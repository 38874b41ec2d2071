// What a user needs to recognise a device: the names of its browser and its system, from its user agent. The table is
// locales/devices.json, which the server uses for emails; the pages receive it as data.

const named = (table, userAgent) => table.find(([, ...signs]) => signs.some((sign) => userAgent.includes(sign)))?.[0] ?? null;

/** The names of browser and system, each null if unknown. Other programs go by their first word ("curl"). */
export function deviceName(userAgent, { browsers, systems }) {
  const known = userAgent ?? '';
  const firstWord = known.startsWith('Mozilla/') ? null : known.split(/[/\s]/)[0].slice(0, 40);
  return { browser: named(browsers, known) ?? (firstWord || null), system: named(systems, known) };
}

/** Whether it is a phone or a tablet. */
export const isPhone = (userAgent) => /\b(iPhone|iPad|Android|Mobile)\b/.test(userAgent ?? '');
