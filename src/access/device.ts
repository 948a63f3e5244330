/** Browsers by what only they say of themselves: most of them also claim to be Safari, and many to be Chrome. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|OPT|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/\S+ .*\bSafari\//, 'Safari'],
];

/** Systems in an order in which the first match is right: an Android says Linux too, and an iPhone says Mac OS X. */
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\b(Macintosh|Mac OS X)\b/, 'a Mac'],
  [/\b(Linux|X11)\b/, 'Linux'],
];

/**
 * The kind of browser behind a user agent, in plain words: "Firefox on Linux", or the name of a program that is no
 * browser. It leaves the version out, so that an update does not look like somebody else. Anybody can send any text
 * there: it helps people to recognise what is theirs and proves nothing.
 */
export function deviceOf(userAgent: string | null): string | undefined {
  if (userAgent === null) return undefined;
  const browser = nameIn(BROWSERS, userAgent);
  const system = nameIn(SYSTEMS, userAgent);
  if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`;
  if (system !== undefined) return `a browser on ${system}`;
  const program = /^([A-Za-z][\w.-]{0,29})(\/|$)/.exec(userAgent)?.[1];
  return program === 'Mozilla' ? undefined : program;
}

function nameIn(known: readonly [RegExp, string][], userAgent: string): string | undefined {
  return known.find(([pattern]) => pattern.test(userAgent))?.[1];
}
