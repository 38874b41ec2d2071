// What a person needs to recognise a device, out of what its browser says of itself. Only for showing.

const BROWSERS = [
  [/\bKAKAOTALK\b/i, 'KakaoTalk'], [/\bWhale\//, 'Whale'], [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bEdgA?(iOS)?\//, 'Edge'], [/\b(OPR|OPT|Opera)\//, 'Opera'], [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, 'Chrome'], [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
];

const SYSTEMS = [
  [/\bWindows\b/, 'Windows'], [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'], [/\bMac OS X\b|\bMacintosh\b/, 'macOS'], [/\bLinux\b|\bX11\b/, 'Linux'],
];

const named = (table, text) => table.find(([sign]) => sign.test(text))?.[1] ?? null;

/** The browser's name; of what is no browser, its first word ("curl"); or null. */
export function browserOf(userAgent) {
  const text = userAgent ?? '';
  const firstWord = /^Mozilla\//.test(text) ? null : text.split(/[/\s]/)[0].slice(0, 40);
  return named(BROWSERS, text) ?? (firstWord || null);
}

/** The operating system's name, or null. */
export const systemOf = (userAgent) => named(SYSTEMS, userAgent ?? '');

/** Whether it is carried in a hand. */
export const isPhone = (userAgent) => /\b(iPhone|iPad|Android|Mobile)\b/.test(userAgent ?? '');
